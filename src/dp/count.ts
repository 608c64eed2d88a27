/**
 * The release of a count from masked sizes: unbiased estimate, variance and exact 95 % interval (docs/specification.md section 9).
 * Post-processing of sizes that are charged already; costs no privacy. Whole numbers only, and no clamping: the
 * interval may reach below zero, because a clamped estimate is biased.
 * @module
 */
import { DpcaError } from '../errors.ts';
import type { Rational } from './decimal.ts';
import { lowerLaw, lowerQuantile, rootText, variance } from './noise-law.ts';
import { columnPlan } from './mask.ts';
import { assertPlan, type MaskPlan, maskRows } from './plan.ts';

export interface CountEstimate {
  /** Twice the unbiased estimate, 2 s - m: a whole number. */
  readonly doubled: number;
  /** The estimate s - m/2 as decimal text, "123" or "123.5". */
  readonly estimate: string;
  readonly variance: Rational;
  /** Standard deviation of the noise, decimal text with three places. */
  readonly standardDeviation: string;
  /** The true count lies in [low, high] with probability at least 95 %. */
  readonly low: number;
  readonly high: number;
}

export interface CountRelease {
  readonly total: CountEstimate;
  /** Per identifier column, each alone at 95 %. */
  readonly columns: readonly CountEstimate[];
}

function estimate(plan: MaskPlan, size: number): CountEstimate {
  const rows = maskRows(plan).reduce((a, b) => a + b, 0);
  const lo = lowerQuantile(lowerLaw(plan));
  const doubled = 2 * size - rows;
  const whole = Math.trunc(Math.abs(doubled) / 2);
  return {
    doubled,
    estimate: `${doubled < 0 ? '-' : ''}${whole}${doubled % 2 === 0 ? '' : '.5'}`,
    variance: variance(plan),
    standardDeviation: rootText(variance(plan)),
    low: size - (rows - lo),
    high: size - lo,
  };
}

/** Refuses sizes that no honest run can have: size j lies in 0..min(rowsA, rowsB) + m_j (ERR_MATCH_SIZE). */
export function assertSizes(
  plan: MaskPlan,
  sizes: readonly number[],
  rowsA: number,
  rowsB: number,
): void {
  const rows = maskRows(plan);
  const fits = (size: number, j: number): boolean =>
    Number.isSafeInteger(size) && size >= 0 && size <= Math.min(rowsA, rowsB) + (rows[j] ?? 0);
  if (sizes.length !== rows.length || !sizes.every(fits)) {
    throw new DpcaError(
      'ERR_MATCH_SIZE',
      `expected ${rows.length} sizes, each from 0 to the smaller table plus its column's dummies`,
    );
  }
}

/** The count of common rows from the k masked sizes; `rowsA`, `rowsB` are the public table lengths. */
export function releaseCount(
  plan: MaskPlan,
  sizes: readonly number[],
  rowsA: number,
  rowsB: number,
): CountRelease {
  assertPlan(plan, sizes.length);
  assertSizes(plan, sizes, rowsA, rowsB);
  return {
    total: estimate(
      plan,
      sizes.reduce((a, b) => a + b, 0),
    ),
    columns: sizes.map((size, j) => estimate(columnPlan(plan, j), size)),
  };
}
