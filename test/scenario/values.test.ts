/**
 * Values between four real processes: statistics whose noise the recorded coins explain, shares in two files that add up
 * to the matched rows, and who is told what where the manifest withholds, suppresses or asks for too much.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';
import {
  type Build,
  call,
  copyBuild,
  type Ended,
  makePair,
  type Pair,
  type PairOptions,
  type PartyFolder,
  serve,
} from '../support/party-folders.ts';
import { slowIt } from './harness.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const COMMON = 30;
const ids = Array.from({ length: 80 }, (_, i) => `id-${i}`);
/** Rows 0 to 29 are common; groups 0, 1, 2; every third is seen too late. Spend is clipped to 0..50. */
const SHEETS: PairOptions['sheets'] = {
  a: {
    header: true,
    map: [],
    records: [
      ['id', 'group', 'seen'],
      ...ids.slice(0, 60).map((id, i) => [id, `${i % 3}`, `${i % 3 === 2 ? 40 : 10}`]),
    ],
  },
  b: {
    header: true,
    map: [],
    records: [
      ['id', 'bought', 'spend'],
      ...[...ids.slice(0, COMMON), ...ids.slice(60)].map((id, i) => [id, '15', `${3 * i - 5}`]),
    ],
  },
};
const spendOf = (i: number): number => Math.min(50, Math.max(0, 3 * i - 5));
const common = Array.from({ length: COMMON }, (_, i) => i);
const total = (rows: readonly number[]): number => rows.reduce((sum, i) => sum + spendOf(i), 0);

const VALUES = [
  { name: 'group', owner: 'a', low: 0, high: 2 },
  { name: 'seen', owner: 'a', low: 0, high: 100 },
  { name: 'bought', owner: 'b', low: 0, high: 100 },
  { name: 'spend', owner: 'b', low: 0, high: 50 },
];

