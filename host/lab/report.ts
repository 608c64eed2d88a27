/**
 * A lab report in words and tables.
 * @module
 */
import type { ClaimRow, LabReport, TargetRow } from './lab.ts';

const NAMES = { plain: 'plain PSI', intersect: 'IntersectMask', xor: 'XOR mask' } as const;
const CHEATS = {
  honest: '',
  all: ', all inserted',
  none: ', none inserted',
} as const;

/** The mechanism's name; a cheating attacker is named, as it must have broken attestation. */
export function mechanismName(row: Pick<TargetRow, 'mechanism' | 'dummies'>): string {
  return `${NAMES[row.mechanism]}${CHEATS[row.dummies]}`;
}

/** Columns padded to their widest cell; all but the first `left` columns are aligned to the right. */
function table(rows: readonly (readonly string[])[], left: number): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i < left ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function claimCell(row: ClaimRow | undefined): string {
  if (row === undefined || row.precision === null || row.precisionHalfWidth === null)
    return 'no claim';
  const shares = `${(100 * row.correct).toFixed(2)} / ${(100 * row.wrong).toFixed(2)}`;
  return `${shares} (${row.precision.toFixed(3)} ± ${row.precisionHalfWidth.toFixed(3)})`;
}

/** One line per density and attack, one column per mechanism. */
function claimTable(report: LabReport): string[] {
  const own = report.mechanisms.at(-1)?.mechanism;
  const shown = report.mechanisms.filter(
    ({ dummies, mechanism }) => dummies === 'honest' || (dummies === 'all' && mechanism === own),
  );
  const cells = (density: number, attack: string): string[] => {
    const rows = report.claims.filter((row) => row.density === density && row.attack === attack);
    const found = shown.map((m) =>
      rows.find((row) => row.mechanism === m.mechanism && row.dummies === m.dummies),
    );
    return [density.toString(), attack, (rows[0]?.prior ?? 0).toFixed(3), ...found.map(claimCell)];
  };
  const lines = new Map(report.claims.map((row) => [`${row.density} ${row.attack}`, row]));
  return table(
    [
      ['density', 'attack', 'prior', ...shown.map(mechanismName)],
      ...[...lines.values()].map((row) => cells(row.density, row.attack)),
    ],
    2,
  );
}

function targetRow(row: TargetRow): string[] {
  return [
    mechanismName(row),
    `${row.advantage.toFixed(3)} ± ${(1.96 * row.standardError).toFixed(3)}`,
    row.exactAdvantage.toFixed(3),
    percent(row.tprAt1Percent),
    percent(row.tprAtPermille),
    row.auditEpsilon.toFixed(2),
  ];
}

/** The whole report, one line per entry. */
export function reportLines(report: LabReport): string[] {
  const { epsilon, delta, runs, columns, victims, queries, coveredQueries, repetitions } = report;
  return [
    `Claim     epsilon ${epsilon.toPrecision(4)}, delta ${delta.toPrecision(3)}; runs: ${runs}; ` +
      `identifier columns: ${columns}`,
    ...report.mechanisms
      .filter(({ dummies, mechanism }) => dummies === 'honest' && mechanism !== 'plain')
      .map(
        (m) => `          ${mechanismName(m)}: ${m.rows.join(' + ')} dummy rows per party and run`,
      ),
    '',
    `Set attacks: ${victims} victims, ${queries} queries (the claim covers ${coveredQueries}), ` +
      `${repetitions} repetitions on synthetic data`,
    'Each cell: claims in % of the victims, correct / wrong, and their precision.',
    ...claimTable(report),
    'These attacks do not expect noise and go on claiming; what they learn is precision beyond the prior of always',
    'guessing the majority, not the number of correct claims.',
    '',
    `One person, the optimal test over all runs (${report.trials} trials per world)`,
    ...table(
      [
        ['sizes from', 'advantage', 'at most', 'TPR at 1 % FPR', 'at 0.1 % FPR', 'epsilon above'],
        ...report.targets.map(targetRow),
      ],
      1,
    ),
    `The claim alone would permit an advantage of ${report.claimedAdvantage.toFixed(3)}. "at most" is exact for the mask;`,
    '"epsilon above" is the audit, a lower bound at 95 % confidence that must stay below the claim.',
    '"all inserted" and "none inserted": an enclave that deviates and inserts every version of the dummies, or none.',
    'Attestation prevents that; no mask does.',
  ];
}
