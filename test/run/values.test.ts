/**
 * Values through whole runs: shares of matched rows, statistics, noise that the recorded coins explain, and what a party
 * that is not given the release gets. Fixed seeds.
 */
import { describe, expect, it } from 'vitest';
import { DpcaError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';
import { compileManifest } from '../../src/run/manifest.ts';
import { MESSAGE } from '../../src/wire/messages.ts';
import {
  addedShares,
  figurePairs,
  randomCase,
  runValues,
  shortFigure,
  type ValuesCase,
} from './values-case.ts';

/** Two people in both tables, one in either alone, unless the tables share nobody. */
function small(statistics: ValuesCase['statistics'], disjoint = false): ValuesCase {
  return {
    cells: {
      a: [['x'], ['y'], ['only a']],
      b: disjoint ? [['p'], ['q'], ['only b']] : [['y'], ['x'], ['only b']],
    },
    values: [
      { name: 'group', owner: 'a', low: 0, high: 2 },
      { name: 'seen', owner: 'a', low: 0, high: 100 },
      { name: 'bought', owner: 'b', low: 0, high: 100 },
      { name: 'spend', owner: 'b', low: -50, high: 50 },
    ],
    table: {
      ...{ group: [1n, 2n, 0n], seen: [10n, 20n, 0n] },
      ...{ bought: [15n, 10n, 0n], spend: [-7n, 40n, 9n] },
    },
    statistics,
    mask: [9, 7, 5, 3],
    noise: [3, 2, 1],
  };
}

/** Everything in which a dummy's zero would be a value. */
const ZEROES: ValuesCase['statistics'] = [
  { kind: 'count' },
  { kind: 'histogram', group: 'group', groups: [0, 1, 2], sum: 'spend' },
  { kind: 'count', where: [{ value: 'group', equals: 0 }] },
  { kind: 'count', where: [{ value: 'bought', from: 0, to: 12 }] },
  {
    kind: 'count',
    where: [
      { value: 'seen', equals: 0 },
      { value: 'bought', equals: 0 },
    ],
  },
  { kind: 'attributed', conversion: 'bought', exposure: 'seen', window: { from: 0, to: 9 } },
  {
    ...{ kind: 'attributed', conversion: 'seen', exposure: 'bought', window: { from: 0, to: 9 } },
    ...{ sum: 'spend', where: [{ value: 'group', from: 0, to: 1 }] },
  },
];

describe('a run with values', () => {
  it.each([
    ['0 values of a, 1 of b', { a: 0, b: 1 }],
    ['1 value of a, 0 of b', { a: 1, b: 0 }],
    ['1 value each', { a: 1, b: 1 }],
    ['8 values each', { a: 8, b: 8 }],
  ])('gives plain arithmetic on the matched rows once noise is taken off: %s', (name, counts) => {
    const run = runValues(name, randomCase(name, counts));
    expect(run.result.failures).toEqual({});
    expect(run.result.releases.a).toEqual(run.result.releases.b);
    expect(run.result.moments.a).toEqual(run.result.moments.b);
    for (const [got, expected] of figurePairs(run)) expect(got).toEqual(expected);
  });

  it('counts no dummy: all matches are dummies', () => {
    const run = runValues('dummies only', small(ZEROES, true));
    expect(run.result.failures).toEqual({});
    const { maskedSizes } = run.result.releases.a as unknown as { maskedSizes: [number] };
    expect(maskedSizes[0]).toBeGreaterThan(0); // of this seed
    const { sizes, moments } = run.exact();
    expect(sizes).toEqual([0]);
    expect(moments.every((sum) => sum === 0n)).toBe(true);
  });

  it('counts no dummy beside real rows: group 0, a filter on 0, windows that start at 0', () => {
    const run = runValues('dummies and rows', small(ZEROES));
    const { statistics } = run.exact();
    // x: group 1, seen 10, bought 10, spend 40; y: group 2, seen 20, bought 15, spend -7
    expect(statistics.map(shortFigure)).toEqual([
      '2',
      [
        { count: '0', sum: '0' },
        { count: '1', sum: '40' },
        { count: '1', sum: '-7' },
      ],
      ...['0', '1', '0'],
      [{ count: '1' }],
      [{ count: '1', sum: '40' }],
    ]);
  });

  it('carries noise in every opened sum, another in every run', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 2; seed++) {
      const run = runValues(`noise ${seed}`, small(ZEROES));
      const { moments } = run.exact();
      seen.add(String(run.result.moments.a!.map((sum, i) => sum - moments[i]!)));
    }
    // two draws of sixteen noises, each with a likeliest value of probability at most 1/4, agree below 1e-9
    expect(seen.size).toBe(2);
  });
});

describe('a peer with another release', () => {
  it('is refused whether its hash comes before or after the end of the own computation', () => {
    for (let seed = 0; seed < 8; seed++) {
      const { result } = runValues(`another release ${seed}`, small(ZEROES), {
        tap: (wire) =>
          wire.type === MESSAGE.release && wire.from === 'b'
            ? [{ ...wire, body: wire.body.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) }]
            : [wire],
      });
      expect(result.failures.a).toThrowCode('ERR_RELEASE_DIFFERS');
      expect(result.releases).toEqual({});
    }
  });
});

