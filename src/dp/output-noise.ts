/**
 * Noise of an opened moment: D Z + U with Z = sum w_i Bernoulli(1/2), U uniform on 0..D-1 and D the sensitivity rounded
 * up to a power of two. Every shift of at most D is dominated by the shift-1 pair of Z (docs/privacy.md section 10).
 * All whole numbers: bits that both enclaves contributed to, values of bits, exact quantiles.
 * @module
 */
import type { Rational } from './decimal.ts';
import { type LossPair, pairOfLaw, xorLaw } from './loss.ts';
import { type LowerLaw, lowerLaw, TAIL } from './noise-law.ts';

/** What the outputs of one run cost beside the sizes. */
export interface OutputCharge {
  /** Of the manifest, largest first. */
  readonly weights: readonly number[];
  /** Shift-1 compositions of Z in one run: the moments that can change between neighbours. */
  readonly slots: number;
  /** Moments that can change, by up to twice their sensitivity, when a row is replaced. */
  readonly replaceSlots: number;
}

/** Dominates the pair of a moment that moves by at most its sensitivity. */
export function outputPair(weights: readonly number[]): LossPair {
  return pairOfLaw(xorLaw(weights), 1);
}

/** The weights of a manifest as they are used for all of its moments; the exact law of Z is computed once. */
export class OutputNoise {
  readonly weights: readonly number[];
  private law: LowerLaw | undefined;

  constructor(weights: readonly number[]) {
    this.weights = weights;
  }

  /** Values of the noise bits for a moment of sensitivity `shift` >= 0: D w_1, D w_2, ..., then 1, 2, 4, ..., D/2. */
  values(shift: bigint): readonly bigint[] {
    const b = scaleBits(shift);
    return [
      ...this.weights.map((w) => BigInt(w) << b),
      ...Array.from({ length: Number(b) }, (_, i) => 1n << BigInt(i)),
    ];
  }

  /**
   * Largest lo with P(noise < lo) <= tail (below 1/2), exactly. The noise is symmetric about half of its largest value m,
   * so it lies in [lo, m - lo] except with probability 2 tail.
   */
  lowerQuantile(shift: bigint, tail: Rational = TAIL): bigint {
    const b = scaleBits(shift);
    this.law ??= lowerLaw({ kind: 'xor', columns: [this.weights] });
    const { bits, masses } = this.law;
    // P(noise < q D + r) = P(Z < q) + P(Z = q) r / D
    const room = tail.num << BigInt(bits);
    let below = 0n;
    for (const [q, mass] of masses.entries()) {
      if ((below + mass) * tail.den > room) {
        return (BigInt(q) << b) + ((room - below * tail.den) << b) / (mass * tail.den);
      }
      below += mass;
    }
    return BigInt(masses.length) << b;
  }
}

/** log2 D: the least b with 2^b >= shift. */
function scaleBits(shift: bigint): bigint {
  return shift <= 1n ? 0n : BigInt((shift - 1n).toString(2).length);
}

/** Largest value of the noise: all bits set. */
export function noiseTotal(values: readonly bigint[]): bigint {
  return values.reduce((sum, v) => sum + v, 0n);
}

/** Variance of the noise. */
export function noiseVariance(values: readonly bigint[]): Rational {
  return { num: values.reduce((sum, v) => sum + v * v, 0n), den: 4n };
}
