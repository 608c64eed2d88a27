/**
 * Privacy parameters as exact rationals from decimal text, the only form a manifest may use: no floats, no signs,
 * no exponents, no zero.
 * @module
 */
import { DpcaError } from '../errors.ts';

export interface Rational {
  readonly num: bigint;
  readonly den: bigint;
}

/** "2", "0.5", "0.00001" as num/den with den a power of ten; at most 30 places, and never zero (ERR_MANIFEST_PLAN). */
export function parseDecimal(text: string): Rational {
  const match = /^(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,30}))?$/.exec(text);
  const fraction = match?.[2] ?? '';
  const num = match === null ? 0n : BigInt(`${match[1] ?? '0'}${fraction}`);
  if (num === 0n) {
    throw new DpcaError(
      'ERR_MANIFEST_PLAN',
      'expected a positive decimal such as "0.00001", without sign or exponent',
    );
  }
  return { num, den: 10n ** BigInt(fraction.length) };
}

/** A double that is at most the rational, and less than 2^-49 of it below. */
export function floorNumber({ num, den }: Rational): number {
  return (Number(num) / Number(den)) * (1 - 2 ** -50);
}
