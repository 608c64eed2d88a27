/**
 * Mask weights for a new manifest. The search is not trusted: what it finds is certified like any other mask.
 * @module
 */
import { setImmediate } from 'node:timers/promises';
import { parseDecimal } from '../../src/dp/decimal.ts';
import type { MaskPlan } from '../../src/dp/plan.ts';
import { chooseMask } from '../../src/dp/planner.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Io } from '../cli/io.ts';

/** The smallest mask that the planner finds for the claim. It computes for up to ten seconds without a pause. */
export async function searchMask(
  io: Io,
  columns: number,
  claim: {
    readonly runs: number;
    readonly epsilon: string;
    readonly delta: string;
    readonly rowsMax: number;
  },
): Promise<MaskPlan> {
  const progress = io.progress();
  progress.phase('searching for the smallest mask that keeps the claim');
  const plan = chooseMask({
    ...{ mask: 'auto', k: columns, runs: claim.runs, rowsMax: claim.rowsMax },
    epsilon: parseDecimal(claim.epsilon),
    delta: parseDecimal(claim.delta),
  });
  progress.done();
  // lets a signal that came meanwhile be delivered, so that nothing is written after it
  await setImmediate();
  if (io.signal.aborted) throw new DpcaError('ERR_INTERRUPTED', 'interrupted; nothing was written');
  return plan;
}
