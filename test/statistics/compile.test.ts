/**
 * Compiled statistics against plain arithmetic on the common rows, noise off; dummies must not show. Fixed seeds.
 */
import { describe, expect, it } from 'vitest';
import { interpret } from '../../src/statistics/interpret.ts';
import { schedule } from '../../src/mpc/arithmetic/schedule.ts';
import type { Json, JsonObject } from '../../src/json.ts';
import type { Compiled } from '../../src/statistics/compile.ts';
import type { ManifestValue, Statistic } from '../../src/statistics/definition.ts';
import type { Design } from '../../src/statistics/moments.ts';
import { seededRng } from '../support/test-rng.ts';
import {
  chooser,
  commonRows,
  design,
  randomStatistics,
  randomTables,
  randomValues,
  runDesign,
  type Tables,
} from './cases.ts';
import { plainFigure } from './plain.ts';

/** Two blocks of weight 1: a noise of mean 1, which these sizes hold exactly. */
const EVEN = { kind: 'xor', columns: [[1, 1]] } as const;

function released(
  given: Design,
  compiled: Compiled,
  tables: Tables,
  moments: readonly bigint[],
): readonly JsonObject[] {
  return interpret(given.statistics, compiled, {
    ...{ mask: EVEN, sizes: [tables.pairs.length + 1], moments, threshold: given.threshold },
    total: () => ({ value: String(tables.pairs.length) }),
  });
}

function check(given: Design, tables: Tables, seed: string): void {
  const rows = commonRows(given, tables);
  const { compiled, moments, plain } = runDesign(given, tables, seededRng(seed));
  schedule(compiled.program);
  compiled.program.moments.forEach(({ low, high }, i) => {
    expect(moments[i]! >= low && moments[i]! <= high).toBe(true);
  });
  const figures = released(given, compiled, tables, moments);
  given.statistics.forEach((statistic, i) => {
    compare(statistic, figures[i]!, rows);
  });
  compareShares(given, compiled, plain.vectors, rows);
}

type Rows = ReturnType<typeof commonRows>;
interface Counted {
  readonly count: { readonly value: string };
  readonly sum?: { readonly value: string };
}

function compare(statistic: Statistic, figure: JsonObject, rows: Rows): void {
  const expected = plainFigure(statistic, rows);
  if (statistic.kind === 'shares') {
    expect(figure).toEqual({ differentialPrivacy: false });
  } else if (statistic.kind === 'histogram' || statistic.kind === 'attributed') {
    const result = figure['result'] as unknown as Counted | readonly Counted[];
    const list = Array.isArray(result) ? (result as readonly Counted[]) : [result as Counted];
    expect(
      list.map(({ count, sum }) => ({
        count: count.value,
        ...(sum === undefined ? {} : { sum: sum.value }),
      })),
    ).toEqual(expected);
  } else if (expected === undefined) {
    expect(figure['undefined']).toMatch(/not positive/);
  } else if (statistic.kind === 'correlation') {
    expect(Math.abs(Number(figure['value']) - Number(expected))).toBeLessThan(2e-6);
  } else {
    expect(figure['value']).toBe(expected);
  }
}

/** Kept vectors: the real bit, then the words, over all matched rows; dummies hold 0 and 0. */
function compareShares(
  { statistics }: Design,
  { program }: Compiled,
  vectors: readonly (readonly bigint[])[],
  rows: Rows,
): void {
  const shares = statistics.find(({ kind }) => kind === 'shares');
  if (shares?.kind !== 'shares') {
    expect(program.kept).toEqual([]);
    return;
  }
  const [real, ...words] = program.kept.map((index) => vectors[index]!);
  const shown = real!.map((bit, row) =>
    [bit, ...words.map((w) => BigInt.asIntN(64, w[row]!))].join(),
  );
  const wanted = rows.map((row) => [1n, ...shares.of.map((name) => row[name]!)].join());
  const dummies = shown.length - rows.length;
  const zeros = Array.from({ length: dummies }, () => [0, ...words.map(() => 0)].join());
  expect([...shown].sort()).toEqual([...wanted, ...zeros].sort());
}

