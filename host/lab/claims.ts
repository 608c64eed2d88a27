/**
 * Scores a set attack over repetitions on synthetic data: correct and wrong claims, precision with its interval, and
 * the prior beside it. Correct claims alone would show more "leakage" under noise than without (docs/leakage.md).
 * @module
 */
import { type SetAttack, sizeOracle } from './oracle.ts';
import { type Random, shuffled } from './random.ts';
import type { SizeMechanism } from './sizes.ts';

export interface ClaimSetting {
  readonly victims: number;
  /** Share of the victims that are in the other table. */
  readonly density: number;
  readonly calls: number;
  readonly repetitions: number;
}

export interface ClaimScore {
  /** Shares of the victims, means over the repetitions. */
  readonly correct: number;
  readonly wrong: number;
  /** correct / (correct + wrong) over all repetitions; null if nothing was claimed. */
  readonly precision: number | null;
  /** Half-width of its 95 % interval: ratio estimate over repetitions, as claims within one are not independent. */
  readonly precisionHalfWidth: number | null;
  /** Precision of whoever always guesses the majority. */
  readonly prior: number;
}

/** A random set of `count` members. */
function members(victims: number, count: number, random: Random): Uint8Array {
  const member = new Uint8Array(victims);
  for (const victim of shuffled(random, victims).subarray(0, count)) member[victim] = 1;
  return member;
}

export function scoreAttack(
  attack: SetAttack,
  mechanism: SizeMechanism,
  { victims, density, calls, repetitions }: ClaimSetting,
  random: Random,
): ClaimScore {
  const present = Math.round(density * victims);
  const tallies: { correct: number; claimed: number }[] = [];
  for (let r = 0; r < repetitions; r++) {
    const member = members(victims, present, random);
    const claims = attack(sizeOracle(member, mechanism, calls, random), victims, calls, random);
    let correct = 0;
    let claimed = 0;
    claims.forEach((claim, victim) => {
      if (claim === 0) return;
      claimed += 1;
      if ((claim === 1) === (member[victim] === 1)) correct += 1;
    });
    tallies.push({ correct, claimed });
  }
  const correct = tallies.reduce((sum, t) => sum + t.correct, 0);
  const claimed = tallies.reduce((sum, t) => sum + t.claimed, 0);
  const precision = claimed === 0 ? null : correct / claimed;
  const squares = tallies.reduce(
    (sum, t) => sum + (t.correct - (precision ?? 0) * t.claimed) ** 2,
    0,
  );
  const spread = Math.sqrt((squares * repetitions) / Math.max(repetitions - 1, 1));
  return {
    correct: correct / (victims * repetitions),
    wrong: (claimed - correct) / (victims * repetitions),
    precision,
    precisionHalfWidth: precision === null ? null : (1.96 * spread) / claimed,
    prior: Math.max(present, victims - present) / victims,
  };
}
