/**
 * The level without native code: X25519 of node:crypto (OpenSSL) and the core's map with OpenSSL's SHA-512.
 * @module
 */
import { diffieHellman, hash, type KeyObject } from 'node:crypto';
import { orCode } from '../../src/errors.ts';
import { CurveHasher } from '../../src/group/elligator.ts';
import { ELEMENT_BYTES, suiteDst } from '../../src/group/suite.ts';
import { privateKeyOf, publicKeyOf } from '../x25519.ts';
import type { Implementation } from './implementation.ts';

/** This thread's; it holds scratch memory and no messages. */
let hasher: CurveHasher | undefined;

export function nodeImplementation(): Implementation {
  return { hashRange, multiplyRange };
}

const hashRange: Implementation['hashRange'] = (messages, offsets, from, to, out) => {
  hasher ??= new CurveHasher((data) => hash('sha512', data, 'buffer'), suiteDst());
  hasher.hashRange(messages, offsets, from, to, out);
};

const multiplyRange: Implementation['multiplyRange'] = (scalar, points, from, to, out) => {
  const privateKey = privateKeyOf(scalar);
  for (let i = from; i < to; i++) {
    const at = i * ELEMENT_BYTES;
    out.set(agree(privateKey, points.subarray(at, at + ELEMENT_BYTES)), at);
  }
};

function agree(privateKey: KeyObject, u: Uint8Array): Uint8Array {
  return orCode('ERR_MATCH_POINT', 'expected an element of large order, got another value', () =>
    diffieHellman({ privateKey, publicKey: publicKeyOf(u) }),
  );
}
