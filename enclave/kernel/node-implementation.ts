/**
 * The level without native code: X25519 of node:crypto (OpenSSL) and the core's map with OpenSSL's SHA-512.
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
import type { Implementation } from './implementation.ts';

/** PKCS #8 header of an X25519 private key (RFC 8410 section 7), before the 32 bytes of the scalar. */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

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
  const der = Buffer.concat([PKCS8_X25519, scalar]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  for (let i = from; i < to; i++) {
    const at = points.byteOffset + i * ELEMENT_BYTES;
    const point = Buffer.from(points.buffer, at, ELEMENT_BYTES);
    out.set(agree(privateKey, point.toString('base64url')), i * ELEMENT_BYTES);
  }
};

/** JWK import (RFC 8037) is three times faster than DER here: OpenSSL's decoder would cost more than the ladder. */
function agree(privateKey: KeyObject, x: string): Uint8Array {
  return orCode('ERR_MATCH_POINT', 'expected an element of large order, got another value', () =>
    diffieHellman({
      privateKey,
      publicKey: createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x } }),
    }),
  );
}
