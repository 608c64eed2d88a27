/**
 * The figures of a release beside the truth, which only a demo knows.
 * @module
 */
import type { Truth } from '../../examples/example.d.mts';
import { DpcaError } from '../../src/errors.ts';
import type { Statistic } from '../../src/statistics/definition.ts';
import { statisticWords } from '../config/statistic-flags.ts';

/** A released number. */
export interface Figure {
  readonly value: string;
  readonly standardDeviation: string;
  readonly interval: { readonly low: number | string; readonly high: number | string };
}

interface Counted {
  readonly suppressed?: true;
  readonly count?: Figure;
  readonly sum?: Figure;
}

/** A statistic of a release: its definition and its figures. */
export type Released = Statistic &
  Partial<Figure> & {
    readonly columns?: readonly (Figure & { readonly column: string })[];
    readonly result?: Counted | readonly (Counted & { readonly group: number })[];
    readonly suppressed?: true;
    readonly undefined?: string;
  };

export interface Comparison {
  readonly label: string;
  /** Absent if the figure was suppressed or is undefined; `instead` says which. */
  readonly figure?: Figure;
  readonly instead?: string;
  readonly truth: number;
  /** Whether the truth lies in the 95 % interval; false without figure. */
  readonly inside: boolean;
}

function compared(
  label: string,
  truth: number,
  figure: Figure | undefined,
  instead = 'suppressed',
): Comparison {
  if (figure === undefined) return { label, instead, truth, inside: false };
  const { low, high } = figure.interval;
  return { label, figure, truth, inside: Number(low) <= truth && truth <= Number(high) };
}

function ofCounted(
  label: string,
  { count, sum }: Counted,
  truth: { readonly count: number; readonly sum: number },
  withSum: boolean,
): Comparison[] {
  return [
    compared(`${label}: count`, truth.count, count),
    ...(withSum ? [compared(`${label}: sum`, truth.sum, sum)] : []),
  ];
}

/** One comparison per figure. `sizes`: true matches per identifier column. ERR_INTERNAL if the truth is of another kind. */
export function compare(
  released: Released,
  truth: Truth,
  sizes: readonly number[],
): readonly Comparison[] {
  if (released.kind !== truth.kind) {
    throw new DpcaError('ERR_INTERNAL', `a truth for ${truth.kind}, a figure for ${released.kind}`);
  }
  const { value, standardDeviation, interval, result } = released;
  if (truth.kind === 'histogram' && released.kind === 'histogram') {
    const groups = Array.isArray(result)
      ? (result as readonly (Counted & { readonly group: number })[])
      : [];
    return truth.groups.flatMap((group) => {
      const found = groups.find((entry) => entry.group === group.group) ?? {};
      const label = `${released.group} ${group.group}`;
      return ofCounted(label, found, group, released.sum !== undefined);
    });
  }
  if (truth.kind === 'attributed' && released.kind === 'attributed') {
    const { from, to } = released.window;
    const label = `within ${from} to ${to}`;
    return ofCounted(label, (result ?? {}) as Counted, truth, released.sum !== undefined);
  }
  if (!('value' in truth)) throw new DpcaError('ERR_INTERNAL', 'a truth without a number');
  const figure =
    value === undefined || standardDeviation === undefined || interval === undefined
      ? undefined
      : { value, standardDeviation, interval };
  const isTotal = released.columns !== undefined;
  const label = isTotal ? 'common rows' : statisticWords(released);
  return [
    compared(label, truth.value, figure, released.undefined),
    ...(released.columns ?? []).map((column, j) =>
      compared(`  by ${column.column}`, sizes[j] ?? NaN, column),
    ),
  ];
}

/** Difference from the truth, relative to it. */
function errorText({ figure, truth }: Comparison): string {
  if (figure === undefined || truth === 0) return '';
  const percent = (100 * (Number(figure.value) - truth)) / Math.abs(truth);
  return `${percent < 0 ? '-' : '+'}${Math.abs(percent).toFixed(1)} %`;
}

function truthText(truth: number): string {
  return Number.isInteger(truth) ? String(truth) : truth.toFixed(6);
}

/** A table: label, released value, its interval, the truth, relative error, inside or not. */
export function comparisonTable(rows: readonly Comparison[]): readonly string[] {
  const cells = rows.map((row) => [
    row.label,
    row.figure?.value ?? row.instead ?? '',
    row.figure === undefined ? '' : `${row.figure.interval.low} to ${row.figure.interval.high}`,
    truthText(row.truth),
    errorText(row),
    row.figure === undefined ? '' : row.inside ? 'inside' : 'OUTSIDE',
  ]);
  const table = [['', 'released', '95 % interval', 'truth', 'error', 'truth is'], ...cells];
  const width = (column: number): number =>
    Math.max(...table.map((row) => row[column]?.length ?? 0));
  const widths = [0, 1, 2, 3, 4, 5].map(width);
  return table.map((row) =>
    row
      .map((cell, i) =>
        i === 0 || i === 5 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}
