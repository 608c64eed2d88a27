/**
 * The appraisal policy (RFC 9334: Reference Values and how to use them): a strict JSON file in which everything is
 * required and leaving a check out must be written down with its reason. docs/schema/policy.schema.json describes it.
 * A policy object exists only if the file was accepted; {@link assertLoaded} refuses any other object.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { isZero } from '../src/bytes.ts';
import { fromHex, utf8 } from '../src/encoding.ts';
import { DpcaError, type AttestationCode } from '../src/errors.ts';
import { canonicalJson, parseJson, type Json, type JsonObject } from '../src/json.ts';
import type { NowMs } from '../src/rng.ts';
import { AWS_NITRO_ROOT_FINGERPRINT } from './root.ts';

/** Checks that a policy may leave out; the others hold always. */
export const WAIVABLE = [
  'moduleId',
  'freshness',
  'debug',
  'measurements',
  'pcr8',
  'pcr3',
  'nonce',
  'publicKey',
  'userData',
] as const;
export type Waivable = (typeof WAIVABLE)[number];

/** Only an audit may leave these out. */
const AUDIT_ONLY: readonly Waivable[] = [
  'freshness',
  'debug',
  'measurements',
  'nonce',
  'publicKey',
];

/**
 * `production`: hardware roots only. `simulated`: roots of partition `sim` only. `audit`: documents judged later or
 * from elsewhere; may waive anything waivable, and its verdicts open no session.
 */
export const POLICY_MODES = ['production', 'simulated', 'audit'] as const;
export type PolicyMode = (typeof POLICY_MODES)[number];

export interface TrustAnchor {
  /** SHA-256 of the root certificate's DER, hex. */
  readonly fingerprint: string;
  /** `aws`, `aws-cn`, `aws-us-gov`, or `sim`; the last label of leaf names. */
  readonly partition: string;
}

/** One accepted image: exact PCR values, valid for appraisal from `notBefore` to `notAfter`, both inclusive. */
export interface Measurement {
  readonly notBefore: NowMs;
  readonly notAfter: NowMs;
  /** By index; 0, 1, 2 always, 8 unless waived, others as listed. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
}

export interface AppraisalPolicy {
  readonly mode: PolicyMode;
  readonly roots: readonly TrustAnchor[];
  readonly measurements: readonly Measurement[];
  /** Accepted PCR3 values (the operator's role); empty only if waived. */
  readonly pcr3: readonly Uint8Array[];
  readonly maxAgeMs: number;
  readonly futureSkewMs: number;
  readonly certificateSkewMs: number;
  /** Checks left out, each with its reason. */
  readonly waivers: ReadonlyMap<Waivable, string>;
}

const MAX_POLICY_CHARACTERS = 262_144;
const PARTITION = /^(aws(-[a-z]+)*|sim)$/;
const FINGERPRINT = /^[0-9a-f]{64}$/;
const PCR = /^[0-9a-f]{96}$/;

/** Canonical text of every policy that was loaded; nothing else counts as a policy. */
const LOADED = new WeakMap<AppraisalPolicy, string>();

function refuse(code: AttestationCode, problem: string): never {
  throw new DpcaError(code, `policy: ${problem}`);
}

/** Throws POLICY_EMPTY for an object that did not come from {@link parsePolicy}; returns its canonical JSON. */
export function assertLoaded(policy: AppraisalPolicy): string {
  return (
    LOADED.get(policy) ?? refuse('POLICY_EMPTY', 'expected a policy that was loaded and checked')
  );
}

/** SHA-256 of the policy's canonical JSON (RFC 8785). */
export function policyHash(policy: AppraisalPolicy): Uint8Array {
  return sha256(utf8(assertLoaded(policy)));
}

function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function objectOf(value: Json | undefined, what: string): JsonObject {
  if (value === undefined || value === null) return refuse('POLICY_EMPTY', `${what} is missing`);
  if (typeof value !== 'object' || isArray(value))
    return refuse('POLICY_FORMAT', `${what}: expected an object`);
  return value;
}

