/**
 * What the scenario tests share: two parties with planted identifiers and known exact sizes, one run with a fault
 * between them, and what must hold after every fault, whichever it was.
 * @module
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { type ErrorCode, EXIT, exitOf } from '../../src/errors.ts';
import { toHex } from '../../src/encoding.ts';
import {
  type Build,
  call,
  copyBuild,
  type Edit,
  type Ended,
  makePair,
  type Pair,
  processesOf,
  type Running,
  serve,
  type Sheet,
} from '../support/party-folders.ts';
import { type Fault, type Impostor, openTap, type Tap } from '../support/proxy-tap.ts';

// concurrent tests wait for each other (limiter), and that counts as their time
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

/** Rows that match by e-mail address, and by device only: exact sizes, which nobody but the test may know. */
export const EXACT_SIZES: readonly number[] = [331, 157];
const ROWS = { a: 900, b: 800 } as const;
/** Every identifier of the test holds this text. */
/** `npm test` plays a quarter of a table of cases, `npm run test:slow` (SLOW=1) every one. */
export function sampled<T>(cases: readonly T[]): T[] {
  return process.env['SLOW'] === '1' ? [...cases] : cases.slice(0, Math.ceil(cases.length / 4));
}

/** A case for `npm run test:slow` only. */
export const slowIt: typeof it = (process.env['SLOW'] === '1' ? it : it.skip) as typeof it;

export const PLANTED = 'planted-7f3a';

const email = (i: number): string => `${PLANTED}-${i}@secret.example`;
const device = (i: number): string => `${PLANTED}-dev-${i}`;

/** Party a: no header, positions; party b: other names, another order, and a column of no concern. */
function sheets(): { readonly a: Sheet; readonly b: Sheet } {
  const [both, byDevice] = EXACT_SIZES as [number, number];
  const a = Array.from({ length: ROWS.a }, (_, i) => [device(i), email(i)]);
  const b = Array.from({ length: ROWS.b }, (_, i) => {
    const mail = email(i < both ? i : 50_000 + i);
    return ['x', mail, device(i >= both && i < both + byDevice ? i : 70_000 + i)];
  });
  return {
    a: { records: a, header: false, map: ['email=2', 'device=1'] },
    b: {
      records: [['region', 'Customer mail', 'Handset'], ...b],
      header: true,
      map: ['email=Customer mail', 'device=Handset'],
    },
  };
}

export interface World {
  readonly pair: Pair;
  /** The same code with one or more edits, measured. */
  edited(edits: readonly Edit[]): Build;
  /** Two further parties, for tests that rewrite their files. */
  another(): Promise<Pair>;
  remove(): void;
}

