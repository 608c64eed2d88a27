/** Vectors and properties of the accountant: never below the exact delta, and within 0.1 % above it. */
import { describe, expect, it } from 'vitest';
import { deltaBracket, deltaUpper, epsilonUpper } from '../../src/dp/accountant.ts';
import { forward, inverse, multiplyPower } from '../../src/dp/fft.ts';
import { discreteLaplacePair, maskPair } from '../../src/dp/loss.ts';
import type { ColumnMask } from '../../src/dp/plan.ts';
import { exactDelta, exactLaw, fixture, pairOf, shared } from './support.ts';

interface DeltaVector {
  readonly masks: readonly ColumnMask[];
  readonly n: number;
  readonly epsilon: string;
  readonly delta: string;
}

const parts = (masks: readonly ColumnMask[], count: number) =>
  masks.map((mask) => ({ pair: maskPair(mask), count }));

function expectTight(upper: number, exact: number): void {
  expect(upper).toBeGreaterThanOrEqual(exact);
  if (exact >= 1e-12) expect(upper).toBeLessThanOrEqual(exact * 1.001);
}

describe('accountant against exact rational arithmetic', () => {
  const { vectors } = fixture('delta.json') as { vectors: readonly DeltaVector[] };

  it('brackets every committed vector (independent generator)', () => {
    expect(vectors.length).toBeGreaterThan(50);
    for (const { masks, n, epsilon, delta } of vectors) {
      expectTight(deltaUpper(parts(masks, n), Number(epsilon)), Number(delta));
      const coarse = { tolerance: 1 };
      const { lower } = deltaBracket(parts(masks, n), Number(epsilon), coarse);
      expect(lower).toBeLessThanOrEqual(Number(delta));
      expect(lower).toBeGreaterThanOrEqual(Number(delta) * 0.8);
    }
  });

  it('brackets what this suite computes itself in rationals, mixed columns included', () => {
    const masks: readonly ColumnMask[] = [
      { kind: 'xor', weights: [4, 2, 1, 1, 1] },
      { kind: 'intersect', tau: 9 },
    ];
    const laws = masks.map(exactLaw);
    for (const [num, den] of [
      [0n, 1n],
      [1n, 10n],
      [3n, 2n],
      [5n, 1n],
    ] as const) {
      for (const repeated of [1, 2]) {
        const exact = exactDelta(Array.from({ length: repeated }, () => laws).flat(), num, den);
        expectTight(deltaUpper(parts(masks, repeated), Number(num) / Number(den)), exact);
      }
    }
  });

  it('keeps the bound at any tolerance', () => {
    const masks: readonly ColumnMask[] = [{ kind: 'xor', weights: [3, 2, 2, 1, 1, 1] }];
    const laws = [exactLaw({ kind: 'xor', weights: [3, 2, 2, 1, 1, 1] })];
    const exact = exactDelta([...laws, ...laws, ...laws], 2n, 1n);
    for (const tolerance of [1, 0.1, 1e-3, 1e-6]) {
      expect(deltaUpper(parts(masks, 3), 2, { tolerance })).toBeGreaterThanOrEqual(exact);
    }
  });

  it('is the plain sum for a Laplace law at one composition', () => {
    // delta(eps) of discrete Laplace with loss 1/t: (1 - e^{eps - 1/t}) P(x <= 0), and 0 from eps = 1/t on
    const t = 2;
    const head = 1 / (1 + Math.exp(-1 / t));
    const exact = (1 - Math.exp(0.25 - 1 / t)) * head;
    const upper = deltaUpper([{ pair: discreteLaplacePair(t), count: 1 }], 0.25);
    expect(upper).toBeGreaterThanOrEqual(exact);
    expect(upper).toBeLessThanOrEqual(exact * (1 + 1e-6));
    expect(deltaUpper([{ pair: discreteLaplacePair(t), count: 1 }], 0.51)).toBeLessThan(1e-12);
  });

  it('counts infinite losses once per composition', () => {
    const pair = { losses: new Float64Array(0), masses: new Float64Array(0), infinite: 0.1 };
    expect(deltaUpper([{ pair, count: 3 }], 1)).toBeCloseTo(1 - 0.9 ** 3, 8);
  });
});

describe('epsilonUpper', () => {
  it('inverts deltaUpper and reports Infinity below the infinite mass', () => {
    const composed = parts([{ kind: 'xor', weights: [6, 5, 4, 4, 3, 3, 2, 2, 1, 1, 1, 1] }], 2);
    const epsilon = epsilonUpper(composed, 1e-2);
    expect(deltaUpper(composed, epsilon)).toBeLessThanOrEqual(1e-2);
    expect(deltaUpper(composed, epsilon * 0.999)).toBeGreaterThan(1e-2);
    // p_infinity = 1 - (1 - 2^-12)^2 = 4.88e-4
    expect(epsilonUpper(composed, 4.8e-4)).toBe(Infinity);
    expect(epsilonUpper(composed, 4.9e-4)).toBeLessThan(10);
  });
});

describe('transform', () => {
  it('convolves cyclically', () => {
    const size = 16;
    const at = (entries: readonly number[]) => ({
      re: Float64Array.from({ length: size }, (_, i) => entries[i] ?? 0),
      im: new Float64Array(size),
    });
    const product = { re: new Float64Array(size).fill(1), im: new Float64Array(size) };
    const [x, y] = [at([0.5, 0, 0.25, 0, 0, 0.25]), at([0.1, 0.9])];
    forward(x);
    forward(y);
    multiplyPower(product, x, 2);
    multiplyPower(product, y, 1);
    inverse(product);
    const square = [0.25, 0, 0.25, 0, 0.0625, 0.25, 0, 0.125, 0, 0, 0.0625];
    for (let i = 0; i < size; i++) {
      const expected = 0.1 * (square[i] ?? 0) + 0.9 * (square[i - 1] ?? 0);
      expect(product.re[i]).toBeCloseTo(expected, 14);
    }
  });
});

// The shared vectors lie beside the repository (../shared); without them these are skipped.
describe.skipIf(shared === undefined)('shared vectors', () => {
  it('holds on every seventh vector', () => {
    const all = (shared?.vectors ?? []).filter((_, i) => i % 7 === 0);
    expect(all.length).toBeGreaterThan(30);
    for (const vector of all) {
      const pair = pairOf(vector);
      if (pair === undefined) continue;
      const upper = deltaUpper([{ pair, count: vector.compositions }], vector.epsilon);
      expectTight(upper, Number(vector.delta));
    }
  });

  it('lies inside the certified brackets of every other real calibration point', () => {
    for (const vector of (shared?.large_vectors ?? []).filter((_, i) => i % 2 === 0)) {
      const pair = pairOf(vector);
      if (pair === undefined) continue;
      const upper = deltaUpper([{ pair, count: vector.compositions }], vector.epsilon);
      expect(upper).toBeGreaterThanOrEqual(Number(vector.delta_lower_cert));
      expect(upper).toBeLessThanOrEqual(Number(vector.delta_upper_cert));
    }
  });
});
