/**
 * `dpca demo`: both parties on this machine, with the same commands and the same four processes as in earnest:
 * two host proxies over a real WebSocket, two simulated enclaves, bundled data, and the truth beside the release.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { type Command, Option } from 'commander';
import type * as Ads from '../../examples/ads/generate.mjs';
import { DpcaError } from '../../src/errors.ts';
import type { Io } from '../cli/io.ts';
import { type Register, runCommandLine } from '../cli/program.ts';
import type { Progress } from '../cli/progress.ts';
import { projectRoot, projectVersion } from '../cli/root.ts';
import { explainManifest } from '../config/explain.ts';
import { readManifest } from '../config/party.ts';
import { registerAudit } from './audit.ts';
import { registerKeys } from './keys.ts';
import { registerLedger } from './ledger.ts';
import { registerManifest } from './manifest.ts';
import { registerMeasure } from './measure.ts';
import { registerPeers } from './peers.ts';
import { registerPolicy } from './policy.ts';

const SETUP: readonly Register[] = [
  registerKeys,
  registerPeers,
  registerMeasure,
  registerPolicy,
  registerManifest,
  registerLedger,
  registerAudit,
];

/** The bundled data is always the same; the noise never is. */
const DATA_SEED = 1;
const PUBLISHER_ROWS = 10_000;
const ADVERTISER_ROWS = 8_000;

interface Count {
  readonly value: string;
  readonly standardDeviation: string;
  readonly interval: { readonly low: number; readonly high: number };
}

interface Release {
  readonly session: string;
  readonly maskedSizes: readonly number[];
  readonly statistics: readonly [
    Count & { readonly columns: readonly (Count & { readonly column: string })[] },
  ];
}

interface Replay {
  readonly columns: readonly { readonly noise: number; readonly exact: number }[];
}

interface LogLine {
  readonly msg?: string;
  readonly phase?: string;
  readonly percent?: number;
  readonly port?: number;
  readonly moduleId?: string;
  readonly root?: string;
  readonly pcr0?: string;
  readonly checks?: number;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Runs one setup command in this process and returns its JSON result; what it is, is shown. */
async function command(io: Io, folder: string, args: readonly string[]): Promise<unknown> {
  const chunks: { out: string; err: string } = { out: '', err: '' };
  const into = (key: 'out' | 'err'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks[key] += chunk.toString('utf8');
        done();
      },
    });
  const shown = args.map((arg) => (arg.includes(' ') ? JSON.stringify(arg) : arg)).join(' ');
  if (!io.json) io.stdout.write(`  $ dpca ${shown.replaceAll(`${folder}/`, '')}\n`);
  const streams = {
    ...io,
    stdin: io.stdin,
    stdout: into('out'),
    stderr: into('err'),
    signal: io.signal,
  };
  const code = await runCommandLine(
    [...args, '--json', '--quiet'],
    streams,
    projectVersion(),
    SETUP,
  );
  if (code !== 0) {
    throw new DpcaError('ERR_INTERNAL', `dpca ${args[0] ?? ''} ended with ${code}: ${chunks.err}`);
  }
  return JSON.parse(chunks.out);
}

/** One organisation's folder: keys, simulated root, public keys to exchange. */
async function organisation(io: Io, folder: string, name: string): Promise<string> {
  const at = (file: string): string => join(folder, name, file);
  mkdirSync(join(folder, name));
  await command(io, folder, ['keys', 'new', '--out', at('keys'), '--name', name]);
  await command(io, folder, ['keys', 'sim-root', '--out', at('sim-root.json')]);
  const peer = join(folder, `${name}.peer.json`);
  const exported = await command(io, folder, [
    ...['peers', 'export', '--keys', at('keys'), '--simulated-root', at('sim-root.json')],
    ...['--out', peer],
  ]);
  return (exported as { fingerprint: string }).fingerprint;
}

interface Child {
  readonly process: ChildProcess;
  /** Exit code and what stood on stdout. */
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string }>;
}

