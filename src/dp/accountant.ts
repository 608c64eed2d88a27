/**
 * The accountant: certified bounds on delta for any composition of loss pairs (docs/privacy.md section 5).
 *
 * delta(eps) = 1 - prod (1 - inf_i)^{c_i} + sum over losses L > eps of mass(L) (1 - e^{eps - L}),
 *
 * the second part bounded in compose.ts. Infinite losses are inside delta, and what the masses' own rounding can
 * change is added to an upper bound and taken from a lower one.
 * @module
 */
import { DpcaError } from '../errors.ts';
import { type Bracket, type Composed, finitePart } from './compose.ts';
import { MASS_ERROR } from './loss.ts';

export type { Bracket, Composed } from './compose.ts';

export interface Accuracy {
  /** Aimed-at relative gap between the upper bound and the exact delta, 1e-4 if absent; the bound holds whatever it is. */
  readonly tolerance?: number;
}

function infinitePart(parts: readonly Composed[]): number {
  return -Math.expm1(parts.reduce((sum, p) => sum + p.count * Math.log1p(-p.pair.infinite), 0));
}

function check(parts: readonly Composed[], epsilon: number): void {
  const whole = parts.every(({ count }) => Number.isSafeInteger(count) && count >= 1);
  if (!whole || parts.length === 0 || !(epsilon >= 0) || !Number.isFinite(epsilon)) {
    throw new DpcaError(
      'ERR_INTERNAL',
      'accountant: expected counts from 1 on and epsilon from 0 on',
    );
  }
}

/** Certified upper bound on delta at `epsilon` >= 0. */
export function deltaUpper(
  parts: readonly Composed[],
  epsilon: number,
  accuracy: Accuracy = {},
): number {
  check(parts, epsilon);
  const { upper } = finitePart(parts, epsilon, true, accuracy.tolerance ?? 1e-4);
  return Math.min(1, (upper + infinitePart(parts)) * slack(parts));
}

/** Certified bracket; the upper end is {@link deltaUpper}, the lower end rounds losses down and is coarser. */
export function deltaBracket(
  parts: readonly Composed[],
  epsilon: number,
  accuracy: Accuracy = {},
): Bracket {
  const upper = deltaUpper(parts, epsilon, accuracy);
  const { lower } = finitePart(parts, epsilon, false, (accuracy.tolerance ?? 1e-4) / 100);
  return { lower: (lower + infinitePart(parts)) / slack(parts), upper };
}

/** (1 + MASS_ERROR)^n: what the masses' own rounding can change. */
function slack(parts: readonly Composed[]): number {
  return Math.exp(2 * MASS_ERROR * (1 + parts.reduce((sum, { count }) => sum + count, 0)));
}

/** Smallest epsilon, to a relative 1e-5, whose certified delta is at most `delta`; Infinity if there is none. */
export function epsilonUpper(
  parts: readonly Composed[],
  delta: number,
  accuracy: Accuracy = {},
): number {
  if (infinitePart(parts) * slack(parts) >= delta) return Infinity;
  // how far the logarithm of delta at epsilon is above the one asked for: nearly straight, which a secant needs
  const excess = (epsilon: number): number =>
    Math.log(deltaUpper(parts, epsilon, accuracy) / delta);
  let [low, atLow] = [0, excess(0)];
  if (atLow <= 0) return 0;
  let [high, atHigh] = [1, excess(1)];
  while (atHigh > 0) {
    [low, atLow] = [high, atHigh];
    high *= 2;
    atHigh = excess(high);
    if (high > 1e6) return Infinity;
  }
  // regula falsi (Illinois): whatever it tries, delta is above the bound at low and not above it at high
  let side = 0;
  while (high - low > 1e-5 * high) {
    const step = (atLow / (atLow - atHigh)) * (high - low);
    // not closer to an end than half the accuracy, so that the last step shuts the bracket
    const least = 5e-6 * high;
    const next = Number.isFinite(step)
      ? Math.min(Math.max(low + step, low + least), high - least)
      : (low + high) / 2;
    const at = excess(next);
    if (at > 0) {
      if (side < 0) atHigh /= 2;
      [low, atLow, side] = [next, at, -1];
    } else {
      if (side > 0) atLow /= 2;
      [high, atHigh, side] = [next, at, 1];
    }
  }
  return high;
}
