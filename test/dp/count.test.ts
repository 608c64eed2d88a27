/** The released count: exact estimate, variance and interval, against brute force over the exact law. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { releaseCount } from '../../src/dp/count.ts';
import { lowerLaw, lowerQuantile, rootText, variance } from '../../src/dp/noise-law.ts';
import { columnMasks, type MaskPlan, maskRows } from '../../src/dp/plan.ts';
import { exactLaw } from './support.ts';

const XOR57: MaskPlan = {
  kind: 'xor',
  columns: [[6, 6, 6, 4, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1]],
};

function totalLaw(plan: MaskPlan): bigint[] {
  let law = [1n];
  for (const next of columnMasks(plan).map(exactLaw)) {
    const out = new Array<bigint>(law.length + next.length - 1).fill(0n);
    law.forEach((p, z) => next.forEach((q, y) => (out[z + y] = (out[z + y] ?? 0n) + p * q)));
    law = out;
  }
  return law;
}

const plans: fc.Arbitrary<MaskPlan> = fc.oneof(
  fc
    .array(
      fc
        .array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 })
        .map((w) => w.sort((a, b) => b - a)),
      { minLength: 1, maxLength: 3 },
    )
    .map((columns) => ({ kind: 'xor' as const, columns })),
  fc
    .array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 3 })
    .map((columns) => ({ kind: 'intersect' as const, columns })),
);

describe('noise law', () => {
  it('gives the reference intervals', () => {
    expect(lowerQuantile(lowerLaw(XOR57))).toBe(15);
    expect(lowerQuantile(lowerLaw({ kind: 'intersect', columns: [318] }))).toBe(147);
    const m74 = [13, 11, 7, 6, 4, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1];
    expect(lowerQuantile(lowerLaw({ kind: 'xor', columns: [m74] }))).toBe(16);
    expect(rootText(variance(XOR57))).toBe('7.089');
  });

  it('agrees with brute force on quantiles and moments', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const law = totalLaw(plan);
        const total = law.reduce((a, b) => a + b, 0n);
        const lo = lowerQuantile(lowerLaw(plan));
        const below = law.slice(0, lo).reduce((a, b) => a + b, 0n);
        const withLo = below + (law[lo] ?? 0n);
        expect(below * 40n <= total).toBe(true);
        expect(withLo * 40n > total).toBe(true);
        const m = BigInt(maskRows(plan).reduce((a, b) => a + b, 0));
        // Var = sum p (2z - m)^2 / 4
        const spread = law.reduce((sum, p, z) => sum + p * (2n * BigInt(z) - m) ** 2n, 0n);
        const { num, den } = variance(plan);
        expect(spread * den === 4n * num * total).toBe(true);
      }),
      { seed: 20_260, numRuns: 60 },
    );
  });

  it('rounds roots to nearest', () => {
    expect(rootText({ num: 2n, den: 1n })).toBe('1.414');
    expect(rootText({ num: 1n, den: 4n })).toBe('0.500');
    expect(rootText({ num: 3n, den: 1n })).toBe('1.732');
    expect(rootText({ num: 0n, den: 1n })).toBe('0.000');
    expect(rootText({ num: 10n ** 30n, den: 1n })).toBe(`${10n ** 15n}.000`);
  });
});

describe('releaseCount', () => {
  it('is unbiased, unclamped and exact for odd m', () => {
    const { total, columns } = releaseCount(XOR57, [50], 100, 90);
    expect(total).toMatchObject({
      doubled: 43,
      estimate: '21.5',
      standardDeviation: '7.089',
      low: 8,
      high: 35,
    });
    expect(columns).toEqual([total]);
    expect(releaseCount(XOR57, [28], 100, 90).total.estimate).toBe('-0.5');
    expect(releaseCount(XOR57, [0], 100, 90).total).toMatchObject({
      estimate: '-28.5',
      low: -42,
      high: -15,
    });
  });

  it('covers the truth with the exact probability of at least 95 %', () => {
    const two: MaskPlan = { kind: 'xor', columns: [...XOR57.columns, [5, 3, 2, 1, 1, 1]] };
    const law = totalLaw(two);
    const all = law.reduce((a, b) => a + b, 0n);
    let covered = 0n;
    let mean = 0n;
    law.forEach((p, z) => {
      const first = Math.min(z, 57);
      const { total } = releaseCount(two, [30 + first, 10 + z - first], 100, 90);
      if (total.low <= 40 && 40 <= total.high) covered += p;
      mean += p * BigInt(total.doubled);
    });
    expect(covered * 100n >= 95n * all).toBe(true);
    expect(covered * 100n < 98n * all).toBe(true);
    expect(mean === 80n * all).toBe(true);
  });

  it('refuses sizes that no honest run can have', () => {
    const refuse = (sizes: readonly number[]): void => {
      expect(() => releaseCount(XOR57, sizes, 100, 90)).toThrowCode('ERR_MATCH_SIZE');
    };
    releaseCount(XOR57, [147], 100, 90);
    refuse([148]);
    refuse([-1]);
    refuse([1.5]);
    refuse([Number.NaN]);
    expect(() => releaseCount(XOR57, [1, 1], 100, 90)).toThrowCode('ERR_MANIFEST_PLAN');
  });
});
