/**
 * What both enclaves check before a run: that the plan in the manifest keeps the claimed epsilon and delta over
 * all its runs (docs/privacy.md section 5). The search that found the plan is not trusted; this is.
 * @module
 */
import { DpcaError } from '../errors.ts';
import { type Composed, deltaUpper } from './accountant.ts';
import { floorNumber, type Rational } from './decimal.ts';
import { maskPair } from './loss.ts';
import { type OutputCharge, outputPair } from './output-noise.ts';
import { assertPlan, columnMasks, type MaskPlan, PLAN_LIMITS } from './plan.ts';

export interface Claim {
  /** Identifier columns, 1..8. */
  readonly k: number;
  /** Runs T that the claim covers together, 1..1000. */
  readonly runs: number;
  readonly epsilon: Rational;
  readonly delta: Rational;
  /** Most rows of either party's table; delta may not exceed 1/rowsMax. */
  readonly rowsMax: number;
  /** Moments opened in each run; absent if none is. */
  readonly outputs?: OutputCharge;
}

export interface Certificate {
  /** Certified upper bound on delta at the claimed epsilon, all runs, null-a-row adjacency; at most the claimed delta. */
  readonly deltaUpper: number;
}

/** Adaptive composition of k shift-1 pairs in each of `runs` runs; equal columns share one pair. */
export function sizesOf(plan: MaskPlan, runs: number): readonly Composed[] {
  const counts = new Map<string, Composed>();
  for (const mask of columnMasks(plan)) {
    const key = JSON.stringify(mask);
    const known = counts.get(key);
    counts.set(key, { pair: known?.pair ?? maskPair(mask), count: (known?.count ?? 0) + runs });
  }
  return [...counts.values()];
}

/** All that `runs` runs reveal: sizes, and `slots` changed moments in each. */
export function compositionOf(
  plan: MaskPlan,
  runs: number,
  outputs?: OutputCharge,
): readonly Composed[] {
  const sizes = sizesOf(plan, runs);
  if (outputs === undefined) return sizes;
  return [...sizes, { pair: outputPair(outputs.weights), count: outputs.slots * runs }];
}

/** Refuses (ERR_MANIFEST_PLAN) unless delta at epsilon is provably at most the claim over all runs. */
export function certifyPlan(plan: MaskPlan, claim: Claim): Certificate {
  const { k, runs, epsilon, delta, rowsMax } = claim;
  assertPlan(plan, k);
  if (claim.outputs !== undefined) {
    assertPlan({ kind: 'xor', columns: [claim.outputs.weights] }, 1);
  }
  const refuse = (problem: string): never => {
    throw new DpcaError('ERR_MANIFEST_PLAN', problem);
  };
  if (!Number.isInteger(runs) || runs < 1 || runs > PLAN_LIMITS.runs) {
    refuse(`expected 1 to ${PLAN_LIMITS.runs} runs`);
  }
  if (!Number.isSafeInteger(rowsMax) || rowsMax < 1) refuse('expected a row bound from 1 on');
  if (epsilon.num <= 0n || epsilon.den <= 0n || delta.num <= 0n || delta.den <= 0n) {
    refuse('expected positive epsilon and delta');
  }
  if (delta.num * BigInt(rowsMax) > delta.den) {
    refuse('expected delta of at most 1/rowsMax: more would permit publishing a row');
  }
  const upper = deltaUpper(compositionOf(plan, runs, claim.outputs), floorNumber(epsilon));
  if (!(upper <= floorNumber(delta))) {
    refuse(
      `expected noise that keeps the claimed delta over ${runs} runs, got one with delta up to ` +
        `${(upper / floorNumber(delta)).toPrecision(4)} times the claim`,
    );
  }
  return { deltaUpper: upper };
}
