/**
 * Bare scalars and u coordinates as keys of node:crypto's X25519.
 * @module
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** PKCS #8 header of an X25519 private key (RFC 8410 section 7), before the 32 bytes of the scalar. */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** As JWK members (RFC 8037). */
export const X25519 = { kty: 'OKP', crv: 'X25519' } as const;

export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

export function privateKeyOf(scalar: Uint8Array): KeyObject {
  const der = Buffer.concat([PKCS8_X25519, scalar]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return key;
}

/** JWK import is three times faster than DER here: OpenSSL's decoder would cost more than the ladder. */
export function publicKeyOf(u: Uint8Array): KeyObject {
  return createPublicKey({ format: 'jwk', key: { ...X25519, x: base64url(u) } });
}
