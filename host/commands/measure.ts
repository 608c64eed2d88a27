/**
 * `dpca measure`: PCR0-2 of the enclave that this installation runs, in nitro-cli's form, for the peer's policy.
 * @module
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { DpcaError } from '../../src/errors.ts';
import type { Io } from '../cli/io.ts';
import { enclaveEntry } from '../proxy/enclave-process.ts';

export interface Measurement {
  readonly PCR0: string;
  readonly PCR1: string;
  readonly PCR2: string;
}

/** Asks the simulated enclave's own code for its measurement, so that there is one way to compute it. */
export async function measureSimulatedEnclave(): Promise<Measurement> {
  try {
    const done = await promisify(execFile)(process.execPath, [enclaveEntry(), '--measure']);
    return JSON.parse(done.stdout) as Measurement;
  } catch (cause) {
    throw new DpcaError('ERR_ENCLAVE_LOST', 'the enclave could not be measured', { cause });
  }
}

export function registerMeasure(program: Command, io: Io): void {
  program
    .command('measure')
    .description('print PCR0-2 of the simulated enclave as built here')
    .action(async () => {
      const measured = await measureSimulatedEnclave();
      io.result(
        measured,
        Object.entries(measured)
          .map(([name, value]) => `${name}  ${String(value)}`)
          .join('\n'),
      );
    });
}
