/**
 * What checks of an audit share: a list of findings and of what passed, signatures that are verified once, and the
 * opening of cosigned checkpoints.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { lengthPrefixed, toHex, utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import type { AuditMemory, Finding, FindingClass, Head, KnownParty } from './audit-types.ts';
import {
  type Checkpoint,
  isSigned,
  type NoteKey,
  openCheckpoint,
  type OpenedCheckpoint,
  strictly,
  type VerifyEd25519,
} from './checkpoint.ts';
import { cosigner } from './ledger-session.ts';
import type { VerifyP384 } from './p384.ts';

export const PARTIES: readonly ['a', 'b'] = ['a', 'b'];
export const OTHER: { readonly a: 'b'; readonly b: 'a' } = { a: 'b', b: 'a' };

/** What an audit gathers about one record. */
export class Notes {
  readonly findings: Finding[] = [];
  readonly passed: Map<string, number> = new Map();
  private readonly record: number | null;

  constructor(record: number | null) {
    this.record = record;
  }

  add(field: string, kind: FindingClass, code: string, detail: string): void {
    this.findings.push({ record: this.record, field, class: kind, code, detail });
  }

  pass(name: string, count = 1): void {
    this.passed.set(name, (this.passed.get(name) ?? 0) + count);
  }

  /** Runs one check; a DpcaError is a finding with `code`, and its own code in the detail. */
  check<T>(
    name: string,
    field: string,
    code: string,
    action: () => T,
    kind: FindingClass = 'tamper',
  ): T | undefined {
    try {
      const value = action();
      this.pass(name);
      return value;
    } catch (error) {
      this.add(field, kind, code, reasonOf(error));
      return undefined;
    }
  }

  assert(name: string, field: string, code: string, holds: boolean, expected: string): boolean {
    if (holds) this.pass(name);
    else this.add(field, 'tamper', code, `expected ${expected}`);
    return holds;
  }
}

export function reasonOf(error: unknown): string {
  if (error instanceof DpcaError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : 'malformed';
}

export function headOf({ size, root }: Checkpoint): Head {
  return { size, root: toHex(root) };
}

/** A checkpoint with a valid cosignature by `by`, which must be there. */
export function openCosigned(
  note: string,
  log: NoteKey,
  by: KnownParty,
  verify: VerifyEd25519,
): OpenedCheckpoint & { readonly time: number } {
  const key = cosigner(by);
  const opened = openCheckpoint(utf8(note), log, [key], verify);
  const [cosignature] = opened.cosignatures;
  if (cosignature === undefined) {
    throw new DpcaError('ERR_LOG_SIGNATURE', `expected a cosignature by "${by.name}"`);
  }
  return { ...opened, time: Number(cosignature.time) };
}

/** Each signature once, by everything that it is of: documents share their chains, both parties hold the same notes. */
function once<T>(
  known: Map<string, T>,
  verify: (...parts: readonly [Uint8Array, Uint8Array, Uint8Array]) => T,
): (...parts: readonly [Uint8Array, Uint8Array, Uint8Array]) => T {
  return (...parts) => {
    const name = toHex(sha256(lengthPrefixed(...parts)));
    const before = known.get(name);
    if (before !== undefined) return before;
    const result = verify(...parts);
    known.set(name, result);
    return result;
  };
}

export function rememberP384(verify: VerifyP384, memory: AuditMemory): VerifyP384 {
  return once(memory.p384, verify);
}

/** Strict Ed25519 ({@link isSigned}), by the platform where there is one. */
export function rememberEd25519(
  platform: VerifyEd25519 | undefined,
  memory: AuditMemory,
): VerifyEd25519 {
  return once(memory.ed25519, platform === undefined ? isSigned : strictly(platform));
}
