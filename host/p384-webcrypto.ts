/**
 * P-384 verification by the platform's WebCrypto, for offline verification and audits.
 * @module
 */
import { webcrypto } from 'node:crypto';
import { webCryptoP384, type VerifyP384 } from '../attestation/p384.ts';

export const verifyP384: VerifyP384 = webCryptoP384(webcrypto.subtle);
