/**
 * Entry of the simulated enclave: the same code as in hardware, with a software security module whose root no
 * production policy accepts. Not part of the enclave image.
 *
 *   simulated.js --sockets DIR --root FILE [--record-draws FILE]   serve one run
 *   simulated.js --measure   print PCR0-2 of the built files as JSON
 *   simulated.js --doctor    print which kernel levels work here as JSON
 * @module
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseSimulatedRoot } from '../attestation/simulated/chain.ts';
import { toHex } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import { serveRun } from './enclave.ts';
import { seededRng } from './random.ts';
import { recordingRng } from './simulated-draws.ts';
import { openKernel } from './kernel/open.ts';
import { reportLevels } from './kernel/report.ts';
import { measureSimulated } from './nsm/measure.ts';
import { Nsm } from './nsm/nsm.ts';
import { SimulatedNsm } from './nsm/simulated-nsm.ts';

/** dist/enclave/simulated.js lies two folders below the project's. */
const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const { values } = parseArgs({
  options: {
    sockets: { type: 'string' },
    root: { type: 'string' },
    measure: { type: 'boolean' },
    doctor: { type: 'boolean' },
    'record-draws': { type: 'string' },
  },
});
const pcrs = measureSimulated(projectRoot);
if (values.measure === true) {
  const { pcr0, pcr1, pcr2 } = pcrs;
  process.stdout.write(
    `${JSON.stringify({ HashAlgorithm: 'Sha384 { ... }', PCR0: toHex(pcr0), PCR1: toHex(pcr1), PCR2: toHex(pcr2) })}\n`,
  );
} else if (values.doctor === true) {
  process.stdout.write(`${JSON.stringify(await reportLevels())}\n`);
} else {
  const { sockets, root } = values;
  if (sockets === undefined || root === undefined) {
    throw new DpcaError(
      'ERR_USAGE',
      'expected --sockets DIR and --root FILE, or --measure, or --doctor',
    );
  }
  // the lifeline: when the host process ends, however that happens, so does this one
  process.stdin.resume();
  process.stdin.on('close', () => process.exit(0));
  const port = new SimulatedNsm({
    root: parseSimulatedRoot(readFileSync(root, 'utf8')),
    pcrs,
    rng: (n) => new Uint8Array(randomBytes(n)),
    now: () => Date.now(),
  });
  const nsm = new Nsm(port);
  const rng = await seededRng((n) => nsm.getRandom(n));
  const kernel = await openKernel({ workers: availableParallelism() });
  for (const { level, reason, failed } of kernel.skipped) {
    if (failed) process.stderr.write(`kernel ${level} is not used: ${reason}\n`);
  }
  const draws = values['record-draws'];
  await serveRun({
    ...{ sockets, nsm },
    rng: draws === undefined ? rng : recordingRng(rng, draws),
    kernel,
    onReady: () => process.stdout.write('ready\n'),
  });
  process.stdin.destroy();
}
