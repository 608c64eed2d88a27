/**
 * Epsilon under replacement: one row replaced by an arbitrary other one (docs/privacy.md section 6). The first size then moves
 * by at most 1, every later one by at most 2, so later columns need one pair that dominates shifts 1 and 2. XOR laws
 * need not be log-concave, so the larger shift is not assumed to dominate: the pair is built from the pointwise
 * maximum of both hockey-stick curves (Zhu, Dong, Wang 2022).
 * @module
 */
import { type Composed, epsilonUpper } from './accountant.ts';
import { type LossPair, maskPair } from './loss.ts';
import type { OutputCharge } from './output-noise.ts';
import { type ColumnMask, columnMasks, type MaskPlan } from './plan.ts';

/** The hockey-stick curve of a pair at the likelihood ratios `ratios` (ascending), from the top down. */
interface Curve {
  /** H at ratios[i]. */
  readonly height: Float64Array;
  /** Q-mass of atoms at or above ratios[i]: minus the slope just below it. */
  readonly above: Float64Array;
}

function curveOf(pair: LossPair, ratios: Float64Array): Curve {
  const at = new Map<number, number>();
  ratios.forEach((ratio, i) => at.set(ratio, i));
  const above = new Float64Array(ratios.length + 1);
  pair.losses.forEach((loss, a) => {
    const ratio = Math.exp(loss);
    const i = at.get(ratio) ?? 0;
    above[i] = (above[i] ?? 0) + (pair.masses[a] ?? 0) / ratio;
  });
  const height = new Float64Array(ratios.length);
  height[ratios.length - 1] = pair.infinite;
  for (let i = ratios.length - 2; i >= 0; i--) {
    above[i + 1] = (above[i + 1] ?? 0) + (above[i + 2] ?? 0);
    const step = (ratios[i + 1] ?? 0) - (ratios[i] ?? 0);
    height[i] = (height[i + 1] ?? 0) + step * (above[i + 1] ?? 0);
  }
  above[0] = (above[0] ?? 0) + (above[1] ?? 0);
  return { height, above };
}

/**
 * A pair whose curve is at least the maximum of both at every ratio. Between neighbouring atoms both curves are
 * straight, so the maximum is one of them, or below its chord where they cross.
 */
export function dominate(a: LossPair, b: LossPair): LossPair {
  const all = new Set([...a.losses, ...b.losses].map((loss) => Math.exp(loss)));
  const ratios = Float64Array.from(all).sort();
  const curves = [curveOf(a, ratios), curveOf(b, ratios)] as const;
  const winner = (i: number): Curve =>
    (curves[1].height[i] ?? 0) >= (curves[0].height[i] ?? 0) ? curves[1] : curves[0];
  // minus the slope of the envelope below ratios[i]; 0 beyond the last
  const descent = new Float64Array(ratios.length + 1);
  for (let i = 0; i < ratios.length; i++) {
    const upper = winner(i);
    const lower = i === 0 ? upper : winner(i - 1);
    const below = i === 0 ? 1 : (lower.height[i - 1] ?? 0);
    const step = (ratios[i] ?? 0) - (i === 0 ? 0 : (ratios[i - 1] ?? 0));
    descent[i] = upper === lower ? (upper.above[i] ?? 0) : (below - (upper.height[i] ?? 0)) / step;
  }
  const masses = ratios.map((ratio, i) => {
    return ratio * Math.max((descent[i] ?? 0) - (descent[i + 1] ?? 0), 0);
  });
  return {
    losses: ratios.map(Math.log),
    masses,
    infinite: Math.max(a.infinite, b.infinite),
  };
}

function shiftUpTo2(mask: ColumnMask): LossPair {
  return dominate(maskPair(mask, 1), maskPair(mask, 2));
}

/**
 * Certified epsilon at `delta` when one row is replaced by any other, over `runs` runs; Infinity if there is none.
 * A moment then moves by at most twice its sensitivity.
 */
export function replaceEpsilon(
  plan: MaskPlan,
  runs: number,
  delta: number,
  outputs?: OutputCharge,
): number {
  const parts = new Map<string, Composed>();
  columnMasks(plan).forEach((mask, j) => {
    const key = `${j === 0 ? 1 : 2} ${JSON.stringify(mask)}`;
    const known = parts.get(key);
    const pair = known?.pair ?? (j === 0 ? maskPair(mask, 1) : shiftUpTo2(mask));
    parts.set(key, { pair, count: (known?.count ?? 0) + runs });
  });
  if (outputs !== undefined) {
    const { weights, replaceSlots } = outputs;
    parts.set('', { pair: shiftUpTo2({ kind: 'xor', weights }), count: replaceSlots * runs });
  }
  return epsilonUpper([...parts.values()], delta, { tolerance: 1e-2 });
}

/**
 * Whether the infinite losses under replacement leave room below delta: 1 - (1 - i_1)^T (1 - i_2)^{(k-1)T} <= delta/2
 * with i_d the infinite mass of shift d.
 */
export function isReplaceFinite(mask: ColumnMask, k: number, runs: number, delta: number): boolean {
  const first = runs * Math.log1p(-maskPair(mask, 1).infinite);
  const later = k === 1 ? 0 : (k - 1) * runs * Math.log1p(-maskPair(mask, 2).infinite);
  return -Math.expm1(first + later) <= delta / 2;
}
