/**
 * Mask weights and output noise for a new manifest. The search is not trusted: what it finds is certified like any other mask.
 * @module
 */
import { setImmediate } from 'node:timers/promises';
import { parseDecimal } from '../../src/dp/decimal.ts';
import { chooseNoise, type NoisePlan } from '../../src/dp/planner.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Io } from '../cli/io.ts';

/**
 * The smallest noise that the planner finds for the claim, `slots` moments in each run included. It computes for up to
 * twenty seconds without a pause.
 */
export async function searchNoise(
  io: Io,
  columns: number,
  slots: number,
  claim: {
    readonly runs: number;
    readonly epsilon: string;
    readonly delta: string;
    readonly rowsMax: number;
  },
): Promise<NoisePlan> {
  const progress = io.progress();
  progress.phase('searching for the smallest noise that keeps the claim');
  const [epsilon, delta] = [parseDecimal(claim.epsilon), parseDecimal(claim.delta)];
  const { runs, rowsMax } = claim;
  const plan = chooseNoise({ mask: 'auto', k: columns, runs, rowsMax, epsilon, delta }, slots);
  progress.done();
  // lets a signal that came meanwhile be delivered, so that nothing is written after it
  await setImmediate();
  if (io.signal.aborted) throw new DpcaError('ERR_INTERRUPTED', 'interrupted; nothing was written');
  return plan;
}
