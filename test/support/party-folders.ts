/**
 * Two parties in folders of their own, with keys, simulated roots, pinned peers, policies, one manifest and two
 * configurations, and the compiled `dpca` as real processes in them. Every pair runs a private copy of the build, so
 * that a build elsewhere cannot change measurements under a running test, and so that a party's code can be edited.
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createSimulatedRoot, encodeSimulatedRoot } from '../../attestation/simulated/chain.ts';
import { measureSimulated } from '../../enclave/nsm/measure.ts';
import { makeConfig, makeManifest, type ManifestTemplate } from '../../host/config/template.ts';
import { createPrivateFile, prettyJson } from '../../host/keys/files.ts';
import { createKeys, type Keys } from '../../host/keys/keys.ts';
import { peerOf, pinPeer, simulatedRootOf } from '../../host/keys/peers.ts';
import { registerLineage } from '../../host/ledger/lineage.ts';
import { LedgerStore } from '../../host/ledger/store.ts';
import { toHex } from '../../src/encoding.ts';
import type { Json } from '../../src/json.ts';
import type { Manifest, Role } from '../../src/run/manifest.ts';
import { EXAMPLE_WEIGHTS } from './manifests.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const BUILT = ['src', 'attestation', 'enclave', 'host'];
const DAY_MS = 86_400_000;

/** A replacement in one built file, such as `enclave/enclave.js`; the text must be there. */
export type Edit = readonly [file: string, from: string, to: string];

