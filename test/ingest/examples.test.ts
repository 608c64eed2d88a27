/**
 * The bundled examples: same files for the same seed, read by the product to tables whose plain-text waterfall and plain
 * arithmetic are the stated truth.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isValidPhoneNumber } from 'libphonenumber-js/max';
import { describe, expect, it } from 'vitest';
import { example as ads } from '../../examples/ads/generate.mjs';
import { example as aml } from '../../examples/aml/generate.mjs';
import type { Example, ExampleData, Truth } from '../../examples/example.d.mts';
import { example as health } from '../../examples/health/generate.mjs';
import { parseStatisticFlag } from '../../host/config/statistic-flags.ts';
import type { IngestedTable } from '../../host/ingest/table.ts';
import {
  type ManifestValue,
  type Statistic,
  statisticsFromJson,
  valuesFromJson,
} from '../../src/statistics/definition.ts';
import { plainFigure, type Row } from '../statistics/plain.ts';
import { plainWaterfall } from '../support/plain-waterfall.ts';
import { directory, readText, rowsOf, valueSource } from './support.ts';

const EXAMPLES: readonly Example[] = [ads, health, aml];
const named = EXAMPLES.map((example) => [example.name, example] as const);

function read(example: Example, data: ExampleData, party: 'a' | 'b'): Promise<IngestedTable> {
  const columns = example.columns.map((column) => ({
    name: column.name,
    normalisation: column.normalisation,
    from: column[party],
  }));
  const values = example.values
    .filter(({ owner }) => owner === party)
    .map(({ name, from, low, high }) =>
      valueSource(name, { from, low: BigInt(low), high: BigInt(high) }),
    );
  return readText(data[party], columns, {}, { defaultCountry: example.country, values });
}

/** Values of the matched rows, clipped as the enclaves do. */
function matchedRows(
  values: readonly ManifestValue[],
  tables: Readonly<Record<'a' | 'b', IngestedTable>>,
  pairs: readonly { readonly a: number; readonly b: number }[],
): Row[] {
  return pairs.map((pair) => {
    const row: Record<string, bigint> = {};
    for (const party of ['a', 'b'] as const) {
      values
        .filter(({ owner }) => owner === party)
        .forEach(({ name, low, high }, i) => {
          const cell = tables[party].values[i]!.cells[pair[party]]!;
          row[name] = cell < BigInt(low) ? BigInt(low) : cell > BigInt(high) ? BigInt(high) : cell;
        });
    }
    return row;
  });
}

/** The truth of a generator in the words of the other oracle. */
function figureOf(truth: Truth): unknown {
  if (truth.kind === 'histogram') {
    return truth.groups.map(({ count, sum }) => ({ count: String(count), sum: String(sum) }));
  }
  if (truth.kind === 'attributed') {
    return [{ count: String(truth.count), sum: String(truth.sum) }];
  }
  return truth.value;
}