function listOf(value: Json | undefined, what: string, mayBeEmpty: boolean): readonly Json[] {
  if (value === undefined || value === null) return refuse('POLICY_EMPTY', `${what} is missing`);
  if (!isArray(value)) return refuse('POLICY_FORMAT', `${what}: expected an array`);
  if (value.length === 0 && !mayBeEmpty) refuse('POLICY_EMPTY', `${what} is empty`);
  return value;
}

function textOf(value: Json | undefined, what: string, form: RegExp): string {
  if (value === undefined || value === null || value === '')
    return refuse('POLICY_EMPTY', `${what} is missing`);
  if (typeof value !== 'string' || !form.test(value))
    return refuse('POLICY_FORMAT', `${what}: unexpected form`);
  return value;
}

function secondsOf(value: Json | undefined, what: string, least: number, most: number): number {
  if (value === undefined || value === null) return refuse('POLICY_EMPTY', `${what} is missing`);
  if (typeof value !== 'number' || value < least || value > most) {
    return refuse('POLICY_FORMAT', `${what}: expected ${least}..${most} seconds`);
  }
  return value * 1000;
}

function onlyMembers(value: JsonObject, what: string, isKnown: (name: string) => boolean): void {
  for (const name of Object.keys(value)) {
    if (!isKnown(name)) refuse('POLICY_FORMAT', `${what}: unknown member "${name}"`);
  }
}

