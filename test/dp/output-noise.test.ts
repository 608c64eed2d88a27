/**
 * Output noise: its bits, exact quantiles, and that the certificate covers every shift up to the sensitivity, against
 * laws spelled out mass by mass.
 */
import { describe, expect, it } from 'vitest';
import { certifyPlan, compositionOf } from '../../src/dp/certify.ts';
import { deltaUpper } from '../../src/dp/accountant.ts';
import { parseDecimal } from '../../src/dp/decimal.ts';
import { noiseTotal, noiseVariance, OutputNoise, outputPair } from '../../src/dp/output-noise.ts';
import { chooseNoise, describePlan } from '../../src/dp/planner.ts';
import { replaceEpsilon } from '../../src/dp/replace.ts';
import { lawOf } from '../support/bit-sums.ts';

/** max(0, P - e^eps Q) summed over all outcomes, for outcome -> (P, Q). */
function hockeyStick(
  joint: ReadonlyMap<string, readonly [number, number]>,
  epsilon: number,
): number {
  return [...joint.values()].reduce(
    (sum, [p, q]) => sum + Math.max(0, p - Math.exp(epsilon) * q),
    0,
  );
}

function shifted(law: readonly number[], shift: number): Map<string, readonly [number, number]> {
  const joint = new Map<string, readonly [number, number]>();
  for (let z = 0; z < law.length + shift; z++) {
    joint.set(String(z), [law[z] ?? 0, law[z - shift] ?? 0]);
  }
  return joint;
}

function product(
  a: ReadonlyMap<string, readonly [number, number]>,
  b: ReadonlyMap<string, readonly [number, number]>,
): Map<string, readonly [number, number]> {
  const joint = new Map<string, readonly [number, number]>();
  for (const [x, [p, q]] of a) {
    for (const [y, [r, s]] of b) joint.set(`${x} ${y}`, [p * r, q * s]);
  }
  return joint;
}

const WEIGHTS = [3, 2, 2, 1, 1, 1];

describe('noise of a moment', () => {
  it.each([
    [0n, 1],
    [1n, 1],
    [2n, 2],
    [3n, 4],
    [4n, 4],
    [5n, 8],
    [1000n, 1024],
    [2n ** 40n + 1n, 2 ** 41],
  ])('of sensitivity %i is in steps of %i', (shift, scale) => {
    const values = new OutputNoise([5, 1]).values(shift);
    expect(values.slice(0, 2)).toEqual([5n * BigInt(scale), BigInt(scale)]);
    expect(values.slice(2)).toEqual(
      Array.from({ length: Math.log2(scale) }, (_, i) => 1n << BigInt(i)),
    );
    expect(noiseTotal(values)).toBe(7n * BigInt(scale) - 1n);
  });

  it.each([1n, 3n, 4n, 7n])('has exact quantiles and variance: sensitivity %i', (shift) => {
    const noise = new OutputNoise(WEIGHTS);
    const values = noise.values(shift);
    const law = lawOf(values.map(Number));
    const m = Number(noiseTotal(values));
    for (const [num, den] of [
      [1n, 40n],
      [1n, 80n],
      [1n, 240n],
      [49n, 100n],
    ] as const) {
      const lo = Number(noise.lowerQuantile(shift, { num, den }));
      const below = (n: number): number => law.slice(0, n).reduce((sum, p) => sum + p, 0);
      expect(below(lo)).toBeLessThanOrEqual(Number(num) / Number(den));
      expect(below(lo + 1)).toBeGreaterThan(Number(num) / Number(den));
    }
    const spread = law.reduce((sum, p, z) => sum + p * (z - m / 2) ** 2, 0);
    const { num, den } = noiseVariance(values);
    expect(Number(num) / Number(den)).toBeCloseTo(spread, 9);
  });

  it('costs no more for any shift than the weights alone for shift 1, and as much for a full one', () => {
    const alone = shifted(lawOf(WEIGHTS), 1);
    for (const sensitivity of [1, 3, 4, 6]) {
      const values = new OutputNoise(WEIGHTS).values(BigInt(sensitivity)).map(Number);
      const scale = 2 ** (values.length - WEIGHTS.length);
      const law = lawOf(values);
      for (let shift = 0; shift <= scale; shift++) {
        const joint = shifted(law, shift);
        for (const epsilon of [0, 0.1, 0.5, 1, 2]) {
          const bound = hockeyStick(alone, epsilon);
          const delta = hockeyStick(joint, epsilon);
          expect(delta).toBeLessThanOrEqual(bound + 1e-15);
          if (shift === scale) expect(delta).toBeCloseTo(bound, 14);
        }
      }
    }
  });
});

