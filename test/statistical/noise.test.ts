/**
 * The noise that the code makes, counted through coins, mask, matching and (a part of it) the whole run machine; the
 * large counts are in noise.slow.test.ts. Seeds are fixed, so results do not change from run to run; for another seed,
 * every test of honest noise would be rejected with probability at most 3e-6 (three tests at 1e-6 each).
 */
import { describe, expect, it } from 'vitest';
import { epsilonUpper } from '../../src/dp/accountant.ts';
import { maskPair } from '../../src/dp/loss.ts';
import { coins } from '../../src/dp/coins.ts';
import type { IntersectPlan, MaskPlan, XorPlan } from '../../src/dp/plan.ts';
import { coinCount, type MaskRow, maskRowsOf } from '../../src/dp/xor-mask.ts';
import type { Rng } from '../../src/rng.ts';
import { testManifest } from '../support/manifests.ts';
import { runPair } from '../support/run-pair.ts';
import { seededRng } from '../support/test-rng.ts';
import { chiSquareTail, chiSquareTest } from './chi-square.ts';
import {
  honest,
  matchedSizes,
  releasedSizes,
  sentSizes,
  type RunSecrets,
  type Sampler,
} from './noise-runs.ts';
import { auditedEpsilon, lawPValue, serialPValue } from './verdict.ts';

const REJECT = 1e-6;
const WEIGHTS = [3, 2, 1, 1] as const;
const PLAN: XorPlan = { kind: 'xor', columns: [WEIGHTS] };
/** A claim for one run of PLAN: delta 0.07, and the epsilon that the accountant certifies for it. */
const DELTA = 0.07;
const EPSILON = epsilonUpper(
  [{ pair: maskPair({ kind: 'xor', weights: WEIGHTS }), count: 1 }],
  DELTA,
);

interface Verdict {
  readonly law: number;
  readonly serial: number;
  readonly audit: number;
}

/** `runs` runs in each world. */
function judge(sampler: Sampler, runs: number, seed: string, plan: MaskPlan = PLAN): Verdict {
  const rng = seededRng(seed);
  const nonMember = matchedSizes(plan, sampler, false, runs, rng);
  const member = matchedSizes(plan, sampler, true, runs, rng);
  // the target matches in column 1
  const lifted = member.map(([first = 0, ...rest]) => [first - 1, ...rest]);
  return {
    law: lawPValue(plan, [...nonMember, ...lifted]),
    serial: Math.min(serialPValue(plan, nonMember), serialPValue(plan, lifted)),
    audit: auditedEpsilon(plan, { member, nonMember }, 1, DELTA, REJECT),
  };
}

/** The rows of both sides when each changes its coins before it uses them. */
function changedBits(change: (bits: Uint8Array, side: 'a' | 'b') => Uint8Array): Sampler {
  const side = (secrets: RunSecrets, name: 'a' | 'b'): readonly MaskRow[] => {
    const [own, mix] = name === 'a' ? secrets.coinsA : secrets.coinsB;
    const bits = coins(own, mix, secrets.sessionId, 1n, coinCount(PLAN));
    return maskRowsOf(PLAN, secrets.seed, change(bits, name));
  };
  return (_plan, secrets) => [side(secrets, 'a'), side(secrets, 'b')];
}

describe('chi-square', () => {
  it('has the published tail values', () => {
    // critical values of the usual tables
    expect(chiSquareTail(3.841459, 1)).toBeCloseTo(0.05, 6);
    expect(chiSquareTail(23.209251, 10)).toBeCloseTo(0.01, 6);
    expect(chiSquareTail(149.449253, 100)).toBeCloseTo(0.001, 6);
    expect(chiSquareTest([50, 50], [0.5, 0.5])).toBeCloseTo(1, 12);
    expect(chiSquareTest([60, 40], [0.5, 0.5])).toBeCloseTo(0.0455, 4);
    expect(chiSquareTest([50, 49, 1], [0.5, 0.5, 0])).toBe(0);
  });
});

describe('honest noise', () => {
  it('has the claimed law, is fresh in every run, and keeps epsilon', () => {
    const { law, serial, audit } = judge(honest, 1250, 'noise: one column');
    expect(law).toBeGreaterThan(REJECT);
    expect(serial).toBeGreaterThan(REJECT);
    expect(audit).toBeLessThan(EPSILON);
  });

  it('is independent between columns', () => {
    const plan: XorPlan = { kind: 'xor', columns: [WEIGHTS, [2, 1, 1]] };
    const { law, serial } = judge(honest, 500, 'noise: two columns', plan);
    expect(law).toBeGreaterThan(REJECT);
    expect(serial).toBeGreaterThan(REJECT);
  });

  it('of IntersectMask has its hypergeometric law', () => {
    const plan: IntersectPlan = { kind: 'intersect', columns: [6] };
    const { law, serial } = judge(honest, 150, 'noise: subsets', plan);
    expect(law).toBeGreaterThan(REJECT);
    expect(serial).toBeGreaterThan(REJECT);
  });

  it('has the same law when one side has no randomness at all', () => {
    const stuck = changedBits((bits, side) => (side === 'a' ? bits.fill(0) : bits));
    const { law, serial } = judge(stuck, 500, 'noise: one stuck side');
    expect(law).toBeGreaterThan(REJECT);
    expect(serial).toBeGreaterThan(REJECT);
  });

  it('comes out of the whole run machine with the same law', () => {
    const sizes = releasedSizes(testManifest(1, WEIGHTS), true, 1000, seededRng('noise: machine'));
    const noise = sizes.map(([size = 0]) => [size - 1]);
    expect(lawPValue(PLAN, noise)).toBeGreaterThan(REJECT);
    expect(serialPValue(PLAN, noise)).toBeGreaterThan(REJECT);
  });
});

