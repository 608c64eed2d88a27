/**
 * `dpca measure`: reference values of an enclave image, of the root of one, or of the simulated enclave of this
 * installation, in nitro-cli's form and in the policy's.
 * @module
 */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { measureEif, type MeasuredImage } from '../../attestation/image/image.ts';
import { MAX_EIF_BYTES } from '../../attestation/image/eif.ts';
import type { ImagePcrs } from '../../attestation/image/pcrs.ts';
import { toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Io } from '../cli/io.ts';
import { DEFAULT_CMDLINE, makeImage, nodeSha384, readLarge } from '../image/build.ts';
import { readRoot } from '../image/root.ts';
import { verifyP384 } from '../p384-webcrypto.ts';
import { enclaveEntry } from '../proxy/enclave-process.ts';

export interface Measurement {
  readonly PCR0: string;
  readonly PCR1: string;
  readonly PCR2: string;
}

/** Asks the simulated enclave's own code for its measurement, so that there is one way to compute it. */
export async function measureSimulatedEnclave(): Promise<Measurement> {
  try {
    const done = await promisify(execFile)(process.execPath, [...enclaveEntry(), '--measure']);
    return JSON.parse(done.stdout) as Measurement;
  } catch (cause) {
    throw new DpcaError('ERR_ENCLAVE_LOST', 'the enclave could not be measured', { cause });
  }
}

/** In the form of nitro-cli's describe-eif; PCR8 of signed images only. */
export function shownPcrs({ pcr0, pcr1, pcr2, pcr8 }: ImagePcrs): Record<string, string> {
  return {
    HashAlgorithm: 'Sha384 { ... }',
    ...{ PCR0: toHex(pcr0), PCR1: toHex(pcr1), PCR2: toHex(pcr2) },
    ...(pcr8 === undefined ? {} : { PCR8: toHex(pcr8) }),
  };
}

function policyEntry({ pcr0, pcr1, pcr2, pcr8 }: ImagePcrs): string {
  const entry = {
    ...{ notBefore: 'YYYY-MM-DDT00:00:00Z', notAfter: 'YYYY-MM-DDT00:00:00Z' },
    ...{
      pcr0: toHex(pcr0),
      pcr1: toHex(pcr1),
      pcr2: toHex(pcr2),
      pcr8: toHex(pcr8 ?? new Uint8Array(48)),
    },
  };
  return `an entry of "measurements" in a policy:\n${JSON.stringify(entry, null, 2)}`;
}

/** Reads and measures an image file; codes of attestation/image/, and ERR_IMAGE_ROOT when it cannot be read. */
export async function measureFile(path: string): Promise<MeasuredImage> {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_EIF_BYTES) {
    throw new DpcaError('ERR_EIF_TOO_LARGE', `${path}: expected at most ${MAX_EIF_BYTES} bytes`);
  }
  return measureEif(readLarge(path), { verifyP384, newSha384: nodeSha384 });
}

interface MeasureFlags {
  readonly kernel?: string;
  readonly cmdline: string;
}

async function measureTarget(io: Io, target: string, given: MeasureFlags): Promise<void> {
  let pcrs: ImagePcrs;
  let signer: object | null = null;
  if (statSync(target, { throwIfNoEntry: false })?.isDirectory() === true) {
    if (given.kernel === undefined) {
      throw new DpcaError('ERR_USAGE', 'a root is measured with its kernel: --kernel FILE');
    }
    const kernel = readLarge(given.kernel);
    const { cmdline } = given;
    pcrs = makeImage({ root: readRoot(target), kernel, cmdline, epochSeconds: 0 }).pcrs;
  } else {
    const { pcrs: found, certificate } = await measureFile(target);
    pcrs = found;
    if (certificate !== undefined) {
      const { notBefore, notAfter } = certificate;
      signer = {
        notBefore: new Date(notBefore).toISOString(),
        notAfter: new Date(notAfter).toISOString(),
      };
    }
  }
  const shown = shownPcrs(pcrs);
  io.result(
    { ...shown, ...(signer === null ? {} : { Signer: signer }) },
    [
      ...Object.entries(shown).map(([name, value]) => `${name}  ${value}`),
      signer === null ? 'not signed' : `signed: ${JSON.stringify(signer)}`,
      policyEntry(pcrs),
    ].join('\n'),
  );
}

export function registerMeasure(program: Command, io: Io): void {
  program
    .command('measure')
    .description('print the PCRs of an enclave image, or of the simulated enclave as built here')
    .argument('[target]', 'image file (EIF) or root folder; without it the simulated enclave')
    .option('--kernel <file>', 'of a root folder: the kernel of the image')
    .option('--cmdline <text>', 'of a root folder: the kernel command line', DEFAULT_CMDLINE)
    .action(async (target: string | undefined, given: MeasureFlags) => {
      if (target !== undefined) return measureTarget(io, target, given);
      const measured = await measureSimulatedEnclave();
      io.result(
        measured,
        Object.entries(measured)
          .map(([name, value]) => `${name}  ${String(value)}`)
          .join('\n'),
      );
    });
}
