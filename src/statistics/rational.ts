/**
 * Exact fractions for what is computed from opened moments, and their decimal text. Denominators are positive; fractions
 * are not reduced, since they take few steps.
 * @module
 */
import type { Rational } from '../dp/decimal.ts';
import { integerRoot } from '../dp/noise-law.ts';

export type { Rational } from '../dp/decimal.ts';

export function whole(value: bigint | number): Rational {
  return { num: BigInt(value), den: 1n };
}

export function plus(a: Rational, b: Rational): Rational {
  return { num: a.num * b.den + b.num * a.den, den: a.den * b.den };
}

export function minus(a: Rational, b: Rational): Rational {
  return { num: a.num * b.den - b.num * a.den, den: a.den * b.den };
}

export function times(a: Rational, b: Rational): Rational {
  return { num: a.num * b.num, den: a.den * b.den };
}

/** `b` is not zero. */
export function over(a: Rational, b: Rational): Rational {
  const sign = b.num < 0n ? -1n : 1n;
  return { num: a.num * b.den * sign, den: a.den * b.num * sign };
}

export function isLess(a: Rational, b: Rational): boolean {
  return a.num * b.den < b.num * a.den;
}

export function smallest(...all: readonly [Rational, ...Rational[]]): Rational {
  return all.reduce((a, b) => (isLess(b, a) ? b : a));
}

export function largest(...all: readonly [Rational, ...Rational[]]): Rational {
  return all.reduce((a, b) => (isLess(a, b) ? b : a));
}

export type Rounding = 'down' | 'up' | 'nearest';

/** floor, ceiling or nearest (halves up) of num/den. */
export function rounded({ num, den }: Rational, rounding: Rounding): bigint {
  if (rounding === 'nearest') return rounded({ num: 2n * num + den, den: 2n * den }, 'down');
  const quotient = num / den;
  const rest = num % den;
  if (rounding === 'down') return rest < 0n ? quotient - 1n : quotient;
  return rest > 0n ? quotient + 1n : quotient;
}

/** Fraction bits of a square root. */
const ROOT_BITS = 64n;

/** The square root of a fraction from 0 on, rounded down or up to a multiple of 2^-64 / den. */
export function root({ num, den }: Rational, rounding: 'down' | 'up'): Rational {
  // sqrt(num/den) = sqrt(num den) / den
  const square = (num * den) << (2n * ROOT_BITS);
  const low = integerRoot(square);
  const up = rounding === 'up' && low * low < square;
  return { num: up ? low + 1n : low, den: den << ROOT_BITS };
}

/** Decimal text with exactly `places` digits after the point. */
export function decimalText(value: Rational, places: number, rounding: Rounding): string {
  const unit = 10n ** BigInt(places);
  const scaled = rounded({ num: value.num * unit, den: value.den }, rounding);
  const size = scaled < 0n ? -scaled : scaled;
  const fraction = places === 0 ? '' : `.${(size % unit).toString().padStart(places, '0')}`;
  return `${scaled < 0n ? '-' : ''}${size / unit}${fraction}`;
}