describe('coins', () => {
  it('of each side come from a secret that never crosses the wire', () => {
    // the first draws are the session id, then seed, mix and coin secret of a, then of b; all but one stay the same
    for (const free of [3, 6]) {
      const noise = Array.from({ length: 150 }, (_, run) => {
        const fresh = seededRng(`secret coins ${free} ${run}`);
        const same = seededRng('everything else');
        let draws = 0;
        let secret = Buffer.alloc(0);
        const rng: Rng = (n) => {
          if (n !== 32 || draws >= 7) return fresh(n);
          const common = same(n);
          if (draws++ !== free) return common;
          const own = fresh(n);
          secret = Buffer.from(own);
          return own;
        };
        const cells = [['person']];
        const { releases, log } = runPair(
          testManifest(1, WEIGHTS),
          { a: cells, b: cells },
          { rng },
        );
        expect(releases.a).toBeDefined();
        expect(log.some(({ body }) => Buffer.from(body).includes(secret))).toBe(false);
        return [(sentSizes(log)[0] ?? 0) - 1];
      });
      expect(lawPValue(PLAN, noise)).toBeGreaterThan(REJECT);
    }
  });
});

describe('broken samplers are caught', () => {
  const runs = 300;

  it('coins reused in all runs: the noise is a constant', () => {
    let first: RunSecrets | undefined;
    const reused: Sampler = (plan, secrets) => {
      first ??= secrets;
      return honest(plan, { ...first, seed: secrets.seed });
    };
    const { law, serial, audit } = judge(reused, runs, 'broken: all runs');
    expect(law).toBeLessThan(REJECT);
    expect(serial).toBeLessThan(REJECT);
    expect(audit).toBeGreaterThan(EPSILON);
  });

  it('coins reused in pairs of runs: right law, dependent runs', () => {
    let kept: RunSecrets | undefined;
    const reused: Sampler = (plan, secrets) => {
      if (kept === undefined || secrets.run % 2 === 0) kept = secrets;
      return honest(plan, { ...kept, seed: secrets.seed });
    };
    const { law, serial } = judge(reused, runs, 'broken: pairs of runs');
    expect(law).toBeGreaterThan(REJECT);
    expect(serial).toBeLessThan(REJECT);
  });

  it.each([
    ['a block missing', [3, 2, 1]],
    ['a weight one too large', [3, 2, 2, 1]],
    ['a weight one too small', [3, 1, 1, 1]],
  ])('%s', (_name, weights) => {
    const other: XorPlan = { kind: 'xor', columns: [weights] };
    const broken: Sampler = (_plan, secrets) => honest(other, secrets);
    expect(judge(broken, runs, `broken: ${weights.join()}`).law).toBeLessThan(REJECT);
  });

  it('both versions of one block inserted by one side', () => {
    const otherVersion = changedBits((bits) => bits.map((bit, i) => (i === 1 ? 1 - bit : bit)));
    const both: Sampler = (plan, secrets) => {
      const [a, b] = honest(plan, secrets);
      const [flipped] = otherVersion(plan, secrets);
      const known = new Set(a.map((row) => row.identifier.join()));
      return [[...a, ...flipped.filter((row) => !known.has(row.identifier.join()))], b];
    };
    expect(judge(both, runs, 'broken: both versions').law).toBeLessThan(REJECT);
  });

  it('all versions inserted by one side, or none: a constant that the cheater knows', () => {
    const all: Sampler = (plan, secrets) => [
      [0, 1].flatMap((v) => changedBits((bits) => bits.fill(v))(plan, secrets)[0]),
      honest(plan, secrets)[1],
    ];
    const none: Sampler = (plan, secrets) => [[], honest(plan, secrets)[1]];
    const m = WEIGHTS.reduce((a, b) => a + b, 0);
    for (const [sampler, noise] of [
      [all, m],
      [none, 0],
    ] as const) {
      const rng = seededRng('broken: cheating');
      const sizes = matchedSizes(PLAN, sampler, true, 20, rng);
      expect(sizes).toEqual(sizes.map(() => [noise + 1]));
      expect(judge(sampler, runs, 'broken: cheating').audit).toBeGreaterThan(EPSILON);
    }
  });
});
