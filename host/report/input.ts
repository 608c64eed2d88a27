/**
 * What a report is drawn from: the audit's result, the bundle that was audited, and what the auditor brought.
 * @module
 */
import type { AuditedRun, AuditOptions, AuditResult } from '../../attestation/audit-types.ts';
import type { Bundle } from '../../attestation/bundle.ts';
import { NOT_MADE } from './check-groups.ts';

/** A file that the audit was given: its name without folders, and SHA-256 in hex. */
export interface GivenFile {
  readonly flag:
    '' | '--root' | '--policy' | '--party' | '--witness' | '--against' | '--peer-bundle';
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface ReportInput {
  /** Null when the file could not be read as a bundle. */
  readonly bundle: Bundle | null;
  readonly result: AuditResult;
  readonly options: AuditOptions;
  readonly files: readonly GivenFile[];
  /** When the report was drawn up, milliseconds since 1970, if that is to be said. */
  readonly at: number | null;
  /** Of the software that audited. */
  readonly version: string;
}

/** The last time in the log: of a record or of a cosignature; null for an unreadable bundle. */
export function lastTime({ bundle, result }: ReportInput): number | null {
  const cosigned = result.runs.flatMap((run) =>
    run.cosignedAt === null ? [] : [run.cosignedAt * 1000],
  );
  const times = [...(bundle?.records ?? []).map((record) => record.time), ...cosigned];
  return times.length === 0 ? null : times.reduce((a, b) => Math.max(a, b));
}

/** The other party of a run, as its manifest names it. */
export function otherName({ own, sides }: AuditedRun): string {
  const name = own === null ? '' : sides[own === 'a' ? 'b' : 'a'].name;
  return name === '' ? 'an unknown party' : name;
}

/** What was checked and passed, and how many checks could not be made with what the auditor brought. */
export function passedChecks({ passed }: AuditResult): {
  readonly passed: AuditResult['passed'];
  readonly total: number;
  readonly notMade: AuditResult['passed'];
} {
  const made = passed.filter(({ name }) => !NOT_MADE.includes(name));
  return {
    passed: made,
    total: made.reduce((sum, { count }) => sum + count, 0),
    notMade: passed.filter(({ name }) => NOT_MADE.includes(name)),
  };
}
