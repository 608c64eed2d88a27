/**
 * Means, variances, covariances and correlations from noised sums (docs/privacy.md section 10). Their intervals hold the
 * true figure whenever the intervals of all sums hold theirs; the sums' tails are split so that this happens with
 * probability 95 % at least.
 * @module
 */
import { TAIL } from '../dp/noise-law.ts';
import { DpcaError } from '../errors.ts';
import type { ManifestValue } from './definition.ts';
import { Estimate, type Interval, type Source } from './estimate.ts';
import { centre, type Factor, factorRange } from './moments.ts';
import { isLess, type Rational, whole } from './rational.ts';

/** A noised number whose interval leaves out `tail` of its noise on either side. */
export type Noised = (tail: Rational) => Source;

/** A sum over rows of the product of the factors. */
export interface NoisedSum {
  readonly factors: readonly Factor[];
  readonly noised: Noised;
}

export interface RatioSums {
  readonly kind: 'mean' | 'variance' | 'covariance' | 'correlation';
  readonly count: Noised;
  /** Of each value. */
  readonly firsts: readonly NoisedSum[];
  /** Second-order sums, about the centres of the values' bounds. */
  readonly squares: readonly NoisedSum[];
  readonly product: NoisedSum | undefined;
}

const ZERO: Rational = whole(0);

/** What the covariance of two values, or the variance of one with itself, can be. */
function spread(a: ManifestValue, b: ManifestValue): Interval {
  const width = ({ low, high }: ManifestValue): bigint => BigInt(high) - BigInt(low);
  const most = width(a) * width(b);
  return { low: { num: a === b ? 0n : -most, den: 4n }, high: { num: most, den: 4n } };
}

/** The figure, or why there is none. */
export function ratioOf(sums: RatioSums): Estimate | string {
  const { kind, firsts, squares, product } = sums;
  const inputs = 1 + firsts.length + squares.length + (product === undefined ? 0 : 1);
  const tail = { num: TAIL.num, den: TAIL.den * BigInt(inputs) };
  const count = sums.count(tail);
  if (!isLess(ZERO, count.value)) return 'the noised count is not positive';
  // every figure below is one of at least one row
  const rows = Estimate.of(count).atLeast(whole(1));
  const perRow = ({ factors, noised }: NoisedSum): Estimate => {
    const { low, high } = factorRange(factors);
    return Estimate.of(noised(tail)).over(rows, { low: whole(low), high: whole(high) });
  };
  const first = firsts.map((sum) => {
    const [factor] = sum.factors;
    if (factor === undefined) throw new DpcaError('ERR_INTERNAL', 'a first-order sum of nothing');
    return { ...factor, perRow: perRow(sum) };
  });
  const [x, y = x] = first;
  if (x === undefined || y === undefined) throw new DpcaError('ERR_INTERNAL', 'a ratio of nothing');
  if (kind === 'mean') return x.perRow.plus(Estimate.exact(whole(x.offset)));

  const [dx, dy] = [x, y].map(({ value, offset, perRow: mean }) =>
    mean.plus(Estimate.exact(whole(offset - centre(value)))),
  ) as [Estimate, Estimate];
  const variances = squares.map((square, i) => {
    const [d, { value }] = i === 0 ? [dx, x] : [dy, y];
    return perRow(square).minus(d.squared()).within(spread(value, value));
  });
  if (variances.some(({ value }) => !isLess(ZERO, value))) {
    return 'a noised variance is not positive';
  }
  const [varX, varY] = variances;
  if (kind === 'variance' && varX !== undefined) return varX;
  if (product === undefined) throw new DpcaError('ERR_INTERNAL', 'a covariance without products');
  const covariance = perRow(product).minus(dx.times(dy)).within(spread(x.value, y.value));
  if (kind === 'covariance' || varX === undefined || varY === undefined) return covariance;
  return covariance.over(varX.times(varY).root(), { low: whole(-1), high: whole(1) });
}
