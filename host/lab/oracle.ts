/**
 * The oracle of all set attacks (docs/leakage.md): clip(round(|S n Y| + Z - E[Z]), 0, |S|) for a subset S of the
 * victims that the attacker chooses, with one fresh Z per call. Z = 0 is plain PSI.
 * @module
 */
import type { Random } from './random.ts';
import type { SizeMechanism } from './sizes.ts';

/** Estimated number of members among `victims` (indices, distinct, at least one). */
export type Oracle = (victims: Uint32Array) => number;

/** 1: claimed to be in the other table; -1: claimed not to be; 0: no claim. One entry per victim. */
export type Claims = Int8Array;

/** A set attack: at most `calls` oracle calls on `victims` victims. */
export type SetAttack = (oracle: Oracle, victims: number, calls: number, random: Random) => Claims;

/** Round half to even, so that half-integer means add no bias. */
function round(value: number): number {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

/** Call i uses column i mod k. Throws after `calls` calls: an attack that overspends is a defect. */
export function sizeOracle(
  member: Uint8Array,
  mechanism: SizeMechanism,
  calls: number,
  random: Random,
): Oracle {
  let used = 0;
  return (victims) => {
    const noise = mechanism.columns[used % mechanism.columns.length];
    if (used >= calls || noise === undefined) throw new Error('no oracle call is left');
    used += 1;
    let met = 0;
    for (const victim of victims) met += member[victim] ?? 0;
    const estimate = round(met + noise.draw(random) - noise.mean);
    return Math.min(Math.max(estimate, 0), victims.length);
  };
}
