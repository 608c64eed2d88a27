/**
 * What goes into and comes out of the handshake machine (handshake.ts): configuration, events, effects, record.
 * Attestation documents are opaque here: the attestation layer makes, parses and appraises them.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import type { DpcaError, ErrorCode } from '../errors.ts';
import type { Rng } from '../rng.ts';
import type { Aead } from './aead.ts';
import type { TrafficKeys } from './channel.ts';
import type { IdentityKeys } from './identity.ts';
import type { Role } from './messages.ts';
import type { TranscriptInputs } from './transcript.ts';

export interface HandshakeConfig {
  readonly role: Role;
  readonly aead: Aead;
  readonly rng: Rng;
  /** The own organisation's identity key. */
  readonly identity: IdentityKeys;
  /** The peer organisation's identity key, pinned out of band. */
  readonly peerIdentity: Bytes<32>;
  /** SHA-256 of the own appraisal policy, of the own manifest, and of the own per-boot enclave key. */
  readonly policyHash: Bytes<32>;
  readonly manifestHash: Bytes<32>;
  readonly enclaveKeyHash: Bytes<32>;
  /** Protocol versions and ciphersuites supported: ascending, 1..65535, at most eight; the highest common one wins. */
  readonly versions: readonly number[];
  readonly suites: readonly number[];
}

/** The fields of `user_data`; their CBOR form is the attestation layer's. */
export interface UserData {
  /** The role of the side that the document is about. */
  readonly role: Role;
  readonly sessionId: Bytes<32>;
  readonly transcript: Bytes<48>;
  /** SHA-256 of that side's identity key. */
  readonly identityHash: Bytes<32>;
  readonly manifestHash: Bytes<32>;
  readonly enclaveKeyHash: Bytes<32>;
}

/** What the peer's document has to show; manifest and enclave key are learnt from it. */
export interface ExpectedEvidence {
  /** The peer's Noise static (KEY_BINDING), and our own, which it must not be (REFLECTION). */
  readonly publicKey: Bytes<32>;
  readonly ownPublicKey: Bytes<32>;
  /** Our own nonce (NONCE_MISSING, NONCE_MISMATCH). */
  readonly nonce: Bytes<32>;
  /** The peer's role (BINDING_ROLE). */
  readonly role: Role;
  readonly sessionId: Bytes<32>;
  readonly transcript: Bytes<48>;
  /** SHA-256 of the peer's pinned identity key (BINDING_IDENTITY). */
  readonly identityHash: Bytes<32>;
}

/** An own attestation document with SHA-256 of its COSE payload. */
export interface OwnDocument {
  readonly document: Uint8Array;
  readonly payloadHash: Bytes<32>;
}

/** What an accepted document says. */
export interface Appraised {
  /** SHA-256 of the COSE payload. */
  readonly payloadHash: Bytes<32>;
  readonly manifestHash: Bytes<32>;
  readonly enclaveKeyHash: Bytes<32>;
  /** notAfter of the leaf: milliseconds since 1970. */
  readonly expiresMs: number;
}

export type Verdict =
  ({ readonly accept: true } & Appraised) | { readonly accept: false; readonly code: ErrorCode };

export type HandshakeEvent =
  | { readonly type: 'start' }
  | { readonly type: 'message'; readonly bytes: Uint8Array }
  | ({ readonly type: 'document' } & OwnDocument)
  | ({ readonly type: 'appraised' } & Verdict)
  /** This side gives up: its security module failed, the user interrupted, the peer is silent. */
  | { readonly type: 'abort'; readonly code: ErrorCode };

/** Everything an auditor needs to recompute the session; no secrets. */
export interface HandshakeRecord {
  readonly role: Role;
  readonly sessionId: Bytes<32>;
  /** T */
  readonly transcript: Bytes<48>;
  readonly inputs: TranscriptInputs;
  readonly own: OwnDocument & { readonly signature: Bytes<64>; readonly finishMac: Uint8Array };
  readonly peer: Appraised & {
    readonly document: Uint8Array;
    readonly signature: Bytes<64>;
    readonly finishMac: Uint8Array;
  };
}

export type HandshakeEffect =
  | { readonly type: 'send'; readonly bytes: Uint8Array }
  | {
      readonly type: 'attest';
      readonly publicKey: Bytes<32>;
      readonly nonce: Bytes<32>;
      readonly userData: UserData;
    }
  | {
      readonly type: 'appraise';
      readonly document: Uint8Array;
      readonly expected: ExpectedEvidence;
    }
  /** Both verdicts are "accept". The keys are handed over once, to a SecureChannel. */
  | ({ readonly type: 'open'; readonly keys: TrafficKeys } & HandshakeRecord)
  /** Terminal. `alert`, if any, is one last frame for the peer. */
  | {
      readonly type: 'failed';
      readonly code: ErrorCode;
      readonly error: DpcaError;
      readonly alert: Uint8Array | undefined;
    };
