/** The XOR mask and IntersectMask: vectors, one version per block, overlap law, single use. */
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { type Bytes, fixed } from '../../src/bytes.ts';
import { assertOpens, CoinGuard, coins, coinStream, commit } from '../../src/dp/coins.ts';
import { commonIdentifier, intersectRowsOf, subsetSource } from '../../src/dp/intersect-mask.ts';
import { assertPlan, maskRows, planHash, type XorPlan } from '../../src/dp/plan.ts';
import { coinCount, dummyIdentifiers, jointSeed, maskRowsOf } from '../../src/dp/xor-mask.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { exactLaw, fixture } from './support.ts';

interface MaskVectors {
  readonly in: {
    readonly columns: readonly (readonly number[])[];
    readonly runCounter: number;
    readonly sessionId: string;
    readonly seedA: string;
    readonly seedB: string;
    readonly own: string;
    readonly peer: string;
  };
  readonly out: Readonly<Record<string, string>> & {
    readonly inserted: readonly (readonly [number, string])[];
  };
}

const vectors = fixture('mask.json') as MaskVectors;
const bytes32 = (hex: string): Bytes<32> => fixed(fromHex(hex), 32, 'vector');
const of = (byte: number, second = 0): Bytes<32> => {
  const out = new Uint8Array(32).fill(byte);
  new DataView(out.buffer).setUint32(0, second);
  return fixed(out, 32, 'test');
};
const plan: XorPlan = { kind: 'xor', columns: vectors.in.columns };
const sid = bytes32(vectors.in.sessionId);
const run = BigInt(vectors.in.runCounter);
const own = bytes32(vectors.in.own);
const peer = bytes32(vectors.in.peer);
const seed = jointSeed(
  bytes32(vectors.in.seedA),
  bytes32(vectors.in.seedB),
  sid,
  run,
  planHash(plan),
);

describe('vectors of docs/specification.md section 7 (independent generator)', () => {
  const { out } = vectors;
  it('hashes plans', () => {
    expect(toHex(planHash(plan))).toBe(out['planHash']);
    expect(toHex(planHash({ kind: 'intersect', columns: [318] }))).toBe(out['planHashIntersect']);
  });
  it('derives seed and identifiers', () => {
    expect(toHex(seed)).toBe(out['jointSeed']);
    expect(toHex(dummyIdentifiers(seed)(0, 0, 1, 1))).toBe(out['dummy_0_0_1_1']);
    expect(toHex(dummyIdentifiers(seed)(1, 1, 0, 0))).toBe(out['dummy_1_1_0_0']);
    expect(toHex(commonIdentifier(seed, 2, 70_000))).toBe(out['common_2_70000']);
  });
  it('derives coins, the stream beyond one expansion, and subsets', () => {
    expect(coins(own, peer, sid, run, 21).join('')).toBe(out['coins21']);
    expect(toHex(coinStream(own, peer, sid, run, 8_176).slice(8_160))).toBe(out['streamAt8160']);
    expect(toHex(sha256(subsetSource(own, peer, sid, run)(4_096)))).toBe(out['subset4096']);
  });
  it('commits', () => {
    expect(toHex(commit('seed', sid, 'a', bytes32(vectors.in.seedA)))).toBe(out['commitSeedA']);
    expect(toHex(commit('mix', sid, 'b', peer))).toBe(out['commitMixB']);
    expect(toHex(commit('coins', sid, 'a', own))).toBe(out['commitCoinsA']);
  });
  it('picks the rows to insert', () => {
    const rows = maskRowsOf(plan, seed, coins(own, peer, sid, run, coinCount(plan)));
    expect(rows.map(({ column, identifier }) => [column, toHex(identifier)])).toEqual(out.inserted);
  });
});

describe('XOR mask', () => {
  it('inserts exactly one version of every block, which meets the peer iff the coins agree', () => {
    const wide: XorPlan = {
      kind: 'xor',
      columns: [
        [5, 3, 2, 1, 1],
        [4, 4, 1, 1, 1],
      ],
    };
    for (let trial = 0; trial < 30; trial++) {
      const x = coins(of(1, trial), of(2), sid, run, coinCount(wide));
      const y = coins(of(3, trial), of(4), sid, run, coinCount(wide));
      const a = maskRowsOf(wide, seed, x);
      const b = new Set(maskRowsOf(wide, seed, y).map((r) => `${r.column} ${toHex(r.identifier)}`));
      expect(b.size).toBe(2 * 12 - 1);
      wide.columns.forEach((weights, column) => {
        const mine = a.filter((r) => r.column === column);
        expect(mine).toHaveLength(maskRows(wide)[column] ?? 0);
        const met = mine.filter((r) => b.has(`${column} ${toHex(r.identifier)}`)).length;
        const expected = weights.reduce((sum, w, block) => {
          const i = column * 5 + block;
          return sum + (x[i] === y[i] ? w : 0);
        }, 0);
        expect(met).toBe(expected);
      });
    }
  });

  it('refuses a wrong number of coins and coins other than 0 and 1', () => {
    expect(() => maskRowsOf(plan, seed, new Uint8Array(4))).toThrowCode('ERR_INTERNAL');
    expect(() => maskRowsOf(plan, seed, Uint8Array.of(0, 1, 2, 0, 1))).toThrowCode('ERR_INTERNAL');
  });

  it('has noise of the claimed law, and a broken sampler has not', () => {
    // chi-square over 40,000 fixed-seed runs, 7 degrees of freedom: P(> 46) = 9e-8
    const weights = [3, 2, 1, 1];
    const law = exactLaw({ kind: 'xor', weights }).map((c) => Number(c) / 16);
    const runs = 40_000;
    const statistic = (noise: (x: Uint8Array, y: Uint8Array) => number): number => {
      const seen = new Array<number>(law.length).fill(0);
      for (let t = 0; t < runs / 8; t++) {
        const x = coins(of(7, t), of(8), sid, run, 32);
        const y = coins(of(9, t), of(8), sid, run, 32);
        for (let at = 0; at < 32; at += 4) {
          const z = noise(x.subarray(at, at + 4), y.subarray(at, at + 4));
          seen[z] = (seen[z] ?? 0) + 1;
        }
      }
      return law.reduce((sum, p, z) => sum + ((seen[z] ?? 0) - runs * p) ** 2 / (runs * p), 0);
    };
    const agree = (list: readonly number[]) => (x: Uint8Array, y: Uint8Array) =>
      list.reduce((sum, w, i) => sum + (x[i] === y[i] ? w : 0), 0);
    expect(statistic(agree(weights))).toBeLessThan(46);
    expect(statistic(agree([3, 2, 1]))).toBeGreaterThan(1_000);
    expect(statistic(agree([3, 2, 1, 2]))).toBeGreaterThan(1_000);
    expect(statistic((_, y) => agree(weights)(y, y))).toBeGreaterThan(1_000);
  });
});

