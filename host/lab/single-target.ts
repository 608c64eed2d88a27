/**
 * The strongest simple attack: all runs on one person. Every size is the noise, plus 1 if the person is in the other
 * table; the log likelihood ratio of all sizes is the optimal statistic (Neyman-Pearson), so its advantage estimates
 * the total variation distance delta_n(0), the most that anyone can reach.
 * @module
 */
import { advantage, auditEpsilon, truePositiveRate, type Worlds } from './audit.ts';
import type { Random } from './random.ts';
import type { SizeMechanism } from './sizes.ts';

/** Audits hold at 95 % confidence. */
const AUDIT_ERROR = 0.05;

export interface SingleTarget {
  readonly advantage: number;
  /** Standard error of `advantage`. */
  readonly standardError: number;
  readonly tprAt1Percent: number;
  readonly tprAtPermille: number;
  /** Lower bound on epsilon at 95 % confidence. */
  readonly auditEpsilon: number;
  /** [false positive rate, true positive rate], 0.001 to 1. */
  readonly curve: readonly (readonly [number, number])[];
}

/** ln P(s | member) / P(s | non-member) for s = 0..max: infinite where one of the two is impossible. */
export function logRatios(law: Float64Array): Float64Array {
  return Float64Array.from({ length: law.length + 1 }, (_, s) => {
    const member = law[s - 1] ?? 0;
    const nonMember = law[s] ?? 0;
    if (nonMember === 0) return Infinity;
    return member === 0 ? -Infinity : Math.log(member / nonMember);
  });
}

/** Ascending statistics of `trials` attacks of `runs` runs each. */
function sample(
  mechanism: SizeMechanism,
  runs: number,
  trials: number,
  shift: 0 | 1,
  random: Random,
): Float64Array {
  const columns = mechanism.columns.map((noise) => ({ noise, ratios: logRatios(noise.law) }));
  const out = new Float64Array(trials);
  for (let t = 0; t < trials; t++) {
    let sum = 0;
    for (const { noise, ratios } of columns) {
      for (let run = 0; run < runs; run++) sum += ratios[noise.draw(random) + shift] ?? 0;
    }
    out[t] = sum;
  }
  return out.sort();
}

/**
 * Plays the attack `trials` times in each world: `runs` runs, every column in each, as the claim permits.
 * @param delta of the claim, for the audit
 */
export function attackSingleTarget(
  mechanism: SizeMechanism,
  runs: number,
  trials: number,
  delta: number,
  random: Random,
): SingleTarget {
  const pilot = sample(mechanism, runs, Math.ceil(trials / 4), 0, random);
  const worlds: Worlds = {
    member: sample(mechanism, runs, trials, 1, random),
    nonMember: sample(mechanism, runs, trials, 0, random),
  };
  const gained = advantage(worlds);
  const rates = Array.from({ length: 31 }, (_, i) => 10 ** (i / 10 - 3));
  return {
    advantage: gained,
    // the variance of one pair of trials is at most (1 - advantage^2) / 2, reached when both errors are equal
    standardError: Math.sqrt((1 - gained * gained) / (2 * trials)),
    tprAt1Percent: truePositiveRate(worlds, 0.01),
    tprAtPermille: truePositiveRate(worlds, 0.001),
    auditEpsilon: auditEpsilon(worlds, pilot, delta, AUDIT_ERROR),
    curve: rates.map((rate) => [rate, truePositiveRate(worlds, rate)]),
  };
}
