/**
 * The planner: from a claim to a certified mask, and what that mask costs and permits. Columns are
 * treated alike by the composition, so one mask serves all; IntersectMask is taken only where its tau is below the
 * XOR rows. Figures are estimates for people; what is released is computed in count.ts.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import { epsilonUpper } from './accountant.ts';
import { certifyPlan, type Claim, compositionOf, sizesOf } from './certify.ts';
import { floorNumber } from './decimal.ts';
import { lowerLaw, lowerQuantile, rootText, variance } from './noise-law.ts';
import { type ColumnMask, columnMasks, type MaskPlan, maskRows, planHash } from './plan.ts';
import { isReplaceFinite, replaceEpsilon } from './replace.ts';
import { searchWeights, spreadWeights } from './search.ts';
import { tauTight } from './tau.ts';

export interface PlanRequest extends Claim {
  /** `auto` compares both and takes XOR on a tie. */
  readonly mask: 'auto' | 'xor' | 'intersect';
  /** Keep epsilon under replacement finite; costs 0 to 5 rows per column. On unless switched off. */
  readonly finiteReplace?: boolean;
}

/**
 * The mask with the fewest rows that keeps the claim, the same in every column; not yet certified. `slots`: moments of
 * each run that are to have noise of the same law (see {@link chooseNoise}).
 */
export function chooseMask(request: PlanRequest, slots = 0): MaskPlan {
  const { k, runs } = request;
  const epsilon = floorNumber(request.epsilon);
  const delta = floorNumber(request.delta);
  const n = (k + slots) * runs;
  const finite = (mask: ColumnMask): boolean =>
    request.finiteReplace === false || isReplaceFinite(mask, k, runs, delta);
  const weights =
    request.mask === 'intersect'
      ? undefined
      : searchWeights({ n, epsilon, delta, allowed: (w) => finite({ kind: 'xor', weights: w }) });
  let tau = request.mask === 'xor' ? Infinity : tauTight(n, epsilon, delta);
  while (tau < Infinity && !finite({ kind: 'intersect', tau })) tau += 1;
  const rows = weights?.reduce((a, b) => a + b, 0) ?? Infinity;
  return weights !== undefined && rows <= tau
    ? { kind: 'xor', columns: new Array<readonly number[]>(k).fill(weights) }
    : { kind: 'intersect', columns: new Array<number>(k).fill(tau) };
}

export interface NoisePlan {
  readonly mask: MaskPlan;
  /** Weights of the output noise; absent if no moment is opened. */
  readonly noise?: readonly number[];
}

/**
 * Mask and output noise for `slots` moments per run. Sizes and moments get the same share of the claim; as a moment's bits
 * cost no rows, its weights are then spread over more blocks, which lowers the deviation by a tenth. Not yet certified.
 */
export function chooseNoise(request: PlanRequest, slots: number): NoisePlan {
  if (slots === 0) return { mask: chooseMask(request) };
  const mask = chooseMask({ ...request, mask: 'xor' }, slots);
  const sizes = sizesOf(mask, request.runs);
  const [first] = columnMasks(mask);
  const weights = first?.kind === 'xor' ? first.weights : [];
  const goal = { epsilon: floorNumber(request.epsilon), delta: floorNumber(request.delta) };
  return { mask, noise: spreadWeights(weights, sizes, slots * request.runs, goal) };
}

export interface PlanReport {
  readonly plan: MaskPlan;
  readonly planHash: Bytes<32>;
  /** Dummy rows per party and column, and what share of the larger table they are. */
  readonly dummies: readonly number[];
  readonly dummyShare: number;
  /** Noise of the total count: standard deviation (text, as released) and 95 % interval estimate +- halfWidth. */
  readonly standardDeviation: string;
  readonly halfWidth: number;
  /** Smallest count told from zero at 95 % confidence in 80 % of runs: 2.8 standard deviations. */
  readonly smallestDetectable: number;
  /** Certified, all runs together, null-a-row. */
  readonly deltaUpper: number;
  /** Certified epsilon at the claimed delta for one run alone, and for all. */
  readonly epsilonPerRun: number;
  readonly epsilonAllRuns: number;
  /** Certified epsilon at the claimed delta when a row is replaced by any other, all runs; may be Infinity. */
  readonly replaceEpsilon: number;
}

/** What a plan costs and gives; refuses one that does not keep the claim (ERR_MANIFEST_PLAN). `rows`: larger table. */
export function describePlan(plan: MaskPlan, claim: Claim, rows: number): PlanReport {
  const certificate = certifyPlan(plan, claim);
  const { runs, outputs } = claim;
  const delta = floorNumber(claim.delta);
  const dummies = maskRows(plan);
  const total = dummies.reduce((a, b) => a + b, 0);
  const standardDeviation = rootText(variance(plan));
  return {
    plan,
    planHash: planHash(plan),
    dummies,
    dummyShare: total / rows,
    standardDeviation,
    halfWidth: total / 2 - lowerQuantile(lowerLaw(plan)),
    smallestDetectable: Math.ceil(2.8 * Number(standardDeviation)),
    deltaUpper: certificate.deltaUpper,
    epsilonPerRun: epsilonUpper(compositionOf(plan, 1, outputs), delta, { tolerance: 1e-2 }),
    epsilonAllRuns: epsilonUpper(compositionOf(plan, runs, outputs), delta, { tolerance: 1e-2 }),
    replaceEpsilon: replaceEpsilon(plan, runs, delta, outputs),
  };
}

/** {@link chooseMask}, certified and described. */
export function planRun(request: PlanRequest, rows: number): PlanReport {
  return describePlan(chooseMask(request), request, rows);
}

/**
 * Elements and tags that each direction of one run carries (docs/specification.md section 8), in bytes, without framing: 32 per
 * blinded row and column in round 1, 16 per row answered, and 32 + 16 per row still unmatched in each later round.
 * `sizes`: masked column sizes, if known; without them nothing is taken to match, an upper bound.
 */
export function payloadBytes(
  plan: MaskPlan,
  rowsA: number,
  rowsB: number,
  sizes: readonly number[] = [],
): { readonly aToB: number; readonly bToA: number } {
  const k = plan.columns.length;
  const dummies = maskRows(plan).reduce((a, b) => a + b, 0);
  const direction = (own: number, peer: number): number => {
    let bytes = 32 * k * own + 16 * peer;
    let matched = 0;
    for (let j = 1; j < k; j++) {
      matched += sizes[j - 1] ?? 0;
      bytes += 32 * (peer - matched) + 16 * (own - matched);
    }
    return bytes;
  };
  const [a, b] = [rowsA + dummies, rowsB + dummies];
  return { aToB: direction(a, b), bToA: direction(b, a) };
}
