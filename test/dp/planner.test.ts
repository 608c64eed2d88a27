/** Search, tau, replacement and planner on samples; the full sweeps are in table.slow.test.ts. */
import { describe, expect, it } from 'vitest';
import { deltaUpper } from '../../src/dp/accountant.ts';
import { type Claim, sizesOf } from '../../src/dp/certify.ts';
import { parseDecimal } from '../../src/dp/decimal.ts';
import { maskPair } from '../../src/dp/loss.ts';
import type { MaskPlan } from '../../src/dp/plan.ts';
import { chooseMask, describePlan, payloadBytes, planRun } from '../../src/dp/planner.ts';
import { dominate, isReplaceFinite, replaceEpsilon } from '../../src/dp/replace.ts';
import { searchWeights } from '../../src/dp/search.ts';
import { tauTight } from '../../src/dp/tau.ts';
import { fixture } from './support.ts';

type Entry = readonly [number, number, number, number, number, number, number];
const { entries } = fixture('table.json') as { entries: readonly Entry[] };
const rowsOf = (weights: readonly number[]): number => weights.reduce((a, b) => a + b, 0);
const same = <T>(k: number, value: T): T[] => new Array<T>(k).fill(value);

describe('tau', () => {
  it('is the tight value on a sample of the published tables', () => {
    for (const [k, rows, runs, epsilon, published, tight] of entries.filter(
      (_, i) => i % 13 === 0,
    )) {
      const tau = tauTight(k * runs, epsilon, 1 / (10 * rows));
      expect(tau).toBeGreaterThanOrEqual(tight);
      expect(tau).toBeLessThanOrEqual(published);
    }
  });
});

describe('weights search', () => {
  it('reaches the reference rows on a sample, certified, and is deterministic', () => {
    for (const [k, rows, runs, epsilon, , , reference] of entries.filter((_, i) => i % 75 === 9)) {
      const goal = { n: k * runs, epsilon, delta: 1 / (10 * rows) };
      const weights = searchWeights(goal);
      expect(rowsOf(weights)).toBeLessThanOrEqual(reference + 2);
      if (k === 1) expect(searchWeights(goal)).toEqual(weights);
      const pair = maskPair({ kind: 'xor', weights });
      expect(deltaUpper([{ pair, count: goal.n }], epsilon)).toBeLessThanOrEqual(goal.delta);
    }
  });
});

describe('replacement', () => {
  const xor = (k: number, weights: readonly number[]): MaskPlan => ({
    kind: 'xor',
    columns: same(k, weights),
  });
  const M74 = [13, 11, 7, 6, 4, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1];

  it('gives the reference figures', () => {
    expect(replaceEpsilon({ kind: 'intersect', columns: same(3, 722) }, 10, 1e-4)).toBeCloseTo(
      3.8,
      2,
    );
    expect(replaceEpsilon(xor(3, M74), 10, 1e-4)).toBeCloseTo(4.19, 2);
    expect(replaceEpsilon(xor(3, [...M74, 1]), 10, 1e-4)).toBeCloseTo(4.0, 2);
    expect(replaceEpsilon({ kind: 'intersect', columns: same(3, 43) }, 6, 1e-4)).toBeCloseTo(
      16.1,
      1,
    );
  });

  it('is infinite where shift 2 is: 20 blocks at delta 1e-4 over 30 sizes', () => {
    const weights = [6, 6, 4, 4, 3, 2, 2, ...same(13, 1)];
    expect(replaceEpsilon(xor(3, weights), 10, 1e-4)).toBe(Infinity);
    expect(isReplaceFinite({ kind: 'xor', weights }, 3, 10, 1e-4)).toBe(false);
  });

  it('equals null-a-row for one column', () => {
    const plan = xor(1, M74);
    const replaced = replaceEpsilon(plan, 30, 1e-4);
    expect(deltaUpper(sizesOf(plan, 30), replaced)).toBeLessThanOrEqual(1e-4);
    expect(deltaUpper(sizesOf(plan, 30), replaced * 0.999)).toBeGreaterThan(1e-4);
  });

  it('dominates both shifts at every epsilon, for laws with and without monotone ratios', () => {
    for (const weights of [[5, 3, 2, 1, 1], [7, 2, 2], [4, 4, 1, 1, 1], M74]) {
      const one = maskPair({ kind: 'xor', weights }, 1);
      const two = maskPair({ kind: 'xor', weights }, 2);
      const both = dominate(one, two);
      for (const epsilon of [0, 0.1, 0.5, 1, 2, 3]) {
        const at = (pair: typeof one): number =>
          pair.infinite +
          pair.losses.reduce(
            (sum, l, a) => sum + (pair.masses[a] ?? 0) * Math.max(1 - Math.exp(epsilon - l), 0),
            0,
          );
        const top = Math.max(at(one), at(two));
        expect(at(both)).toBeGreaterThanOrEqual(top * (1 - 1e-12));
        // not looser than a chord: within 5 % here
        expect(at(both)).toBeLessThanOrEqual(top * 1.05 + 1e-12);
      }
      expect(both.masses.reduce((a, b) => a + b, both.infinite)).toBeCloseTo(1, 10);
    }
  });
});

