/**
 * Ed25519 verification by node:crypto, for audits: about ten times as fast as the oracle, which has the last word
 * (attestation/audit-notes.ts).
 * @module
 */
import { verify } from 'node:crypto';
import type { VerifyEd25519 } from '../attestation/checkpoint.ts';

export const verifyEd25519: VerifyEd25519 = (message, publicKey, signature) => {
  const x = Buffer.from(publicKey).toString('base64url');
  try {
    const key = { key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' } as const;
    return verify(null, message, key, signature);
  } catch {
    return false;
  }
};
