/**
 * What the demo does before its run, with the same commands as in earnest: both organisations make and exchange keys,
 * pin code and roots, write and register the manifest.
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { Example, ExampleData } from '../../examples/example.d.mts';
import { DpcaError } from '../../src/errors.ts';
import type { Role } from '../../src/run/manifest.ts';
import type { Io } from '../cli/io.ts';
import { type Register, runCommandLine } from '../cli/program.ts';
import { projectVersion } from '../cli/root.ts';
import { explainManifest } from '../config/explain.ts';
import { readManifest } from '../config/party.ts';
import { registerAudit } from '../commands/audit.ts';
import { registerKeys } from '../commands/keys.ts';
import { registerLedger } from '../commands/ledger.ts';
import { registerManifest } from '../commands/manifest.ts';
import { registerMeasure } from '../commands/measure.ts';
import { registerPeers } from '../commands/peers.ts';
import { registerPolicy } from '../commands/policy.ts';

const SETUP: readonly Register[] = [
  registerKeys,
  registerPeers,
  registerMeasure,
  registerPolicy,
  registerManifest,
  registerLedger,
  registerAudit,
];

export interface Stage {
  readonly io: Io;
  /** Holds a folder per party, by its name. */
  readonly folder: string;
  readonly example: Example;
}

const ROLES: readonly Role[] = ['a', 'b'];

export function say({ io }: Pick<Stage, 'io'>, ...lines: readonly string[]): void {
  if (!io.json) io.stdout.write(`${lines.join('\n')}\n`);
}

/** A file of one party. */
export function place({ folder, example }: Stage, role: Role, file: string): string {
  return join(folder, example.parties[role], file);
}

/** Runs one command in this process and returns its JSON result; what it is, is shown. */
export async function command(stage: Stage, args: readonly string[]): Promise<unknown> {
  const { io, folder } = stage;
  const chunks: { out: string; err: string } = { out: '', err: '' };
  const into = (key: 'out' | 'err'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks[key] += chunk.toString('utf8');
        done();
      },
    });
  const shown = args.map((arg) => (arg.includes(' ') ? JSON.stringify(arg) : arg)).join(' ');
  say(stage, `  $ dpca ${shown.replaceAll(`${folder}/`, '')}`);
  const streams = {
    ...{ stdin: io.stdin, stdout: into('out'), stderr: into('err') },
    ...{ env: io.env, signal: io.signal },
  };
  const argv = [...args, '--json', '--quiet'];
  const code = await runCommandLine(argv, streams, projectVersion(), SETUP);
  if (code !== 0) {
    throw new DpcaError('ERR_INTERNAL', `dpca ${args[0] ?? ''} ended with ${code}: ${chunks.err}`);
  }
  return JSON.parse(chunks.out);
}

function peerFile({ folder, example }: Stage, role: Role): string {
  return join(folder, `${example.parties[role]}.peer.json`);
}

/** One organisation's folder: keys, simulated root, public keys to exchange. Returns its fingerprint. */
async function organisation(stage: Stage, role: Role): Promise<string> {
  const at = (file: string): string => place(stage, role, file);
  mkdirSync(at('.'));
  await command(stage, ['keys', 'new', '--out', at('keys'), '--name', stage.example.parties[role]]);
  await command(stage, ['keys', 'sim-root', '--out', at('sim-root.json')]);
  const exported = await command(stage, [
    ...['peers', 'export', '--keys', at('keys'), '--simulated-root', at('sim-root.json')],
    ...['--out', peerFile(stage, role)],
  ]);
  return (exported as { fingerprint: string }).fingerprint;
}

/** Keys, pinned peers and policies of both sides. */
async function exchange(stage: Stage): Promise<void> {
  const fingerprints = { a: await organisation(stage, 'a'), b: await organisation(stage, 'b') };
  const measurement = join(stage.folder, 'measurement.json');
  writeFileSync(measurement, JSON.stringify(await command(stage, ['measure'])));
  for (const role of ROLES) {
    const other = role === 'a' ? 'b' : 'a';
    const peers = place(stage, role, 'peers');
    await command(stage, [
      ...['peers', 'add', peerFile(stage, other), '--into', peers],
      ...['--fingerprint', fingerprints[other]],
    ]);
    await command(stage, [
      ...['policy', 'init', '--from-measure', measurement, '--peers', peers],
      ...['--out', place(stage, role, 'policy.json')],
    ]);
  }
}

/** Where a party's things are: part of its own dpca.json. */
function ownPlaces(stage: Stage, role: Role): string[] {
  const { columns, values } = stage.example;
  const mapped = [
    ...columns.map((column) => `${column.name}=${column[role]}`),
    ...values.filter(({ owner }) => owner === role).map(({ name, from }) => `${name}=${from}`),
  ];
  const at = (file: string): string => place(stage, role, file);
  return [
    ...mapped.flatMap((entry) => ['--map', entry]),
    ...['--data', at('data.csv'), '--keys', at('keys'), '--peers', at('peers')],
    ...['--policy', at('policy.json'), '--sim-root', at('sim-root.json')],
  ];
}

/** Party a writes the manifest, party b takes it as it is; both register what it may cost. */
async function agree(stage: Stage): Promise<void> {
  const { columns, values, statistics, country, privacy, rows, title } = stage.example;
  await command(stage, [
    ...['manifest', 'init', '--out', place(stage, 'a', '.'), '--party', 'a'],
    ...['--own', peerFile(stage, 'a'), '--other', peerFile(stage, 'b'), '--purpose', title],
    ...columns.flatMap(({ name, normalisation }) => ['--column', `${name}:${normalisation}`]),
    ...(country === null ? [] : ['--country', country]),
    ...values.flatMap(({ name, owner, low, high }) => [
      '--value',
      [name, owner, low, high].join(':'),
    ]),
    ...statistics.flatMap((statistic) => ['--statistic', statistic]),
    ...['--epsilon', privacy.epsilon, '--delta', privacy.delta, '--runs', String(privacy.runs)],
    ...['--rows', String(rows.a), '--other-rows', String(rows.b)],
    ...['--listen', '127.0.0.1:0', ...ownPlaces(stage, 'a')],
  ]);
  const received = place(stage, 'b', 'manifest.json');
  writeFileSync(received, readFileSync(place(stage, 'a', 'manifest.json')));
  await command(stage, [
    ...['manifest', 'init', '--out', place(stage, 'b', '.'), '--party', 'b'],
    ...['--from', received, ...ownPlaces(stage, 'b')],
  ]);
  for (const role of ROLES) {
    await command(stage, ['ledger', 'init', '--config', place(stage, role, 'dpca.json')]);
  }
}

/** Everything that comes before the run. */
export async function setUp(stage: Stage, data: ExampleData): Promise<void> {
  const { parties } = stage.example;
  say(
    stage,
    '',
    '1. Each organisation makes its keys; public halves are exchanged, fingerprints compared',
  );
  await exchange(stage);
  for (const role of ROLES) writeFileSync(place(stage, role, 'data.csv'), data[role]);
  say(
    stage,
    '',
    `2. ${parties.a} writes the manifest, ${parties.b} takes it as it is; both register what it may cost`,
  );
  await agree(stage);
  const manifest = readManifest(place(stage, 'a', 'manifest.json'));
  say(stage, '', ...explainManifest(manifest).map((line) => `  ${line}`));
}
