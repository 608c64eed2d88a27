/**
 * Random designs and tables for tests of src/statistics, and what a run does with them in plain: rows in a secret order
 * with dummies between them, pairs in any order, the program on whole values instead of shares.
 * @module
 */
import type { Rng } from '../../src/rng.ts';
import { UniformSource } from '../../src/rng.ts';
import { type Compiled, compileStatistics } from '../../src/statistics/compile.ts';
import { type ManifestValue, statisticsFromJson } from '../../src/statistics/definition.ts';
import type { Design } from '../../src/statistics/moments.ts';
import type { Json } from '../../src/json.ts';
import { type PlainResult, runPlain } from '../support/plain-program.ts';
import type { Row } from './plain.ts';

/** Most rows of a table in these tests. */
export const ROWS = 4000;

export type Cells = Readonly<Record<string, readonly bigint[]>>;

export interface Tables {
  readonly rows: Readonly<Record<'a' | 'b', number>>;
  /** By value name, one cell per row of the owner's table. */
  readonly cells: Cells;
  /** Common rows: indices into the tables of a and b. */
  readonly pairs: readonly (readonly [number, number])[];
  /** Dummy rows of each table, all of which match. */
  readonly dummies: number;
}

/** Small integers drawn from `rng`. */
export function chooser(rng: Rng): (from: number, to: number) => number {
  const uniform = new UniformSource(rng);
  return (from, to) => from + uniform.below(to - from + 1);
}

export function design(
  k: number,
  values: readonly ManifestValue[],
  statistics: readonly Json[],
  more: Partial<Pick<Design, 'threshold' | 'privacy'>> = {},
): Design {
  return {
    ...{ columns: { length: k }, values },
    statistics: statisticsFromJson(statistics, '/statistics', values),
    privacy: {},
    ...more,
  };
}

export function commonRows({ values }: Design, { cells, pairs }: Tables): Row[] {
  return pairs.map(([a, b]) =>
    Object.fromEntries(
      values.map(({ name, owner }) => [name, cells[name]![owner === 'a' ? a : b]!]),
    ),
  );
}

/** All that match, real pairs and dummies, in a random order as that of tags. */
export function matchedPairs(
  tables: Tables,
  uniform: UniformSource,
): (readonly [number, number])[] {
  const matched = [
    ...tables.pairs,
    ...Array.from(
      { length: tables.dummies },
      (_, i) => [tables.rows.a + i, tables.rows.b + i] as const,
    ),
  ];
  return [...uniform.permutation(matched.length)].map((i) => matched[i]!);
}

/** Opened moments of the compiled program. `coins`: of every noise bit, none without noise. */
export function runDesign(
  given: Design,
  tables: Tables,
  rng: Rng,
  coins: readonly number[] = [],
): {
  readonly compiled: Compiled;
  readonly moments: readonly bigint[];
  readonly plain: PlainResult;
} {
  const compiled = compileStatistics(given, ROWS);
  const uniform = new UniformSource(rng);
  const { program } = compiled;
  const orders = {
    a: uniform.permutation(tables.rows.a + tables.dummies),
    b: uniform.permutation(tables.rows.b + tables.dummies),
  };
  const words = (['a', 'b'] as const).map((party) => {
    const values = given.values
      .filter(({ owner }) => owner === party)
      .map(({ name }) => BigInt64Array.from(tables.cells[name]!));
    return compiled.columnsOf(party, { rows: tables.rows[party], values }, orders[party]);
  });
  const inTagOrder = matchedPairs(tables, uniform);
  const next = { a: 0, b: 0 };
  const columns = program.columns.map(({ owner }) => {
    const own = words[owner === 'a' ? 0 : 1]![next[owner]++]!;
    const positions = new Map([...orders[owner]].map((row, p) => [row, p]));
    return inTagOrder.map((pair) => own[positions.get(pair[owner === 'a' ? 0 : 1])!]!);
  });
  const plain = runPlain(program, columns, inTagOrder.length, coins);
  return { compiled, moments: plain.moments, plain };
}

