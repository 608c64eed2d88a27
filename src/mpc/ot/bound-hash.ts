/**
 * Short hashes by the platform, each over lp(label, context, parts): the label says what for, the context in which
 * session and direction. Conventions of docs/specification.md, section 0.
 * @module
 */
import { lengthPrefixed, utf8 } from '../../encoding.ts';
import type { Ciphers } from '../ciphers.ts';

/** The hash of the parts, at most 4 KiB together. Called thousands of times, so it writes into one buffer. */
export type BoundHash = (...parts: readonly Uint8Array[]) => Uint8Array;

export function boundHash(hash: Ciphers['sha256'], label: string, context: Uint8Array): BoundHash {
  const prefix = lengthPrefixed(utf8(label), context);
  const buffer = new Uint8Array(prefix.length + 4096);
  const view = new DataView(buffer.buffer);
  buffer.set(prefix);
  return (...parts) => {
    let at = prefix.length;
    for (const part of parts) {
      view.setUint32(at, part.length);
      buffer.set(part, at + 4);
      at += 4 + part.length;
    }
    const out = hash(buffer.subarray(0, at));
    buffer.fill(0, prefix.length, at);
    return out;
  };
}
