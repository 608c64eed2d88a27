/**
 * Identity signatures: the organisation's long-lived Ed25519 key (RFC 8032, strict verification) over the finished
 * transcript and the sender's own document. They prove the organisation's consent to this session; which code runs is
 * proved by the document only (docs/specification.md section 2.4).
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fixed } from '../bytes.ts';
import { utf8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import type { Role } from './messages.ts';

export interface IdentityKeys {
  /** Ed25519 seed (RFC 8032 section 5.1.5). */
  readonly secretKey: Bytes<32>;
  readonly publicKey: Bytes<32>;
}

/** What stands in `user_data` for an identity: SHA-256 of the raw public key. */
export function identityHash(publicKey: Bytes<32>): Bytes<32> {
  return fixed(sha256(publicKey), 32, 'identity hash');
}

/** The bytes that {@link signIdentity} signs. */
export function identityStatement(
  role: Role,
  transcript: Bytes<48>,
  payloadHash: Bytes<32>,
): Uint8Array {
  return concat(utf8(`dpca-attest/v1 id${role}`), transcript, payloadHash);
}

/** Signs as `role`, 64 bytes. */
export function signIdentity(
  keys: IdentityKeys,
  role: Role,
  transcript: Bytes<48>,
  payloadHash: Bytes<32>,
): Bytes<64> {
  const message = identityStatement(role, transcript, payloadHash);
  return fixed(ed25519.sign(message, keys.secretKey), 64, 'signature');
}

/** Refuses with ERR_SESSION_IDENTITY unless `publicKey` signed as `role`. */
export function assertIdentity(
  publicKey: Bytes<32>,
  role: Role,
  transcript: Bytes<48>,
  payloadHash: Bytes<32>,
  signature: Bytes<64>,
): void {
  let valid = false;
  try {
    const message = identityStatement(role, transcript, payloadHash);
    valid = ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    // a malformed signature or key is an invalid one
  }
  if (!valid) {
    throw new DpcaError('ERR_SESSION_IDENTITY', 'expected a signature by the pinned identity key');
  }
}
