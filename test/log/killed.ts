/**
 * Real processes that append to a log and are killed, or run into a full disk: what they acknowledged on stdout is
 * compared with what the next process finds. Uses the build (dist/), as npm test makes it.
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { leafHash } from '../../attestation/merkle.ts';
import { createKeys } from '../../host/keys/keys.ts';
import { openLog } from '../../host/log/run-log.ts';
import { type LogOwner, LogStore } from '../../host/log/store.ts';
import { toHex } from '../../src/encoding.ts';
import { UniformSource } from '../../src/rng.ts';
import { seededRng } from '../support/test-rng.ts';
import { completionOf, entryOf, type Job } from './appender.ts';

const APPENDER = fileURLToPath(new URL('../../dist/test/log/appender.js', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'dpca-killed-'));
const keys = createKeys(join(base, 'keys'), 'owner');
const owner: LogOwner = {
  ...{ name: 'owner', identity: toHex(keys.identity.publicKey), log: keys.log },
};
/** A folder of its own for each attempt, as CI tries again. */
const newFolder = (): string => mkdtempSync(join(base, 'log-'));
const { signal } = new AbortController();
const at = { time: 1_900_000_000_000, clock: 'host' } as const;

function jobOf(folder: string, count: number, killAt = 0): Job {
  const log = {
    publicKey: toHex(keys.log.publicKey),
    privateKey: toHex(keys.log.privateKey),
  };
  return { folder, identity: owner.identity, log, count, killAt };
}

interface Said {
  /** Leaf hashes of acknowledged records, by number. */
  readonly records: ReadonlyMap<number, string>;
  readonly completions: ReadonlySet<number>;
  readonly refused: string | undefined;
  readonly points: number;
  readonly signal: string | null;
  readonly code: number | null;
}

/** @param wrap a command that the process is run by */
async function append(
  job: Job,
  meanwhile: (child: ChildProcess) => void = () => undefined,
  wrap: readonly string[] = [],
): Promise<Said> {
  const line = [...wrap, process.execPath, APPENDER, JSON.stringify(job)];
  const child = spawn(line[0] ?? '', line.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  meanwhile(child);
  const end = await new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('close', (code, by) => {
      resolve({ code, signal: by });
    });
  });
  if (end.code !== 0 && end.signal === null) throw new Error(errors);
  const lines = out.split('\n').slice(0, -1);
  const said = lines.map((line) => line.split(' '));
  const of = (word: string) => said.filter(([first]) => first === word);
  return {
    records: new Map(of('record').map(([, seq, leaf]) => [Number(seq), leaf ?? ''])),
    completions: new Set(of('completion').map(([, seq]) => Number(seq))),
    refused: of('refused')[0]?.[1],
    points: Number(of('points')[0]?.[1] ?? 0),
    ...end,
  };
}

/** Whether a file of lines has no part of one; also when it does not exist. */
function isWhole(path: string): boolean {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return text === '' || text.endsWith('\n');
}

/** Opens what the process has left: everything acknowledged is there, and the log goes on. */
async function checkAndGoOn(folder: string, said: Said, what: string): Promise<void> {
  const store = new LogStore(folder);
  for (const [seq, leaf] of said.records) {
    const line = store.records[seq];
    expect(line === undefined ? 'missing' : toHex(leafHash(line)), `${what}: ${seq}`).toBe(leaf);
  }
  const completions = store.completions();
  for (const seq of said.completions) expect(completions.get(seq), what).toEqual(completionOf(seq));
  await openLog(store, owner, signal);
  const before = store.records.length;
  const shown = await store.append(owner, entryOf(before), at, signal);
  expect(shown.envelope.seq, what).toBe(before);
  const again = new LogStore(folder);
  again.assertContinues(owner);
  expect(again.records.length, what).toBe(before + 1);
  // nothing torn is left, not even what was never acknowledged
  for (const name of ['records.jsonl', 'checkpoint']) {
    expect(isWhole(join(folder, name)), `${what}: ${name}`).toBe(true);
  }
  expect(readdirSync(folder).filter((name) => name.startsWith('lock'))).toEqual([]);
}

