/**
 * What checks of an audit share: a list of findings and of what passed, and the opening of cosigned checkpoints.
 * @module
 */
import { toHex, utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import type { Finding, FindingClass, Head, KnownParty } from './audit-types.ts';
import {
  type Checkpoint,
  type NoteKey,
  openCheckpoint,
  type OpenedCheckpoint,
} from './checkpoint.ts';
import { cosigner } from './ledger-session.ts';

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
): OpenedCheckpoint & { readonly time: number } {
  const key = cosigner(by);
  const opened = openCheckpoint(utf8(note), log, [key]);
  const [cosignature] = opened.cosignatures;
  if (cosignature === undefined) {
    throw new DpcaError('ERR_LOG_SIGNATURE', `expected a cosignature by "${by.name}"`);
  }
  return { ...opened, time: Number(cosignature.time) };
}