describe('planner', () => {
  const claim = (
    k: number,
    runs: number,
    epsilon: string,
    delta: string,
    rowsMax: number,
  ): Claim => ({
    k,
    runs,
    epsilon: parseDecimal(epsilon),
    delta: parseDecimal(delta),
    rowsMax,
  });

  it('takes the smaller mask: tau only for k = 1, T = 6, epsilon = 8 of the tables', () => {
    const prefersTau = claim(1, 6, '8', '0.0001', 1_000);
    expect(chooseMask({ ...prefersTau, mask: 'auto' })).toEqual({
      kind: 'intersect',
      columns: [15],
    });
    expect(chooseMask({ ...prefersTau, mask: 'xor' }).kind).toBe('xor');
    expect(chooseMask({ ...claim(1, 10, '2', '0.0001', 1_000), mask: 'auto' }).kind).toBe('xor');
  });

  it('keeps epsilon under replacement finite by default, at little cost', () => {
    const request = { ...claim(3, 6, '8', '0.0001', 1_000), mask: 'xor' } as const;
    const plain = chooseMask({ ...request, finiteReplace: false });
    const finite = chooseMask(request);
    expect(replaceEpsilon(plain, 6, 1e-4)).toBe(Infinity);
    const report = describePlan(finite, request, 1_000);
    expect(report.replaceEpsilon).toBeLessThan(20);
    const extra = rowsOf(report.dummies) - rowsOf(plain.columns.flatMap((c) => c));
    expect(extra).toBeGreaterThan(0);
    expect(extra).toBeLessThanOrEqual(15);
  });

  it('describes a plan consistently', () => {
    const request = { ...claim(1, 10, '2', '0.00001', 10_000), mask: 'auto' } as const;
    const report = planRun(request, 10_000);
    expect(report.dummies).toEqual([57]);
    expect(report.dummyShare).toBeCloseTo(0.0057, 10);
    expect(Number(report.standardDeviation)).toBeGreaterThan(6.5);
    expect(report.halfWidth / Number(report.standardDeviation)).toBeCloseTo(1.96, 0);
    expect(report.deltaUpper).toBeLessThanOrEqual(1e-5);
    expect(report.epsilonAllRuns).toBeLessThanOrEqual(2);
    expect(report.epsilonPerRun).toBeLessThan(report.epsilonAllRuns);
    expect(report.replaceEpsilon).toBeCloseTo(report.epsilonAllRuns, 3);
  });

  it('refuses what no mask of bounded size reaches, and a plan that breaks the claim', () => {
    const request = claim(1, 10, '2', '0.00001', 10_000);
    const weak: MaskPlan = { kind: 'xor', columns: [[2, 1, 1]] };
    expect(() => describePlan(weak, request, 10_000)).toThrowCode('ERR_MANIFEST_PLAN');
  });

  it('counts payload bytes of the waterfall', () => {
    const plan: MaskPlan = {
      kind: 'xor',
      columns: [
        [2, 1],
        [1, 1, 1],
      ],
    };
    // tables of 106 and 56 rows with dummies; column 1 matched 20
    expect(payloadBytes(plan, 100, 50, [20, 9])).toEqual({
      aToB: 2 * 32 * 106 + 16 * 56 + 32 * 36 + 16 * 86,
      bToA: 2 * 32 * 56 + 16 * 106 + 32 * 86 + 16 * 36,
    });
  });
});
