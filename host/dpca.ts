#!/usr/bin/env node
/**
 * The `dpca` command: hands the process's streams and signals to the command line and ends with its exit code.
 * @module
 */
import { setFlagsFromString } from 'node:v8';
import { EXIT } from '../src/errors.ts';
import { runCommandLine } from './cli/program.ts';
import { projectVersion } from './cli/root.ts';
import { registerAttack } from './commands/attack.ts';
import { registerAttest } from './commands/attest.ts';
import { registerAudit } from './commands/audit.ts';
import { registerDemo } from './commands/demo.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerImage } from './commands/image.ts';
import { registerKeys } from './commands/keys.ts';
import { registerLedger } from './commands/ledger.ts';
import { registerLog } from './commands/log.ts';
import { registerManifest } from './commands/manifest.ts';
import { registerMeasure } from './commands/measure.ts';
import { registerPeers } from './commands/peers.ts';
import { registerPlan } from './commands/plan.ts';
import { registerPolicy } from './commands/policy.ts';
import { registerRun } from './commands/run.ts';
import { registerServe } from './commands/serve.ts';

/** A command that is asked to stop closes its sockets and child processes within this time. */
const STOP_GRACE_MS = 5_000;

// A host relays buffers and holds few objects: collecting at once what is small costs less than half of marking it
// step by step and on other threads, over and over (bench/README.md). Only asked for when a collection begins.
setFlagsFromString('--no-incremental-marking');

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
    interrupt.abort();
    setTimeout(() => process.exit(EXIT.interrupted), STOP_GRACE_MS).unref();
  });
}
// the reader of a pipe may leave early, as head(1) does
process.stdout.on('error', () => process.exit(process.exitCode ?? EXIT.ok));

const code = await runCommandLine(
  process.argv.slice(2),
  {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: interrupt.signal,
  },
  projectVersion(),
  [
    registerDemo,
    registerKeys,
    registerPeers,
    registerMeasure,
    registerImage,
    registerManifest,
    registerPlan,
    registerPolicy,
    registerLedger,
    registerServe,
    registerRun,
    registerAttest,
    registerLog,
    registerAudit,
    registerAttack,
    registerDoctor,
  ],
);
process.stdout.write('', () => process.exit(code));
