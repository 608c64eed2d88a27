/** The full sweeps: all shared vectors with brackets, all 150 published table entries, XOR rows of every entry. */
import { describe, expect, it } from 'vitest';
import { deltaBracket, deltaUpper } from '../../src/dp/accountant.ts';
import { certifyPlan } from '../../src/dp/certify.ts';
import { parseDecimal } from '../../src/dp/decimal.ts';
import { searchWeights } from '../../src/dp/search.ts';
import { PUBLISHED_GRID, tauTable } from '../../src/dp/tau.ts';
import { fixture, pairOf, shared } from './support.ts';

type Entry = readonly [number, number, number, number, number, number, number];
const { entries } = fixture('table.json') as { entries: readonly Entry[] };

describe('tau calculator', () => {
  it('reproduces the published tables: 125 or more equal, none below tight, none above published', () => {
    const computed = tauTable(PUBLISHED_GRID);
    expect(computed).toHaveLength(150);
    let equal = 0;
    for (const [k, rows, runs, epsilon, published, tight] of entries) {
      const found = computed.find(
        (e) => e.k === k && e.rows === rows && e.runs === runs && e.epsilon === epsilon,
      );
      expect(found?.tau).toBeGreaterThanOrEqual(tight);
      expect(found?.tau).toBeLessThanOrEqual(published);
      if (found?.tau === published) equal += 1;
    }
    expect(equal).toBeGreaterThanOrEqual(125);
  });
});

describe('search', () => {
  it('needs at most the reference rows on 140 of 150 entries, and never 3 more', () => {
    const excess = entries.map(([k, rows, runs, epsilon, , , reference]) => {
      const weights = searchWeights({ n: k * runs, epsilon, delta: 1 / (10 * rows) });
      const plan = { kind: 'xor', columns: new Array<readonly number[]>(k).fill(weights) } as const;
      certifyPlan(plan, {
        k,
        runs,
        epsilon: parseDecimal(String(epsilon)),
        delta: parseDecimal((1 / (10 * rows)).toFixed(8)),
        rowsMax: rows,
      });
      return weights.reduce((a, b) => a + b, 0) - reference;
    });
    console.info(`rows against the reference: ${excess.join(' ')}`);
    expect(excess.filter((more) => more <= 0).length).toBeGreaterThanOrEqual(140);
    expect(Math.max(...excess)).toBeLessThanOrEqual(2);
  });
});

describe.skipIf(shared === undefined)('shared vectors', () => {
  it('brackets all of them', () => {
    for (const vector of shared?.vectors ?? []) {
      const pair = pairOf(vector);
      if (pair === undefined) continue;
      const exact = Number(vector.delta);
      const parts = [{ pair, count: vector.compositions }];
      const { lower, upper } = deltaBracket(parts, vector.epsilon);
      expect(upper).toBeGreaterThanOrEqual(exact);
      expect(lower).toBeLessThanOrEqual(exact);
      if (exact >= 1e-12) expect(upper).toBeLessThanOrEqual(exact * 1.001);
    }
  });

  it('lies inside the certified brackets of all real calibration points', () => {
    for (const vector of shared?.large_vectors ?? []) {
      const pair = pairOf(vector);
      if (pair === undefined) continue;
      const upper = deltaUpper([{ pair, count: vector.compositions }], vector.epsilon);
      expect(upper).toBeGreaterThanOrEqual(Number(vector.delta_lower_cert));
      expect(upper).toBeLessThanOrEqual(Number(vector.delta_upper_cert));
    }
  });
});
