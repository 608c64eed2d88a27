/**
 * The list of checks: their identifiers (section numbers of docs/verifying.md), order, and how results are collected.
 * A result always holds every check; `code` is the first failure in this order.
 * @module
 */
import { ATTESTATION_CODES, DpcaError, type AttestationCode } from '../src/errors.ts';

export const CHECKS = {
  '0': 'document size',
  '1': 'CBOR of the envelope',
  '2': 'COSE_Sign1 values',
  '3': 'CBOR of the payload',
  '4': 'payload keys',
  '5': 'types and ranges of all fields',
  '6a': 'root certificate is a pinned one',
  '6b': 'certificates are exact DER',
  '6c': 'certificate algorithms and keys',
  '6d': 'certificate extensions',
  '6e': 'certificate order and issuers',
  '6f': 'path lengths',
  '6g': 'certificate signatures',
  '6h': 'certificate validity',
  '6i': 'module_id, names and PCR4 belong together',
  '7': 'signature of the document',
  '8': 'timestamp is recent',
  '9a': 'not in debug mode',
  '9b': 'image is an accepted measurement (PCR0-2)',
  '9c': 'image signer (PCR8)',
  '9d': 'operator role (PCR3)',
  '9e': 'nonce is ours',
  '9f': 'not our own key',
  '9g': 'public key is the channel key',
  '9h': 'user_data binds role, session, transcript, identity',
  '9i': 'not seen before',
} as const;
export type CheckId = keyof typeof CHECKS;
export const CHECK_IDS: readonly CheckId[] = [
  ...([
    '0',
    '1',
    '2',
    '3',
    '4',
    '5',
    '6a',
    '6b',
    '6c',
    '6d',
    '6e',
    '6f',
    '6g',
    '6h',
    '6i',
  ] as const),
  ...(['7', '8', '9a', '9b', '9c', '9d', '9e', '9f', '9g', '9h', '9i'] as const),
];

const ATTESTATION: ReadonlySet<string> = new Set(ATTESTATION_CODES);

export function isAttestationCode(code: string): code is AttestationCode {
  return ATTESTATION.has(code);
}

export type CheckResult =
  | { readonly id: CheckId; readonly name: string; readonly result: 'pass' }
  | {
      readonly id: CheckId;
      readonly name: string;
      readonly result: 'fail';
      readonly code: AttestationCode;
      readonly detail: string;
    }
  | {
      readonly id: CheckId;
      readonly name: string;
      readonly result: 'waived';
      readonly reason: string;
    }
  | {
      readonly id: CheckId;
      readonly name: string;
      readonly result: 'not-run';
      readonly reason: string;
    };

/** Collects one result per check; a check that throws a DpcaError of the attestation union has failed. */
export class CheckList {
  private readonly results: Map<CheckId, CheckResult>;

  constructor() {
    this.results = new Map();
  }

  /** Runs a check; returns its value, or undefined if it failed. */
  run<T>(id: CheckId, check: () => T): T | undefined {
    try {
      const value = check();
      this.results.set(id, { id, name: CHECKS[id], result: 'pass' });
      return value;
    } catch (error) {
      this.fail(id, error);
      return undefined;
    }
  }

  async runAsync(id: CheckId, check: () => Promise<void>): Promise<void> {
    try {
      await check();
      this.results.set(id, { id, name: CHECKS[id], result: 'pass' });
    } catch (error) {
      this.fail(id, error);
    }
  }

  private fail(id: CheckId, error: unknown): void {
    if (!(error instanceof DpcaError) || !isAttestationCode(error.code)) throw error;
    this.results.set(id, {
      id,
      name: CHECKS[id],
      result: 'fail',
      code: error.code,
      detail: error.message,
    });
  }

  waive(id: CheckId, reason: string): void {
    this.results.set(id, { id, name: CHECKS[id], result: 'waived', reason });
  }

  skip(id: CheckId, reason: string): void {
    this.results.set(id, { id, name: CHECKS[id], result: 'not-run', reason });
  }

  has(id: CheckId): boolean {
    return this.results.has(id);
  }

  /** The code of the first failure, or null. */
  get code(): AttestationCode | null {
    for (const result of this.all) if (result.result === 'fail') return result.code;
    return null;
  }

  /** All checks in order; those nobody ran say so. */
  get all(): readonly CheckResult[] {
    return CHECK_IDS.map(
      (id) =>
        this.results.get(id) ?? {
          id,
          name: CHECKS[id],
          result: 'not-run',
          reason: 'an earlier check failed',
        },
    );
  }
}
