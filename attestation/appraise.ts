/**
 * Freshness and policy: what an authentic document must say to be acceptable here and now. docs/verifying.md steps 8
 * and 9. Raw bytes are compared, never decoded text.
 * @module
 */
import { equalConstantTime, isZero } from '../src/bytes.ts';
import { toHex } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import type { NowMs } from '../src/rng.ts';
import type { CheckId, CheckList } from './checks.ts';
import type { DocumentFields } from './document.ts';
import type { AppraisalPolicy, Measurement, Waivable } from './policy.ts';
import { checkBinding, decodeUserData, type ExpectedBinding } from './user-data.ts';

/** What the relying party demands of this one document. */
export interface Expected {
  /** The 32 random bytes that the verifier gave to the attester. */
  readonly nonce?: Uint8Array;
  /** The peer's channel key (Noise static), 32 raw bytes. */
  readonly publicKey?: Uint8Array;
  /** One's own channel key, which a reflected document would carry. */
  readonly ownPublicKey?: Uint8Array;
  readonly binding?: ExpectedBinding;
  /** Refuse documents stamped before this (the start of the handshake less the skew). */
  readonly earliest?: NowMs;
}

/** Remembers payload hashes. */
export interface ReplayGuard {
  /** Records the hash (32 bytes); true if it had been recorded before. */
  seen(payloadSha256: Uint8Array, now: NowMs): boolean;
}

/** A replay guard in memory; hashes older than `retentionMs` are dropped, so keep it above maxAge plus both skews. */
export class ReplayMemory implements ReplayGuard {
  private readonly retentionMs: number;
  private readonly hashes: Map<string, NowMs>;

  constructor(retentionMs: number) {
    this.retentionMs = retentionMs;
    this.hashes = new Map();
  }

  seen(payloadSha256: Uint8Array, now: NowMs): boolean {
    for (const [hash, at] of this.hashes) if (at + this.retentionMs < now) this.hashes.delete(hash);
    const key = toHex(payloadSha256);
    if (this.hashes.has(key)) return true;
    this.hashes.set(key, now);
    return false;
  }
}

interface Subject {
  readonly fields: DocumentFields;
  readonly payloadSha256: Uint8Array;
}

function checkTimestamp(
  timestamp: NowMs,
  policy: AppraisalPolicy,
  now: NowMs,
  earliest: NowMs,
): void {
  if (timestamp > now + policy.futureSkewMs) {
    throw new DpcaError('TIMESTAMP_FUTURE', 'the document is stamped later than now');
  }
  if (timestamp < now - policy.maxAgeMs || timestamp < earliest) {
    throw new DpcaError('TIMESTAMP_STALE', 'the document is older than allowed');
  }
}

function differing(
  measurement: Measurement,
  pcrs: ReadonlyMap<number, Uint8Array>,
): readonly number[] {
  return [...measurement.pcrs].flatMap(([index, value]) => {
    const actual = pcrs.get(index);
    return actual !== undefined && equalConstantTime(actual, value) ? [] : [index];
  });
}

function pcrNames(indices: readonly number[]): string {
  return indices.map((index) => `PCR${index}`).join(', ');
}

/** 9b and 9c: one accepted measurement, valid now, has these PCRs; PCR8 is reported apart. */
function checkMeasurements(
  pcrs: ReadonlyMap<number, Uint8Array>,
  policy: AppraisalPolicy,
  now: NowMs,
  checks: CheckList,
): void {
  const valid = policy.measurements.filter((m) => m.notBefore <= now && now <= m.notAfter);
  const nearest = valid
    .map((measurement) => differing(measurement, pcrs))
    .sort((a, b) => Number(a.some(not8)) - Number(b.some(not8)) || a.length - b.length)[0];
  checks.run('9b', () => {
    if (nearest === undefined) {
      throw new DpcaError('PCR_MISMATCH', 'no accepted measurement is within its validity window');
    }
    if (nearest.some(not8)) {
      throw new DpcaError(
        'PCR_MISMATCH',
        `${pcrNames(nearest)} differ from every accepted measurement`,
      );
    }
  });
  const waiver = policy.waivers.get('pcr8');
  if (waiver !== undefined) checks.waive('9c', waiver);
  else if (nearest !== undefined) {
    checks.run('9c', () => {
      if (nearest.includes(8))
        throw new DpcaError('PCR_MISMATCH', 'PCR8 differs from every accepted measurement');
    });
  }
}