let folder: string;
let build: Build;
const pairs: Pair[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dpca-v-'));
  build = copyBuild(join(folder, 'build'));
});
afterAll(() => {
  for (const pair of pairs) pair.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function pairWith(asked: NonNullable<PairOptions['asked']>): Promise<Pair> {
  const pair = await makePair({ sheets: SHEETS, columns: ['id:none'], build, asked });
  pairs.push(pair);
  return pair;
}

function allowShares({ config }: PartyFolder): void {
  const document = JSON.parse(readFileSync(config, 'utf8')) as JsonObject;
  writeFileSync(config, JSON.stringify({ ...document, allowShares: true }));
}

async function runBoth(
  { a, b }: Pair,
  flags: (party: PartyFolder) => readonly string[],
  builds: Readonly<Record<'a' | 'b', Build>> = { a: build, b: build },
): Promise<{ readonly a: Ended; readonly b: Ended }> {
  const listener = await serve(a, builds.a, flags(a));
  const caller = call(b, builds.b, listener.port, flags(b));
  const [endedB, endedA] = await Promise.all([caller.ended, listener.ended]);
  return { a: endedA, b: endedB };
}

const parsed = ({ stdout }: Ended): JsonObject => JSON.parse(stdout) as JsonObject;

describe('a run with values', () => {
  it('releases what the recorded coins explain, and shares that add up', async () => {
    const pair = await pairWith({
      values: VALUES,
      statistics: [
        { kind: 'count' },
        { kind: 'sum', of: 'spend' },
        { kind: 'histogram', group: 'group', groups: [0, 1, 2], sum: 'spend' },
        { kind: 'attributed', conversion: 'bought', exposure: 'seen', window: { from: 0, to: 9 } },
        { kind: 'shares', of: ['spend', 'group'] },
      ],
      ...{ threshold: undefined, release: 'both' },
    });
    allowShares(pair.a);
    allowShares(pair.b);
    const file = (party: PartyFolder, name: string): string => join(party.folder, name);
    const ended = await runBoth(pair, (party) => [
      ...['--record-draws', file(party, 'draws'), '--shares-out', file(party, 'shares.csv')],
    ]);
    expect([ended.a.exit, ended.b.exit], ended.b.stderr).toEqual([EXIT.ok, EXIT.ok]);
    const release = parsed(ended.a);
    expect(parsed(ended.b)).toMatchObject({
      statistics: release['statistics'],
      moments: release['moments'],
      receipt: release['receipt'],
    });

    const kept = join(pair.folder, 'release.json');
    writeFileSync(kept, ended.a.stdout);
    const replay = () =>
      spawnSync(
        process.execPath,
        [
          ...[build.cli, '--json', 'audit', 'replay', kept, '--manifest', pair.a.manifest],
          ...['--draws-a', file(pair.a, 'draws'), '--draws-b', file(pair.b, 'draws')],
        ],
        { encoding: 'utf8' },
      );
    const replayed = JSON.parse(replay().stdout) as { readonly statistics: readonly JsonObject[] };
    const inTime = common.filter((i) => i % 3 !== 2);
    const sections = [0, 1, 2].map((group) => common.filter((i) => i % 3 === group));
    expect(replayed.statistics).toMatchObject([
      { value: String(COMMON) },
      { value: String(total(common)) },
      {
        result: sections.map((rows, group) => ({
          group,
          count: { value: String(rows.length) },
          sum: { value: String(total(rows)) },
        })),
      },
      { result: { count: { value: String(inTime.length) } } },
      { kind: 'shares', differentialPrivacy: false },
    ]);

    // a moment from which the release does not follow
    const [first = '', ...rest] = release['moments'] as readonly string[];
    writeFileSync(kept, JSON.stringify({ ...release, moments: [`${Number(first) + 1}`, ...rest] }));
    const { status, stderr } = replay();
    expect([status, stderr.includes('ERR_AUDIT_REPLAY')]).toEqual([EXIT.audit, true]);

    const halves = [pair.a, pair.b].map((party) => {
      const path = file(party, 'shares.csv');
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const [header, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n');
      expect(header).toBe('real,spend,group');
      return lines.map((line) => line.split(',').map(BigInt));
    });
    const [ofA = [], ofB = []] = halves;
    const sizes = release['maskedSizes'] as readonly number[];
    expect([ofA.length, ofB.length]).toEqual([sizes[0], sizes[0]]);
    const rows = ofA.map(([real = 0n, ...words], r) => [
      real ^ ofB[r]![0]!,
      ...words.map((word, c) => BigInt.asUintN(64, word + ofB[r]![c + 1]!)),
    ]);
    const seen = rows.filter(([real]) => real === 1n).map((row) => row.join(' '));
    const known = common.map((i) => `1 ${spendOf(i)} ${i % 3}`);
    expect(seen.sort()).toEqual(known.sort());
    expect(rows.filter(([real]) => real === 0n).every((row) => row.every((x) => x === 0n))).toBe(
      true,
    );
  });

  slowIt('tells a suppressed figure to one party, and the other one nothing', async () => {
    const pair = await pairWith({
      ...{ values: VALUES, threshold: 5_000, release: 'a' },
      statistics: [{ kind: 'count' }, { kind: 'sum', of: 'spend' }],
    });
    const ended = await runBoth(pair, () => []);
    expect([ended.a.exit, ended.b.exit], ended.b.stderr).toEqual([EXIT.suppressed, EXIT.ok]);
    const [a, b] = [parsed(ended.a), parsed(ended.b)];
    expect(a['statistics']).toMatchObject([{ suppressed: true }, { suppressed: true }]);
    expect(b).toMatchObject({ withheld: true, maskedSizes: a['maskedSizes'], moments: [] });
    expect(b['statistics']).toBeUndefined();
    const logOf = ({ folder: at }: PartyFolder): string =>
      execFileSync('find', [at, '-type', 'f', '-path', '*log*']).toString('utf8');
    for (const path of logOf(pair.b).trim().split('\n')) {
      expect(readFileSync(path, 'utf8')).not.toMatch(/"opened":\{|"suppressed"/);
    }
    expect(
      logOf(pair.a)
        .trim()
        .split('\n')
        .some((path) => readFileSync(path, 'utf8').includes('"suppressed":true')),
    ).toBe(true);
  });

  it('refuses shares that its own configuration does not allow: the host, and the enclave of a host that does not look', async () => {
    const pair = await pairWith({
      ...{ values: VALUES, threshold: undefined, release: 'both' },
      statistics: [
        { kind: 'sum', of: 'spend' },
        { kind: 'shares', of: ['spend'] },
      ],
    });
    allowShares(pair.a);
    const out = (party: PartyFolder) => ['--shares-out', join(party.folder, 'shares.csv')];
    const careless = copyBuild(join(folder, 'careless'), [
      ['host/shares/shares.js', 'allowShares !== true', 'false'],
    ]);
    const host = await call(pair.b, build, 9, out(pair.b)).ended;
    expect([host.exit, host.code]).toEqual([EXIT.usage, 'ERR_SHARES_REFUSED']);
    const ended = await runBoth(pair, out, { a: build, b: careless });
    expect([ended.b.exit, ended.b.code]).toEqual([EXIT.usage, 'ERR_SHARES_REFUSED']);
    expect(ended.a.exit).toBe(EXIT.peer);
    const missing = await call(pair.a, build, 9).ended;
    expect([missing.exit, missing.code]).toEqual([EXIT.usage, 'ERR_USAGE']);
  });
});