describe('shares', () => {
  it('of both sides add up to real bits and clipped values of the matched rows', () => {
    const given = small([{ kind: 'shares', of: ['spend', 'seen'] }]);
    const run = runValues('shares', {
      ...given,
      table: { ...given.table, spend: [-700n, 40n, 9n] },
    });
    expect(run.result.failures).toEqual({});
    const [real = [], spend = [], seen = []] = addedShares(run.result);
    const { maskedSizes } = run.result.releases.a as unknown as { maskedSizes: [number] };
    expect(real.length).toBe(maskedSizes[0]);
    const rows = real.map((bit, i) => `${bit} ${spend[i]!} ${seen[i]!}`);
    expect(rows.filter((row) => row !== '0 0 0').sort()).toEqual(['1 -50 20', '1 40 10']);
    const [own] = run.result.shares.a!;
    expect(own !== undefined && 'bits' in own).toBe(true);
    expect((run.result.releases.a as { statistics: unknown[] }).statistics).toEqual([
      { kind: 'shares', of: ['spend', 'seen'], differentialPrivacy: false },
    ]);
  });

  it('are uniform on their own', () => {
    const { shares } = runValues('uniform', small([{ kind: 'shares', of: ['spend'] }])).result;
    for (const kept of [shares.a![1]!, shares.b![1]!]) {
      // a value itself would be small: a uniform word is below 2^40 with probability 2^-24
      expect('words' in kept && kept.words.length > 5).toBe(true);
      expect('words' in kept && kept.words.every((word) => word > 2n ** 40n)).toBe(true);
    }
  });
});

describe('the release', () => {
  const statistics = [{ kind: 'count' }, { kind: 'sum', of: 'spend' }];

  it('is given to one party only where the manifest says so', () => {
    const run = runValues('withheld', { ...small(statistics), more: { release: 'b' } });
    expect(run.result.failures).toEqual({});
    const { a, b } = run.result.releases as Record<'a' | 'b', JsonObject>;
    expect(b['statistics']).toHaveLength(2);
    const { session, manifest, rows, maskedSizes, privacy } = b;
    const seen = { version: 1, session, manifest, rows, maskedSizes, privacy };
    expect(a).toEqual({ ...seen, withheld: true });
    expect(run.result.moments.a).toEqual([]);
    expect(run.result.moments.b).toHaveLength(1);
  });

  it('suppresses below the threshold on both sides, which is not zero', () => {
    const run = runValues('suppressed', { ...small(statistics), more: { threshold: 500 } });
    expect(run.result.releases.a).toEqual(run.result.releases.b);
    const released = run.result.releases.a as unknown as { statistics: readonly JsonObject[] };
    expect(released.statistics.map(({ suppressed, value }) => [suppressed, value])).toEqual([
      [true, undefined],
      [true, undefined],
    ]);
  });
});

describe('bytes of the protocol on shares that were changed on the way', () => {
  const given = small(ZEROES.slice(0, 6));
  const honest = runValues('changed', given);
  const { a: sentByA, b: sentByB } = honest.result.valuesSent;

  it.each([
    ['a', sentByA],
    ['b', sentByB],
  ] as const)('from %s end in a code, or in figures within their bounds', (from, total) => {
    const { program } = compileManifest(honest.manifest);
    let ended = 0;
    const places = Array.from({ length: 5 }, (_, i) => Math.floor((i * (total - 1)) / 4));
    for (const place of places) {
      const run = runValues('changed', given, {
        tamperValues: (side, bytes, offset) => {
          const at = place - offset;
          if (side === from && at >= 0 && at < bytes.length) bytes[at] = bytes[at]! ^ 0x10;
        },
      });
      const failures = Object.values(run.result.failures);
      for (const failure of failures) expect(failure).toBeInstanceOf(DpcaError);
      if (failures.length > 0) {
        ended += 1;
        expect(run.result.releases).toEqual({});
      } else {
        expect(run.result.releases.a).toEqual(run.result.releases.b);
        run.result.moments.a!.forEach((sum, i) => {
          const { low, high } = program.moments[i]!;
          expect(sum >= low && sum <= high).toBe(true);
        });
      }
    }
    expect(ended).toBeGreaterThan(0);
  });

  it('that move an opened sum out of its bounds end in ERR_VALUES_RANGE', () => {
    const { length } = honest.result.moments.a!;
    const run = runValues('changed', given, {
      tamperValues: (side, bytes, offset) => {
        // highest byte of the first sum; sums are opened last
        const at = (side === 'a' ? sentByA : sentByB) - 8 * length + 7 - offset;
        if (at >= 0 && at < bytes.length) bytes[at] = bytes[at]! ^ 0x10;
      },
    });
    expect(run.result.failures.a).toThrowCode('ERR_VALUES_RANGE');
    expect(run.result.releases).toEqual({});
  });
});