describe('the certificate', () => {
  const mask = { kind: 'xor', columns: [[2, 1, 1]] } as const;

  it('is the exact delta of sizes and moments together', () => {
    // one size, two moments that a row can move, two runs: laws of 2 x (5 x 9 x 9) outcomes, exactly
    const size = shifted(lawOf([2, 1, 1]), 1);
    const weights = [1, 1, 1];
    const moment = shifted(lawOf([4, 4, 4, 1, 2]), 4);
    const run = product(size, product(moment, moment));
    const outputs = { weights, slots: 2, replaceSlots: 2 };
    for (const epsilon of [0.3, 1, 2]) {
      const one = deltaUpper(compositionOf(mask, 1, outputs), epsilon);
      const exact = hockeyStick(run, epsilon);
      expect(one).toBeGreaterThanOrEqual(exact - 1e-15);
      expect(one / exact).toBeLessThan(1.001);
    }
    const small = product(size, shifted(lawOf([1, 1, 1]), 1));
    const twice = product(small, small);
    const bound = deltaUpper(compositionOf(mask, 2, { ...outputs, slots: 1 }), 1);
    expect(bound).toBeGreaterThanOrEqual(hockeyStick(twice, 1) - 1e-15);
    expect(bound / hockeyStick(twice, 1)).toBeLessThan(1.001);
  });

  it('counts every slot of every run, and refuses noise that is not enough', () => {
    const claim = {
      ...{ k: 2, runs: 2, rowsMax: 1000 },
      ...{ epsilon: parseDecimal('4'), delta: parseDecimal('0.0001') },
    };
    const { mask: found, noise = [] } = chooseNoise({ ...claim, mask: 'auto' }, 6);
    const outputs = { weights: noise, slots: 6, replaceSlots: 10 };
    const { deltaUpper: upper } = certifyPlan(found, { ...claim, outputs });
    expect(upper).toBeLessThanOrEqual(1e-4);
    expect(upper).toBeGreaterThan(0.9e-4);
    for (const change of [
      { outputs: { ...outputs, slots: 7 } },
      { outputs: { ...outputs, weights: noise.slice(1) } },
      { outputs: { ...outputs, weights: [] } },
      { runs: 3 },
    ]) {
      expect(() => certifyPlan(found, { ...claim, outputs, ...change })).toThrowCode(
        'ERR_MANIFEST_PLAN',
      );
    }
    const sd = (weights: readonly number[]): number =>
      Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0));
    expect(sd(noise)).toBeLessThan(0.95 * sd(found.columns[0] as readonly number[]));

    const report = describePlan(found, { ...claim, outputs }, 1000);
    expect(report.epsilonAllRuns).toBeLessThanOrEqual(4.001);
    expect(report.epsilonPerRun).toBeLessThan(report.epsilonAllRuns);
    const fewer = replaceEpsilon(found, 2, 1e-4, { ...outputs, replaceSlots: 9 });
    expect(report.replaceEpsilon).toBeGreaterThan(fewer);
    expect(fewer).toBeGreaterThan(replaceEpsilon(found, 2, 1e-4));
    expect(report.replaceEpsilon).toBeLessThan(12);
  });

  it('comes out of the search the same every time', () => {
    const claim = {
      ...{ k: 1, runs: 1, rowsMax: 100, mask: 'auto' as const },
      ...{ epsilon: parseDecimal('8'), delta: parseDecimal('0.001') },
    };
    const found = chooseNoise(claim, 1);
    expect(chooseNoise(claim, 1)).toEqual(found);
    expect(chooseNoise(claim, 0)).not.toHaveProperty('noise');
  });

  it('has infinite losses when noise has few bits', () => {
    expect(outputPair([1, 1]).infinite).toBe(0.25);
    const outputs = { weights: [1, 1, 1], slots: 1, replaceSlots: 1 };
    expect(replaceEpsilon(mask, 1, 0.01, outputs)).toBe(Infinity);
  });
});
