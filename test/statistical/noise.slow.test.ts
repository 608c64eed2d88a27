/**
 * 100,000 runs of the whole run machine on both sides, member and non-member world, under a certified plan; and 30,000
 * runs of coins, mask and matching with two columns. Takes about five minutes on one core. Seeds are fixed; for another
 * seed each test would be rejected with probability at most 5e-6.
 */
import { describe, expect, it } from 'vitest';
import { certifyPlan } from '../../src/dp/certify.ts';
import { parseDecimal } from '../../src/dp/decimal.ts';
import type { XorPlan } from '../../src/dp/plan.ts';
import { testManifest } from '../support/manifests.ts';
import { seededRng } from '../support/test-rng.ts';
import { honest, matchedSizes, releasedSizes } from './noise-runs.ts';
import { auditedEpsilon, lawPValue, serialPValue } from './verdict.ts';

const REJECT = 1e-6;

describe('noise of the implementation', () => {
  it('over 100,000 whole runs has the certified law and keeps epsilon', () => {
    // k = 1, N = 1000, T = 6, epsilon = 4, delta = 1/(10 N): 21 dummy rows
    const weights = [2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
    const mask = { kind: 'xor', columns: [weights] } as const;
    const claim = { epsilon: '4', delta: '0.0001', runs: 6 };
    certifyPlan(mask, {
      ...{ k: 1, runs: claim.runs, rowsMax: 1000 },
      epsilon: parseDecimal(claim.epsilon),
      delta: parseDecimal(claim.delta),
    });
    const privacy = { adjacency: 'null-a-row', ...claim, mask };
    const manifest = testManifest(1, weights, { privacy });
    const rng = seededRng('noise: 100,000 runs');
    const nonMember = releasedSizes(manifest, false, 50_000, rng);
    const member = releasedSizes(manifest, true, 50_000, rng);
    const lifted = member.map(([size = 0]) => [size - 1]);
    const law = lawPValue(mask, [...nonMember, ...lifted]);
    const serial = Math.min(serialPValue(mask, nonMember), serialPValue(mask, lifted));
    const sizes = { member, nonMember };
    const delta = Number(claim.delta);
    // reported at 95 %, judged at 1e-6
    const reported = auditedEpsilon(mask, sizes, claim.runs, delta, 0.05);
    const audit = auditedEpsilon(mask, sizes, claim.runs, delta, REJECT);
    console.log(
      `law p = ${law.toPrecision(3)}, serial p = ${serial.toPrecision(3)}, ` +
        `epsilon above ${reported.toFixed(3)} (95 %), ${audit.toFixed(3)} (1 - 1e-6), claimed 4`,
    );
    expect(law).toBeGreaterThan(REJECT);
    expect(serial).toBeGreaterThan(REJECT);
    expect(audit).toBeLessThan(4);
    // the audit can see something: with 8,333 groups of six runs the optimal test alone shows about 2
    expect(reported).toBeGreaterThan(1);
  }, 3_600_000);

  it('over 30,000 matchings of two columns has the joint law', () => {
    const plan: XorPlan = {
      kind: 'xor',
      columns: [
        [3, 2, 1, 1],
        [2, 1, 1],
      ],
    };
    const sizes = matchedSizes(plan, honest, false, 30_000, seededRng('noise: two columns, slow'));
    expect(lawPValue(plan, sizes)).toBeGreaterThan(REJECT);
    expect(serialPValue(plan, sizes)).toBeGreaterThan(REJECT);
  });
});