export async function openWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'dpca-b-'));
  const build = copyBuild(join(folder, 'as-built'));
  const pairs: Pair[] = [];
  const another = async (): Promise<Pair> => {
    const columns = ['email:lowercase', 'device:none'];
    const pair = await makePair({ build, columns, sheets: sheets() });
    pairs.push(pair);
    return pair;
  };
  let copies = 0;
  return {
    pair: await another(),
    edited: (edits) => copyBuild(join(folder, `edited-${++copies}`), edits),
    another,
    remove: () => {
      for (const pair of pairs) {
        // a test that failed half-way may have left a host behind
        for (const { pid } of processesOf(pair.folder)) process.kill(pid, 'SIGKILL');
        pair.remove();
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** At most `n` actions at a time: four processes each, on two cores, must not make each other late. */
export function limiter(n: number): <T>(action: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (action) => {
    if (running === n) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await action();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

export type Side = 'listener' | 'caller';

/** A run under way. */
export interface Live {
  readonly listener: Running;
  readonly caller: Running;
  /** Marks the time of the fault; the first call counts. */
  readonly struck: () => void;
  readonly kill: (side: Side, which: 'host' | 'enclave') => void;
}

export interface Outcome {
  readonly listener: Ended;
  readonly caller: Ended;
  readonly tap: Tap;
  readonly struckMs: number;
  readonly live: Live;
}

export interface RunOptions {
  /** How the tap greets both hosts in its own name, instead of carrying their greeting. */
  readonly impostor?: Impostor;
  /** Builds that the two sides run; the pair's own when absent. */
  readonly builds?: Partial<Record<Side, Build>>;
  /** Both hosts lead process groups of their own. */
  readonly group?: boolean;
  /** Party b listens and a calls. */
  readonly swapped?: boolean;
}

/** One run with a fault on the wire, to the end of both hosts. */
export async function runWith(
  pair: Pair,
  fault: (live: Live) => Fault,
  options: RunOptions = {},
): Promise<Outcome> {
  const [listening, calling] = options.swapped === true ? [pair.b, pair.a] : [pair.a, pair.b];
  const how = { group: options.group === true };
  const listener = await serve(listening, options.builds?.listener ?? pair.build, [], how);
  let caller: Running | undefined;
  let struckMs = 0;
  const live: Live = {
    listener,
    get caller() {
      if (caller === undefined) throw new Error('nobody has called yet');
      return caller;
    },
    struck: () => (struckMs ||= Date.now()),
    kill: (side, which) => {
      live.struck();
      const pids = which === 'host' ? [live[side].pid] : live[side].enclaves();
      if (pids.length !== 1) throw new Error(`expected one ${which} of the ${side}`);
      for (const pid of pids) process.kill(pid, 'SIGKILL');
    },
  };
  const tap = await openTap(listener.port, fault(live), options.impostor);
  try {
    caller = call(calling, options.builds?.caller ?? pair.build, tap.port, [], how);
    const [atListener, atCaller] = await Promise.all([listener.ended, caller.ended]);
    return { listener: atListener, caller: atCaller, tap, struckMs, live };
  } finally {
    caller?.process.kill('SIGKILL');
    listener.process.kill('SIGKILL');
    await tap.close();
  }
}

/** docs/failures.md: both sides end within ten seconds. */
export const END_MS = 10_000;
/** Ten seconds of silence before it is noticed, half a second of tick, and the time to end. */
export const SILENCE_END_MS = 14_000;

/** Expected end: a code; `killed` for the process that was shot; `released` for an orderly end with a release. */
export type Expected = ErrorCode | 'killed' | 'released';

export function expectEnd(ended: Ended, expected: Expected): void {
  if (expected === 'released') {
    expect([ended.exit, ended.code, ended.stdout === '']).toEqual([0, undefined, false]);
    return;
  }
  const wanted =
    expected === 'killed' ? [null, undefined, ''] : [EXIT[exitOf(expected)], expected, ''];
  expect([ended.exit, ended.code, ended.stdout], ended.stderr.slice(-2_000)).toEqual(wanted);
}

/** Both ends, in time, with nothing left behind and nothing told. */
export async function expectOutcome(
  pair: Pair,
  outcome: Outcome,
  expected: Readonly<Record<Side, Expected>>,
  withinMs: number = END_MS,
): Promise<void> {
  const { listener, caller, struckMs, live } = outcome;
  expectEnd(caller, expected.caller);
  expectEnd(listener, expected.listener);
  expect(struckMs, 'the fault never happened').toBeGreaterThan(0);
  expect(caller.atMs - struckMs).toBeLessThan(withinMs);
  expect(listener.atMs - struckMs).toBeLessThan(withinMs);
  await expectNothingLeft(live.listener);
  await expectNothingLeft(live.caller);
  expectNothingTold(pair, listener);
  expectNothingTold(pair, caller);
}

/** No enclave of the process runs on, and its sockets hold nothing. */
export async function expectNothingLeft(running: Running): Promise<void> {
  // an enclave whose host was shot needs a moment to notice
  for (let n = 0; n < 40 && running.enclaves().length > 0; n++) await delay(50);
  expect(processesOf(running.temporary)).toEqual([]);
  const files = readdirSync(running.temporary, { recursive: true, withFileTypes: true });
  expect(files.filter((file) => file.isFile())).toEqual([]);
}

/** No identifier, key or exact size in anything that the process wrote; every line is a log line. */
export function expectNothingTold(pair: Pair, { stdout, stderr }: Ended): void {
  for (const secret of secretsOf(pair)) {
    expect(stderr.includes(secret), 'a secret in the log').toBe(false);
    expect(stdout.includes(secret), 'a secret in the result').toBe(false);
  }
  for (const line of stderr.split('\n').filter((text) => text !== '')) {
    const value = JSON.parse(line) as Record<string, unknown>; // a stack trace is no JSON
    const { time, ms, port, ...told } = value;
    expect([typeof time, typeof ms, typeof port]).not.toContain('object');
    const numbers = JSON.stringify(told).match(/(?<![0-9a-zA-Z.])\d+(?![0-9a-zA-Z.])/g) ?? [];
    for (const size of EXACT_SIZES) expect(numbers).not.toContain(String(size));
  }
}

function secretsOf(pair: Pair): readonly string[] {
  return [
    PLANTED,
    'secret.example',
    ...[pair.a, pair.b].flatMap(({ keys, folder }) => {
      const root = readFileSync(join(folder, 'sim-root.json'), 'utf8');
      const { privateKey } = JSON.parse(root) as { privateKey: string };
      const own = [keys.identity.privateKey, keys.log.privateKey];
      return [
        privateKey,
        ...own.flatMap((key) => [toHex(key), Buffer.from(key).toString('base64')]),
      ];
    }),
  ];
}