function not8(index: number): boolean {
  return index !== 8;
}

function checkNonce(nonce: Uint8Array | null, expected: Uint8Array | undefined): void {
  if (expected === undefined)
    throw new DpcaError('NONCE_MISSING', 'the caller gave no nonce to expect');
  if (nonce === null) throw new DpcaError('NONCE_MISSING', 'the document has no nonce');
  if (!equalConstantTime(nonce, expected)) {
    throw new DpcaError('NONCE_MISMATCH', 'the document answers another nonce');
  }
}

function checkPublicKey(key: Uint8Array | null, expected: Uint8Array | undefined): void {
  if (expected === undefined)
    throw new DpcaError('KEY_BINDING', 'the caller gave no key to expect');
  if (key === null || !equalConstantTime(key, expected)) {
    throw new DpcaError('KEY_BINDING', 'the document attests another key than the channel uses');
  }
}

/** Steps 8 and 9; the replay memory is touched only if everything else passed. */
export function appraise(
  { fields, payloadSha256 }: Subject,
  policy: AppraisalPolicy,
  now: NowMs,
  expected: Expected,
  seen: ReplayGuard | undefined,
  checks: CheckList,
): void {
  // a waiver excuses the caller from expecting something; what it does expect is checked all the same
  const unless = (waivable: Waivable, id: CheckId, check: () => void, given?: unknown): void => {
    const reason = policy.waivers.get(waivable);
    if (reason === undefined || given !== undefined) checks.run(id, check);
    else checks.waive(id, reason);
  };
  const { pcrs } = fields;
  unless('freshness', '8', () => {
    checkTimestamp(fields.timestamp, policy, now, expected.earliest ?? 0);
  });
  unless('debug', '9a', () => {
    const zero = [0, 1, 2].filter((index) => isZero(pcrs.get(index) ?? new Uint8Array()));
    if (zero.length > 0)
      throw new DpcaError('DEBUG_MODE', `${pcrNames(zero)} zero: a debug enclave`);
  });
  const reason = policy.waivers.get('measurements');
  if (reason === undefined) checkMeasurements(pcrs, policy, now, checks);
  else for (const id of ['9b', '9c'] as const) checks.waive(id, reason);
  unless('pcr3', '9d', () => {
    const actual = pcrs.get(3);
    if (actual === undefined || !policy.pcr3.some((value) => equalConstantTime(value, actual))) {
      throw new DpcaError('PCR3_MISMATCH', 'PCR3 is not the role of an accepted operator');
    }
  });
  unless(
    'nonce',
    '9e',
    () => {
      checkNonce(fields.nonce, expected.nonce);
    },
    expected.nonce,
  );
  const own = expected.ownPublicKey;
  if (own === undefined) checks.skip('9f', 'the caller has no key of its own here');
  else {
    checks.run('9f', () => {
      if (fields.publicKey !== null && equalConstantTime(fields.publicKey, own)) {
        throw new DpcaError('REFLECTION', 'the document attests our own key');
      }
    });
  }
  unless(
    'publicKey',
    '9g',
    () => {
      checkPublicKey(fields.publicKey, expected.publicKey);
    },
    expected.publicKey,
  );
  unless(
    'userData',
    '9h',
    () => {
      if (expected.binding === undefined) {
        throw new DpcaError('BINDING_FORMAT', 'the caller gave no binding to expect');
      }
      checkBinding(decodeUserData(fields.userData ?? new Uint8Array()), expected.binding);
    },
    expected.binding,
  );
  if (seen === undefined) checks.skip('9i', 'the caller keeps no replay memory');
  else if (checks.code === null) {
    checks.run('9i', () => {
      if (seen.seen(payloadSha256, now))
        throw new DpcaError('REPLAYED', 'this payload was accepted before');
    });
  }
}
