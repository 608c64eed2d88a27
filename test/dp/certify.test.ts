/** Certification of plans: what both enclaves run on the manifest. */
import { describe, expect, it } from 'vitest';
import { certifyPlan, type Claim } from '../../src/dp/certify.ts';
import { floorNumber, parseDecimal } from '../../src/dp/decimal.ts';
import type { MaskPlan } from '../../src/dp/plan.ts';
import { fixture, shared } from './support.ts';

/** k = 3, N = 1e3, T = 10, epsilon = 2: m = 74. */
const M74 = [13, 11, 7, 6, 4, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1];
const three = (weights: readonly number[]): MaskPlan => ({
  kind: 'xor',
  columns: [weights, weights, weights],
});
const claim: Claim = {
  k: 3,
  runs: 10,
  epsilon: parseDecimal('2'),
  delta: parseDecimal('0.0001'),
  rowsMax: 1_000,
};

describe('certifyPlan', () => {
  it('accepts the reference plan, in under a second of CPU', () => {
    const start = process.cpuUsage();
    const { deltaUpper } = certifyPlan(three(M74), claim);
    expect(process.cpuUsage(start).user).toBeLessThan(1_000_000);
    // large vector of the same plan: 8.7344e-5 within 1e-6
    expect(deltaUpper).toBeGreaterThan(8.7343e-5);
    expect(deltaUpper).toBeLessThan(8.7345e-5);
  });

  it('accepts published tau, refuses one below the tight value', () => {
    certifyPlan({ kind: 'intersect', columns: [722, 722, 722] }, claim);
    expect(() => certifyPlan({ kind: 'intersect', columns: [722, 721, 722] }, claim)).not.toThrow();
    expect(() => certifyPlan({ kind: 'intersect', columns: [721, 721, 721] }, claim)).toThrowCode(
      'ERR_MANIFEST_PLAN',
    );
  });

  it.each([
    ['a missing block', three(M74.slice(1)), claim],
    ['a missing unit', three(M74.slice(0, -2)), claim],
    ['a weak column', { ...three(M74), columns: [M74, M74, [1, 1]] } as MaskPlan, claim],
    ['one run more than the plan allows', three(M74), { ...claim, runs: 12 }],
    ['a smaller epsilon', three(M74), { ...claim, epsilon: parseDecimal('1.9') }],
    ['a smaller delta', three(M74), { ...claim, delta: parseDecimal('0.00008') }],
    ['another number of columns', three(M74), { ...claim, k: 2 }],
    ['no runs', three(M74), { ...claim, runs: 0 }],
    ['too many runs', three(M74), { ...claim, runs: 1_001 }],
    ['a fraction of a run', three(M74), { ...claim, runs: 1.5 }],
    ['no rows', three(M74), { ...claim, rowsMax: 0 }],
    ['delta above one row', three(M74), { ...claim, rowsMax: 10_001 }],
    ['zero epsilon', three(M74), { ...claim, epsilon: { num: 0n, den: 1n } }],
    ['negative delta', three(M74), { ...claim, delta: { num: -1n, den: 10n } }],
  ])('refuses %s', (_, plan, changed) => {
    expect(() => certifyPlan(plan, changed)).toThrowCode('ERR_MANIFEST_PLAN');
  });

  it('accepts the knife edge and nothing past it', () => {
    const { entries } = fixture('table.json') as { entries: readonly number[][] };
    for (const [k = 0, rows = 0, runs = 0, epsilon = 0, , tight = 0] of entries.filter(
      (_, i) => i % 37 === 0,
    )) {
      const request = {
        k,
        runs,
        epsilon: parseDecimal(String(epsilon)),
        delta: parseDecimal((1 / (10 * rows)).toFixed(8)),
        rowsMax: rows,
      };
      const plan = (tau: number): MaskPlan => ({
        kind: 'intersect',
        columns: new Array<number>(k).fill(tau),
      });
      certifyPlan(plan(tight + 3), request);
      expect(() => certifyPlan(plan(tight - 1), request)).toThrowCode('ERR_MANIFEST_PLAN');
    }
  });

  it.skipIf(shared === undefined)('accepts every ninth shared calibration plan', () => {
    for (const row of (shared?.calibration ?? []).filter((_, i) => i % 9 === 0)) {
      const columns = new Array<readonly number[]>(row.k).fill(row.xor_weights);
      certifyPlan(
        { kind: 'xor', columns },
        {
          k: row.k,
          runs: row.T,
          epsilon: parseDecimal(String(row.eps)),
          delta: parseDecimal(row.delta.toFixed(8)),
          rowsMax: row.N,
        },
      );
    }
  });
});

describe('parseDecimal', () => {
  it('is exact', () => {
    expect(parseDecimal('2')).toEqual({ num: 2n, den: 1n });
    expect(parseDecimal('0.00001')).toEqual({ num: 1n, den: 100_000n });
    expect(parseDecimal('10.50')).toEqual({ num: 1_050n, den: 100n });
  });
  it.each(['', '0', '0.0', '-1', '+1', '1e-5', '.5', '1.', '01', '1,5', ' 1', 'NaN', 'Infinity'])(
    'refuses %j',
    (text) => {
      expect(() => parseDecimal(text)).toThrowCode('ERR_MANIFEST_PLAN');
    },
  );
  it('floors to a double', () => {
    expect(floorNumber(parseDecimal('0.1'))).toBeLessThan(0.1);
    expect(floorNumber(parseDecimal('0.1'))).toBeGreaterThan(0.1 * (1 - 2 ** -49));
  });
});