/** Copies the build into `folder`, applies the edits, and measures what came out. */
export function copyBuild(folder: string, edits: readonly Edit[] = []): Build {
  mkdirSync(folder, { recursive: true });
  for (const part of BUILT) {
    cpSync(join(PROJECT, 'dist', part), join(folder, 'dist', part), {
      recursive: true,
      filter: (path) => !/\.(ts|map)$/.test(path),
    });
  }
  cpSync(join(PROJECT, 'package.json'), join(folder, 'package.json'));
  cpSync(join(PROJECT, 'docs', 'schema'), join(folder, 'docs', 'schema'), { recursive: true });
  symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  for (const [file, from, to] of edits) {
    const path = join(folder, 'dist', file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(from)) throw new Error(`${file} does not hold: ${from}`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
  }
  const { pcr0, pcr1, pcr2 } = measureSimulated(folder);
  const measured = { pcr0: toHex(pcr0), pcr1: toHex(pcr1), pcr2: toHex(pcr2) };
  return { cli: join(folder, 'dist', 'host', 'dpca.js'), measured };
}

export interface Build {
  readonly cli: string;
  readonly measured: { readonly pcr0: string; readonly pcr1: string; readonly pcr2: string };
}

/** One party's CSV file and where the manifest's columns stand in it. */
export interface Sheet {
  /** Records, the header too; cells without quotes or commas. */
  readonly records: readonly (readonly string[])[];
  readonly header: boolean;
  /** `NAME=PLACE`, a name of the header or a position from 1. */
  readonly map: readonly string[];
}

export interface PairOptions {
  readonly sheets: Readonly<Record<Role, Sheet>>;
  /** `NAME:RULE` in priority order. */
  readonly columns: readonly string[];
  readonly build: Build;
  /** What the manifest asks for, for one run at epsilon 8; without it the count, for ten runs at epsilon 2. */
  readonly asked?: Pick<ManifestTemplate, 'values' | 'statistics' | 'threshold' | 'release'>;
}

export interface PartyFolder {
  readonly role: Role;
  readonly sheet: Sheet;
  readonly folder: string;
  readonly keys: Keys;
  /** Of the own simulated root, as the peer's policy names it. */
  readonly rootFingerprint: string;
  /** Files of the configuration; rewrite them for a party that is not as agreed. */
  readonly manifest: string;
  readonly policy: string;
  readonly config: string;
  readonly data: string;
}

export interface Pair {
  readonly folder: string;
  readonly build: Build;
  readonly a: PartyFolder;
  readonly b: PartyFolder;
  remove(): void;
}

/** Both parties' folders; party a listens by default and b calls, but nothing hangs on that. */
export async function makePair(options: PairOptions): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'dpca-s-'));
  const { build, sheets, columns, asked } = options;
  const now = Date.now();
  const made = await Promise.all(
    (['a', 'b'] as const).map(async (role) => {
      const at = join(folder, role);
      const keys = createKeys(join(at, 'keys'), role === 'a' ? 'publisher' : 'advertiser');
      const root = await createSimulatedRoot({ rng: (n) => new Uint8Array(randomBytes(n)), now });
      createPrivateFile(join(at, 'sim-root.json'), encodeSimulatedRoot(root));
      const peer = peerOf(keys, simulatedRootOf(root.certificate));
      return {
        role,
        at,
        keys,
        peer,
        rootFingerprint: simulatedRootOf(root.certificate).fingerprint,
      };
    }),
  );
  const [a, b] = made as [(typeof made)[0], (typeof made)[0]];
  const manifest = makeManifest(
    {
      ...{ role: 'a', own: a.peer, other: b.peer, purpose: 'scenario tests', columns },
      ...(asked === undefined ? { epsilon: '2', runs: 10 } : { epsilon: '8', runs: 1 }),
      ...{ delta: '0.0001', rows: 10_000, otherRows: 10_000 },
      ...{ values: [], statistics: [{ kind: 'count' }], threshold: undefined, release: 'both' },
      ...asked,
      country: null,
    },
    {
      mask: { kind: 'xor', columns: columns.map(() => EXAMPLE_WEIGHTS) },
      ...(asked === undefined ? {} : { noise: EXAMPLE_WEIGHTS }),
    },
  );
  const finish = async (own: typeof a, other: typeof a): Promise<PartyFolder> => {
    const { role, at, keys, rootFingerprint } = own;
    pinPeer(join(at, 'peers'), other.peer);
    const party: PartyFolder = {
      ...{ role, sheet: sheets[role], folder: at, keys, rootFingerprint },
      manifest: join(at, 'manifest.json'),
      policy: join(at, 'policy.json'),
      config: join(at, 'dpca.json'),
      data: join(at, 'data.csv'),
    };
    writeFileSync(party.manifest, prettyJson(manifest));
    writePolicy(party, [other.rootFingerprint], [build]);
    writeConfig(party, manifest);
    writeRecords(party.data, sheets[role].records);
    await register(party, manifest);
    return party;
  };
  return {
    ...{ folder, build, a: await finish(a, b), b: await finish(b, a) },
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A new ledger with the manifest's plan; what was there is gone. */
export async function register(party: PartyFolder, manifest: Manifest): Promise<void> {
  const { role, keys, folder } = party;
  const ledger = join(folder, 'ledger');
  rmSync(ledger, { recursive: true, force: true });
  const owner = { manifest, role, log: keys.log, signal: new AbortController().signal };
  await registerLineage(new LedgerStore(ledger), owner, { name: `rows of ${role}` });
}

/** Which roots and builds this party accepts from its peer. */
export function writePolicy(
  { policy }: PartyFolder,
  roots: readonly string[],
  builds: readonly Build[],
): void {
  const day = (at: number): string => `${new Date(at).toISOString().slice(0, 10)}T00:00:00Z`;
  const now = Date.now();
  writeFileSync(
    policy,
    prettyJson({
      version: 1,
      mode: 'simulated',
      roots: roots.map((fingerprint) => ({ fingerprint, partition: 'sim' })),
      measurements: builds.map(({ measured }) => ({
        notBefore: day(now),
        notAfter: day(now + 2 * DAY_MS),
        ...measured,
      })),
      maxAgeSeconds: 300,
      futureSkewSeconds: 60,
      certificateSkewSeconds: 60,
      waivers: [
        { check: 'pcr8', reason: 'a simulated image is not signed' },
        { check: 'pcr3', reason: 'a simulated enclave has no instance role' },
      ],
    }),
  );
}

/** The party's dpca.json, with TLS files when given. */
export function writeConfig(party: PartyFolder, manifest: Manifest, tls?: Json): void {
  const { config, role, sheet } = party;
  const document = makeConfig({
    ...{ role, manifest, header: sheet.header, map: sheet.map, format: 'csv', data: 'data.csv' },
    ...{ keys: 'keys', peers: 'peers', policy: 'policy.json', root: 'sim-root.json' },
    ledger: 'ledger',
  });
  writeFileSync(
    config,
    prettyJson(tls === undefined ? document : { ...(document as Record<string, Json>), tls }),
  );
}

export function writeRecords(path: string, records: Sheet['records']): void {
  writeFileSync(path, `${records.map((record) => record.join(',')).join('\n')}\n`);
}

export type LogLine = Readonly<Record<string, unknown>>;

export interface Ended {
  /** Exit code; null after a signal. */
  readonly exit: number | null;
  /** Code in the failure's JSON; undefined after success. */
  readonly code: string | undefined;
  readonly message: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly atMs: number;
}

export interface Running {
  readonly pid: number;
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with the first log line that has this `msg`; rejects if the process ends without it. */
  logged(msg: string): Promise<LogLine>;
  /** Holds the sockets of this process's enclaves and nothing else. */
  readonly temporary: string;
  /** Process ids of the enclaves that this process has started and that still run. */
  enclaves(): readonly number[];
}

function parseLines(text: string): LogLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line.startsWith('{') ? [JSON.parse(line) as LogLine] : [];
    } catch {
      return [];
    }
  });
}

