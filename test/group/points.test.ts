/** Negative and property: checks on received columns, and the join, against plain references. Fixed seed. */
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { assertPointColumn, assertPoints, hasRepetition } from '../../src/group/points.ts';
import { sortTags } from '../../src/group/tag-order.ts';
import { joinTags, truncateToTags } from '../../src/group/tags.ts';
import { UniformSource } from '../../src/rng.ts';
import { seededRng } from '../support/test-rng.ts';
import { records, suite } from './support.ts';

const P = 2n ** 255n - 19n;

function le(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

/** Indices in the order of the texts. */
function sortable(texts: readonly string[]): number[] {
  return texts.map((_, i) => i).sort((i, j) => (texts[i]! < texts[j]! ? -1 : 1));
}

/** n different canonical points of large order. */
function column(n: number): Uint8Array {
  return concat(...Array.from({ length: n }, (_, i) => le(1000n + BigInt(i))));
}

describe('received points', () => {
  const rng = seededRng('points');

  it('takes every canonical value that is not of low order, and no other', () => {
    const low = new Set(suite.lowOrder);
    expect(low.size).toBe(5);
    const near: bigint[] = [];
    for (let i = -40n; i <= 40n; i++)
      near.push(i, P + i, 2n ** 255n + i, 2n ** 254n + i, P / 2n + i);
    for (const bad of suite.lowOrder) {
      const value = fromHex(bad).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      near.push(value - 1n, value, value + 1n, value + 2n ** 200n, value + 2n ** 255n, value + P);
    }
    let refused = 0;
    for (const value of near) {
      if (value < 0n || value >= 2n ** 256n) continue;
      const point = le(value);
      if (value < P && !low.has(toHex(point))) {
        assertPoints(point);
      } else {
        refused += 1;
        expect(() => assertPoints(point)).toThrowCode('ERR_MATCH_POINT');
        const among = concat(column(3), point, column(1));
        expect(() => assertPoints(among)).toThrowCode('ERR_MATCH_POINT');
        const unaligned = Buffer.concat([Buffer.alloc(1), among]).subarray(1);
        expect(() => assertPoints(unaligned)).toThrowCode('ERR_MATCH_POINT');
      }
    }
    expect(refused).toBeGreaterThan(100);
  });

  it('refuses partial elements, wrong counts and repetitions', () => {
    const points = column(100);
    assertPointColumn(points, 100, rng);
    assertPointColumn(new Uint8Array(), 0, rng);
    expect(() => assertPoints(points.subarray(1))).toThrowCode('ERR_WIRE_LENGTH');
    for (const count of [0, 99, 101]) {
      expect(() => assertPointColumn(points, count, rng)).toThrowCode('ERR_MATCH_COUNT');
    }
    for (const [i, j] of [
      [0, 99],
      [0, 1],
      [98, 99],
      [17, 71],
    ] as const) {
      const repeated = points.slice();
      repeated.set(points.subarray(32 * i, 32 * i + 32), 32 * j);
      expect(() => assertPointColumn(repeated, 100, rng)).toThrowCode('ERR_MATCH_DUPLICATE');
    }
  });

  it('finds one repetition among records that differ in a single byte', () => {
    for (let at = 0; at < 32; at++) {
      const points = concat(...Array.from({ length: 100 }, () => le(12345n)));
      for (let i = 0; i < 100; i++) points[32 * i + at]! ^= i;
      expect(hasRepetition(points, rng)).toBe(false);
      points[32 * 99 + at]! ^= 99 ^ 50;
      expect(hasRepetition(points, rng)).toBe(true);
      expect(hasRepetition(Buffer.concat([Buffer.alloc(1), points]).subarray(1), rng)).toBe(true);
    }
  });

  it('stays linear on columns made to collide: arithmetic progressions and shared prefixes', () => {
    // Values that agree in all but chosen bits defeat prefix and multiplicative hashes. Quadratic probing would make
    // about 10^9 steps here and take several seconds; the bound is generous for slow machines.
    const n = 60_000;
    for (const place of [0, 3, 12, 28]) {
      const points = new Uint8Array(32 * n).fill(7);
      const view = new DataView(points.buffer);
      for (let i = 0; i < n; i++) view.setUint16(32 * i + place, i);
      const start = performance.now();
      assertPointColumn(points, n, rng);
      expect(performance.now() - start).toBeLessThan(2000);
    }
    const same = new Uint8Array(32 * n).fill(7);
    expect(() => assertPointColumn(same, n, rng)).toThrowCode('ERR_MATCH_DUPLICATE');
  });

  it('refuses a random source that gives too little', () => {
    expect(() => assertPointColumn(column(1), 1, () => new Uint8Array(5))).toThrowCode(
      'ERR_RNG_SHORT',
    );
  });
});

describe('tags', () => {
  const rng = seededRng('tags');

  it('are the first 16 bytes of elements', () => {
    const points = rng(32 * 50);
    const wanted = records(points, 32).map((point) => toHex(point.subarray(0, 16)));
    expect(records(truncateToTags(points), 16).map(toHex)).toEqual(wanted);
    expect(() => truncateToTags(points.subarray(1))).toThrowCode('ERR_INTERNAL');
  });

  it('sort as their bytes do, also when their first 32 bits are all the same', () => {
    for (const shared of [0, 2, 4, 5, 15]) {
      const tags = rng(16 * 3000);
      for (let i = 0; i < 3000; i++) tags.fill(0xa5, 16 * i, 16 * i + shared);
      const wanted = records(tags, 16).map(toHex);
      const order = [...sortable(wanted)];
      if (new Set(wanted).size < wanted.length) {
        expect(() => sortTags(tags)).toThrowCode('ERR_MATCH_DUPLICATE');
      } else expect([...sortTags(tags).order]).toEqual(order);
    }
  });

  it('join like a Map, on 200 random pairs of columns with shared prefixes and unaligned buffers', () => {
    const uniform = new UniformSource(rng);
    for (let round = 0; round < 200; round++) {
      const universe = Array.from({ length: 1 + uniform.below(60) }, (_, i) => {
        const tag = new Uint8Array(16).fill(round % 3);
        tag[uniform.below(2) * 15] = i;
        tag[7] = i >> 1;
        tag[8] = i;
        return tag;
      });
      const draw = (): Uint8Array[] => {
        const order = uniform.permutation(universe.length);
        return [...order].slice(0, uniform.below(order.length + 1)).map((i) => universe[i]!);
      };
      const [own, peer] = [draw(), draw()];
      const rows = new Map(own.map((tag, i) => [toHex(tag), i]));
      const wanted = peer.flatMap((tag, i) => {
        const row = rows.get(toHex(tag));
        return row === undefined ? [] : [[row, i]];
      });
      const unaligned = concat(new Uint8Array(1), ...own).subarray(1);
      const pairs = joinTags(sortTags(unaligned), sortTags(concat(...peer)));
      const got = [...pairs.own].map((row, i) => [row, pairs.peer[i]!] as const);
      const tagsOf = got.map(([row]) => toHex(own[row]!));
      expect(tagsOf).toEqual([...tagsOf].sort());
      expect(new Map(got)).toEqual(new Map(wanted as [number, number][]));
      expect(got.length).toBe(wanted.length);
    }
  });

  it('do not join when one is repeated or cut', () => {
    const tags = rng(16 * 3);
    expect(() => sortTags(concat(tags, tags))).toThrowCode('ERR_MATCH_DUPLICATE');
    expect(() => sortTags(tags.subarray(1))).toThrowCode('ERR_INTERNAL');
  });
});