/** Values v1.. of a and w1.. of b; the first of each party is a small group with 0 in it. */
export function randomValues(
  choose: (from: number, to: number) => number,
  a: number,
  b: number,
): ManifestValue[] {
  const value = (owner: 'a' | 'b', i: number): ManifestValue => {
    const name = `${owner === 'a' ? 'v' : 'w'}${i + 1}`;
    if (i === 0) return { name, owner, low: 0, high: 3 };
    const low = choose(-50, 50);
    return { name, owner, low, high: low + choose(0, 100) };
  };
  return [
    ...Array.from({ length: a }, (_, i) => value('a', i)),
    ...Array.from({ length: b }, (_, i) => value('b', i)),
  ];
}

/** One of every kind that the values permit, half of them with conditions on either side. */
export function randomStatistics(
  choose: (from: number, to: number) => number,
  values: readonly ManifestValue[],
): Json[] {
  const any = (list: readonly ManifestValue[]): ManifestValue => list[choose(0, list.length - 1)]!;
  const [own, peers] = (['a', 'b'] as const).map((p) => values.filter(({ owner }) => owner === p));
  const where = (): { where?: Json } => {
    if (values.length === 0 || choose(0, 1) === 0) return {};
    return {
      where: Array.from({ length: choose(1, 3) }, (): Json => {
        const { name, low, high } = any(values);
        if (choose(0, 1) === 0) return { value: name, equals: choose(low, high) };
        const from = choose(low, high);
        return { value: name, from, to: choose(from, high) };
      }),
    };
  };
  const sum = (): { sum?: string } => (choose(0, 1) === 0 ? {} : { sum: any(values).name });
  const list: Json[] = [{ kind: 'count' }];
  if (values.length > 0) {
    const filtered = where();
    if (filtered.where !== undefined) list.push({ kind: 'count', ...filtered });
    for (const kind of ['sum', 'mean', 'variance']) {
      const filter = where();
      list.push({ kind, of: any(values).name, ...filter });
    }
    const group = any(values);
    const size = group.high - group.low + 1;
    const groups = Array.from({ length: Math.min(size, choose(1, 5)) }, (_, i) => group.low + i);
    list.push({ kind: 'histogram', group: group.name, groups, ...sum(), ...where() });
    list.push({ kind: 'shares', of: [any(values).name] });
  }
  if (own!.length > 0 && peers!.length > 0) {
    const of = (): string[] => {
      const pair = [any(own!).name, any(peers!).name];
      return choose(0, 1) === 0 ? pair : pair.reverse();
    };
    list.push({ kind: 'covariance', of: of(), ...where() });
    list.push({ kind: 'correlation', of: of(), ...where() });
    const [conversion, exposure] =
      choose(0, 1) === 0 ? [any(own!), any(peers!)] : [any(peers!), any(own!)];
    const least = conversion.low - exposure.high;
    const from =
      choose(0, 2) === 0 && least <= 0 && conversion.high >= exposure.low
        ? 0
        : choose(least - 5, conversion.high - exposure.low);
    const to = choose(Math.max(from, least), conversion.high - exposure.low + 5);
    list.push({
      ...{ kind: 'attributed', conversion: conversion.name, exposure: exposure.name },
      ...{ window: { from, to }, ...sum(), ...where() },
    });
  }
  return list;
}

export function randomTables(
  choose: (from: number, to: number) => number,
  values: readonly ManifestValue[],
  rows: Readonly<Record<'a' | 'b', number>>,
  common: number,
): Tables {
  const shuffled = (n: number): number[] => {
    const all = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = choose(0, i);
      [all[i], all[j]] = [all[j]!, all[i]!];
    }
    return all;
  };
  const [a, b] = [shuffled(rows.a), shuffled(rows.b)];
  const edges = ({ low, high }: ManifestValue): bigint => {
    const kind = choose(0, 5);
    return BigInt(kind === 0 ? low : kind === 1 ? high : choose(low, high));
  };
  return {
    rows,
    cells: Object.fromEntries(
      values.map((value) => [
        value.name,
        Array.from({ length: rows[value.owner] }, () => edges(value)),
      ]),
    ),
    pairs: Array.from({ length: common }, (_, i) => [a[i]!, b[i]!] as const),
    dummies: choose(0, 3) * choose(0, 4),
  };
}