describe('coins', () => {
  it('depend on both secrets, the session and the run', () => {
    const base = coins(own, peer, sid, run, 128).join('');
    expect(coins(own, peer, sid, run + 1n, 128).join('')).not.toBe(base);
    expect(coins(own, of(1), sid, run, 128).join('')).not.toBe(base);
    expect(coins(of(1), peer, sid, run, 128).join('')).not.toBe(base);
    expect(coins(own, peer, of(1), run, 128).join('')).not.toBe(base);
  });

  it('are claimed once per run and once per secret', () => {
    const guard = new CoinGuard();
    guard.claim(of(1), sid, 1n);
    expect(() => guard.claim(of(2), sid, 1n)).toThrowCode('ERR_MASK_REUSE');
    expect(() => guard.claim(of(1), sid, 2n)).toThrowCode('ERR_MASK_REUSE');
    guard.claim(of(2), sid, 2n);
  });

  it('commitments bind purpose, session, role and secret', () => {
    const c = commit('mix', sid, 'a', of(5));
    assertOpens(c, 'mix', sid, 'a', of(5));
    expect(() => assertOpens(c, 'mix', sid, 'a', of(6))).toThrowCode('ERR_MASK_COMMITMENT');
    expect(() => assertOpens(c, 'mix', sid, 'b', of(5))).toThrowCode('ERR_MASK_COMMITMENT');
    expect(() => assertOpens(c, 'seed', sid, 'a', of(5))).toThrowCode('ERR_MASK_COMMITMENT');
    expect(() => assertOpens(c, 'mix', of(1), 'a', of(5))).toThrowCode('ERR_MASK_COMMITMENT');
  });
});

describe('IntersectMask', () => {
  it('inserts tau distinct common identifiers, overlapping hypergeometrically', () => {
    // 300 fixed-seed runs at tau = 3: law 1, 9, 9, 1 over 20; chi-square, 3 degrees of freedom: P(> 38.3) = 2e-8
    const small = { kind: 'intersect', columns: [3] } as const;
    const seen = [0, 0, 0, 0];
    const draw = (byte: number, t: number): Set<string> =>
      new Set(
        intersectRowsOf(small, seed, subsetSource(of(byte, t), of(1), sid, run)).map((r) =>
          toHex(r.identifier),
        ),
      );
    const trials = 300;
    for (let t = 0; t < trials; t++) {
      const [a, b] = [draw(1, t), draw(2, t)];
      expect(a.size).toBe(3);
      const z = [...a].filter((id) => b.has(id)).length;
      seen[z] = (seen[z] ?? 0) + 1;
    }
    const statistic = [1, 9, 9, 1].reduce((sum, c, z) => {
      const expected = (trials * c) / 20;
      return sum + ((seen[z] ?? 0) - expected) ** 2 / expected;
    }, 0);
    expect(statistic).toBeLessThan(38.3);
  });
});

describe('plan shape', () => {
  it('is 1 to 8 columns of positive, non-increasing whole weights', () => {
    const refuse = (columns: readonly (readonly number[])[], k = columns.length): void => {
      expect(() => assertPlan({ kind: 'xor', columns }, k)).toThrowCode('ERR_MANIFEST_PLAN');
    };
    assertPlan(plan, 2);
    refuse([[1]], 2);
    refuse([], 0);
    refuse(new Array<readonly number[]>(9).fill([1]));
    refuse([[]]);
    refuse([[1, 2]]);
    refuse([[0]]);
    refuse([[1.5]]);
    refuse([[-1]]);
    refuse([[Number.NaN]]);
    refuse([new Array<number>(257).fill(1)]);
    refuse([[40_000, 30_000]]);
    expect(() => assertPlan({ kind: 'intersect', columns: [0] }, 1)).toThrowCode(
      'ERR_MANIFEST_PLAN',
    );
  });
});
