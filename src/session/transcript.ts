/**
 * The transcript T that the attestation documents are bound to, and every key derived from the finished handshake
 * (docs/specification.md section 2.3). An auditor recomputes T from the logged inputs, none of which is secret.
 * @module
 */
import { expand } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fixed, wipe } from '../bytes.ts';
import { lengthPrefixed, u16be, utf8 } from '../encoding.ts';
import { encodeOffer, type Role } from './messages.ts';

/** Noise prologue: names protocol and suite, so that no handshake of another protocol has the same h. */
export const PROLOGUE: Uint8Array = utf8('dpca-attest/v1 Noise_XX_25519_AESGCM_SHA256');

export interface TranscriptInputs {
  /** As offered by the initiator. */
  readonly versions: readonly number[];
  readonly suites: readonly number[];
  /** As chosen by the responder. */
  readonly version: number;
  readonly suite: number;
  readonly nonces: Readonly<Record<Role, Bytes<32>>>;
  readonly policyHashes: Readonly<Record<Role, Bytes<32>>>;
  readonly ephemerals: Readonly<Record<Role, Bytes<32>>>;
  readonly statics: Readonly<Record<Role, Bytes<32>>>;
  /** Noise handshake hash. */
  readonly h: Bytes<32>;
}

/**
 * Both sides contribute a nonce and an ephemeral, so neither can choose the result.
 * Differs from reference section 7, where the initiator draws session_id alone and could reuse one.
 */
export function sessionId(inputs: TranscriptInputs): Bytes<32> {
  const { nonces, ephemerals } = inputs;
  const parts = lengthPrefixed(nonces.init, nonces.resp, ephemerals.init, ephemerals.resp);
  return fixed(sha256(concat(utf8('dpca-attest/v1 session'), parts)), 32, 'session id');
}

/** T, 48 bytes: SHA-384 over everything that was negotiated, contributed and agreed. */
export function transcriptHash(inputs: TranscriptInputs): Bytes<48> {
  const { nonces, policyHashes, ephemerals, statics } = inputs;
  const parts = lengthPrefixed(
    encodeOffer(inputs.versions),
    encodeOffer(inputs.suites),
    u16be(inputs.version),
    u16be(inputs.suite),
    sessionId(inputs),
    nonces.init,
    nonces.resp,
    policyHashes.init,
    policyHashes.resp,
    ephemerals.init,
    ephemerals.resp,
    statics.init,
    statics.resp,
    inputs.h,
  );
  return fixed(sha384(concat(utf8('dpca-attest/v1 transcript'), parts)), 48, 'transcript');
}

/** Hashes of the COSE payloads of the two documents, by role. */
export type PayloadHashes = Readonly<Record<Role, Bytes<32>>>;

/** Secrets of a finished Noise handshake from which finish MACs and traffic keys come; wiped by `destroy`. */
export class KeySchedule {
  private readonly exporter: Uint8Array;

  /** Consumes and wipes `ck`. */
  constructor(ck: Uint8Array, h: Uint8Array) {
    this.exporter = hmac(sha256, ck, concat(utf8('dpca-attest/v1 export'), h));
    wipe(ck);
  }

  /** The finish MAC of `role`: "I accept, and these are the two documents that I saw", 32 bytes. */
  finishMac(role: Role, transcript: Uint8Array, payloads: PayloadHashes): Uint8Array {
    const key = expand(sha256, this.exporter, utf8(`fin ${role}`), 32);
    const mac = hmac(sha256, key, concat(transcript, payloads.init, payloads.resp, utf8('accept')));
    wipe(key);
    return mac;
  }

  /** The traffic keys of the open channel, by sending role; bound to both documents. */
  trafficKeys(payloads: PayloadHashes): Readonly<Record<Role, Uint8Array>> {
    const label = utf8('dpca-attest/v1 rekey');
    const rk = hmac(sha256, this.exporter, concat(label, payloads.init, payloads.resp));
    const keys = {
      init: expand(sha256, rk, utf8('init'), 32),
      resp: expand(sha256, rk, utf8('resp'), 32),
    };
    wipe(rk);
    return keys;
  }

  destroy(): void {
    wipe(this.exporter);
  }
}
