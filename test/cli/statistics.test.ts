/**
 * Values and statistics on the command line: `dpca manifest init`, `manifest check`'s words, and what `dpca plan` says
 * of each statistic.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseStatisticFlag, parseValueFlag } from '../../host/config/statistic-flags.ts';
import { createKeys } from '../../host/keys/keys.ts';
import { peerOf, pinPeer, writePeer } from '../../host/keys/peers.ts';
import { certifyManifest, compileManifest, parseManifest } from '../../src/run/manifest.ts';
import { folder, type Folder } from './dpca.ts';

let here: Folder;
const INIT = [
  ...['manifest', 'init', '--party', 'a', '--own', 'a.json', '--other', 'b.json'],
  ...['--purpose', 'spring', '--column', 'email:email', '--column', 'phone:phone'],
  ...[
    '--epsilon',
    '4',
    '--delta',
    '0.0001',
    '--runs',
    '4',
    '--rows',
    '5000',
    '--other-rows',
    '800',
  ],
] as const;
const VALUES = [
  ...['--value', 'seen:a:0:1000000', '--value', 'campaign:a:0:9'],
  ...['--value', 'bought:b:0:1000000', '--value', 'spend:b:-20:1000'],
] as const;
const STATISTICS = [
  ...['--statistic', 'count', '--statistic', 'histogram:campaign:1..3,7:spend'],
  ...['--statistic', 'attributed:bought:seen:0..604800:spend'],
  ...['--statistic', 'mean:spend@campaign=2@spend=0..500', '--statistic', 'correlation:seen:spend'],
] as const;

beforeAll(async () => {
  here = folder();
  const a = peerOf(createKeys(here.at('keys'), 'publisher'), null);
  const b = peerOf(createKeys(here.at('other'), 'advertiser'), null);
  writePeer(here.at('a.json'), a);
  writePeer(here.at('b.json'), b);
  pinPeer(here.at('peers'), b);
  const out = ['--out', '.', '--threshold', '20', '--release', 'a', '--data', 'x.csv'];
  await here.json([...INIT, ...VALUES, ...STATISTICS, ...out]);
});
afterAll(() => {
  here.remove();
});

const read = (name: string): string => readFileSync(here.at(name), 'utf8');
const SCHEMA = new URL('../../docs/schema/manifest.schema.json', import.meta.url).pathname;

describe('a manifest with values', () => {
  it('is what the flags say, with noise that keeps the claim', () => {
    const manifest = parseManifest(read('manifest.json'));
    expect(manifest.values).toEqual([
      { name: 'seen', owner: 'a', low: 0, high: 1_000_000 },
      { name: 'campaign', owner: 'a', low: 0, high: 9 },
      { name: 'bought', owner: 'b', low: 0, high: 1_000_000 },
      { name: 'spend', owner: 'b', low: -20, high: 1000 },
    ]);
    const where = [
      { value: 'campaign', equals: 2 },
      { value: 'spend', from: 0, to: 500 },
    ];
    const window = { from: 0, to: 604_800 };
    expect(manifest.statistics).toEqual([
      { kind: 'count' },
      { kind: 'histogram', group: 'campaign', groups: [1, 2, 3, 7], sum: 'spend' },
      { kind: 'attributed', conversion: 'bought', exposure: 'seen', window, sum: 'spend' },
      { kind: 'mean', of: 'spend', where },
      { kind: 'correlation', of: ['seen', 'spend'] },
    ]);
    expect([manifest.threshold, manifest.release]).toEqual([20, 'a']);
    expect(certifyManifest(manifest).deltaUpper).toBeLessThanOrEqual(1e-4);
    const accepts = new Ajv2020().compile(JSON.parse(readFileSync(SCHEMA, 'utf8')) as object);
    expect(accepts(JSON.parse(read('manifest.json')))).toBe(true);
    const config = JSON.parse(read('dpca.json')) as { data: unknown };
    expect(config.data).toMatchObject({ values: { seen: 'seen', campaign: 'campaign' } });
  });

  it('is explained', async () => {
    const ran = await here.dpca(['manifest', 'check', '--config', 'dpca.json']);
    expect(ran.stderr).toBe('');
    for (const line of [
      'spend of party b, clipped to -20..1000',
      'to party a only',
      'count and sum of spend by campaign (4 groups)',
      'count and sum of spend of rows with bought - seen from 0 to 604800',
      'mean of spend where campaign = 2 and spend from 0 to 500',
      'correlation of seen and spend',
      'figures of fewer than 20 rows (as noised) are suppressed',
      'Certified: the noise keeps the claim',
    ]) {
      expect(ran.stdout).toContain(line);
    }
  });

  it('is planned: noise, slots and bytes of every statistic', async () => {
    const plan = await here.json(['plan', '--manifest', 'manifest.json', '--common', '500']);
    const statistics = plan['statistics'] as {
      moments: number;
      slots: number;
      assumes: boolean;
      figures: { figure: string; standardDeviation: number; halfWidth: number }[];
    }[];
    const manifest = parseManifest(read('manifest.json'));
    const { families, slots, program } = compileManifest(manifest);
    expect(statistics.map(({ moments }) => moments)).toEqual([8, 2, 2, 5]);
    expect(statistics.map((s) => s.slots)).toEqual([4, 2, 2, 5]);
    expect(statistics.reduce((sum, s) => sum + s.slots, 0)).toBe(slots);
    expect(statistics.reduce((sum, s) => sum + s.moments, 0)).toBe(program.moments.length);
    expect(statistics.map(({ assumes }) => assumes)).toEqual([false, false, true, true]);
    const deviation = (i: number): number =>
      Math.sqrt(families[i]!.noise.reduce((sum, v) => sum + Number(v) ** 2, 0)) / 2;
    const [counts, sums] = statistics[0]!.figures;
    expect(counts).toMatchObject({ figure: 'count' });
    expect(counts!.standardDeviation).toBeCloseTo(deviation(0), 2);
    expect(sums!.standardDeviation).toBeCloseTo(deviation(1), 1);
    // about 1.96 deviations, and a little more for whole numbers
    expect(sums!.halfWidth / sums!.standardDeviation).toBeGreaterThan(1.9);
    expect(sums!.halfWidth / sums!.standardDeviation).toBeLessThan(2.1);
    expect(plan['valueBytes']).toBeGreaterThan(100_000);
    expect(plan['bytes']).toBeGreaterThan(plan['valueBytes'] as number);
    const text = await here.dpca(['plan', '--manifest', 'manifest.json']);
    expect(text.stdout).toMatch(/mean of spend where .*: 2 sums opened, of which a row can move 2/);
    expect(text.stdout).toMatch(/of it for values/);
    expect(text.stdout).not.toMatch(/NaN|undefined|Infinity/);
  });

  it.each(['spend:0:1', 'spend:b:zero:1', 'spend:b:0:1:2', 'spend:b:00:1', ''])(
    'refuses --value %s',
    (text) => {
      expect(() => parseValueFlag(text)).toThrowCode('ERR_USAGE');
    },
  );

  it.each([
    ...['', 'median:spend', 'count:spend', 'sum', 'sum:spend:seen', 'covariance:a', 'shares'],
    ...['histogram:campaign', 'histogram:campaign:a', 'histogram:campaign:1..2..3'],
    ...['histogram:campaign:1:spend:seen', 'attributed:bought:seen', 'attributed:a:b:0..1:c:d'],
    ...['attributed:bought:seen:0..1..2', 'sum:spend@campaign', 'sum:spend@campaign=1=2'],
    ...['sum:spend@campaign=', 'sum:spend@campaign=1..', 'shares:spend@campaign=1'],
  ])('refuses --statistic %s', (text) => {
    expect(() => parseStatisticFlag(text)).toThrowCode('ERR_USAGE');
  });

  it('reads every kind, with negative numbers and ranges', () => {
    expect(parseStatisticFlag('count@x=-3')).toEqual({
      kind: 'count',
      where: [{ value: 'x', equals: -3 }],
    });
    expect(parseStatisticFlag('histogram:g:-2..0,5')).toEqual({
      ...{ kind: 'histogram', group: 'g', groups: [-2, -1, 0, 5] },
    });
    expect(parseStatisticFlag('attributed:x:y:-5..5@z=-1..1')).toEqual({
      ...{ kind: 'attributed', conversion: 'x', exposure: 'y', window: { from: -5, to: 5 } },
      where: [{ value: 'z', from: -1, to: 1 }],
    });
    expect(parseStatisticFlag('variance:x')).toEqual({ kind: 'variance', of: 'x' });
    expect(parseStatisticFlag('shares:x:y')).toEqual({ kind: 'shares', of: ['x', 'y'] });
  });

  it('refuses what the manifest does not take, with its pointer', async () => {
    const unknown = [...INIT, ...VALUES, '--statistic', 'sum:income', '--out', 'fresh'];
    const refused = await here.dpca(unknown);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('ERR_MANIFEST: manifest /statistics/0/of');
    const wide = [...INIT, '--value', 'x:a:0:9007199254740991', '--statistic', 'sum:x'];
    const ran = await here.dpca([...wide, '--out', 'fresh']);
    expect(ran.stderr).toContain('ERR_MANIFEST_PLAN: manifest /statistics/0: a sum over 800 rows');
  });
});
