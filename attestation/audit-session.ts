/**
 * The audit of one run's session (docs/auditing.md section 5): manifest, parties, transcript, the evidence of both sides
 * and what each side made of the other's, and the enclaves' signatures of the receipt. Derives again what is claimed.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, equalConstantTime, fixed } from '../src/bytes.ts';
import { fromHex, toHex, utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import { canonicalJson, type Json, type JsonObject } from '../src/json.ts';
import {
  certifyManifest,
  type Manifest,
  manifestBytes,
  manifestFromJson,
  manifestHash,
  type Role,
} from '../src/run/manifest.ts';
import { identityStatement } from '../src/session/identity.ts';
import {
  sessionId as sessionIdOf,
  transcriptHash,
  type TranscriptInputs,
} from '../src/session/transcript.ts';
import type { Auditing, AuditMemory, KnownParty } from './audit-types.ts';
import { Notes, OTHER, PARTIES, reasonOf } from './audit-notes.ts';
import { fromBase64 } from './base64.ts';
import { earExpectation } from './ear-binding.ts';
import { rederiveEar, verifyEar } from './ear.ts';
import { isObject } from './form.ts';
import type { Completion, RunRecord } from './log-record.ts';
import type { AppraisalPolicy } from './policy.ts';
import {
  type ReceiptBody,
  receiptId,
  receiptStatement,
  sessionRole,
  transcriptInputs,
} from './receipt.ts';
import { type AttestationVerdict, verifyAttestation, type VerifyOptions } from './verify.ts';
/** Checks that say that a document is genuine, but not one that was to be accepted. */
const POLICY_CHECKS: readonly string[] = ['6a', '8', '9a', '9b', '9c', '9d'];
/** A record is written minutes after its documents at the earliest hour; clocks may differ by this. */
const SKEW_MS = 120_000;

/** What the audit of runs needs beside the record. */
export interface RunContext {
  readonly options: Auditing;
  readonly owner: KnownParty;
  /** Policies by hash, hex: the auditor's, and those that the logs at hand hold. */
  readonly policies: ReadonlyMap<string, AppraisalPolicy>;
  readonly memory: AuditMemory;
}

export class SessionAudit {
  protected readonly record: RunRecord;
  protected readonly completion: Completion | undefined;
  protected readonly context: RunContext;
  protected readonly notes: Notes;
  protected readonly body: ReceiptBody;
  protected readonly inputs: TranscriptInputs;
  protected readonly session: Bytes<32>;
  protected readonly id: Bytes<32>;
  protected manifest: Manifest | undefined;
  protected own: Role | undefined;
  /** The parties as the auditor knows them. */
  protected readonly known: Partial<Record<Role, KnownParty>> = {};
  private readonly documents: Partial<Record<Role, Uint8Array>> = {};
  protected readonly verdicts: Partial<Record<Role, AttestationVerdict>> = {};

  constructor(record: RunRecord, completion: Completion | undefined, context: RunContext) {
    this.record = record;
    this.completion = completion;
    this.context = context;
    this.notes = new Notes(record.seq);
    this.body = record.receipt;
    this.inputs = transcriptInputs(this.body.handshake);
    this.session = fixed(fromHex(this.body.session), 32, 'session');
    this.id = receiptId(this.body);
  }

  protected checkManifest(): void {
    const { body, notes } = this;
    const manifest = notes.check(
      'manifest is well-formed',
      '/receipt/manifest',
      'ERR_AUDIT_MANIFEST',
      () => {
        const read = manifestFromJson(body.manifest);
        if (!equalConstantTime(manifestBytes(read), utf8(canonicalJson(body.manifest)))) {
          throw new DpcaError('ERR_MANIFEST', 'another form of the same manifest');
        }
        return read;
      },
    );
    if (manifest === undefined) return;
    this.manifest = manifest;
    const hash = toHex(manifestHash(manifest));
    notes.assert(
      'manifest has its hash',
      '/receipt/manifestHash',
      'ERR_AUDIT_MANIFEST',
      hash === body.manifestHash,
      'the hash of the manifest',
    );
    const { certificates } = this.context.memory;
    let problem = certificates.get(hash);
    if (problem === undefined) {
      try {
        certifyManifest(manifest);
        problem = null;
      } catch (error) {
        problem = reasonOf(error);
      }
      certificates.set(hash, problem);
    }
    if (problem === null) notes.pass('mask keeps the claimed epsilon and delta');
    else notes.add('/receipt/manifest/privacy', 'policy', 'ERR_AUDIT_MANIFEST', problem);
  }

