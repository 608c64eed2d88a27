/**
 * Evaluation of a test that tells two worlds apart: advantage, true positive rates at small false positive rates, and
 * the Clopper-Pearson lower bound on epsilon (docs/leakage.md). Everything from samples of a statistic that is
 * large in the member world.
 * @module
 */
import { lowerBound, upperBound } from './proportions.ts';

/** False positive rates at which thresholds are set. */
const RATES = [0.5, 0.1, 0.01, 0.001, 0.0005] as const;

/** Ascending samples of the statistic in each world. */
export interface Worlds {
  readonly member: Float64Array;
  readonly nonMember: Float64Array;
}

/** Entries of ascending `sorted` that are greater than `threshold`. */
function above(sorted: Float64Array, threshold: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) > threshold) high = middle;
    else low = middle + 1;
  }
  return sorted.length - low;
}

/** Entries of ascending `sorted` that are less than `threshold`. */
function beneath(sorted: Float64Array, threshold: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** TPR - FPR at threshold 0, which is optimal for a log likelihood ratio: no threshold is picked from the data. */
export function advantage({ member, nonMember }: Worlds): number {
  return above(member, 0) / member.length - above(nonMember, 0) / nonMember.length;
}

/** TPR of the test of false positive rate `rate`, which tosses a coin at its threshold. */
export function truePositiveRate({ member, nonMember }: Worlds, rate: number): number {
  const at = Math.floor((1 - rate) * nonMember.length);
  const threshold = nonMember[Math.min(at, nonMember.length - 1)] ?? Infinity;
  const strict = above(nonMember, threshold) / nonMember.length;
  const loose = 1 - beneath(nonMember, threshold) / nonMember.length;
  const share = (rate - strict) / (loose - strict);
  const tprStrict = above(member, threshold) / member.length;
  const tprLoose = 1 - beneath(member, threshold) / member.length;
  return tprStrict + share * (tprLoose - tprStrict);
}

/**
 * The mechanism is not (epsilon, delta)-private for any epsilon below the result, but for a chance of `error`: the
 * largest ln((TPR_lo - delta) / FPR_hi) over five thresholds and both directions, Bonferroni over all bounds.
 * Thresholds come from `pilot`, ascending samples of the non-member world that are not among `worlds`.
 */
export function auditEpsilon(
  worlds: Worlds,
  pilot: Float64Array,
  delta: number,
  error: number,
): number {
  const alpha = error / (4 * RATES.length);
  const bound = (hits: number, of: number, falseHits: number, falseOf: number): number => {
    const rate = lowerBound(hits, of, alpha) - delta;
    return rate <= 0 ? 0 : Math.log(rate / upperBound(falseHits, falseOf, alpha));
  };
  const { member, nonMember } = worlds;
  let best = 0;
  for (const rate of RATES) {
    const high = pilot[Math.floor((1 - rate) * (pilot.length - 1))] ?? Infinity;
    const low = pilot[Math.ceil(rate * (pilot.length - 1))] ?? -Infinity;
    best = Math.max(
      best,
      bound(above(member, high), member.length, above(nonMember, high), nonMember.length),
      bound(beneath(nonMember, low), nonMember.length, beneath(member, low), member.length),
    );
  }
  return best;
}
