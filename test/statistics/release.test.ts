/**
 * The release of a manifest with statistics: definitions beside figures, and the figures of docs/privacy.md section 10.5.
 */
import { describe, expect, it } from 'vitest';
import { fixed } from '../../src/bytes.ts';
import { canonicalJson, type JsonObject } from '../../src/json.ts';
import { claimOf, compileManifest, type Manifest } from '../../src/run/manifest.ts';
import { buildRelease, releaseHash } from '../../src/run/release.ts';
import { EXAMPLE_WEIGHTS, testManifest } from '../support/manifests.ts';

const SESSION = fixed(new Uint8Array(32).fill(3), 32, 'session');
const ROWS = { a: 900, b: 800 };
const SIZES = [200, 100];

function manifest(k: number, change: JsonObject = {}): Manifest {
  const plain = testManifest(k, EXAMPLE_WEIGHTS);
  return testManifest(k, EXAMPLE_WEIGHTS, {
    values: [
      { name: 'campaign', owner: 'a', low: 0, high: 9 },
      { name: 'seen', owner: 'a', low: 0, high: 999_999 },
      { name: 'age', owner: 'a', low: 18, high: 98 },
      { name: 'bought', owner: 'b', low: 0, high: 999_999 },
      { name: 'spend', owner: 'b', low: 0, high: 1000 },
    ],
    statistics: [
      { kind: 'histogram', group: 'campaign', groups: [1, 2, 3, 4, 5, 6, 7, 8] },
      { kind: 'histogram', group: 'campaign', groups: [1, 2, 3, 4, 5, 6, 7, 8], sum: 'spend' },
      {
        ...{ kind: 'attributed', conversion: 'bought', exposure: 'seen', sum: 'spend' },
        window: { from: 0, to: 604_800 },
      },
      { kind: 'correlation', of: ['age', 'spend'] },
      { kind: 'count' },
      { kind: 'shares', of: ['spend'] },
    ],
    privacy: { ...plain.privacy, noise: EXAMPLE_WEIGHTS },
    ...change,
  });
}

const openings = (given: Manifest): bigint[] =>
  compileManifest(given).program.moments.map(({ noise }) => noise.reduce((sum, v) => sum + v, 5n));

describe('a release with statistics', () => {
  it('states each statistic with its figures, in text and whole numbers', () => {
    const given = manifest(2);
    const release = buildRelease(given, SESSION, ROWS, SIZES, openings(given));
    const statistics = release['statistics'] as unknown as JsonObject[];
    expect(statistics.map(({ kind }) => kind)).toEqual(given.statistics.map(({ kind }) => kind));
    statistics.forEach((entry, i) => {
      expect(entry).toMatchObject(given.statistics[i]!);
    });
    expect(statistics[1]!['result']).toHaveLength(8);
    expect(statistics[2]!['result']).toMatchObject({ count: {}, sum: {} });
    expect(statistics[4]!['columns']).toHaveLength(2);
    expect(statistics[5]!['differentialPrivacy']).toBe(false);
    // canonical JSON takes whole numbers only: nothing else may be in it
    expect(releaseHash(release)).toHaveLength(32);
    expect(canonicalJson(release)).not.toMatch(/[eE][+-]?\d|NaN|Infinity/);
  });

  it('suppresses the total, too, below the threshold, but keeps what is public', () => {
    const release = buildRelease(
      manifest(2, { threshold: 900 }),
      SESSION,
      ROWS,
      SIZES,
      openings(manifest(2)),
    );
    const statistics = release['statistics'] as unknown as JsonObject[];
    expect(statistics[4]).toEqual({ kind: 'count', suppressed: true });
    expect(statistics[3]).toMatchObject({ kind: 'correlation', suppressed: true });
    expect(statistics[2]!['result']).toEqual({ suppressed: true });
    expect(release['maskedSizes']).toEqual(SIZES);
  });

  it('is not made of too few or too many openings, or of sizes that cannot be', () => {
    const given = manifest(2);
    const all = openings(given);
    for (const moments of [[], all.slice(1), [...all, 0n]]) {
      expect(() => buildRelease(given, SESSION, ROWS, SIZES, moments)).toThrowCode('ERR_INTERNAL');
    }
    expect(() => buildRelease(given, SESSION, ROWS, [900, 1], all)).toThrowCode('ERR_MATCH_SIZE');
  });

  it('is never made of moments without noise', () => {
    const given = manifest(2);
    const silent: Manifest = { ...given, privacy: testManifest(2, EXAMPLE_WEIGHTS).privacy };
    expect(() => compileManifest(silent)).toThrowCode('ERR_INTERNAL');
    expect(() => buildRelease(silent, SESSION, ROWS, SIZES, openings(given))).toThrowCode(
      'ERR_INTERNAL',
    );
  });

  it('costs what docs/privacy.md says of this example', () => {
    const families = (k: number) =>
      compileManifest(manifest(k)).families.map(({ members, slots, shift }) => [
        members,
        slots,
        shift,
      ]);
    expect(families(2)).toEqual([
      [8, 2, 1n],
      [8, 2, 1000n],
      [1, 1, 1n],
      [1, 1, 1000n],
      [1, 1, 80n],
      [1, 1, 1000n],
      [1, 1, 1600n],
      [1, 1, 250_000n],
      [1, 1, 40_000n],
    ]);
    expect(claimOf(manifest(2)).outputs?.slots).toBe(11);
    expect(claimOf(manifest(1)).outputs?.slots).toBe(9);
    expect(families(1).at(-1)).toEqual([1, 1, 20_000n]);
  });
});
