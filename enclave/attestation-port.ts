/**
 * Joins the handshake to the security module and to the verifier: own documents on request, and appraisal of the
 * peer's under this party's policy, at the time that the *own* security module states. The host's clock decides
 * nothing (docs/verifying.md, "Clock").
 * @module
 */
import { toBase64 } from '../attestation/base64.ts';
import { encodeUserData } from '../attestation/user-data.ts';
import {
  ownDocumentTime,
  payloadSha256,
  refusalOf,
  verifyAttestation,
  type AttestationVerdict,
} from '../attestation/verify.ts';
import type { AppraisalPolicy } from '../attestation/policy.ts';
import { type Bytes, fixed } from '../src/bytes.ts';
import { toHex } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import type { JsonObject } from '../src/json.ts';
import type { NowMs } from '../src/rng.ts';
import type {
  Appraised,
  ExpectedEvidence,
  OwnDocument,
  UserData,
} from '../src/session/handshake-types.ts';
import type { Nsm } from './nsm/nsm.ts';
import { verifyP384 } from './p384-webcrypto.ts';

/** Documents of the peer must not be older than the handshake, less this skew (docs/verifying.md, "Clock"). */
const HANDSHAKE_SKEW_MS = 60_000;

export class AttestationPort {
  private readonly nsm: Nsm;
  private readonly policy: AppraisalPolicy;
  private readonly report: (event: JsonObject) => void;
  private startMs: NowMs | undefined;
  private measured: Uint8Array | undefined;
  private opened: AttestationVerdict | undefined;

  constructor(nsm: Nsm, policy: AppraisalPolicy, report: (event: JsonObject) => void) {
    this.nsm = nsm;
    this.policy = policy;
    this.report = report;
  }

  /** PCR0 of the peer that was accepted last. */
  get peerMeasurement(): Bytes<48> {
    if (this.measured === undefined) throw new DpcaError('ERR_INTERNAL', 'no peer was accepted');
    return fixed(this.measured, 48, 'PCR0');
  }

  /** The accepted verdict that opened the session. */
  get verdict(): AttestationVerdict {
    if (this.opened === undefined) throw new DpcaError('ERR_INTERNAL', 'no peer was accepted');
    return this.opened;
  }

  async attest(publicKey: Uint8Array, nonce: Uint8Array, fields: UserData): Promise<OwnDocument> {
    const { role, sessionId, transcript, identityHash, manifestHash, enclaveKeyHash } = fields;
    const userData = encodeUserData({
      ...{ role, sessionId, transcript, manifestHash, enclaveKeyHash },
      identityKeyHash: identityHash,
    });
    const document = await this.nsm.attest({ publicKey, nonce, userData });
    this.startMs ??= ownDocumentTime(document);
    return { document, payloadHash: fixed(payloadSha256(document), 32, 'payload hash') };
  }

  /** The security module's time. */
  async now(): Promise<NowMs> {
    return ownDocumentTime(await this.nsm.attest({}));
  }

  /** The peer's document; a refusal is thrown as its first failed check's code, with every failed check in words. */
  async appraise(document: Uint8Array, expected: ExpectedEvidence): Promise<Appraised> {
    const now = await this.now();
    const { publicKey, ownPublicKey, nonce, role, sessionId, transcript, identityHash } = expected;
    const verdict = await verifyAttestation(document, this.policy, now, {
      verifyP384,
      expected: {
        ...{ nonce, publicKey, ownPublicKey },
        binding: { role, sessionId, transcript, identityKeyHash: identityHash },
        earliest: (this.startMs ?? now) - HANDSHAKE_SKEW_MS,
      },
    });
    this.report(verdictEvent(verdict, document));
    if (!verdict.accepted) throw refusalOf(verdict);
    const { binding, leafNotAfter } = verdict.claims;
    if (binding === null || verdict.payloadSha256 === null) {
      throw new DpcaError('BINDING_FORMAT', 'the document binds no session'); // the binding is checked whatever the policy waives, because it is expected
    }
    this.measured = verdict.claims.pcrs.get(0);
    this.opened ??= verdict;
    return {
      payloadHash: fixed(verdict.payloadSha256, 32, 'payload hash'),
      manifestHash: binding.manifestHash,
      enclaveKeyHash: binding.enclaveKeyHash,
      expiresMs: leafNotAfter * 1000,
    };
  }
}

/** What the own host shows and logs of a verdict: public facts of the document and every check. */
function verdictEvent(verdict: AttestationVerdict, document: Uint8Array): JsonObject {
  const { accepted, code, checks, anchor, at, claims } = verdict;
  return {
    event: 'verdict',
    accepted,
    code,
    at,
    anchor:
      anchor === null ? null : { fingerprint: anchor.fingerprint, partition: anchor.partition },
    checks: checks.map((check) => ({ ...check })),
    moduleId: claims?.moduleId ?? null,
    // kept in the log: auditors ask what was refused
    refused: accepted ? null : toBase64(document),
    pcrs: Object.fromEntries(
      [...(claims?.pcrs ?? new Map<number, Bytes<48>>())].map(([index, value]) => [
        String(index),
        toHex(value),
      ]),
    ),
  };
}
