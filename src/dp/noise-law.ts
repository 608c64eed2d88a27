/**
 * The exact law of a mask's noise in whole numbers: mean, variance and central quantiles of sum_j Z_j
 * (docs/specification.md section 9). No floating point: these figures are released.
 *
 * A polynomial sum_z c_z x^z is kept as one BigInt, its value at x = 2^slot (Kronecker substitution), so a block
 * of weight w is one shift and one addition. XOR coefficients are exact counts over 2^B. Hypergeometric ones are
 * rounded up to multiples of 2^-128, so tail masses are never understated.
 * @module
 */
import type { Rational } from './decimal.ts';
import { type ColumnMask, columnMasks, type MaskPlan, maskRows } from './plan.ts';

/** Resolution of a hypergeometric mass, in bits. */
const MASS_BITS = 128;

/** log2 of the denominator of one column's coefficients. */
function denominatorBits(mask: ColumnMask): number {
  return mask.kind === 'xor' ? mask.weights.length : MASS_BITS;
}

/** C(tau, j)^2 for j = 0..tau over C(2 tau, tau), each rounded up to a multiple of 2^-128. */
function hypergeometricMasses(tau: number): readonly bigint[] {
  const squares: bigint[] = [];
  let choose = 1n;
  let total = 0n;
  for (let j = 0; j <= tau; j++) {
    squares.push(choose * choose);
    total += choose * choose;
    choose = (choose * BigInt(tau - j)) / BigInt(j + 1);
  }
  return squares.map((square) => (square << BigInt(MASS_BITS)) / total + 1n);
}

/** `slot` is a multiple of 4, so that coefficients are whole hex digits. */
function packedLaw(plan: MaskPlan, slot: number): bigint {
  let law = 1n;
  for (const mask of columnMasks(plan)) {
    if (mask.kind === 'xor') {
      for (const w of mask.weights) law += law << BigInt(slot * w);
    } else {
      const digits = hypergeometricMasses(mask.tau).map((mass) =>
        mass.toString(16).padStart(slot / 4, '0'),
      );
      law *= BigInt(`0x${digits.reverse().join('')}`);
    }
  }
  return law;
}

/** The lower half of an exact law, and a little more. */
export interface LowerLaw {
  /** Masses of Z = 0, 1, ... in units of 2^-bits; of a mask with IntersectMask columns rounded up. */
  readonly masses: readonly bigint[];
  readonly bits: number;
}

/** Law of Z = sum of all columns' noise, which is symmetric, up to its middle. */
export function lowerLaw(plan: MaskPlan): LowerLaw {
  const bits = columnMasks(plan).reduce((sum, mask) => sum + denominatorBits(mask), 0);
  // every coefficient is below 2^(bits + 1); whole hex digits make the unpacking linear
  const digits = Math.ceil((bits + 2) / 4);
  const half = Math.floor(maskRows(plan).reduce((a, b) => a + b, 0) / 2) + 1;
  const packed = BigInt.asUintN(4 * digits * half, packedLaw(plan, 4 * digits));
  const text = packed.toString(16).padStart(digits * half, '0');
  const masses = Array.from({ length: half }, (_, z) => {
    const end = text.length - digits * z;
    return BigInt(`0x${text.slice(end - digits, end)}`);
  });
  return { bits, masses };
}

/** Half of the 5 % that an interval of 95 % leaves out. */
export const TAIL: Rational = { num: 1n, den: 40n };

/**
 * Largest lo with P(Z < lo) <= tail, for a tail below 1/2; Z is symmetric, so the upper end of the central interval
 * is m - lo with m = sum of the columns' rows.
 */
export function lowerQuantile({ bits, masses }: LowerLaw, tail: Rational = TAIL): number {
  let below = 0n;
  return masses.findIndex((mass) => {
    below += mass;
    return below * tail.den > tail.num << BigInt(bits);
  });
}

/** Var Z of all columns together: sum w^2 / 4, or tau^2 / (4 (2 tau - 1)) per column. */
export function variance(plan: MaskPlan): Rational {
  let num = 0n;
  let den = 4n;
  for (const mask of columnMasks(plan)) {
    if (mask.kind === 'xor') {
      for (const w of mask.weights) num += (BigInt(w * w) * den) / 4n;
    } else {
      const odd = BigInt(2 * mask.tau - 1);
      num = num * odd + (BigInt(mask.tau * mask.tau) * den) / 4n;
      den *= odd;
    }
  }
  return { num, den };
}

/** floor(sqrt(value)) of a whole number from 0 on. */
export function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let x = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (x + value / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

/** The square root as decimal text with three places, rounded to nearest. */
export function rootText(value: Rational): string {
  const thousandths = (integerRoot((4_000_000n * value.num) / value.den) + 1n) / 2n;
  return `${thousandths / 1000n}.${(thousandths % 1000n).toString().padStart(3, '0')}`;
}
