/**
 * Entry of the enclave in the image: one run per process, with the hardware's security module or not at all. The first
 * process (init/init.c) starts it again for the next run, so that coins, scalars and keys never outlive their run.
 *
 *   main.js --sockets DIR
 * @module
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { toHex } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import { serveRun } from './enclave.ts';
import { openKernel } from './kernel/open.ts';
import { openNsmDevice } from './nsm/device.ts';
import { Nsm } from './nsm/nsm.ts';
import { seededRng } from './random.ts';

const { sockets } = parseArgs({ options: { sockets: { type: 'string' } } }).values;
if (sockets === undefined) throw new DpcaError('ERR_USAGE', 'expected --sockets DIR');
const device = openNsmDevice();
const nsm = new Nsm(device);
const rng = await seededRng((n) => nsm.getRandom(n));
// public facts of the image; an operator can read them where there is a console
const measured = await Promise.all(
  [0, 1, 2, 8].map(
    async (index) => [`PCR${index}`, toHex((await nsm.describePcr(index)).data)] as const,
  ),
);
const kernel = await openKernel({ workers: availableParallelism() });
for (const { level, reason, failed } of kernel.skipped) {
  if (failed) process.stderr.write(`kernel ${level} is not used: ${reason}\n`);
}
const ready = { event: 'ready', kernel: kernel.name, ...Object.fromEntries(measured) };
await serveRun({
  ...{ sockets, nsm, rng, kernel },
  onReady: () => process.stdout.write(`${JSON.stringify(ready)}\n`),
});
device.close();
