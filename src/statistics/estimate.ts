/**
 * A number computed from noised ones: its value, an interval that holds the true number whenever every input's interval
 * holds its own, and its derivative by each input, for a first-order standard deviation. Exact fractions throughout.
 * @module
 */
import {
  isLess,
  largest,
  over,
  plus,
  type Rational,
  root,
  smallest,
  times,
  whole,
} from './rational.ts';

/** A closed interval. */
export interface Interval {
  readonly low: Rational;
  readonly high: Rational;
}

/** An input: an unbiased value with noise of known variance, and an interval about it. */
export interface Source {
  readonly value: Rational;
  readonly variance: Rational;
  readonly interval: Interval;
}

const ZERO = whole(0);

export class Estimate {
  readonly value: Rational;
  readonly interval: Interval;
  private readonly slopes: ReadonlyMap<Source, Rational>;

  constructor(value: Rational, interval: Interval, slopes: ReadonlyMap<Source, Rational>) {
    this.value = value;
    this.interval = interval;
    this.slopes = slopes;
  }

  static of(source: Source): Estimate {
    return new Estimate(source.value, source.interval, new Map([[source, whole(1)]]));
  }

  static exact(value: Rational): Estimate {
    return new Estimate(value, { low: value, high: value }, new Map());
  }

  /** Slopes of a function with derivatives `own` and `others` by its two arguments. */
  private chain(own: Rational, other: Estimate, others: Rational): Map<Source, Rational> {
    const out = new Map([...this.slopes].map(([source, s]) => [source, times(own, s)] as const));
    for (const [source, s] of other.slopes) {
      out.set(source, plus(out.get(source) ?? ZERO, times(others, s)));
    }
    return out;
  }

  plus(other: Estimate): Estimate {
    const [a, b] = [this.interval, other.interval];
    const interval = { low: plus(a.low, b.low), high: plus(a.high, b.high) };
    return new Estimate(
      plus(this.value, other.value),
      interval,
      this.chain(whole(1), other, whole(1)),
    );
  }

  minus(other: Estimate): Estimate {
    return this.plus(other.times(Estimate.exact(whole(-1))));
  }

  times(other: Estimate): Estimate {
    const [a, b] = [this.interval, other.interval];
    const corners = [
      ...[times(a.low, b.low), times(a.low, b.high)],
      ...[times(a.high, b.low), times(a.high, b.high)],
    ] as const satisfies readonly Rational[] as unknown as readonly [Rational, ...Rational[]];
    return new Estimate(
      times(this.value, other.value),
      { low: smallest(...corners), high: largest(...corners) },
      this.chain(other.value, other, this.value),
    );
  }

  /**
   * A quotient that is known to lie in `limit`; the other value is positive and its interval starts at 0 or above. The
   * value itself is not cut, which would bias it.
   */
  over(other: Estimate, limit: Interval): Estimate {
    const end = (x: Rational, isLow: boolean): Rational => {
      // away from 0 the smaller divisor gives the wider interval, towards 0 the larger one
      const divisor = isLess(x, ZERO) === isLow ? other.interval.low : other.interval.high;
      const least = isLow ? limit.low : limit.high;
      return divisor.num === 0n
        ? least
        : smallest(largest(over(x, divisor), limit.low), limit.high);
    };
    const value = over(this.value, other.value);
    const reciprocal = over(whole(1), other.value);
    return new Estimate(
      value,
      { low: end(this.interval.low, true), high: end(this.interval.high, false) },
      this.chain(reciprocal, other, times(whole(-1), times(value, reciprocal))),
    );
  }

  /** Tighter than times(this): a square is at least 0. */
  squared(): Estimate {
    const product = this.times(this);
    const { low, high } = this.interval;
    const [a, b] = [times(low, low), times(high, high)];
    const crosses = isLess(low, ZERO) && isLess(ZERO, high);
    const interval = { low: crosses ? ZERO : smallest(a, b), high: largest(a, b) };
    return new Estimate(product.value, interval, product.slopes);
  }

  /** The value is positive, the interval's lower end at least 0. */
  root(): Estimate {
    const { low, high } = this.interval;
    const value = root(this.value, 'down');
    const slope = over(whole(1), times(whole(2), value));
    return new Estimate(
      value,
      { low: root(low, 'down'), high: root(high, 'up') },
      this.chain(slope, Estimate.exact(ZERO), ZERO),
    );
  }

  /** The interval cut to what the true number can be; the value stays. */
  within({ low, high }: Interval): Estimate {
    const cut = (x: Rational): Rational => smallest(largest(x, low), high);
    const interval = { low: cut(this.interval.low), high: cut(this.interval.high) };
    return new Estimate(this.value, interval, this.slopes);
  }

  /** The interval cut from below, as {@link within} does. */
  atLeast(low: Rational): Estimate {
    return this.within({ low, high: largest(low, this.interval.high) });
  }

  /** Variance to first order in the noise of independent inputs. */
  variance(): Rational {
    return [...this.slopes].reduce(
      (sum, [{ variance }, s]) => plus(sum, times(variance, times(s, s))),
      ZERO,
    );
  }
}