describe.each(named)('examples/%s', (_name, example) => {
  const data = example.generate(1, example.rows);
  const names = example.columns.map(({ name }) => name);
  const values = valuesFromJson(
    example.values.map(({ name, owner, low, high }) => ({ name, owner, low, high })),
    '/values',
    names,
  );
  const statistics: readonly Statistic[] = statisticsFromJson(
    example.statistics.map(parseStatisticFlag),
    '/statistics',
    values,
  );

  it('is read by the product to tables whose plain matches and figures are the stated truth', async () => {
    const tables = { a: await read(example, data, 'a'), b: await read(example, data, 'b') };
    expect({ a: tables.a.rows, b: tables.b.rows }).toEqual(example.rows);
    const match = plainWaterfall(rowsOf(tables.a), rowsOf(tables.b), names.length);
    expect(match.sizes).toEqual(data.truth.sizes);
    expect(match.pairs.length).toBe(data.truth.matched);
    // worth showing: every column adds rows
    for (const size of match.sizes) expect(size).toBeGreaterThan(100);
    const rows = matchedRows(values, tables, match.pairs);
    expect(data.truth.statistics.length).toBe(statistics.length);
    statistics.forEach((statistic, i) => {
      const truth = data.truth.statistics[i]!;
      expect(truth.kind).toBe(statistic.kind);
      const stated = figureOf(truth);
      const plain = plainFigure(statistic, rows);
      if (typeof stated === 'number') expect(Number(plain)).toBeCloseTo(stated, 5);
      else expect(plain).toEqual(stated);
    });
  });

  it('is the same for the same seed and another for another', () => {
    const small = { a: 50, b: 40 };
    expect(example.generate(9, small)).toEqual(example.generate(9, small));
    expect(example.generate(8, small)).not.toEqual(example.generate(9, small));
  });

  it.each([
    [1, 1],
    [1, 30],
    [30, 1],
    [500, 50],
  ])('makes tables of %i and %i rows', async (a, b) => {
    const made = example.generate(3, { a, b });
    const tables = { a: await read(example, made, 'a'), b: await read(example, made, 'b') };
    expect([tables.a.rows, tables.b.rows]).toEqual([a, b]);
    const match = plainWaterfall(rowsOf(tables.a), rowsOf(tables.b), names.length);
    expect(match.sizes).toEqual(made.truth.sizes);
  });

  it('writes its files with plain node', () => {
    const script = fileURLToPath(
      new URL(`../../examples/${example.name}/generate.mjs`, import.meta.url),
    );
    const target = join(directory, example.name);
    const done = spawnSync(process.execPath, [script, target], { encoding: 'utf8' });
    expect([done.status, done.stderr]).toEqual([0, '']);
    for (const party of ['a', 'b'] as const) {
      const file = join(target, `${example.parties[party]}.csv`);
      expect(readFileSync(file, 'utf8')).toBe(data[party]);
    }
    expect(JSON.parse(readFileSync(join(target, 'truth.json'), 'utf8'))).toEqual(data.truth);
    expect(spawnSync(process.execPath, [script]).status).toBe(2);
  });
});

describe('examples/ads', () => {
  it('has gaps in every column, and telephone numbers that are valid', async () => {
    const data = ads.generate(1, ads.rows);
    const [publisher, advertiser] = [await read(ads, data, 'a'), await read(ads, data, 'b')];
    for (const empties of [...publisher.empties, ...advertiser.empties]) {
      expect(empties).toBeGreaterThan(100);
    }
    for (const [, phone] of rowsOf(publisher).slice(0, 2000)) {
      if (typeof phone === 'string') expect(isValidPhoneNumber(phone)).toBe(true);
    }
  });

  it('refuses to run out of reserved telephone numbers', () => {
    expect(() => ads.generate(1, { a: 100_000, b: 1 })).toThrow(RangeError);
  });
});

describe('the plain-text reference', () => {
  it('removes matched rows before the next column', () => {
    // row 0 meets b1 by the first column, so its second identifier leaves b0 without a partner
    const a = [
      ['x', 'p'],
      ['y', 'q'],
      [null, 'r'],
    ];
    const b = [
      [null, 'p'],
      ['x', 'q'],
      ['z', 'r'],
    ];
    expect(plainWaterfall(a, b, 2)).toEqual({
      sizes: [1, 1],
      pairs: [
        { a: 0, b: 1, column: 0 },
        { a: 2, b: 2, column: 1 },
      ],
      matchedA: [0, 2],
      matchedB: [1, 2],
    });
    expect(plainWaterfall(a, b, 1).sizes).toEqual([1]);
  });

  it('never matches empties, and refuses a repeated identifier', () => {
    expect(plainWaterfall([[null]], [[null]], 1).sizes).toEqual([0]);
    expect(() => plainWaterfall([['x'], ['x']], [[null]], 1)).toThrow('twice');
  });
});
