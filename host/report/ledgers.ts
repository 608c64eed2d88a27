/**
 * Privacy budgets as a log shows them: for every ledger that was charged, each slot spent, by whom it is known, and
 * what is left. Only charges that the audit could verify are in a run's summary; others are among the findings.
 * @module
 */
import type { AuditedRun } from '../../attestation/audit-types.ts';
import type { Bundle } from '../../attestation/bundle.ts';

export interface Spend {
  readonly record: number;
  readonly time: number;
  readonly slot: number;
  /** A run with its receipt, or one that ended after it was charged. */
  readonly kind: 'run' | 'abort';
  /** Slots spent since the spend before on runs that this log does not have. */
  readonly elsewhere: number;
  /** Slots registered, as of this spend. */
  readonly of: number;
}

export interface LedgerView {
  readonly lineage: string;
  /** Whose rows it protects. */
  readonly owner: string;
  /** Ascending in slot; at least one. */
  readonly spends: readonly Spend[];
  readonly of: number;
  readonly left: number;
}

interface Found {
  readonly owner: string;
  readonly spends: Omit<Spend, 'elsewhere' | 'of'>[];
  of: number;
  readonly ofAt: Map<number, number>;
}

/** The ledgers of both parties, in the order in which they were first charged. */
export function ledgersOf(bundle: Bundle, runs: readonly AuditedRun[]): readonly LedgerView[] {
  const found = new Map<string, Found>();
  for (const run of runs) {
    const record = bundle.records[run.record];
    if (record?.type !== 'run') continue;
    for (const role of ['a', 'b'] as const) {
      const { lineage, slot, name } = run.sides[role];
      if (lineage === null || slot === null) continue;
      const of = Number(record.receipt.ledgers[role].record['of']);
      const ledger: Found = found.get(lineage) ?? {
        owner: name,
        spends: [],
        of: 0,
        ofAt: new Map(),
      };
      ledger.spends.push({ record: run.record, time: run.time, slot, kind: 'run' });
      ledger.of = Math.max(ledger.of, of);
      ledger.ofAt.set(slot, of);
      found.set(lineage, ledger);
    }
  }
  for (const record of bundle.records) {
    if (record.type !== 'abort' || record.charged === null) continue;
    const { lineage, slot } = record.charged;
    const ledger = found.get(lineage);
    // a run that was signed, and then ended before its release, is there already
    if (ledger === undefined || ledger.spends.some((spend) => spend.slot === slot)) continue;
    ledger.spends.push({ record: record.seq, time: record.time, slot, kind: 'abort' });
  }
  return [...found].map(([lineage, { owner, spends, of, ofAt }]) => {
    let before = 0;
    let registered = ofAt.get(Math.min(...ofAt.keys())) ?? of;
    const sorted = spends
      .sort((a, b) => a.slot - b.slot || a.record - b.record)
      .map((spend): Spend => {
        const elsewhere = Math.max(0, spend.slot - before - 1);
        before = spend.slot;
        registered = ofAt.get(spend.slot) ?? registered;
        return { ...spend, elsewhere, of: registered };
      });
    return { lineage, owner, spends: sorted, of, left: Math.max(0, of - before) };
  });
}
