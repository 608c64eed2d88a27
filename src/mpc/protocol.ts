/**
 * Two-party protocols as coroutines without I/O. One party's side yields what it sends and how many bytes it waits
 * for; whoever drives it moves the bytes. Every length follows from public sizes, so both sides read one byte stream
 * per direction and no message carries a length of its own.
 * @module
 */

import { DpcaError } from '../errors.ts';

export type ProtocolStep =
  /** Bytes for the peer; the driver takes ownership and resumes when it has room for more. */
  | { readonly send: Uint8Array }
  /** Resumed with exactly this many bytes, at least 1, once the peer has sent them; the coroutine owns them. */
  | { readonly receive: number }
  /** Long computation goes on: lets others run. */
  | { readonly pause: true };

/** Resumed with the bytes that were asked for, and with undefined after `send` and `pause`. Failures are thrown. */
export type Protocol<T> = Generator<ProtocolStep, T, Uint8Array | undefined>;

export function* send(bytes: Uint8Array): Protocol<void> {
  if (bytes.length > 0) yield { send: bytes };
}

export function* receive(length: number): Protocol<Uint8Array> {
  if (length === 0) return new Uint8Array(0);
  const bytes = yield { receive: length };
  if (bytes?.length !== length) {
    throw new DpcaError(
      'ERR_INTERNAL',
      'a protocol was resumed with other bytes than it asked for',
    );
  }
  return bytes;
}

export function* pause(): Protocol<void> {
  yield { pause: true };
}