  protected checkParties(): void {
    const { notes, manifest, context } = this;
    if (manifest === undefined) return;
    for (const party of PARTIES) {
      const { identity, log } = manifest.parties[party];
      const known = context.options.parties.find(
        (given) => given.identity === identity && given.log === log,
      );
      const field = `/receipt/manifest/parties/${party}`;
      if (known !== undefined) this.known[party] = known;
      notes.assert(
        'party has the keys that the auditor knows',
        field,
        'ERR_AUDIT_PARTY',
        known !== undefined,
        'an organisation that was given to the audit',
      );
      if (log === context.owner.log) this.own = party;
    }
    notes.assert(
      'owner of the log took part',
      '/receipt/manifest/parties',
      'ERR_AUDIT_PARTY',
      this.own !== undefined,
      'the owner of this log as a party',
    );
  }

  protected checkTranscript(): void {
    const { notes, body, inputs } = this;
    notes.assert(
      'session id follows from its inputs',
      '/receipt/session',
      'ERR_AUDIT_TRANSCRIPT',
      toHex(sessionIdOf(inputs)) === body.session,
      'the id of the handshake',
    );
    notes.assert(
      'transcript follows from its inputs',
      '/receipt/handshake',
      'ERR_AUDIT_TRANSCRIPT',
      toHex(transcriptHash(inputs)) === body.handshake.transcript,
      'T of these inputs',
    );
  }

  private expectations(party: Role): VerifyOptions['expected'] | undefined {
    const { body, inputs, session } = this;
    const role = sessionRole(body, party);
    const identity = this.known[party]?.identity;
    if (identity === undefined) return undefined;
    return {
      nonce: inputs.nonces[role === 'init' ? 'resp' : 'init'],
      publicKey: inputs.statics[role],
      binding: {
        role,
        sessionId: session,
        transcript: fromHex(body.handshake.transcript),
        identityKeyHash: sha256(fromHex(identity)),
        manifestHash: fromHex(body.manifestHash),
      },
    };
  }

  private verify(
    party: Role,
    policy: AppraisalPolicy,
    at: number | 'document',
    more: VerifyOptions['expected'] = {},
  ) {
    const { verifyP384 } = this.context.options;
    const document = (this.documents[party] ??= fromBase64(this.body.evidence[party].document));
    const expected = { ...this.expectations(party), ...more };
    return verifyAttestation(document, policy, at, { verifyP384, expected });
  }

  /** The document of one party at its own time, under the auditor's roots and reference values. */
  protected async checkEvidence(party: Role): Promise<void> {
    const { notes, body, context, known } = this;
    const field = `/receipt/evidence/${party}/document`;
    let verdict: AttestationVerdict;
    try {
      verdict = await this.verify(party, context.options.policy, 'document');
    } catch (error) {
      notes.add(field, 'tamper', 'ERR_AUDIT_EVIDENCE', reasonOf(error));
      return;
    }
    this.verdicts[party] = verdict;
    if (!verdict.accepted) {
      for (const check of verdict.checks) {
        if (check.result !== 'fail') continue;
        const kind = POLICY_CHECKS.includes(check.id) ? 'policy' : 'tamper';
        notes.add(
          field,
          kind,
          'ERR_AUDIT_EVIDENCE',
          `${check.code}: ${check.name}: ${check.detail}`,
        );
      }
      return;
    }
    notes.pass('document is accepted at its own time');
    const isRoot =
      verdict.anchor !== null && context.options.roots.includes(verdict.anchor.fingerprint);
    if (isRoot) notes.pass('document leads to a given root');
    else
      notes.add(
        field,
        'policy',
        'ERR_AUDIT_EVIDENCE',
        'ROOT_MISMATCH: another root than those given',
      );
    const { binding, timestamp } = verdict.claims;
    const enclaveKey = sha256(fromHex(body.accounts[party].enclaveKey));
    notes.assert(
      'enclave key is attested',
      `/receipt/accounts/${party}/enclaveKey`,
      'ERR_AUDIT_SIGNATURE',
      binding !== null && equalConstantTime(binding.enclaveKeyHash, enclaveKey),
      'the key whose hash is in the document',
    );
    notes.assert(
      'record is younger than its documents',
      '/time',
      'ERR_AUDIT_ORDER',
      this.record.time >= timestamp - SKEW_MS,
      'a time after the attestation',
    );
    const identity = known[party]?.identity;
    const { payloadSha256 } = verdict;
    if (identity === undefined || payloadSha256 === null) return;
    const statement = identityStatement(
      sessionRole(body, party),
      fixed(fromHex(body.handshake.transcript), 48, 'transcript'),
      fixed(payloadSha256, 32, 'payload'),
    );
    const signature = fromHex(body.evidence[party].signature);
    notes.assert(
      'identity key signed the session',
      `/receipt/evidence/${party}/signature`,
      'ERR_AUDIT_SIGNATURE',
      context.options.verifyEd25519(statement, fromHex(identity), signature),
      "a signature by the organisation's identity key",
    );
  }

