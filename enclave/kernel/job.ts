/**
 * One segment of a batch in shared memory, and the arithmetic on a range of it: the same code in the main thread and
 * in the workers. X25519 is node:crypto's (OpenSSL), the map is the core's with OpenSSL's SHA-512.
 * @module
 */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash,
  type KeyObject,
} from 'node:crypto';
import { orCode } from '../../src/errors.ts';
import { CurveHasher } from '../../src/group/elligator.ts';
import { ELEMENT_BYTES, suiteDst } from '../../src/group/suite.ts';

/** What all threads of a segment share. Records are claimed in chunks by adding to `cursor[0]`. */
interface Shared {
  readonly count: number;
  readonly chunk: number;
  readonly cursor: Int32Array;
  readonly out: Uint8Array;
}
export interface HashJob extends Shared {
  readonly kind: 'hash';
  readonly messages: Uint8Array;
  readonly offsets: Uint32Array;
}
export interface MultiplyJob extends Shared {
  readonly kind: 'multiply';
  /** Clamped, and points checked, by the kernel. */
  readonly scalar: Uint8Array;
  readonly points: Uint8Array;
}
export type Job = HashJob | MultiplyJob;

/** PKCS #8 header of an X25519 private key (RFC 8410 section 7), before the 32 bytes of the scalar. */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

let hasher: CurveHasher | undefined;

/** Returns a step that claims and computes one chunk of `job`, and says false when none was left. */
export function stepper(job: Job): () => boolean {
  const range = job.kind === 'hash' ? hashing(job) : multiplying(job);
  return () => {
    const from = Atomics.add(job.cursor, 0, job.chunk);
    if (from >= job.count) return false;
    range(from, Math.min(from + job.chunk, job.count));
    return true;
  };
}

type Range = (from: number, to: number) => void;

function hashing({ messages, offsets, out }: HashJob): Range {
  const own = (hasher ??= new CurveHasher((data) => hash('sha512', data, 'buffer'), suiteDst()));
  return (from, to) => own.hashRange(messages, offsets, from, to, out);
}

function multiplying({ scalar, points, out }: MultiplyJob): Range {
  const der = Buffer.concat([PKCS8_X25519, scalar]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return (from, to) => {
    for (let i = from; i < to; i++) {
      const point = Buffer.from(
        points.buffer,
        points.byteOffset + i * ELEMENT_BYTES,
        ELEMENT_BYTES,
      );
      out.set(agree(privateKey, point.toString('base64url')), i * ELEMENT_BYTES);
    }
  };
}

/** JWK import (RFC 8037) is three times faster than DER here: OpenSSL's decoder would cost more than the ladder. */
function agree(privateKey: KeyObject, x: string): Uint8Array {
  return orCode('ERR_MATCH_POINT', 'expected an element of large order, got another value', () =>
    diffieHellman({
      privateKey,
      publicKey: createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x } }),
    }),
  );
}