describe('compiled statistics', () => {
  it.each([
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
    [8, 0],
    [3, 8],
    [8, 8],
  ])('equal plain arithmetic on random tables: %i and %i value columns', (a, b) => {
    for (let round = 0; round < 45; round++) {
      const seed = `statistics ${a} ${b} ${round}`;
      const choose = chooser(seededRng(seed));
      const values = randomValues(choose, a, b);
      const given = design(1 + (round % 3), values, randomStatistics(choose, values));
      const rows = { a: choose(1, 30), b: choose(1, 30) };
      const most = Math.min(rows.a, rows.b);
      const common = round % 5 === 0 ? 0 : round % 5 === 1 ? most : choose(0, most);
      check(given, randomTables(choose, values, rows, common), seed);
    }
  });

  const value = (name: string, owner: 'a' | 'b', low: number, high: number): ManifestValue => ({
    ...{ name, owner, low, high },
  });
  const values = [
    value('seen', 'a', 0, 100),
    value('campaign', 'a', 0, 3),
    value('score', 'a', 5, 9),
    value('bought', 'b', 0, 100),
    value('country', 'b', 0, 9),
    value('loss', 'b', -20, -10),
  ];
  const zeroes: Json[] = [
    { kind: 'count', where: [{ value: 'campaign', equals: 0 }] },
    { kind: 'count', where: [{ value: 'country', equals: 0 }] },
    {
      kind: 'count',
      where: [
        { value: 'campaign', equals: 0 },
        { value: 'country', from: 0, to: 3 },
      ],
    },
    { kind: 'histogram', group: 'campaign', groups: [0, 1], sum: 'loss' },
    { kind: 'histogram', group: 'country', groups: [0], sum: 'loss' },
    {
      kind: 'attributed',
      conversion: 'bought',
      exposure: 'seen',
      window: { from: 0, to: 7 },
      sum: 'score',
    },
    { kind: 'attributed', conversion: 'seen', exposure: 'bought', window: { from: -9, to: 0 } },
    { kind: 'sum', of: 'score' },
    { kind: 'sum', of: 'loss', where: [{ value: 'campaign', equals: 0 }] },
    { kind: 'mean', of: 'loss' },
    { kind: 'variance', of: 'score' },
    { kind: 'covariance', of: ['score', 'loss'] },
  ];

  it('see nothing in a match of dummies alone', () => {
    const given = design(2, values, zeroes);
    const tables: Tables = {
      ...{ rows: { a: 1, b: 1 }, pairs: [], dummies: 12 },
      cells: { seen: [5n], campaign: [0n], score: [9n], bought: [6n], country: [0n], loss: [-20n] },
    };
    const { compiled, moments } = runDesign(given, tables, seededRng('dummies'));
    expect(moments.length).toBe(compiled.program.moments.length);
    expect(moments.every((m) => m === 0n)).toBe(true);
    check(given, tables, 'dummies');
  });

  it('tell a real 0 from a dummy: group 0, conditions on 0, a window from 0', () => {
    const tables: Tables = {
      ...{
        rows: { a: 2, b: 2 },
        pairs: [
          [0, 1],
          [1, 0],
        ],
        dummies: 9,
      },
      cells: {
        ...{ seen: [7n, 7n], campaign: [0n, 1n], score: [5n, 9n] },
        ...{ bought: [3n, 7n], country: [0n, 0n], loss: [-10n, -20n] },
      },
    };
    const given = design(2, values, zeroes);
    check(given, tables, 'zeros');
    const { compiled, moments } = runDesign(given, tables, seededRng('zeros'));
    const figures = released(given, compiled, tables, moments);
    expect(figures[0]!['value']).toBe('1');
    expect(figures[1]!['value']).toBe('2');
    expect(figures[5]!['result']).toMatchObject({ count: { value: '1' }, sum: { value: '5' } });
  });

  it('open each sum once', () => {
    const moments = (...statistics: Json[]): number =>
      runDesign(
        design(2, values, statistics),
        {
          rows: { a: 1, b: 1 },
          pairs: [],
          dummies: 0,
          cells: Object.fromEntries(values.map(({ name }) => [name, [0n]])),
        },
        seededRng('once'),
      ).moments.length;
    expect(moments({ kind: 'count' })).toBe(0);
    expect(moments({ kind: 'sum', of: 'score' })).toBe(1);
    expect(moments({ kind: 'mean', of: 'score' })).toBe(1);
    expect(moments({ kind: 'sum', of: 'score' }, { kind: 'mean', of: 'score' })).toBe(1);
    expect(moments({ kind: 'mean', of: 'score' }, { kind: 'variance', of: 'score' })).toBe(2);
    expect(moments({ kind: 'covariance', of: ['score', 'loss'] })).toBe(3);
    expect(
      moments(
        { kind: 'correlation', of: ['score', 'loss'] },
        { kind: 'covariance', of: ['score', 'loss'] },
        { kind: 'variance', of: 'loss' },
        { kind: 'mean', of: 'score' },
      ),
    ).toBe(5);
    const where = [{ value: 'country', equals: 3 }];
    expect(moments({ kind: 'sum', of: 'score', where })).toBe(1);
    expect(moments({ kind: 'mean', of: 'score', where }, { kind: 'count', where })).toBe(2);
    expect(moments({ kind: 'histogram', group: 'campaign', groups: [1, 2, 3], sum: 'loss' })).toBe(
      6,
    );
  });
});
