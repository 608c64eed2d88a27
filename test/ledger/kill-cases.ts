/**
 * One kill and what must hold after it: at most one slot spent on each side, none settled without both slots durable,
 * and the next runs pass without any repair until exactly T are spent, never T+1.
 * @module
 */
import { expect } from 'vitest';
import type { Role } from '../../src/run/manifest.ts';
import { honestCharge, killedCharge, newPair } from './kill-support.ts';
import type { Organisations } from './world.ts';

export async function killAndRecover(at: Organisations, victim: Role, k: number): Promise<void> {
  const pair = await newPair(at);
  try {
    const { session, settled, points } = await killedCharge(at, pair, victim, k);
    expect(points[victim].length).toBe(k);
    let runs = settled.a || settled.b ? 1 : 0;
    if (runs === 1) expect([pair.spent('a'), pair.spent('b')]).toEqual([[session], [session]]);
    for (const role of ['a', 'b'] as const)
      expect([[], [session]]).toContainEqual(pair.spent(role));
    const { runs: slots } = at.manifest.privacy;
    const left = slots - Math.max(pair.spent('a').length, pair.spent('b').length);
    for (let i = 0; i < left; i++) {
      expect(await honestCharge(at, pair)).toBe(true);
      runs += 1;
    }
    expect(await honestCharge(at, pair)).toBe(false);
    expect(runs).toBeLessThanOrEqual(slots);
    expect(Math.max(pair.spent('a').length, pair.spent('b').length)).toBe(slots);
  } finally {
    pair.remove();
  }
}
