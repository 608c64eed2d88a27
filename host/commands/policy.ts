/**
 * `dpca policy check` and `dpca policy init`: the appraisal policy in words, and one for simulated enclaves.
 * @module
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { explainPolicy, parsePolicy, policyHash } from '../../attestation/index.ts';
import { toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Json } from '../../src/json.ts';
import type { Io } from '../cli/io.ts';
import { collect, positiveInteger } from '../cli/program.ts';
import { createPublicFile, parseObject, prettyJson, readTextFile } from '../keys/files.ts';
import { pinnedPeers } from '../keys/peers.ts';

const DAY_MS = 86_400_000;

function check(io: Io, file: string): void {
  const policy = parsePolicy(readTextFile(file));
  const { mode, roots, measurements, waivers } = policy;
  io.result(
    {
      ...{ mode, roots },
      sha256: toHex(policyHash(policy)),
      measurements: measurements.length,
      waivers: Object.fromEntries(waivers),
    },
    explainPolicy(policy).join('\n'),
  );
}

/** PCR0-2 from the JSON that `dpca measure --json` prints; its other members do not matter here. */
function readMeasurement(path: string): Record<string, string> {
  const given = parseObject(readTextFile(path), path, 'ERR_CONFIG');
  const pcrs = ['PCR0', 'PCR1', 'PCR2'].map((name): [string, string] => {
    const value = given[name];
    if (typeof value === 'string' && /^[0-9a-f]{96}$/.test(value)) {
      return [name.toLowerCase(), value];
    }
    throw new DpcaError('ERR_CONFIG', `${path} /${name}: expected 96 lower-case hex digits`);
  });
  return Object.fromEntries(pcrs);
}

interface InitFlags {
  readonly fromMeasure: readonly string[];
  readonly root?: readonly string[];
  readonly peers?: string;
  readonly validDays: number;
  readonly out: string;
}

function init(io: Io, given: InitFlags): void {
  const pinned = given.peers === undefined ? [] : pinnedPeers(given.peers);
  const roots = new Set([
    ...(given.root ?? []).map((root) => root.replace(/[\s:]/g, '').toLowerCase()),
    ...pinned.flatMap((peer) =>
      peer.simulatedRoot === null ? [] : [peer.simulatedRoot.fingerprint],
    ),
  ]);
  if (roots.size === 0) {
    throw new DpcaError(
      'ERR_USAGE',
      'name a simulated root: --root FINGERPRINT, or --peers with one that has it',
    );
  }
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const day = (at: number): string => `${new Date(at).toISOString().slice(0, 10)}T00:00:00Z`;
  const policy: Json = {
    version: 1,
    mode: 'simulated',
    roots: [...roots].map((fingerprint) => ({ fingerprint, partition: 'sim' })),
    measurements: given.fromMeasure.map((path) => ({
      notBefore: day(today),
      notAfter: day(today + given.validDays * DAY_MS),
      ...readMeasurement(path),
    })),
    maxAgeSeconds: 300,
    futureSkewSeconds: 60,
    certificateSkewSeconds: 60,
    waivers: [
      { check: 'pcr8', reason: 'a simulated image is not signed' },
      { check: 'pcr3', reason: 'a simulated enclave has no instance role' },
    ],
  };
  const text = prettyJson(policy);
  const loaded = parsePolicy(text);
  createPublicFile(given.out, text);
  io.result(
    { file: resolve(given.out), sha256: toHex(policyHash(loaded)) },
    [`Written: ${given.out}`, ...explainPolicy(loaded)].join('\n'),
  );
}

export function registerPolicy(program: Command, io: Io): void {
  const policy = program
    .command('policy')
    .description("say which code and roots are accepted from the peer's enclave");
  policy
    .command('check')
    .description('load a policy as an enclave would, and explain it')
    .argument('<file>', 'policy file')
    .action((file: string) => {
      check(io, file);
    });
  policy
    .command('init')
    .description('write a policy for simulated enclaves')
    .requiredOption('--from-measure <file>', 'output of dpca measure --json; repeat', collect)
    .option('--root <fingerprint>', "SHA-256 of the peer's simulated root; repeat", collect)
    .option('--peers <dir>', 'accept the simulated roots of all pinned peers')
    .option('--valid-days <n>', 'days for which the measurements are accepted', positiveInteger, 30)
    .requiredOption('--out <file>', 'policy to write; nothing is overwritten')
    .action((given: InitFlags) => {
      init(io, given);
    });
}
