/**
 * Appraisal policies for real Nitro enclaves, made of what a release publishes and what the operator decides: nothing
 * has a default, and a check that is left out is a waiver with the operator's reason (docs/verifying.md).
 * @module
 */
import { instancePcr } from '../../attestation/chain.ts';
import { AWS_NITRO_ROOT_FINGERPRINT, parsePolicy } from '../../attestation/index.ts';
import { toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Json, JsonObject } from '../../src/json.ts';
import { parseObject, readTextFile } from '../keys/files.ts';

const PCR = /^[0-9a-f]{96}$/;
const ROLE_ARN = /^arn:aws:iam::[0-9]{12}:role\/[\w+=,.@/-]{1,512}$/;
const INSTANCE = /^i-[0-9a-f]{17}$/;

/** Images, and the dates between which they are accepted. */
export interface Accepted {
  /** Outputs of `dpca measure FILE.eif --json`. */
  readonly files: readonly string[];
  readonly notBefore: string;
  readonly notAfter: string;
  /** Instances that the enclaves must run on (PCR4); any when empty. */
  readonly instances: readonly string[];
}

function usage(problem: string): never {
  throw new DpcaError('ERR_USAGE', problem);
}

/** A day is its beginning, in UTC; whether it exists is for the policy's loader to say (POLICY_FORMAT). */
function instant(text: string): string {
  const full = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(full)) {
    usage(`"${text}": expected a UTC day or instant, 2026-01-31 or 2026-01-31T12:00:00Z`);
  }
  return full;
}

/** The PCRs named, from the JSON that `dpca measure --json` prints; its other members do not matter here. */
export function readPcrs(path: string, names: readonly string[]): Record<string, string> {
  const given = parseObject(readTextFile(path), path, 'ERR_CONFIG');
  const pcrs = names.map((name): [string, string] => {
    const value = given[name];
    if (typeof value === 'string' && PCR.test(value)) return [name.toLowerCase(), value];
    const signed =
      name === 'PCR8' ? '; the image is not signed, say why that is accepted: --waive-pcr8' : '';
    throw new DpcaError(
      'ERR_CONFIG',
      `${path} /${name}: expected 96 lower-case hex digits${signed}`,
    );
  });
  return Object.fromEntries(pcrs);
}

/** Entries of `measurements`: one for each image and instance. */
function measurements(accepted: Accepted, isSigned: boolean): Json[] {
  const { files, instances } = accepted;
  for (const instance of instances) {
    if (!INSTANCE.test(instance)) usage(`--instance: expected i- and 17 hex digits`);
  }
  const window = { notBefore: instant(accepted.notBefore), notAfter: instant(accepted.notAfter) };
  return files.flatMap((path) => {
    const pcrs = readPcrs(path, ['PCR0', 'PCR1', 'PCR2', ...(isSigned ? ['PCR8'] : [])]);
    if (instances.length === 0) return [{ ...window, ...pcrs }];
    return instances.map((instance) => ({
      ...window,
      ...pcrs,
      pcr4: toHex(instancePcr(instance)),
    }));
  });
}

export interface Production extends Accepted {
  readonly roleArns: readonly string[];
  readonly pcr3: readonly string[];
  /** Reasons; undefined demands the check. */
  readonly waivePcr3: string | undefined;
  readonly waivePcr8: string | undefined;
}

/** A production policy (ERR_USAGE, ERR_CONFIG); the caller loads it, which checks the rest. */
export function productionPolicy(given: Production): JsonObject {
  const { roleArns, waivePcr3, waivePcr8 } = given;
  for (const arn of roleArns) {
    if (!ROLE_ARN.test(arn)) usage('--role-arn: expected arn:aws:iam::<12 digits>:role/<name>');
  }
  // PCR3 is made of the role's ARN as PCR4 is of the instance's id
  const pcr3 = [...given.pcr3, ...roleArns.map((arn) => toHex(instancePcr(arn)))];
  if ((pcr3.length === 0) === (waivePcr3 === undefined)) {
    usage("name the peer's instance role with --role-arn or --pcr3, or say why not: --waive-pcr3");
  }
  return {
    version: 1,
    mode: 'production',
    roots: [{ fingerprint: AWS_NITRO_ROOT_FINGERPRINT, partition: 'aws' }],
    measurements: measurements(given, waivePcr8 === undefined),
    ...(pcr3.length === 0 ? {} : { pcr3 }),
    maxAgeSeconds: 300,
    futureSkewSeconds: 60,
    certificateSkewSeconds: 60,
    waivers: [
      ...(waivePcr8 === undefined ? [] : [{ check: 'pcr8', reason: waivePcr8 }]),
      ...(waivePcr3 === undefined ? [] : [{ check: 'pcr3', reason: waivePcr3 }]),
    ],
  };
}

/**
 * The policy with further images, for a change without downtime: both sets are accepted while their dates overlap.
 * @param othersEnd when those of before end at the latest; as they say when undefined
 */
export function withImages(text: string, accepted: Accepted, othersEnd?: string): JsonObject {
  const { waivers } = parsePolicy(text);
  const policy = parseObject(text, 'policy', 'POLICY_FORMAT');
  const before = (policy['measurements'] ?? []) as readonly JsonObject[];
  const end = othersEnd === undefined ? undefined : instant(othersEnd);
  // instants of this form are ordered as their text is
  const cut = before.map((entry) => {
    const { notAfter } = entry;
    const isLater = end !== undefined && typeof notAfter === 'string' && notAfter > end;
    return isLater ? { ...entry, notAfter: end } : entry;
  });
  return { ...policy, measurements: [...cut, ...measurements(accepted, !waivers.has('pcr8'))] };
}
