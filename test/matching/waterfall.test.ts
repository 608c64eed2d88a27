/**
 * The waterfall against a plain-text reference: sizes and matched rows, mask off, 1,000 random table pairs; and with
 * the mask on, sizes minus the dummies that met.
 */
import { describe, expect, it } from 'vitest';
import { fixed } from '../../src/bytes.ts';
import { coinCount, jointSeed, maskRowsOf } from '../../src/dp/xor-mask.ts';
import { planHash } from '../../src/dp/plan.ts';
import { toHex } from '../../src/encoding.ts';
import { UniformSource } from '../../src/rng.ts';
import { matchPair, type SideResult } from '../support/match-pair.ts';
import { plainWaterfall } from '../support/plain-waterfall.ts';
import { randomPair } from '../support/tables.ts';
import { seededRng } from '../support/test-rng.ts';

/** Rows of `of` that `by` saw matched, by composing with the secret permutation of their owner. */
function matchedRows(by: SideResult, of: SideResult): number[] {
  return [...by.peerPositions].map((position) => of.order[position]!);
}

describe('waterfall', () => {
  it('equals the plain-text reference on 1,000 random table pairs', () => {
    let matched = 0;
    for (let seed = 0; seed < 1000; seed++) {
      const rng = seededRng(`waterfall ${seed}`);
      const uniform = new UniformSource(rng);
      const k = 1 + (seed % 4);
      const [a, b] = randomPair(uniform, k, seed % 10 === 0 ? 60 : 20);
      const truth = plainWaterfall(a, b, k);
      const [sideA, sideB] = matchPair([a, b], k, rng);
      const where = `seed ${seed}`;
      expect(sideA.sizes, where).toEqual(truth.sizes);
      expect(sideB.sizes, where).toEqual(truth.sizes);
      const rowsA = matchedRows(sideB, sideA);
      const rowsB = matchedRows(sideA, sideB);
      const byNumber = (x: number, y: number): number => x - y;
      expect([...rowsA].sort(byNumber), where).toEqual([...truth.matchedA].sort(byNumber));
      expect([...rowsB].sort(byNumber), where).toEqual([...truth.matchedB].sort(byNumber));
      // the order by tag aligns both sides: entry i of each is the same pair
      expect(sideA.tags, where).toEqual(sideB.tags);
      const tags = toHex(sideA.tags).match(/.{32}/g) ?? [];
      expect(tags, where).toEqual([...tags].sort());
      const pairs = new Set(truth.pairs.map((pair) => `${pair.a}-${pair.b}`));
      rowsA.forEach((row, i) => expect(pairs.has(`${row}-${rowsB[i]}`), where).toBe(true));
      matched += rowsA.length;
    }
    expect(matched).toBeGreaterThan(1000);
  });

  it('with the mask on, the size minus the dummies that met equals the reference', () => {
    for (let seed = 0; seed < 100; seed++) {
      const rng = seededRng(`masked ${seed}`);
      const uniform = new UniformSource(rng);
      const k = 1 + (seed % 4);
      const plan = {
        kind: 'xor' as const,
        columns: Array.from({ length: k }, () => [5, 3, 2, 1, 1]),
      };
      const [a, b] = randomPair(uniform, k, 20);
      const secret = (): ReturnType<typeof fixed<32>> => fixed(rng(32), 32, 'secret');
      const joint = jointSeed(secret(), secret(), secret(), 1n, planHash(plan));
      const draw = (): Uint8Array => rng(coinCount(plan)).map((byte) => byte & 1);
      const [bitsA, bitsB] = [draw(), draw()];
      const masks = [maskRowsOf(plan, joint, bitsA), maskRowsOf(plan, joint, bitsB)] as const;
      const [sideA, sideB] = matchPair([a, b], k, rng, masks);
      let at = 0;
      const met = plan.columns.map((weights) =>
        weights.reduce((sum, weight) => sum + (bitsA[at] === bitsB[at++] ? weight : 0), 0),
      );
      const truth = plainWaterfall(a, b, k);
      expect(sideA.sizes.map((size, j) => size - met[j]!)).toEqual(truth.sizes);
      expect(sideB.sizes).toEqual(sideA.sizes);
      const real = matchedRows(sideB, sideA).filter((row) => row < a.length);
      expect(real.length).toBe(truth.matchedA.length);
    }
  });
});