function instantOf(value: Json | undefined, what: string): NowMs {
  const text = textOf(value, what, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const at = Date.parse(text);
  if (!Number.isFinite(at) || new Date(at).toISOString() !== text.replace('Z', '.000Z')) {
    return refuse('POLICY_FORMAT', `${what}: expected a UTC time such as 2026-01-31T00:00:00Z`);
  }
  return at;
}

function waiversOf(value: Json | undefined, mode: PolicyMode): ReadonlyMap<Waivable, string> {
  const waivers = new Map<Waivable, string>();
  for (const entry of listOf(value, 'waivers', true)) {
    const waiver = objectOf(entry, 'waiver');
    onlyMembers(waiver, 'waiver', (name) => name === 'check' || name === 'reason');
    const check = WAIVABLE.find((name) => name === waiver['check']);
    if (check === undefined)
      return refuse('POLICY_WAIVER', `expected one of ${WAIVABLE.join(', ')}`);
    const reason = textOf(waiver['reason'], `reason of waiver ${check}`, /\S{3}/);
    if (waivers.has(check)) refuse('POLICY_WAIVER', `${check} is waived twice`);
    if (mode !== 'audit' && AUDIT_ONLY.includes(check)) {
      refuse('POLICY_WAIVER', `a ${mode} policy may not waive ${check}`);
    }
    waivers.set(check, reason);
  }
  return waivers;
}

function rootsOf(value: Json | undefined, mode: PolicyMode): readonly TrustAnchor[] {
  return listOf(value, 'roots', false).map((entry) => {
    const root = objectOf(entry, 'root');
    onlyMembers(root, 'root', (name) => name === 'fingerprint' || name === 'partition');
    const fingerprint = textOf(root['fingerprint'], 'root fingerprint', FINGERPRINT);
    const partition = textOf(root['partition'], 'root partition', PARTITION);
    const isAws = fingerprint === AWS_NITRO_ROOT_FINGERPRINT;
    if (isAws !== (partition === 'aws') && (isAws || mode !== 'audit')) {
      refuse('POLICY_ANCHOR', 'partition aws belongs to the root of AWS Nitro and to no other');
    }
    if (mode === 'production' && partition === 'sim') {
      refuse('POLICY_ANCHOR', 'a production policy may not name a simulated root');
    }
    if (mode === 'simulated' && partition !== 'sim') {
      refuse('POLICY_ANCHOR', 'a simulated policy names simulated roots only');
    }
    return Object.freeze({ fingerprint, partition });
  });
}

function measurementOf(entry: Json, waivers: ReadonlyMap<Waivable, string>): Measurement {
  const value = objectOf(entry, 'measurement');
  const pcrs = new Map<number, Uint8Array>();
  onlyMembers(value, 'measurement', (name) =>
    /^(notBefore|notAfter|pcr(\d|[12]\d|3[01]))$/.test(name),
  );
  for (let index = 0; index < 32; index++) {
    const name = `pcr${index}`;
    const isNeeded = index < 3 || (index === 8 && !waivers.has('pcr8'));
    if (value[name] === undefined && !isNeeded) continue;
    const pcr = fromHex(textOf(value[name], `measurement ${name}`, PCR));
    if (index === 3)
      refuse('POLICY_FORMAT', 'PCR3 names the operator: use the member pcr3 of the policy');
    if (index === 8 && waivers.has('pcr8')) refuse('POLICY_WAIVER', 'pcr8 is waived and given');
    if (index < 3 && isZero(pcr) && !waivers.has('debug')) {
      refuse('POLICY_FORMAT', `${name} of zero is debug mode`);
    }
    pcrs.set(index, pcr);
  }
  const notBefore = instantOf(value['notBefore'], 'measurement notBefore');
  const notAfter = instantOf(value['notAfter'], 'measurement notAfter');
  if (notAfter <= notBefore)
    refuse('POLICY_FORMAT', 'measurement: notAfter is not after notBefore');
  return { notBefore, notAfter, pcrs };
}

/** The list that a waiver makes superfluous: required and not empty without it, empty or absent with it. */
function unlessWaived(
  value: Json | undefined,
  name: 'measurements' | 'pcr3',
  waivers: ReadonlyMap<Waivable, string>,
): readonly Json[] {
  if (!waivers.has(name)) return listOf(value, name, false);
  if (value !== undefined && listOf(value, name, true).length > 0) {
    refuse('POLICY_WAIVER', `${name} is waived and given`);
  }
  return [];
}

const MEMBERS = [
  'version',
  'mode',
  'roots',
  'measurements',
  'pcr3',
  'maxAgeSeconds',
  'futureSkewSeconds',
  'certificateSkewSeconds',
  'waivers',
];

/**
 * Loads a policy from the text of its file. Throws POLICY_EMPTY (missing or empty parts), POLICY_ANCHOR (a root the
 * mode may not name), POLICY_WAIVER (a waiver the mode may not grant), POLICY_FORMAT, or an ERR_JSON code.
 */
export function parsePolicy(text: string): AppraisalPolicy {
  if (text.trim() === '') refuse('POLICY_EMPTY', 'the file is empty');
  if (text.length > MAX_POLICY_CHARACTERS) refuse('POLICY_FORMAT', 'the file is too large');
  const file = objectOf(parseJson(text, 'policy'), 'policy');
  if (Object.keys(file).length === 0) refuse('POLICY_EMPTY', 'the object is empty');
  onlyMembers(file, 'policy', (name) => MEMBERS.includes(name));
  if (file['version'] === undefined) refuse('POLICY_EMPTY', 'version is missing');
  if (file['version'] !== 1) refuse('POLICY_FORMAT', 'expected version 1');
  const modeText = textOf(file['mode'], 'mode', /./);
  const mode = POLICY_MODES.find((name) => name === modeText);
  if (mode === undefined)
    return refuse('POLICY_FORMAT', `mode: expected ${POLICY_MODES.join(', ')}`);
  const roots = rootsOf(file['roots'], mode);
  const waivers = waiversOf(file['waivers'], mode);
  const policy: AppraisalPolicy = Object.freeze({
    mode,
    roots,
    measurements: unlessWaived(file['measurements'], 'measurements', waivers).map((entry) =>
      measurementOf(entry, waivers),
    ),
    pcr3: unlessWaived(file['pcr3'], 'pcr3', waivers).map((entry) =>
      fromHex(textOf(entry, 'pcr3', PCR)),
    ),
    maxAgeMs: secondsOf(file['maxAgeSeconds'], 'maxAgeSeconds', 1, 86_400),
    futureSkewMs: secondsOf(file['futureSkewSeconds'], 'futureSkewSeconds', 0, 300),
    certificateSkewMs: secondsOf(file['certificateSkewSeconds'], 'certificateSkewSeconds', 0, 300),
    waivers,
  });
  LOADED.set(policy, canonicalJson(file));
  return policy;
}