/** Starts a `dpca` process whose log lines go to `onLine`. */
function start(io: Io, args: readonly string[], onLine: (line: LogLine) => void): Child {
  const entry = join(projectRoot(), 'dist', 'host', 'dpca.js');
  const child = spawn(process.execPath, [entry, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: io.signal,
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  createInterface(child.stderr).on('line', (line) => {
    try {
      onLine(JSON.parse(line) as LogLine);
    } catch {
      io.log.debug({ line }, 'a line that is no log record');
    }
  });
  const ended = new Promise<{ code: number | null; stdout: string }>((done) => {
    child.once('error', () => done({ code: null, stdout }));
    child.once('close', (code) => done({ code, stdout }));
  });
  return { process: child, ended };
}

function showProgress(progress: Progress, line: LogLine): void {
  const { phase, percent } = line;
  if (phase === undefined) return;
  if (line.msg === 'phase') progress.phase(phase, phase.startsWith('column') ? 100 : undefined);
  if (percent !== undefined) progress.advance(10);
}

/** Both parties' processes; resolves to their two releases, which the enclaves have compared already. */
async function runBoth(
  io: Io,
  folder: string,
): Promise<{ releases: [Release, Release]; seen: string[] }> {
  const progress = io.progress();
  const seen: string[] = [];
  const note = (who: string, whom: string) => (line: LogLine) => {
    if (line.msg === 'the peer is attested') {
      seen.push(
        `${who}'s enclave accepted ${whom}'s: ${line.checks ?? 0} checks, module ${line.moduleId ?? '?'}`,
        `  root ${line.root ?? '?'}`,
        `  PCR0 ${line.pcr0 ?? '?'}`,
      );
    }
    if (line.error !== undefined) seen.push(`${who}: ${line.error.code} ${line.error.message}`);
  };
  let listening: (port: number) => void = () => undefined;
  const port = new Promise<number>((done) => (listening = done));
  const noteServe = note('publisher', 'advertiser');
  const serve = start(
    io,
    [
      ...['serve', '--config', join(folder, 'publisher', 'dpca.json')],
      ...['--record-draws', join(folder, 'publisher', 'draws')],
    ],
    (line) => {
      noteServe(line);
      if (line.msg === 'listening' && line.port !== undefined) listening(line.port);
    },
  );
  const first = await Promise.race([port, serve.ended]);
  if (typeof first !== 'number') {
    throw new DpcaError('ERR_PEER_LOST', `the publisher's proxy ended: ${seen.join('; ')}`);
  }
  const noteRun = note('advertiser', 'publisher');
  const run = start(
    io,
    [
      ...['run', '--config', join(folder, 'advertiser', 'dpca.json')],
      ...['--peer-url', `ws://127.0.0.1:${first}`],
      ...['--record-draws', join(folder, 'advertiser', 'draws')],
    ],
    (line) => {
      noteRun(line);
      showProgress(progress, line);
    },
  );
  const results = await Promise.all([serve.ended, run.ended]);
  progress.done();
  if (results.some(({ code }) => code !== 0)) {
    throw new DpcaError('ERR_PEER_LOST', `the run failed: ${seen.join('; ')}`);
  }
  const [a, b] = results.map(({ stdout }) => JSON.parse(stdout) as Release);
  if (a === undefined || b === undefined) throw new DpcaError('ERR_INTERNAL', 'no release');
  return { releases: [a, b], seen };
}

function say(io: Io, ...lines: readonly string[]): void {
  if (!io.json) io.stdout.write(`${lines.join('\n')}\n`);
}

async function ads(io: Io, out: string | undefined): Promise<void> {
  const started = Date.now();
  if (out !== undefined) mkdirSync(out, { recursive: true });
  const folder = out === undefined ? mkdtempSync(join(tmpdir(), 'dpca-demo-')) : resolve(out);
  const module = pathToFileURL(join(projectRoot(), 'examples', 'ads', 'generate.mjs')).href;
  const { generateAds, adsColumns, adsDefaultCountry } = (await import(module)) as typeof Ads;
  say(
    io,
    'Ad conversion measurement, first step: how many people do the two organisations share?',
    `Two organisations on this machine, four processes, simulated enclaves. Folder: ${folder}`,
    '',
    '1. Each organisation makes its keys; public halves are exchanged, fingerprints compared',
  );
  const data = generateAds({
    seed: DATA_SEED,
    publisherRows: PUBLISHER_ROWS,
    advertiserRows: ADVERTISER_ROWS,
  });
  const names = ['publisher', 'advertiser'] as const;
  const fingerprints = {
    publisher: await organisation(io, folder, 'publisher'),
    advertiser: await organisation(io, folder, 'advertiser'),
  };
  writeFileSync(join(folder, 'publisher', 'data.csv'), data.publisherCsv);
  writeFileSync(join(folder, 'advertiser', 'data.csv'), data.advertiserCsv);
  const measured = await command(io, folder, ['measure']);
  const measurement = join(folder, 'measurement.json');
  writeFileSync(measurement, JSON.stringify(measured));
  for (const name of names) {
    const other = name === 'publisher' ? 'advertiser' : 'publisher';
    const peers = join(folder, name, 'peers');
    await command(io, folder, [
      ...['peers', 'add', join(folder, `${other}.peer.json`), '--into', peers],
      ...['--fingerprint', fingerprints[other]],
    ]);
    await command(io, folder, [
      ...['policy', 'init', '--from-measure', measurement, '--peers', peers],
      ...['--out', join(folder, name, 'policy.json')],
    ]);
  }
  say(
    io,
    '',
    '2. The publisher writes the manifest, the advertiser takes it as it is; both register what it may cost',
  );
  const places = (name: 'publisher' | 'advertiser'): string[] => [
    ...adsColumns[name].flatMap((column) => ['--map', `${column.name}=${column.from}`]),
    ...['--data', join(folder, name, 'data.csv')],
    ...['--keys', join(folder, name, 'keys'), '--peers', join(folder, name, 'peers')],
    ...['--policy', join(folder, name, 'policy.json')],
    ...['--sim-root', join(folder, name, 'sim-root.json')],
  ];
  await command(io, folder, [
    ...['manifest', 'init', '--out', join(folder, 'publisher'), '--party', 'a'],
    ...['--own', join(folder, 'publisher.peer.json')],
    ...['--other', join(folder, 'advertiser.peer.json')],
    ...['--purpose', 'ad conversion measurement'],
    ...adsColumns.publisher.flatMap((column) => [
      '--column',
      `${column.name}:${column.normalisation}`,
    ]),
    ...['--country', adsDefaultCountry, '--epsilon', '2', '--delta', '0.00001', '--runs', '10'],
    ...['--rows', String(PUBLISHER_ROWS), '--other-rows', String(ADVERTISER_ROWS)],
    ...['--listen', '127.0.0.1:0', ...places('publisher')],
  ]);
  const manifestFile = join(folder, 'publisher', 'manifest.json');
  const received = join(folder, 'advertiser', 'manifest.json');
  writeFileSync(received, readFileSync(manifestFile));
  await command(io, folder, [
    ...['manifest', 'init', '--out', join(folder, 'advertiser'), '--party', 'b'],
    ...['--from', received, ...places('advertiser')],
  ]);
  for (const name of names) {
    await command(io, folder, ['ledger', 'init', '--config', join(folder, name, 'dpca.json')]);
  }
  say(
    io,
    '',
    ...explainManifest(readManifest(manifestFile)).map((line) => `  ${line}`),
    '',
    '3. The run',
  );
  const { releases, seen } = await runBoth(io, folder);
  const [release] = releases;
  const releaseFile = join(folder, 'release.json');
  writeFileSync(releaseFile, JSON.stringify(release));
  const [count] = release.statistics;
  const { low, high } = count.interval;
  const { truth } = data;
  const replayed = (await command(io, folder, [
    ...['audit', 'replay', releaseFile, '--manifest', manifestFile],
    ...['--draws-a', join(folder, 'publisher', 'draws')],
    ...['--draws-b', join(folder, 'advertiser', 'draws')],
  ])) as Replay;
  const exact = replayed.columns.every((column, j) => column.exact === truth.sizes[j]);
  const inside = low <= truth.matched && truth.matched <= high;
  const width = Math.max(...count.columns.map(({ column }) => column.length));
  io.result(
    {
      ...{ folder, release, truth: { matched: truth.matched, sizes: truth.sizes } },
      insideInterval: inside,
      replay: { noise: replayed.columns.map(({ noise }) => noise), equalsTruth: exact },
      seconds: Math.round((Date.now() - started) / 1000),
    },
    [
      ...seen.map((line) => `  ${line}`),
      '',
      '4. What both organisations learn (and the truth, which only this demo knows)',
      ...count.columns.map(
        (column, j) =>
          `  ${column.column.padEnd(width)}  masked size ${String(release.maskedSizes[j]).padStart(6)}` +
          `   estimate ${column.value.padStart(7)}   truth ${String(truth.sizes[j]).padStart(6)}`,
      ),
      `  people in common: ${count.value}, 95 % interval ${low} to ${high}, noise sd ${count.standardDeviation}`,
      `  truth: ${truth.matched}, which lies ${inside ? 'inside' : 'outside'} the interval` +
        (inside ? '' : ' (as one run in twenty may)'),
      '',
      '5. Were the coins fair? Simulated enclaves can record theirs; production ones never open them',
      `  the recorded coins of both sides give noise ${replayed.columns.map(({ noise }) => noise).join(', ')};` +
        ` without it the sizes are ${exact ? 'exactly the truth' : 'NOT THE TRUTH: please report this'}`,
      '',
      '6. What stays unknown',
      '  Neither organisation learns who is in common, nor the exact number. Whoever watches the network sees',
      '  who talks to whom and when, the two table lengths and the masked sizes: every frame is sealed between the enclaves.',
      '  Simulated enclaves prove the protocol, not the hardware: no production policy accepts their root.',
      '',
      `  ${((Date.now() - started) / 1000).toFixed(0)} s; keys, policies, manifest and data are in ${folder}`,
    ].join('\n'),
  );
}

export function registerDemo(program: Command, io: Io): void {
  program
    .command('demo')
    .description('both parties on this machine with bundled data: release beside truth')
    .argument('[example]', 'which example: ads', 'ads')
    .addOption(new Option('--out <dir>', 'empty folder to work in (default: a new temporary one)'))
    .action(async (example: string, flags: { out?: string }) => {
      if (example !== 'ads') {
        throw new DpcaError('ERR_USAGE', `expected the example to be ads, got "${example}"`);
      }
      await ads(io, flags.out);
    });
}
