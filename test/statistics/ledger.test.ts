/**
 * A ledger registers and composes plans with statistics: their moments count (docs/ledger.md section 2).
 */
import { expect, it } from 'vitest';
import { composedDelta, Ledger } from '../../attestation/ledger.ts';
import {
  type PlanRecord,
  planRecord,
  recordBytes,
  registeredPlan,
  ZERO_HASH,
} from '../../attestation/ledger-record.ts';
import { fixed } from '../../src/bytes.ts';
import { parseDecimal } from '../../src/dp/decimal.ts';
import { toHex } from '../../src/encoding.ts';
import { type Manifest, privacyHash } from '../../src/run/manifest.ts';
import { EXAMPLE_WEIGHTS, testManifest } from '../support/manifests.ts';

const plain = testManifest(2, EXAMPLE_WEIGHTS);
const valued = testManifest(2, EXAMPLE_WEIGHTS, {
  values: [{ name: 'spend', owner: 'a', low: 0, high: 100 }],
  statistics: [{ kind: 'count' }, { kind: 'variance', of: 'spend' }],
  privacy: { ...plain.privacy, noise: EXAMPLE_WEIGHTS },
  threshold: 5,
});

const register = (manifest: Manifest, prev: string, epsilon = '2'): PlanRecord =>
  planRecord(manifest, {
    ...{ lineage: '11'.repeat(16), name: 'rows', rowsMax: 1000, perPeer: 20, prev },
    ...{ epsilon, delta: '0.0001', salt: fixed(new Uint8Array(32).fill(1), 32, 'salt') },
  });

it('registers the privacy fields of values, and knows what a run opens', () => {
  const record = register(valued, ZERO_HASH);
  const plan = registeredPlan(record);
  expect(plan.hash).toBe(toHex(privacyHash(valued)));
  expect(plan.outputs).toEqual({ weights: EXAMPLE_WEIGHTS, slots: 2, replaceSlots: 2 });
  expect(registeredPlan(register(plain, ZERO_HASH)).outputs).toBeUndefined();
  expect(new Ledger([recordBytes(record)]).fit(valued, 'a').slot).toBe(1);
  const broken = { ...record, fields: { ...record.fields, values: [] } };
  expect(() => registeredPlan(broken)).toThrowCode('ERR_BUDGET_LEDGER');
});

it('composes the moments of all plans with their sizes', () => {
  const plans = [plain, valued].map((manifest) => registeredPlan(register(manifest, ZERO_HASH)));
  const epsilon = parseDecimal('4');
  const [first, second] = plans as [(typeof plans)[0], (typeof plans)[0]];
  const sizesOnly = composedDelta([first, first], epsilon);
  expect(composedDelta([first, second], epsilon)).toBeGreaterThan(1.3 * sizesOnly);

  const records = [recordBytes(register(valued, ZERO_HASH))];
  const { head } = new Ledger(records);
  const extended = (claim: string): Ledger =>
    new Ledger([...records, recordBytes(register(valued, head, claim))]);
  expect(extended('8').plans[0]!.slots).toBe(20);
  // 20 runs of two sizes alone would keep it
  expect(composedDelta([first, first], parseDecimal('2.5'))).toBeLessThan(1e-4);
  expect(() => extended('2.5')).toThrowCode('ERR_BUDGET_LEDGER');
});
