/**
 * The verifier: one attestation document under one appraisal policy at one time. docs/verifying.md steps 0 to 10, in
 * that order. Bad evidence never throws: it gives a verdict that lists every check. Steps 0 to 5 stop at their first
 * failure; from step 6 on everything that can run does. Runs in: both enclaves, the command line, audits.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { equalConstantTime } from '../src/bytes.ts';
import { toHex } from '../src/encoding.ts';
import { DpcaError, type AttestationCode } from '../src/errors.ts';
import type { NowMs } from '../src/rng.ts';
import { appraise, type Expected, type ReplayGuard } from './appraise.ts';
import { parseCertificate, type Certificate } from './certificate.ts';
import {
  checkAlgorithms,
  checkExtensions,
  checkModuleId,
  checkOrder,
  checkPathLengths,
  checkSignatures,
  checkValidity,
  isTrue,
} from './chain.ts';
import { CheckList, type CheckResult } from './checks.ts';
import { checkEnvelope, copyDocument, scanEnvelope, sigStructure, type Envelope } from './cose.ts';
import { checkFields, checkKeys, scanPayload, type DocumentFields } from './document.ts';
import { nobleP384, type VerifyP384 } from './p384.ts';
import { assertLoaded, policyHash, type AppraisalPolicy, type TrustAnchor } from './policy.ts';
import { AWS_NITRO_ROOT_FINGERPRINT, awsNitroRoot, rootFingerprint } from './root.ts';
import { decodeUserData, type Binding } from './user-data.ts';

/** What an accepted document says; every byte string is a copy. */
export interface AttestationClaims {
  readonly moduleId: string;
  /** Milliseconds since 1970, from the peer's NSM. */
  readonly timestamp: NowMs;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly publicKey: Uint8Array | null;
  readonly userData: Uint8Array | null;
  readonly nonce: Uint8Array | null;
  /** The decoded `user_data`, if it has this project's form; compare its manifestHash with the manifest received. */
  readonly binding: Binding | null;
  readonly leafSerial: string;
  /** Seconds since 1970, inclusive; attest again before it. */
  readonly leafNotAfter: number;
}

interface Judged {
  /** Every check, in order. */
  readonly checks: readonly CheckResult[];
  readonly policyHash: Uint8Array;
  /** The clock of the appraisal, and whether it is the document's own (then freshness says nothing). */
  readonly at: NowMs | null;
  readonly clock: 'caller' | 'document';
  readonly anchor: TrustAnchor | null;
  /** SHA-256 of the payload bytes: the only safe key for replay, log and revocation. */
  readonly payloadSha256: Uint8Array | null;
}

export type AttestationVerdict =
  | (Judged & { readonly accepted: true; readonly code: null; readonly claims: AttestationClaims })
  | (Judged & { readonly accepted: false; readonly code: AttestationCode; readonly claims: null });

export interface VerifyOptions {
  readonly expected?: Expected;
  /** Default: the @noble/curves oracle, about 45 ms for the five signatures. */
  readonly verifyP384?: VerifyP384;
  readonly seen?: ReplayGuard;
}

interface Parsed {
  readonly envelope: Envelope;
  readonly fields: DocumentFields;
}

/** Steps 0 to 5; undefined after the first failure. */
function parse(document: Uint8Array, checks: CheckList): Parsed | undefined {
  const copy = checks.run('0', () => copyDocument(document));
  const items = copy && checks.run('1', () => scanEnvelope(copy));
  const envelope = items && checks.run('2', () => checkEnvelope(items));
  const payload = envelope && checks.run('3', () => scanPayload(envelope.payload));
  if (envelope === undefined || payload === undefined) return undefined;
  checks.run('4', () => {
    checkKeys(payload);
  });
  if (checks.code !== null) return undefined;
  const fields = checks.run('5', () => checkFields(payload));
  return fields && { envelope, fields };
}

/** 6a: the bundle's first entry is a pinned root, byte for byte. Nothing of it is parsed before. */
function checkRoot(root: Uint8Array | undefined, policy: AppraisalPolicy): TrustAnchor {
  const fingerprint = root === undefined ? '' : rootFingerprint(root);
  const anchor = policy.roots.find((pinned) => pinned.fingerprint === fingerprint);
  const isCopyOfAws = (der: Uint8Array): boolean => equalConstantTime(der, awsNitroRoot());
  if (
    anchor === undefined ||
    root === undefined ||
    (fingerprint === AWS_NITRO_ROOT_FINGERPRINT && !isCopyOfAws(root))
  ) {
    throw new DpcaError(
      'ROOT_MISMATCH',
      'the first certificate is not a root that the policy names',
    );
  }
  return anchor;
}