/** Processes whose command line mentions `folder`: of Linux from /proc, as small images have no ps. */
export function processesOf(folder: string): readonly { pid: number; command: string }[] {
  const all =
    process.platform === 'linux'
      ? readdirSync('/proc').flatMap((name) => {
          if (!/^[0-9]+$/.test(name)) return [];
          try {
            const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
            return [{ pid: Number(name), command: command.replaceAll('\0', ' ') }];
          } catch {
            return []; // it has ended meanwhile
          }
        })
      : execFileSync('ps', ['-A', '-o', 'pid=,command='], { encoding: 'utf8' })
          .split('\n')
          .map((line) => ({ pid: Number.parseInt(line, 10), command: line }));
  return all.filter(({ command }) => command.includes(folder));
}

export interface StartOptions {
  /** Leads a process group of its own, as it does when a terminal starts it. */
  readonly group?: boolean;
  /** Works on the party's own ledger. Otherwise on a copy as registered, so that any number of tests can run at once. */
  readonly keepLedger?: boolean;
}

/** Starts `dpca --json ...argv` for a party; its sockets lie in a folder of this process alone. */
export function start(
  party: PartyFolder,
  argv: readonly string[],
  build: Build,
  how: StartOptions = {},
): Running {
  const temporary = mkdtempSync(join(party.folder, 't'));
  let ledger = join(party.folder, 'ledger');
  if (how.keepLedger !== true) {
    const copy = join(mkdtempSync(join(party.folder, 'l')), 'ledger');
    cpSync(ledger, copy, { recursive: true });
    ledger = copy;
  }
  const flags = ['--config', party.config, '--ledger', ledger];
  const child = spawn(process.execPath, [build.cli, '--json', ...argv, ...flags], {
    cwd: party.folder,
    env: { PATH: process.env['PATH'], TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: how.group === true,
  });
  let stdout = '';
  let stderr = '';
  let finished = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exited = new Promise<number>((resolve) =>
    child.once('exit', () => {
      resolve(Date.now());
    }),
  );
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => {
      finished = true;
      void exited.then((atMs) => {
        const failure = parseLines(stderr).findLast((line) => 'error' in line)?.['error'];
        const { code, message = '' } = (failure ?? {}) as { code?: string; message?: string };
        resolve({ exit, code, message, stdout, stderr, atMs });
      });
    });
  });
  return {
    pid: child.pid ?? 0,
    process: child,
    ended,
    temporary,
    logged: async (msg) => {
      for (;;) {
        const found = parseLines(stderr).find((line) => line['msg'] === msg);
        if (found !== undefined) return found;
        if (finished) throw new Error(`ended without "${msg}":\n${stderr}`);
        await delay(10);
      }
    },
    enclaves: () =>
      processesOf(temporary)
        .map(({ pid }) => pid)
        .filter((pid) => pid !== child.pid),
  };
}

/** `dpca serve` on a free port of loopback, once it listens. */
export async function serve(
  party: PartyFolder,
  build: Build,
  argv: readonly string[] = [],
  how: StartOptions = {},
): Promise<Running & { readonly port: number }> {
  const running = start(party, ['serve', '--listen', '127.0.0.1:0', ...argv], build, how);
  const { port } = await running.logged('listening');
  return { ...running, port: Number(port) };
}

export function call(
  party: PartyFolder,
  build: Build,
  port: number,
  argv: readonly string[] = [],
  how: StartOptions = {},
): Running {
  return start(party, ['run', '--peer-url', `ws://127.0.0.1:${port}`, ...argv], build, how);
}
