/**
 * The dummy rows that one enclave inserts, for either kind of mask (docs/specification.md section 7). The joint seed
 * names the dummies and is known to both; which of them go in is drawn from a stream only this enclave knows.
 * @module
 */
import { type Bytes, wipe } from '../bytes.ts';
import { coins } from './coins.ts';
import { intersectRowsOf, subsetSource } from './intersect-mask.ts';
import type { MaskPlan } from './plan.ts';
import { coinCount, maskRowsOf, type MaskRow } from './xor-mask.ts';

/** `own` is this enclave's secret, `peer` the other's revealed contribution; 32 bytes each, used for one run. */
export function ownMaskRows(
  plan: MaskPlan,
  seed: Bytes<32>,
  own: Bytes<32>,
  peer: Bytes<32>,
  sessionId: Bytes<32>,
  runCounter: bigint,
): readonly MaskRow[] {
  if (plan.kind === 'intersect') {
    return intersectRowsOf(plan, seed, subsetSource(own, peer, sessionId, runCounter));
  }
  const bits = coins(own, peer, sessionId, runCounter, coinCount(plan));
  const rows = maskRowsOf(plan, seed, bits);
  wipe(bits);
  return rows;
}

/** The mask of one column of a plan, as a plan of its own. */
export function columnPlan(plan: MaskPlan, column: number): MaskPlan {
  return plan.kind === 'xor'
    ? { kind: 'xor', columns: plan.columns.slice(column, column + 1) }
    : { kind: 'intersect', columns: plan.columns.slice(column, column + 1) };
}
