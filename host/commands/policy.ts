/**
 * `dpca policy check|init|add`: the appraisal policy in words, a new one, and one with further images for a change of
 * measurements without downtime (docs/operating.md).
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
import { productionPolicy, readPcrs, withImages } from '../config/production-policy.ts';
import { createPublicFile, prettyJson, readTextFile } from '../keys/files.ts';
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

interface AddFlags {
  readonly fromMeasure: readonly string[];
  readonly notBefore: string;
  readonly notAfter: string;
  readonly instance?: readonly string[];
  readonly othersEnd?: string;
  readonly out: string;
}

interface InitFlags {
  readonly fromMeasure: readonly string[];
  readonly root?: readonly string[];
  readonly peers?: string;
  readonly validDays?: number;
  readonly production?: true;
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly roleArn?: readonly string[];
  readonly pcr3?: readonly string[];
  readonly waivePcr3?: string;
  readonly waivePcr8?: string;
  readonly instance?: readonly string[];
  readonly out: string;
}

const PRODUCTION_FLAGS = [
  ...['notBefore', 'notAfter', 'roleArn', 'pcr3', 'waivePcr3', 'waivePcr8', 'instance'],
] as const satisfies readonly (keyof InitFlags)[];
const SIMULATED_FLAGS = ['root', 'peers', 'validDays'] as const;
const DEFAULT_DAYS = 30;

/** Loads the policy as an enclave would, writes it, and explains it. */
function write(io: Io, out: string, policy: Json): void {
  const text = prettyJson(policy);
  const loaded = parsePolicy(text);
  createPublicFile(out, text);
  io.result(
    { file: resolve(out), sha256: toHex(policyHash(loaded)) },
    [`Written: ${out}`, ...explainPolicy(loaded)].join('\n'),
  );
}

function refuseFlags(given: InitFlags, names: readonly (keyof InitFlags)[], when: string): void {
  const name = names.find((flag) => given[flag] !== undefined);
  if (name === undefined) return;
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new DpcaError('ERR_USAGE', `--${flag} does not go ${when} --production`);
}

function initProduction(io: Io, given: InitFlags): void {
  refuseFlags(given, SIMULATED_FLAGS, 'with');
  const { notBefore, notAfter } = given;
  if (notBefore === undefined || notAfter === undefined) {
    throw new DpcaError('ERR_USAGE', '--production: expected --not-before and --not-after');
  }
  const policy = productionPolicy({
    ...{ notBefore, notAfter, files: given.fromMeasure, instances: given.instance ?? [] },
    ...{ roleArns: given.roleArn ?? [], pcr3: given.pcr3 ?? [] },
    ...{ waivePcr3: given.waivePcr3, waivePcr8: given.waivePcr8 },
  });
  write(io, given.out, policy);
}

function init(io: Io, given: InitFlags): void {
  if (given.production === true) {
    initProduction(io, given);
    return;
  }
  refuseFlags(given, PRODUCTION_FLAGS, 'without');
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
      notAfter: day(today + (given.validDays ?? DEFAULT_DAYS) * DAY_MS),
      ...readPcrs(path, ['PCR0', 'PCR1', 'PCR2']),
    })),
    maxAgeSeconds: 300,
    futureSkewSeconds: 60,
    certificateSkewSeconds: 60,
    waivers: [
      { check: 'pcr8', reason: 'a simulated image is not signed' },
      { check: 'pcr3', reason: 'a simulated enclave has no instance role' },
    ],
  };
  write(io, given.out, policy);
}

function add(io: Io, file: string, given: AddFlags): void {
  const { notBefore, notAfter, othersEnd, fromMeasure: files, instance: instances = [] } = given;
  const accepted = { files, notBefore, notAfter, instances };
  write(io, given.out, withImages(readTextFile(file), accepted, othersEnd));
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
  const measured = ['--from-measure <file>', 'output of dpca measure --json; repeat'] as const;
  const instance = ['--instance <id>', 'accept it on this instance only (PCR4); repeat'] as const;
  const from = ['--not-before <date>', 'accept it from this UTC day or instant on'] as const;
  const until = ['--not-after <date>', 'until this one, inclusive'] as const;
  const out = ['--out <file>', 'policy to write; nothing is overwritten'] as const;
  policy
    .command('init')
    .description('write a policy, for simulated enclaves or for --production')
    .requiredOption(...measured, collect)
    .option('--root <fingerprint>', "SHA-256 of the peer's simulated root; repeat", collect)
    .option('--peers <dir>', 'accept the simulated roots of all pinned peers')
    .option(
      '--valid-days <n>',
      `simulated: days for which the measurements are accepted (default: ${DEFAULT_DAYS})`,
      positiveInteger,
    )
    .option('--production', 'for real Nitro enclaves, under the root of AWS')
    .option(from[0], `production: ${from[1]}`)
    .option(until[0], `production: ${until[1]}`)
    .option('--role-arn <arn>', "production: the peer's instance role (PCR3); repeat", collect)
    .option('--pcr3 <hex>', 'production: the same as its PCR3; repeat', collect)
    .option('--waive-pcr3 <reason>', 'production: accept any role, and why')
    .option('--waive-pcr8 <reason>', 'production: accept images of any signer or none, and why')
    .option(instance[0], `production: ${instance[1]}`, collect)
    .requiredOption(...out)
    .action((given: InitFlags) => {
      init(io, given);
    });
  policy
    .command('add')
    .description('write a policy that accepts further images beside those of another')
    .argument('<file>', 'policy to start from')
    .requiredOption(...measured, collect)
    .requiredOption(...from)
    .requiredOption(...until)
    .option(...instance, collect)
    .option('--others-end <date>', 'stop accepting those of before at this UTC day or instant')
    .requiredOption(...out)
    .action((file: string, given: AddFlags) => {
      add(io, file, given);
    });
}
