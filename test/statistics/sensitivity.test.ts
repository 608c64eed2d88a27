/**
 * Lemmas 4 and 5 of docs/privacy.md section 10 on random neighbours (fixed seeds; many more in the slow test), and a chain
 * that reaches the bounds.
 */
import { describe, expect, it } from 'vitest';
import { compileStatistics } from '../../src/statistics/compile.ts';
import { changedGroups, ownShift, pairShift } from '../../src/statistics/sensitivity.ts';
import { design, ROWS } from './cases.ts';
import { commonOf, movement, nulled, type Side } from './neighbours.ts';
import { searchWorst } from './sensitivity.ts';

describe('sensitivity', () => {
  it.each([1, 2, 3, 4])('is never exceeded when a row is nulled or replaced: k = %i', (k) => {
    expect(searchWorst(k, 600, 'quick').excess).toEqual([]);
  });

  it('states the shifts of docs/privacy.md', () => {
    const [signed, positive] = [
      { low: -3n, high: 5n },
      { low: 4n, high: 9n },
    ];
    expect([1, 2, 3].map((k) => ownShift(signed, k))).toEqual([5n, 8n, 8n]);
    expect([1, 2, 3].map((k) => ownShift(positive, k))).toEqual([9n, 9n, 9n]);
    expect([1, 2, 3, 4].map((k) => pairShift(signed, k))).toEqual([5n, 8n, 13n, 16n]);
    expect([1, 2, 3, 4].map((k) => pairShift({ low: 0n, high: 1n }, k))).toEqual([1n, 1n, 2n, 2n]);
    expect([1, 2, 3].map((k) => changedGroups(9, k, false))).toEqual([1, 2, 2]);
    expect([1, 2, 3, 4, 5].map((k) => changedGroups(9, k, true))).toEqual([1, 2, 2, 3, 3]);
    expect(changedGroups(2, 8, true)).toBe(2);
  });

  /**
   * Party a's row r matches b1 in column 1; without it b1 matches a1 in column 2, which otherwise matches b2 in column 3;
   * without it b2 matches a2 in column 4, and so on: each column changes one pair.
   */
  function chain(k: number, own: readonly bigint[], peer: readonly bigint[]): { a: Side; b: Side } {
    const rows = Math.floor(k / 2) + 1;
    const blank = () => Array.from({ length: rows }, () => new Array<string | null>(k).fill(null));
    const [a, b] = [blank(), blank()];
    for (let column = 0; column < k; column++) {
      const [i, j] = [Math.ceil(column / 2), Math.floor(column / 2)];
      a[i]![column] = `x${column}`;
      b[j]![column] = `x${column}`;
    }
    return {
      a: {
        identifiers: a,
        values: a.map((_, i) => ({ v: own[i % own.length]!, g: BigInt(i % 4) })),
      },
      b: { identifiers: b, values: b.map((_, i) => ({ w: peer[i % peer.length]! })) },
    };
  }

  it.each([1, 2, 3, 4, 5])('is reached by a chain of matches: k = %i', (k) => {
    const values = [
      { name: 'v', owner: 'a', low: 0, high: 2 },
      { name: 'g', owner: 'a', low: 0, high: 3 },
      { name: 'w', owner: 'b', low: -1, high: 1 },
    ] as const;
    const product = design(k, values, [
      // v - 1 times w: 1 in pairs that join, -1 in pairs that leave
      { kind: 'covariance', of: ['v', 'w'] },
      { kind: 'histogram', group: 'g', groups: [0, 1, 2, 3], sum: 'w' },
    ]);
    const { families } = compileStatistics(product, ROWS);
    const { a, b } = chain(k, [2n, 0n], [1n, -1n]);
    const before = commonOf(a, b, k);
    const after = commonOf(nulled(a, 0), b, k);
    expect(before.length - after.length).toBe(k % 2);
    const [, , products, counts, sums] = families;
    expect(movement(counts!, before, after)).toEqual({
      moved: k % 2 === 1 ? 1 : 2,
      furthest: counts!.shift,
    });
    // pairs that join are (r, b1), (a1, b2), ...; those that leave (a1, b1), (a2, b2), ...
    expect(movement(products!, before, after).furthest).toBe(products!.shift);
    // the groups of r, a1, a2, ...: every row of the chain between its ends stays matched, with another partner
    expect(sums!.slots).toBe(Math.floor(k / 2) + 1);
    expect(movement(sums!, before, after).moved).toBe(sums!.slots);
  });

  it('counts a condition of the other party as a function of pairs', () => {
    const values = [
      { name: 'v', owner: 'a', low: -3, high: 5 },
      { name: 'w', owner: 'b', low: -1, high: 1 },
    ] as const;
    const statistics = [{ kind: 'sum', of: 'v', where: [{ value: 'w', equals: 1 }] }];
    const { families } = compileStatistics(design(5, values, statistics), ROWS);
    // r joins b1, a1 leaves b1, a1 and a2 trade b2, which fails, a2 joins b3: 5 + 3 + 5
    const { a, b } = chain(5, [5n, -3n, 5n], [1n, -1n, 1n]);
    const move = movement(families[0]!, commonOf(a, b, 5), commonOf(nulled(a, 0), b, 5));
    expect(move.furthest).toBe(13n);
    expect(ownShift({ low: -3n, high: 5n }, 5)).toBe(8n);
    expect(families[0]!.shift).toBe(21n);
  });
});
