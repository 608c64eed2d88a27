/**
 * Whether counted noise is what the plan claims: its law, its independence between runs, and an audit of epsilon.
 * @module
 */
import { auditEpsilon } from '../../host/lab/audit.ts';
import { logRatios } from '../../host/lab/single-target.ts';
import { columnMasks, type MaskPlan } from '../../src/dp/plan.ts';
import { maskLaw } from '../../src/dp/loss.ts';
import { chiSquareTest } from './chi-square.ts';

/** Joint law of the noise of all columns as a list of cells, column 1 varying slowest. */
function jointLaw(laws: readonly Float64Array[]): number[] {
  return laws.reduce<number[]>(
    (cells, law) => cells.flatMap((p) => [...law].map((q) => p * q)),
    [1],
  );
}

/** p-value of the noise vectors against the claimed joint law; columns must be independent, too. */
export function lawPValue(plan: MaskPlan, noise: readonly (readonly number[])[]): number {
  const laws = columnMasks(plan).map(maskLaw);
  const probabilities = jointLaw(laws);
  const cells = new Array<number>(probabilities.length).fill(0);
  for (const vector of noise) {
    let cell = 0;
    for (const [j, law] of laws.entries()) {
      const z = vector[j] ?? -1;
      if (z < 0 || z >= law.length) return 0;
      cell = cell * law.length + z;
    }
    cells[cell] = (cells[cell] ?? 0) + 1;
  }
  return chiSquareTest(cells, probabilities);
}

/** Least p-value of column 1's noise in consecutive runs (2i, 2i+1) and (2i+1, 2i+2), which must be independent. */
export function serialPValue(plan: MaskPlan, noise: readonly (readonly number[])[]): number {
  const [mask] = columnMasks(plan);
  if (mask === undefined) throw new Error('no column');
  const law = maskLaw(mask);
  // about four classes of equal probability
  const classes: number[] = [];
  const mass: number[] = [];
  let below = 0;
  law.forEach((p, z) => {
    const at = Math.min(Math.floor(4 * (below + p / 2)), 3);
    classes[z] = at;
    mass[at] = (mass[at] ?? 0) + p;
    below += p;
  });
  const shares = Array.from({ length: 4 }, (_, i) => mass[i] ?? 0);
  const probabilities = shares.flatMap((p) => shares.map((q) => p * q));
  const test = (first: number): number => {
    const cells = new Array<number>(16).fill(0);
    for (let run = first; run + 1 < noise.length; run += 2) {
      const cell =
        4 * (classes[noise[run]?.[0] ?? -1] ?? 0) + (classes[noise[run + 1]?.[0] ?? -1] ?? 0);
      cells[cell] = (cells[cell] ?? 0) + 1;
    }
    return chiSquareTest(cells, probabilities);
  };
  return Math.min(test(0), test(1));
}

/**
 * Clopper-Pearson lower bound on the epsilon of `group` runs together, from column 1's sizes in both worlds, by the
 * optimal statistic; above the truth with probability at most `error`. The first quarter of the non-member runs
 * sets the thresholds.
 */
export function auditedEpsilon(
  plan: MaskPlan,
  sizes: { readonly member: readonly number[][]; readonly nonMember: readonly number[][] },
  group: number,
  delta: number,
  error: number,
): number {
  const [mask] = columnMasks(plan);
  if (mask === undefined) throw new Error('no column');
  const ratios = logRatios(maskLaw(mask));
  const statistics = (runs: readonly number[][]): Float64Array =>
    Float64Array.from({ length: Math.floor(runs.length / group) }, (_, g) =>
      runs
        .slice(g * group, (g + 1) * group)
        // a size that the law excludes: as certain as can be, for whichever side it speaks
        .reduce((sum, run) => sum + (ratios[run[0] ?? 0] ?? Infinity), 0),
    );
  const nonMember = statistics(sizes.nonMember);
  const quarter = Math.floor(nonMember.length / 4);
  return auditEpsilon(
    {
      member: statistics(sizes.member).sort(),
      nonMember: nonMember.subarray(quarter).slice().sort(),
    },
    nonMember.subarray(0, quarter).slice().sort(),
    delta,
    error,
  );
}