  /** One party's attestation result about the other: its signature, and the same verdict again under its policy. */
  protected async checkResult(party: Role): Promise<void> {
    const { notes, body, known, session } = this;
    const other = OTHER[party];
    const field = `/receipt/accounts/${party}/ear`;
    const [issuer, audience] = [known[party]?.identity, known[other]?.identity];
    if (issuer === undefined || audience === undefined) return;
    const { ear, enclaveKey } = body.accounts[party];
    const hash = body.handshake.policyHashes[sessionRole(body, party)];
    const policy = this.context.policies.get(hash);
    try {
      const key = { alg: 'EdDSA', kid: enclaveKey, publicKey: fromHex(enclaveKey) } as const;
      const result = await verifyEar(ear, key, earExpectation(issuer, audience, session, ear));
      if (result.claims['jti'] !== body.session)
        throw new DpcaError('JWS_CLAIM', 'another session');
      notes.pass('attestation result is signed by the attested key');
      if (policy === undefined) {
        if (party === this.own) {
          notes.add(
            `/receipt/handshake/policyHashes/${sessionRole(body, party)}`,
            'incomplete',
            'ERR_AUDIT_POLICY',
            'the own policy in force is not in this log',
          );
        } else notes.pass("peer's result not derived again: its policy is in its own bundle only");
        return;
      }
      const at = issueTime(result.claims);
      const own = this.inputs.statics[sessionRole(body, party)];
      const verdict = await this.verify(other, policy, at, { ownPublicKey: own });
      rederiveEar(result, verdict);
      if (!verdict.accepted) throw new DpcaError('EAR_REDERIVE', 'the evidence was not acceptable');
      notes.pass('attestation result derived again');
    } catch (error) {
      notes.add(field, 'tamper', 'ERR_AUDIT_EAR', reasonOf(error));
    }
  }

  protected checkSignatures(): void {
    const { body, record, notes, id } = this;
    const { verifyEd25519 } = this.context.options;
    for (const party of PARTIES) {
      const key = fromHex(body.accounts[party].enclaveKey);
      const signature = fromHex(record.signatures[party]);
      notes.assert(
        'enclave signed the receipt',
        `/signatures/${party}`,
        'ERR_AUDIT_SIGNATURE',
        verifyEd25519(receiptStatement(party, id), key, signature),
        `the signature of party ${party}'s enclave on this receipt`,
      );
    }
  }
}

/** `at` of the verdict that a result tells. */
function issueTime(claims: JsonObject): number {
  const submods: Json | undefined = claims['submods'];
  const peer = isObject(submods) ? submods['peer-nitro'] : undefined;
  const verifier = isObject(peer) ? peer['ear_verifier_claims'] : undefined;
  const at = isObject(verifier) ? verifier['at'] : undefined;
  if (typeof at !== 'number' || at < 1)
    throw new DpcaError('JWS_CLAIM', 'expected the time of the verdict');
  return at;
}
