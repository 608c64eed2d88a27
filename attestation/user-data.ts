/**
 * What a document's `user_data` binds: CBOR ["dpca-attest/v1", role, session_id, T, SHA-256(identity key), manifest
 * hash, SHA-256(enclave key)], 207 bytes. docs/verifying.md, "Binding". Runs in: both enclaves, auditors.
 * @module
 */
import { equalConstantTime, fixed, type Bytes } from '../src/bytes.ts';
import { DpcaError, type AttestationCode } from '../src/errors.ts';
import { decodeCbor, encodeCbor, type CborValue } from './cbor.ts';

export const BINDING_DOMAIN = 'dpca-attest/v1';
export type Role = 'init' | 'resp';

export interface Binding {
  /** Role of the document's sender. */
  readonly role: Role;
  readonly sessionId: Bytes<32>;
  /** T: SHA-384 over the handshake. */
  readonly transcript: Bytes<48>;
  /** SHA-256 of the sender's Ed25519 identity key (32 raw bytes). */
  readonly identityKeyHash: Bytes<32>;
  readonly manifestHash: Bytes<32>;
  /** SHA-256 of the sender's per-boot enclave key. */
  readonly enclaveKeyHash: Bytes<32>;
}

/** What the verifier demands of a peer's binding; the manifest is compared only where its hash is already known. */
export interface ExpectedBinding {
  /** The peer's role, which is never one's own. */
  readonly role: Role;
  readonly sessionId: Uint8Array;
  readonly transcript: Uint8Array;
  readonly identityKeyHash: Uint8Array;
  readonly manifestHash?: Uint8Array;
}

export function encodeUserData(binding: Binding): Uint8Array {
  return encodeCbor([
    BINDING_DOMAIN,
    binding.role,
    fixed(binding.sessionId, 32, 'session_id'),
    fixed(binding.transcript, 48, 'transcript'),
    fixed(binding.identityKeyHash, 32, 'identity key hash'),
    fixed(binding.manifestHash, 32, 'manifest hash'),
    fixed(binding.enclaveKeyHash, 32, 'enclave key hash'),
  ]);
}

function part<N extends number>(value: CborValue | undefined, n: N): Bytes<N> {
  if (!(value instanceof Uint8Array) || value.length !== n) {
    throw new DpcaError('BINDING_FORMAT', `user_data: expected ${n} bytes in this place`);
  }
  return Uint8Array.from(value) as Bytes<N>;
}

/** Reads exactly what {@link encodeUserData} writes (BINDING_FORMAT, also for another encoding of the same values). */
export function decodeUserData(userData: Uint8Array): Binding {
  let value: CborValue;
  try {
    value = decodeCbor(Uint8Array.from(userData), 1, 'BINDING_FORMAT');
  } catch (cause) {
    throw new DpcaError('BINDING_FORMAT', 'user_data: expected one CBOR array', { cause });
  }
  const items = Array.isArray(value) ? (value as readonly CborValue[]) : [];
  const [domain, role, sessionId, transcript, identityKeyHash, manifestHash, enclaveKeyHash] =
    items;
  if (items.length !== 7 || domain !== BINDING_DOMAIN || (role !== 'init' && role !== 'resp')) {
    throw new DpcaError(
      'BINDING_FORMAT',
      `user_data: expected ["${BINDING_DOMAIN}", role, five byte strings]`,
    );
  }
  const binding: Binding = {
    role,
    sessionId: part(sessionId, 32),
    transcript: part(transcript, 48),
    identityKeyHash: part(identityKeyHash, 32),
    manifestHash: part(manifestHash, 32),
    enclaveKeyHash: part(enclaveKeyHash, 32),
  };
  if (!equalConstantTime(encodeUserData(binding), userData)) {
    throw new DpcaError('BINDING_FORMAT', 'user_data: expected the deterministic encoding');
  }
  return binding;
}

/** Compares in the order role, session, transcript, identity, manifest; the first difference gives the code. */
export function checkBinding(binding: Binding, expected: ExpectedBinding): void {
  const differs = (code: AttestationCode, what: string): never => {
    throw new DpcaError(code, `user_data: another ${what} than expected`);
  };
  if (binding.role !== expected.role) differs('BINDING_ROLE', 'role');
  if (!equalConstantTime(binding.sessionId, expected.sessionId))
    differs('BINDING_SESSION', 'session');
  if (!equalConstantTime(binding.transcript, expected.transcript))
    differs('BINDING_TRANSCRIPT', 'transcript');
  if (!equalConstantTime(binding.identityKeyHash, expected.identityKeyHash)) {
    differs('BINDING_IDENTITY', 'identity key');
  }
  if (
    expected.manifestHash !== undefined &&
    !equalConstantTime(binding.manifestHash, expected.manifestHash)
  ) {
    differs('BINDING_MANIFEST', 'manifest');
  }
}
