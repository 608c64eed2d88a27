/** Property: sorting by 32-bit keys, and what is decided within equal keys, against plain references. Fixed seed. */
import { describe, expect, it } from 'vitest';
import { forEqualKeys, sortKeys } from '../../src/group/radix.ts';
import { anyEqual } from '../../src/group/repetition.ts';
import { UniformSource } from '../../src/rng.ts';
import { seededRng } from '../support/test-rng.ts';

describe('keys of 32 bits', () => {
  const uniform = new UniformSource(seededRng('radix'));

  /** Few values, so that keys repeat; all of 32 bits, or only high, middle or low ones. */
  function someKeys(n: number): Uint32Array {
    const values = Uint32Array.from({ length: 1 + uniform.below(300) }, () => {
      const shift = uniform.below(22);
      return uniform.below(2) === 0 ? uniform.below(2 ** 32) : uniform.below(2048) << shift;
    });
    return Uint32Array.from({ length: n }, () => values[uniform.below(values.length)] ?? 0);
  }

  it('come out ascending, equal ones in their order, with every run of equal ones found', () => {
    for (let round = 0; round < 300; round++) {
      const keys = someKeys(uniform.below(500));
      const wanted = [...keys.keys()].sort((i, j) => keys[i]! - keys[j]! || i - j);
      const sorted = sortKeys(keys.slice());
      expect([...sorted.order]).toEqual(wanted);
      expect([...sorted.keys]).toEqual(wanted.map((i) => keys[i]));
      const runs: number[][] = [];
      forEqualKeys(sorted, (indices) => runs.push([...indices]));
      const byKey = new Map<number, number[]>();
      for (const i of wanted) byKey.set(keys[i]!, [...(byKey.get(keys[i]!) ?? []), i]);
      expect(runs).toEqual([...byKey.values()].filter((run) => run.length > 1));
    }
  });

  it('that are shared by different records say nothing: only equal records count', () => {
    for (let round = 0; round < 300; round++) {
      const n = 2 + uniform.below(60);
      const records = uniform.permutation(1000).subarray(0, n).slice();
      const keys = (): Uint32Array => records.map((record) => record % (1 + (round % 7)));
      const compare = (i: number, j: number): number => records[i]! - records[j]!;
      expect(anyEqual(keys(), compare)).toBe(false);
      const from = uniform.below(n);
      records[(from + 1 + uniform.below(n - 1)) % n] = records[from]!;
      expect(anyEqual(keys(), compare)).toBe(true);
    }
  });

  it('that are uniform tell the one pair of equal records among thousands', () => {
    for (let round = 0; round < 100; round++) {
      const n = 2 + uniform.below(5000);
      const keys = Uint32Array.from({ length: n }, () => uniform.below(2 ** 32));
      const records = Array.from(keys, (_, i) => i);
      const compare = (i: number, j: number): number => records[i]! - records[j]!;
      expect(anyEqual(keys, compare)).toBe(false);
      const from = uniform.below(n);
      const to = (from + 1 + uniform.below(n - 1)) % n;
      keys[to] = keys[from]!;
      expect(anyEqual(keys, compare)).toBe(false);
      records[to] = records[from]!;
      expect(anyEqual(keys, compare)).toBe(true);
    }
  });

  it('that thousands of records share cost few comparisons for each', () => {
    const n = 5000;
    const records = uniform.permutation(n);
    let compared = 0;
    const compare = (i: number, j: number): number => {
      compared += 1;
      return records[i]! - records[j]!;
    };
    expect(anyEqual(new Uint32Array(n).fill(7), compare)).toBe(false);
    expect(compared).toBeLessThan(20 * n);
    records[n - 1] = records[0]!;
    expect(anyEqual(new Uint32Array(n).fill(7), compare)).toBe(true);
  });
});