/** Steps 6 and 7. Returns anchor and leaf, as far as they exist. */
async function checkChain(
  { envelope, fields }: Parsed,
  policy: AppraisalPolicy,
  now: NowMs,
  verify: VerifyP384,
  checks: CheckList,
): Promise<{ anchor: TrustAnchor | undefined; leaf: Certificate | undefined }> {
  const anchor = checks.run('6a', () => checkRoot(fields.cabundle[0], policy));
  const chain = checks.run('6b', () =>
    [...fields.cabundle, fields.certificate].map(parseCertificate),
  );
  const leaf = chain?.[chain.length - 1];
  if (chain === undefined || leaf === undefined) return { anchor, leaf: undefined };
  const signatures = checks.run('6c', () => checkAlgorithms(chain));
  checks.run('6d', () => {
    checkExtensions(chain);
  });
  checks.run('6e', () => {
    checkOrder(chain);
  });
  checks.run('6f', () => {
    checkPathLengths(chain);
  });
  if (signatures !== undefined) {
    await checks.runAsync('6g', () => checkSignatures(chain, signatures, verify));
  }
  checks.run('6h', () => {
    checkValidity(chain, now, policy.certificateSkewMs);
  });
  const waiver = policy.waivers.get('moduleId');
  if (waiver !== undefined) checks.waive('6i', waiver);
  else if (anchor !== undefined) {
    checks.run('6i', () =>
      checkModuleId(fields.moduleId, chain, fields.pcrs.get(4), anchor.partition),
    );
  }
  if (signatures !== undefined) {
    await checks.runAsync('7', async () => {
      const signed = sigStructure(envelope.payload);
      if (!(await isTrue(verify(leaf.publicKey, envelope.signature, signed)))) {
        throw new DpcaError(
          'COSE_SIGNATURE_INVALID',
          'the document is not signed by its leaf certificate',
        );
      }
    });
  }
  return { anchor, leaf };
}

function copy(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : Uint8Array.from(bytes);
}

function bindingOf(userData: Uint8Array | null): Binding | null {
  if (userData === null) return null;
  try {
    return decodeUserData(userData);
  } catch {
    return null;
  }
}

function claimsOf(fields: DocumentFields, leaf: Certificate): AttestationClaims {
  return Object.freeze({
    moduleId: fields.moduleId,
    timestamp: fields.timestamp,
    pcrs: new Map([...fields.pcrs].map(([index, value]) => [index, Uint8Array.from(value)])),
    publicKey: copy(fields.publicKey),
    userData: copy(fields.userData),
    nonce: copy(fields.nonce),
    binding: bindingOf(fields.userData),
    leafSerial: leaf.serial,
    leafNotAfter: leaf.notAfter,
  });
}

/**
 * Verifies `document` (raw COSE_Sign1 bytes, at most 16,384) under `policy` (from parsePolicy) at `now`: milliseconds
 * since 1970, or 'document' for the document's own timestamp, as audits do. Resolves to a verdict for any document.
 * Rejects only for misuse: POLICY_EMPTY for an object that parsePolicy did not make, ERR_USAGE for a clock that is no
 * positive integer. Nonce, key and binding are compared with `options.expected`; what the policy does not waive and
 * the caller does not give is a failure, not a pass.
 */
export async function verifyAttestation(
  document: Uint8Array,
  policy: AppraisalPolicy,
  now: NowMs | 'document',
  options: VerifyOptions = {},
): Promise<AttestationVerdict> {
  assertLoaded(policy);
  if (now !== 'document' && (!Number.isSafeInteger(now) || now <= 0)) {
    throw new DpcaError('ERR_USAGE', 'the clock: expected milliseconds since 1970');
  }
  const checks = new CheckList();
  const parsed = parse(document, checks);
  const at = now !== 'document' ? now : (parsed?.fields.timestamp ?? null);
  let anchor: TrustAnchor | undefined;
  let leaf: Certificate | undefined;
  const payloadSha256 = parsed === undefined ? null : sha256(parsed.envelope.payload);
  if (parsed !== undefined && payloadSha256 !== null && at !== null) {
    const verify = options.verifyP384 ?? nobleP384;
    ({ anchor, leaf } = await checkChain(parsed, policy, at, verify, checks));
    appraise(
      { ...parsed, payloadSha256 },
      policy,
      at,
      options.expected ?? {},
      options.seen,
      checks,
    );
  }
  const judged: Judged = {
    checks: Object.freeze(checks.all),
    policyHash: policyHash(policy),
    at,
    clock: now === 'document' ? 'document' : 'caller',
    anchor: anchor ?? null,
    payloadSha256,
  };
  const code = checks.code;
  if (code === null && parsed !== undefined && anchor !== undefined && leaf !== undefined) {
    return Object.freeze({
      ...judged,
      accepted: true,
      code,
      claims: claimsOf(parsed.fields, leaf),
    });
  }
  if (code === null)
    throw new DpcaError('ERR_INTERNAL', 'a verdict without a failure and without claims');
  return Object.freeze({ ...judged, accepted: false, code, claims: null });
}

/** The refusal of a verdict as an error: its code, and every failed check in words. */
export function refusalOf(verdict: AttestationVerdict & { readonly accepted: false }): DpcaError {
  const failed = verdict.checks.flatMap((check) =>
    check.result === 'fail' ? [`${check.id} ${check.code} (${check.detail})`] : [],
  );
  return new DpcaError(
    verdict.code,
    `attestation refused, ${toHexOrNone(verdict.payloadSha256)}: ${failed.join('; ')}`,
  );
}

function toHexOrNone(hash: Uint8Array | null): string {
  return hash === null ? 'unreadable document' : `payload ${toHex(hash).slice(0, 16)}`;
}

/** SHA-256 of the payload bytes of a document with an acceptable envelope; throws the codes of steps 0 to 2. */
export function payloadSha256(document: Uint8Array): Uint8Array {
  return sha256(checkEnvelope(scanEnvelope(copyDocument(document))).payload);
}

/**
 * The timestamp inside a document from one's *own* NSM, as the clock of an enclave; throws the codes of steps 0 to 5.
 * UNVERIFIED: never call it for a peer's document.
 */
export function ownDocumentTime(document: Uint8Array): NowMs {
  const payload = scanPayload(checkEnvelope(scanEnvelope(copyDocument(document))).payload);
  checkKeys(payload);
  return checkFields(payload).timestamp;
}
