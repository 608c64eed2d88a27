/**
 * From opened moments and masked sizes to the figures of a release (docs/specification.md section 9). Post-processing
 * of what is charged already. Whole numbers and decimal text only; an estimate is never clamped, which would bias it.
 * @module
 */
import {
  type LowerLaw,
  lowerLaw,
  lowerQuantile,
  rootText,
  TAIL,
  variance,
} from '../dp/noise-law.ts';
import { noiseTotal, noiseVariance } from '../dp/output-noise.ts';
import { type MaskPlan, maskRows } from '../dp/plan.ts';
import { DpcaError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { Compiled, Parts } from './compile.ts';
import type { Statistic } from './definition.ts';
import type { Estimate } from './estimate.ts';
import type { MomentFamily } from './moments.ts';
import { decimalText, isLess, type Rational, root, whole } from './rational.ts';
import { type Noised, type NoisedSum, ratioOf } from './ratios.ts';

/** Digits after the point of means, variances, covariances and correlations. */
const PLACES = 6;
const LEVEL = '0.95';

/** What both enclaves know once all is opened. */
export interface Opened {
  readonly mask: MaskPlan;
  readonly sizes: readonly number[];
  /** Signed integers, noise included, in the order of the program's moments. */
  readonly moments: readonly bigint[];
  readonly threshold: number | undefined;
  /** The figures of the count of all common rows. */
  readonly total: () => JsonObject;
}

const SUPPRESSED: JsonObject = { suppressed: true };

/** Count of all common rows, from the masked sizes. */
function totalCount(mask: MaskPlan, sizes: readonly number[]): Noised {
  let law: LowerLaw | undefined;
  const rows = maskRows(mask).reduce((a, b) => a + b, 0);
  const size = sizes.reduce((a, b) => a + b, 0);
  return (tail) => {
    law ??= lowerLaw(mask);
    const lo = lowerQuantile(law, tail);
    return {
      value: { num: BigInt(2 * size - rows), den: 2n },
      variance: variance(mask),
      interval: { low: whole(size - (rows - lo)), high: whole(size - lo) },
    };
  };
}

function isBelow(noised: Noised, threshold: number | undefined): boolean {
  return threshold !== undefined && isLess(noised(TAIL).value, whole(threshold));
}

/** An opened number: exact in halves; the interval's ends are numbers for counts, which are small, else text. */
function figure(noised: Noised, isCount: boolean): JsonObject {
  const { value, variance: spread, interval } = noised(TAIL);
  const end = ({ num }: Rational): number | string => (isCount ? Number(num) : num.toString());
  return {
    value: decimalText(value, value.num % value.den === 0n ? 0 : 1, 'nearest'),
    standardDeviation: rootText(spread),
    interval: { level: LEVEL, low: end(interval.low), high: end(interval.high) },
  };
}

function ratioFigure(estimate: Estimate): JsonObject {
  const { value, interval } = estimate;
  return {
    value: decimalText(value, PLACES, 'nearest'),
    standardDeviation: decimalText(root(estimate.variance(), 'up'), PLACES, 'up'),
    interval: {
      level: LEVEL,
      low: decimalText(interval.low, PLACES, 'down'),
      high: decimalText(interval.high, PLACES, 'up'),
    },
  };
}

/** The figures of each statistic, in the manifest's order, to stand beside its definition. */
export function interpret(
  statistics: readonly Statistic[],
  compiled: Compiled,
  opened: Opened,
): readonly JsonObject[] {
  if (opened.moments.length !== compiled.program.moments.length) {
    throw new DpcaError('ERR_INTERNAL', 'expected every moment to be opened');
  }
  const total = totalCount(opened.mask, opened.sizes);

  const noised =
    ({ first, shift, noise }: MomentFamily, member = 0): Noised =>
    (tail) => {
      const sum = opened.moments[first + member] ?? 0n;
      const most = noiseTotal(noise);
      const lo = compiled.noise?.lowerQuantile(shift, tail) ?? 0n;
      return {
        value: { num: 2n * sum - most, den: 2n },
        variance: noiseVariance(noise),
        interval: { low: whole(sum - (most - lo)), high: whole(sum - lo) },
      };
    };
  const summed = (family: MomentFamily): NoisedSum => ({
    factors: family.term.factors,
    noised: noised(family),
  });
  /** A count under its own threshold, and the sum beside it. */
  const counted = ({ count, sum }: Parts, member: number): JsonObject => {
    const rows = count === undefined ? total : noised(count, member);
    if (isBelow(rows, opened.threshold)) return SUPPRESSED;
    return {
      count: figure(rows, true),
      ...(sum === undefined ? {} : { sum: figure(noised(sum, member), false) }),
    };
  };

  return statistics.map((statistic, i): JsonObject => {
    const parts = compiled.parts[i] ?? {};
    switch (statistic.kind) {
      case 'shares':
        return { differentialPrivacy: false };
      case 'histogram':
        return { result: statistic.groups.map((group, g) => ({ group, ...counted(parts, g) })) };
      case 'attributed':
        return { result: counted(parts, 0) };
      default:
    }
    const count = parts.count === undefined ? total : noised(parts.count);
    if (isBelow(count, opened.threshold)) return SUPPRESSED;
    if (statistic.kind === 'count') {
      return parts.count === undefined ? opened.total() : figure(count, true);
    }
    if (parts.sum !== undefined) return figure(noised(parts.sum), false);
    if (statistic.kind === 'sum') throw new DpcaError('ERR_INTERNAL', 'a sum without its moment');
    const ratio = ratioOf({
      ...{ kind: statistic.kind, count },
      firsts: (parts.firsts ?? []).map(summed),
      squares: (parts.squares ?? []).map(summed),
      product: parts.product === undefined ? undefined : summed(parts.product),
    });
    return typeof ratio === 'string' ? { undefined: ratio } : ratioFigure(ratio);
  });
}