/** Whether a tmpfs can be had; only as root, and not in every container. */
function withSmallDisk(folder: string, kilobytes: number): boolean {
  try {
    const size = `size=${kilobytes}k`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn('SKIPPED: no tmpfs can be mounted here, ENOSPC is not tried (be root)');
    return false;
  }
}

/** @param every every n-th point of the file operations; `random`: how many kills at any time */
export function killedProcesses(how: { readonly every: number; readonly random: number }): void {
  it(`loses nothing acknowledged when killed at ${how.every === 1 ? 'every' : 'some'} point`, async () => {
    const { points } = await append(jobOf(newFolder(), 2));
    expect(points).toBeGreaterThan(100);
    let [acknowledged, torn] = [0, 0];
    for (let k = 1; k <= points; k += how.every) {
      const folder = newFolder();
      const said = await append(jobOf(folder, 2, k));
      expect(said.signal, `point ${k}`).toBe('SIGKILL');
      acknowledged += said.records.size + said.completions.size;
      for (const name of ['records.jsonl', 'completions.jsonl', 'openings.jsonl']) {
        if (!isWhole(join(folder, name))) torn += 1;
      }
      await checkAndGoOn(folder, said, `point ${k}`);
      rmSync(folder, { recursive: true });
    }
    console.log(
      `${Math.ceil(points / how.every)} kills, ${acknowledged} acknowledged, ${torn} torn`,
    );
    expect(acknowledged).toBeGreaterThan(0);
    if (how.every === 1) expect(torn).toBeGreaterThan(10);
  });

  it(`loses nothing acknowledged in one log over ${how.random} kills at any time`, async () => {
    const uniform = new UniformSource(seededRng('killed at any time'));
    const folder = newFolder();
    const records = new Map<number, string>();
    const completions = new Set<number>();
    for (let i = 0; i < how.random; i++) {
      const wait = uniform.below(500);
      const said = await append(jobOf(folder, 100_000), (child) => {
        // from its first acknowledgement on
        child.stdout?.once('data', () => setTimeout(() => child.kill('SIGKILL'), wait));
      });
      expect(said.signal).toBe('SIGKILL');
      for (const [seq, leaf] of said.records) records.set(seq, leaf);
      for (const seq of said.completions) completions.add(seq);
      await checkAndGoOn(folder, { ...said, records, completions }, `kill ${i}`);
    }
    console.log(`${how.random} kills: ${records.size} records acknowledged`);
    expect(records.size).toBeGreaterThan(how.random / 2);
  });

  it('says that the disk is full and loses nothing acknowledged: the largest file', async () => {
    // in blocks of 512 bytes; node is told EFBIG instead of being ended
    for (const blocks of [3, 5, 8, 13]) {
      const folder = newFolder();
      const limit = ['sh', '-c', `ulimit -f ${blocks} && exec "$@"`, 'sh'];
      const said = await append(jobOf(folder, 100), undefined, limit);
      expect(said.refused, `${blocks} blocks`).toBe('ERR_LOG_STORE');
      expect(said.records.size).toBeGreaterThan(0);
      // no part of what was refused stays, though there was room for it
      for (const name of ['records.jsonl', 'completions.jsonl', 'openings.jsonl']) {
        expect(isWhole(join(folder, name)), `${blocks} blocks: ${name}`).toBe(true);
      }
      await checkAndGoOn(folder, said, `${blocks} blocks`);
    }
  });

  it('says that the disk is full and loses nothing acknowledged: the file system', async () => {
    const folder = newFolder();
    if (!withSmallDisk(folder, 64)) return;
    try {
      const said = await append(jobOf(join(folder, 'log'), 1_000));
      expect(said.refused).toBe('ERR_LOG_STORE');
      expect(said.records.size).toBeGreaterThan(5);
      const again = await append(jobOf(join(folder, 'log'), 1_000));
      expect(again.refused).toBe('ERR_LOG_STORE');
      execFileSync('mount', ['-o', 'remount,size=1m', folder]);
      await checkAndGoOn(join(folder, 'log'), said, 'full file system');
    } finally {
      execFileSync('umount', [folder]);
    }
  });
}

export function removeAll(): void {
  rmSync(base, { recursive: true, force: true });
}
