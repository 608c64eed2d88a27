/**
 * `dpca doctor`: what this machine can do for a run. Which level of curve arithmetic the enclave's own code would use
 * and why not a faster one, and which tools and devices are there. Nothing here is a promise about a peer's machine,
 * and nothing is attested.
 * @module
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { DpcaError } from '../../src/errors.ts';
import type { Io } from '../cli/io.ts';
import { hasTool } from '../image/tool.ts';
import { enclaveEntry } from '../proxy/enclave-process.ts';

const DOCTOR_DEADLINE_MS = 60_000;
/** package.json, "engines" */
const LEAST_NODE = [20, 19] as const;

/** As enclave/kernel/report.ts prints it. */
interface Level {
  readonly level: string;
  readonly state: 'in use' | 'works' | 'fails' | 'absent';
  readonly reason: string;
}
interface Finding {
  readonly name: string;
  readonly found: boolean;
  readonly purpose: string;
}

/** Asks the simulated enclave's own code, which tests every level as it does before a run. */
async function kernelLevels(): Promise<readonly Level[]> {
  try {
    const done = await promisify(execFile)(process.execPath, [...enclaveEntry(), '--doctor'], {
      timeout: DOCTOR_DEADLINE_MS,
    });
    return JSON.parse(done.stdout) as readonly Level[];
  } catch (cause) {
    throw new DpcaError('ERR_ENCLAVE_LOST', 'the enclave did not say what its kernels do', {
      cause,
    });
  }
}

function nodeIsSupported(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
}

/** A QEMU that knows the machine: version 9.2 or later, built with it. */
function qemuHasEnclaves(): boolean {
  const { stdout } = spawnSync('qemu-system-x86_64', ['-machine', 'help'], {
    encoding: 'utf8',
    timeout: DOCTOR_DEADLINE_MS,
  });
  return typeof stdout === 'string' && stdout.includes('nitro-enclave');
}

function surroundings(): readonly Finding[] {
  const device = (name: string, purpose: string): Finding => ({
    ...{ name, purpose, found: existsSync(name) },
  });
  const tool = (name: string, purpose: string): Finding => ({
    name,
    purpose,
    found: hasTool(name),
  });
  return [
    device('/dev/nsm', 'security module: inside an enclave only'),
    device('/dev/nitro_enclaves', 'enclaves of a Nitro instance'),
    device('/dev/vsock', 'the way to an enclave'),
    tool('nitro-cli', 'starts enclaves of a Nitro instance'),
    tool('buildah', 'builds the image'),
    tool('docker', 'builds the image'),
    { name: 'qemu-system-x86_64', purpose: 'emulated enclaves', found: qemuHasEnclaves() },
    tool('vhost-device-vsock', 'emulated enclaves'),
  ];
}

async function doctor(io: Io): Promise<void> {
  const levels = await kernelLevels();
  const used = levels.find(({ state }) => state === 'in use');
  const failing = levels.filter(({ state }) => state === 'fails');
  const supported = nodeIsSupported();
  const found = surroundings();
  const rows = (list: readonly (readonly string[])[]): string[] =>
    list.map(([name = '', state = '', why = '']) => `  ${name.padEnd(20)}${state.padEnd(9)}${why}`);
  const { node } = process.versions;
  const { platform, arch } = process;
  io.result(
    {
      ...{ ok: supported && used !== undefined && failing.length === 0 },
      node: { version: node, supported, platform, arch },
      kernel: { used: used?.level ?? null, levels },
      surroundings: found,
    },
    [
      `Node ${node} on ${platform} ${arch}${supported ? '' : ` (needs ${LEAST_NODE.join('.')} or later)`}`,
      `curve arithmetic, fastest first; in use: ${used?.level ?? 'none'}`,
      ...rows(levels.map(({ level, state, reason }) => [level, state, reason])),
      'devices and tools; a simulated run needs none of them',
      ...rows(
        found.map(({ name, found: has, purpose }) => [name, has ? 'found' : 'absent', purpose]),
      ),
    ].join('\n'),
  );
  if (used === undefined || !supported) io.exit('unexpected');
}

export function registerDoctor(program: Command, io: Io): void {
  program
    .command('doctor')
    .description('say which curve arithmetic, devices and tools this machine has')
    .action(() => doctor(io));
}
