/**
 * Privacy-loss distributions of one composition: the pair (P, Q) = (law of Z, law of Z + d) as loss atoms, for
 * every law that the project uses or tests against (docs/privacy.md section 4). Floats are fine here: they bound, and are
 * never released. Masses are right to a relative {@link MASS_ERROR}, losses to an absolute {@link LOSS_ERROR};
 * the accountant widens its bounds by both.
 * @module
 */
import { DpcaError } from '../errors.ts';
import type { ColumnMask } from './plan.ts';

export const MASS_ERROR = 1e-10;
export const LOSS_ERROR = 1e-12;

/** Atoms of ln(P/Q) under P. `infinite` is the P-mass where Q is 0; finite masses and `infinite` sum to 1. */
export interface LossPair {
  readonly losses: Float64Array;
  readonly masses: Float64Array;
  readonly infinite: number;
}

/** Beyond this exponent below the mode a mass (1e-40) is not worth an atom. */
const NEGLIGIBLE = 92;

function positive(value: number, what: string): void {
  if (!(value > 0) || !Number.isFinite(value)) {
    throw new DpcaError('ERR_INTERNAL', `${what}: expected a positive number`);
  }
}

/** The pair (p[z], p[z - shift]) of a probability vector; masses need not be normalised. */
export function pairOfLaw(law: Float64Array, shift: number): LossPair {
  const total = law.reduce((sum, p) => sum + p, 0);
  const losses: number[] = [];
  const masses: number[] = [];
  let infinite = 0;
  law.forEach((p, z) => {
    if (p === 0) return;
    const q = law[z - shift] ?? 0;
    if (q === 0) infinite += p / total;
    else {
      losses.push(Math.log(p / q));
      masses.push(p / total);
    }
  });
  return { losses: Float64Array.from(losses), masses: Float64Array.from(masses), infinite };
}

/** Law of sum w_i Bernoulli(1/2), by one convolution per block. */
export function xorLaw(weights: readonly number[]): Float64Array {
  let law = Float64Array.of(1);
  for (const w of weights) {
    const next = new Float64Array(law.length + w);
    law.forEach((p, z) => {
      next[z] = (next[z] ?? 0) + p / 2;
      next[z + w] = (next[z + w] ?? 0) + p / 2;
    });
    law = next;
  }
  return law;
}

/**
 * Hypergeometric(2 tau, tau, tau) around its mode, p_{j+1} / p_j = ((tau - j) / (j + 1))^2, down to 1e-40 of the
 * mode; `first` is the index of the first entry. What is cut off counts as infinite loss on one side and is below
 * {@link MASS_ERROR} on the other.
 */
function hypergeometricWindow(tau: number): { first: number; law: Float64Array } {
  const mode = Math.floor(tau / 2);
  const floor = Math.exp(-NEGLIGIBLE);
  const up: number[] = [];
  for (let j = mode, p = 1; j <= tau && p > floor; p *= ((tau - j) / (j + 1)) ** 2, j++) up.push(p);
  const down: number[] = [];
  for (let j = mode, p = 1; j >= 0 && p > floor; p *= (j / (tau - j + 1)) ** 2, j--) down.push(p);
  down.reverse();
  return { first: mode - down.length + 1, law: Float64Array.from([...down, ...up.slice(1)]) };
}

/** The noise law of one column, indexed by the noise 0..m, normalised. */
export function maskLaw(mask: ColumnMask): Float64Array {
  if (mask.kind === 'xor') return xorLaw(mask.weights);
  const { first, law } = hypergeometricWindow(mask.tau);
  const total = law.reduce((sum, p) => sum + p, 0);
  const whole = new Float64Array(mask.tau + 1);
  whole.set(
    law.map((p) => p / total),
    first,
  );
  return whole;
}

/**
 * Pair of one column whose size moves by `shift` (1 under null-a-row). Both laws are symmetric, so one direction
 * stands for both.
 */
export function maskPair(mask: ColumnMask, shift = 1): LossPair {
  const law = mask.kind === 'xor' ? xorLaw(mask.weights) : hypergeometricWindow(mask.tau).law;
  return pairOfLaw(law, shift);
}

export function binomialPair(n: number): LossPair {
  return maskPair({ kind: 'xor', weights: new Array<number>(n).fill(1) });
}

/** p(j) ~ exp(-exponent(j)) on 0..size; entries below 1e-40 of the mode are dropped. */
function gibbsPair(size: number, exponent: (j: number) => number): LossPair {
  const law = new Float64Array(size + 1);
  for (let j = 0; j <= size; j++) {
    const e = exponent(j);
    law[j] = e > NEGLIGIBLE ? 0 : Math.exp(-e);
  }
  return pairOfLaw(law, 1);
}

/** p(x) ~ exp(-|x| / t) on the integers. */
export function discreteLaplacePair(t: number): LossPair {
  positive(t, 'scale');
  const reach = Math.ceil(NEGLIGIBLE * t);
  return gibbsPair(2 * reach, (j) => Math.abs(j - reach) / t);
}

/** p(x) ~ exp(-x^2 / (2 sigma2)) on the integers. */
export function discreteGaussianPair(sigma2: number): LossPair {
  positive(sigma2, 'variance');
  const reach = Math.ceil(Math.sqrt(2 * NEGLIGIBLE * sigma2));
  return gibbsPair(2 * reach, (j) => (j - reach) ** 2 / (2 * sigma2));
}

/** p(j) ~ exp(-|j - S/2| / t) on 0..S. */
export function truncatedLaplacePair(size: number, t: number): LossPair {
  positive(t, 'scale');
  return gibbsPair(size, (j) => Math.abs(j - size / 2) / t);
}

/** p(j) ~ exp(-(j - S/2)^2 / (2 sigma2)) on 0..S. */
export function truncatedGaussianPair(size: number, sigma2: number): LossPair {
  positive(sigma2, 'variance');
  return gibbsPair(size, (j) => (j - size / 2) ** 2 / (2 * sigma2));
}
