/**
 * Ed25519 (RFC 8032) by node:crypto, for ledger and receipt; the oracle has the last word on what is signed.
 * @module
 */
import { sign, verify } from 'node:crypto';
import { type Ed25519, strictly } from '../attestation/checkpoint.ts';
import { base64url } from './x25519.ts';

/** RFC 8037; read several times as fast as DER. */
function jwkOf(publicKey: Uint8Array): { kty: 'OKP'; crv: 'Ed25519'; x: string } {
  return { kty: 'OKP', crv: 'Ed25519', x: base64url(publicKey) };
}

export function nodeEd25519(): Ed25519 {
  return {
    sign: (message, { secretKey, publicKey }) => {
      const key = { ...jwkOf(publicKey), d: base64url(secretKey) };
      return new Uint8Array(sign(null, message, { key, format: 'jwk' }));
    },
    verify: strictly((message, publicKey, signature) => {
      try {
        return verify(null, message, { key: jwkOf(publicKey), format: 'jwk' }, signature);
      } catch {
        return false;
      }
    }),
  };
}
