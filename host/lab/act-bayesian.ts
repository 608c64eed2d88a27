/**
 * ActBayesian (AnonPSI, arXiv 2311.18118): a posterior per victim, refined by querying a random half of the victims
 * that look most likely. It claims without certainty: a posterior of 0.8 is taken for 1 and one of 0.25 for 0, so
 * at low density it "recovers" the prior under every mechanism.
 * @module
 */
import { type Claims, type SetAttack } from './oracle.ts';

const TOLERANCE = 0.1;
const TAKEN_AS_MEMBER = 0.8;
const TAKEN_AS_ABSENT = 0.25;

function settle(posterior: number): number {
  if (posterior >= TAKEN_AS_MEMBER) return 1;
  return posterior <= TAKEN_AS_ABSENT ? 0 : posterior;
}

/** The least posterior of the active group: 0.1 below the largest that is not yet 1. */
function activeFrom(posteriors: Float64Array): number {
  const top = posteriors.reduce((a, b) => Math.max(a, b), 0);
  if (top < 1) return top - TOLERANCE;
  const second = posteriors.reduce((a, b) => (b < 1 ? Math.max(a, b) : a), 0);
  return second - TOLERANCE;
}

export const actBayesian: SetAttack = (oracle, victims, calls, random): Claims => {
  const everyone = Uint32Array.from({ length: victims }, (_, i) => i);
  const posteriors = new Float64Array(victims).fill(settle(oracle(everyone) / victims));
  let left = calls - 1;
  while (left > 0 && posteriors.some((p) => p > 0 && p < 1)) {
    const bar = activeFrom(posteriors);
    const active = everyone.filter((victim) => (posteriors[victim] ?? 0) >= bar);
    const coins = active.map(() => (random() < 0.5 ? 1 : 0));
    const asked = active.filter((_, i) => coins[i] === 1);
    const others = active.filter((_, i) => coins[i] === 0);
    if (asked.length === 0 || others.length === 0) {
      // nothing to compare with: no call, and the group is settled so that the loop ends
      for (const victim of active) posteriors[victim] = (posteriors[victim] ?? 0) >= 0.5 ? 1 : 0;
      continue;
    }
    const expected = active.reduce((sum, victim) => sum + (posteriors[victim] ?? 0), 0);
    left -= 1;
    const seen = oracle(asked);
    const residual = settle((expected - seen) / others.length);
    const observed = settle(seen / asked.length);
    for (const victim of asked) posteriors[victim] = observed;
    for (const victim of others) posteriors[victim] = residual;
  }
  return Int8Array.from(posteriors, (p) => (p === 1 ? 1 : p === 0 ? -1 : 0));
};
