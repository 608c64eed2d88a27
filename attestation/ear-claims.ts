/**
 * A verdict as the claims of an EAT Attestation Result (draft-ietf-rats-ear-04; AR4SI trustworthiness vector). A
 * refusal is never "warning", and nothing under another root than AWS's is ever "affirming".
 * @module
 */
import { toHex } from '../src/encoding.ts';
import type { Json, JsonObject } from '../src/json.ts';
import type { CheckId } from './checks.ts';
import { AWS_NITRO_ROOT_FINGERPRINT } from './root.ts';
import type { AttestationVerdict } from './verify.ts';

export const EAR_PROFILE = 'tag:ietf.org,2026:rats/ear#04';
export const EAR_SUBMODULE = 'peer-nitro';
/** Prefix of `ear_appraisal_policy_ids`; the policy's hash follows. */
export const POLICY_URN = 'urn:dpca-enclave:policy:sha256:';

/** AR4SI: tiers are none (-1..1), affirming (2..31), warning (32..95), contraindicated (96..127). */
const AR4SI = {
  none: 0,
  affirmed: 2,
  unrecognised: 97,
  unknownCode: 33,
  contraindicated: 96,
  cryptoFailed: 99,
} as const;
export type EarStatus = 'none' | 'affirming' | 'warning' | 'contraindicated';

export interface TrustVector {
  readonly 'instance-identity': number;
  readonly configuration: number;
  readonly executables: number;
  readonly hardware: number;
}

/** The vector a verdict justifies. */
export function trustVector(verdict: AttestationVerdict): TrustVector {
  const passed = (id: CheckId): boolean =>
    verdict.checks.some((check) => check.id === id && check.result === 'pass');
  const failed = (id: CheckId): boolean =>
    verdict.checks.some((check) => check.id === id && check.result === 'fail');
  // Everything up to the signature of the document: nothing it says can be believed.
  const isAuthentic = !verdict.checks.some(
    ({ id, result }) => result === 'fail' && !id.startsWith('8') && !id.startsWith('9'),
  );
  if (!isAuthentic) {
    const value = AR4SI.cryptoFailed;
    return {
      'instance-identity': value,
      configuration: value,
      executables: value,
      hardware: value,
    };
  }
  const hasBadIdentity = (['9d', '9e', '9f', '9g', '9h', '9i'] as const).some(failed);
  return {
    'instance-identity': hasBadIdentity
      ? AR4SI.unrecognised
      : passed('9d') || passed('9h')
        ? AR4SI.affirmed
        : AR4SI.none,
    configuration: failed('9a')
      ? AR4SI.contraindicated
      : passed('9a')
        ? AR4SI.affirmed
        : AR4SI.none,
    executables:
      failed('9b') || failed('9c') ? AR4SI.unknownCode : passed('9b') ? AR4SI.affirmed : AR4SI.none,
    hardware:
      verdict.anchor?.fingerprint === AWS_NITRO_ROOT_FINGERPRINT
        ? AR4SI.affirmed
        : AR4SI.unrecognised,
  };
}

/** Never better than the worst entry; a refusal is `none` or `contraindicated`. */
export function earStatus(verdict: AttestationVerdict): EarStatus {
  const values: readonly number[] = Object.values(trustVector(verdict));
  if (values.some((value) => value >= 96)) return 'contraindicated';
  if (!verdict.accepted) return 'none';
  if (values.some((value) => value >= 32)) return 'warning';
  return values.every((value) => value >= 2) ? 'affirming' : 'none';
}

/** The submodule of the result: all of it follows from the verdict and the handshake's transcript hash. */
export function earSubmodule(
  verdict: AttestationVerdict,
  transcript: Uint8Array | null,
): JsonObject {
  const { claims, anchor } = verdict;
  const base: Record<string, Json> = {
    ear_status: earStatus(verdict),
    ear_trustworthiness_vector: { ...trustVector(verdict) },
    ear_appraisal_policy_ids: [`${POLICY_URN}${toHex(verdict.policyHash)}`],
    ear_verifier_claims: {
      anchor: anchor?.fingerprint ?? null,
      partition: anchor?.partition ?? null,
      at: verdict.at,
      clock: verdict.clock,
      code: verdict.code,
      payload_sha256: verdict.payloadSha256 === null ? null : toHex(verdict.payloadSha256),
      transcript_sha384: transcript === null ? null : toHex(transcript),
      leaf_serial: claims?.leafSerial ?? null,
      checks: verdict.checks.map((check) => ({
        id: check.id,
        result: check.result === 'fail' ? check.code : check.result,
      })),
    },
  };
  if (claims !== null) {
    base['ear_attester_claims'] = {
      module_id: claims.moduleId,
      timestamp: claims.timestamp,
      pcrs: Object.fromEntries(
        [...claims.pcrs].map(([index, value]) => [String(index), toHex(value)]),
      ),
    };
  }
  return base;
}
