/**
 * ECDSA on P-384 with SHA-384 (FIPS 186-5) as a capability: the oracle is @noble/curves, enclave and host bring
 * WebCrypto through {@link webCryptoP384}. Public inputs only. High-S is accepted: half of all genuine signatures
 * are (docs/verifying.md).
 * @module
 */
import { p384 } from '@noble/curves/nist.js';

export const P384_KEY_BYTES = 97;
export const P384_SIGNATURE_BYTES = 96;
const HALF = 48;
const ORDER = p384.Point.Fn.ORDER;

/**
 * True exactly if `signature` (r || s, 96 bytes, big endian) is one of SHA-384(message) under `publicKey`
 * (uncompressed, 97 bytes). Must not reject for bad input: false instead; a rejection is taken as false.
 */
export type VerifyP384 = (
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
) => Promise<boolean>;

export const nobleP384: VerifyP384 = (publicKey, signature, message) => {
  // The library also takes compressed keys; this capability does not.
  if (publicKey.length !== P384_KEY_BYTES) return Promise.resolve(false);
  try {
    return Promise.resolve(p384.verify(signature, message, publicKey, { lowS: false }));
  } catch {
    return Promise.resolve(false);
  }
};

/** The two calls of WebCrypto's SubtleCrypto that are needed, without its types. */
export interface SubtleP384<Key> {
  importKey(
    format: 'raw',
    key: Uint8Array,
    algorithm: { name: 'ECDSA'; namedCurve: 'P-384' },
    extractable: boolean,
    usages: ['verify'],
  ): Promise<Key>;
  verify(
    algorithm: { name: 'ECDSA'; hash: 'SHA-384' },
    key: Key,
    signature: Uint8Array,
    data: Uint8Array,
  ): Promise<boolean>;
}

/** P-384 verification by WebCrypto, about four times as fast as the oracle. */
export function webCryptoP384<Key>(subtle: SubtleP384<Key>): VerifyP384 {
  return async (publicKey, signature, message) => {
    if (publicKey.length !== P384_KEY_BYTES || signature.length !== P384_SIGNATURE_BYTES)
      return false;
    try {
      const curve = { name: 'ECDSA', namedCurve: 'P-384' } as const;
      const key = await subtle.importKey('raw', publicKey, curve, false, ['verify']);
      return await subtle.verify({ name: 'ECDSA', hash: 'SHA-384' }, key, signature, message);
    } catch {
      return false;
    }
  };
}

/** Whether 97 bytes are an uncompressed point on the curve (the group has prime order, so that is all). */
export function isP384Key(key: Uint8Array): boolean {
  if (key.length !== P384_KEY_BYTES || key[0] !== 4) return false;
  try {
    p384.Point.fromBytes(key).assertValidity();
    return true;
  } catch {
    return false;
  }
}

function isScalar(bytes: Uint8Array): boolean {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value > 0n && value < ORDER;
}

/** Whether 96 bytes are r || s with 0 < r, s < n. */
export function isP384Signature(signature: Uint8Array): boolean {
  return (
    signature.length === P384_SIGNATURE_BYTES &&
    isScalar(signature.subarray(0, HALF)) &&
    isScalar(signature.subarray(HALF))
  );
}
