/**
 * The own table on its way into the enclave: local messages, the builder that joins them, and the validation that
 * clips every value whatever the host sent.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TableBuilder } from '../../enclave/table-builder.ts';
import { utf8 } from '../../src/encoding.ts';
import { type Table, type TableShape, validateTable } from '../../src/matching/table.ts';
import { pack } from '../../src/packed.ts';
import { decodeLocal, encodeLocal, rowsChunks, valuesChunks } from '../../src/wire/local.ts';
import { seededRng } from '../support/test-rng.ts';

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

const cells = (n: number): ReturnType<typeof pack> =>
  pack(Array.from({ length: n }, (_, i) => utf8(`id-${i}`)));

/** What the enclave makes of columns that the host sends as messages. */
function sent(
  rows: number,
  keys: readonly number[],
  values: readonly (readonly bigint[])[],
): Table {
  const builder = new TableBuilder();
  const chunks = [
    ...keys.flatMap((n, column) => [...rowsChunks(column, cells(n))]),
    ...values.flatMap((column, i) => [...valuesChunks(i, BigInt64Array.from(column))]),
  ];
  for (const chunk of chunks) {
    const message = decodeLocal(encodeLocal(chunk));
    if (message.kind !== 'rows' && message.kind !== 'values') throw new Error('another message');
    builder.add(message);
  }
  return builder.finish(rows);
}

const shape = (change: Partial<TableShape> = {}): TableShape => ({
  ...{ columns: 1, values: [{ low: -1n, high: 5n }], rowsMax: 10 },
  ...change,
});

describe('the builder', () => {
  it('joins chunks of values in their order', () => {
    const many = Array.from({ length: 140_000 }, (_, i) => BigInt(i) - 70_000n);
    const table = sent(many.length, [many.length], [many, many.map((v) => -v)]);
    expect(table.values.length).toBe(2);
    expect(table.values[0]?.every((value, i) => value === many[i])).toBe(true);
    expect(table.values[1]?.[1]).toBe(69_999n);
  });

  it.each([
    ['a short value column', [3], [[1n, 2n]]],
    ['a long value column', [3], [[1n, 2n, 3n, 4n]]],
    ['a value column that never came before one that did', [3], [[], [1n, 2n, 3n]]],
    ['a short key column beside a full value column', [2], [[1n, 2n, 3n]]],
    ['values without keys', [], [[1n, 2n, 3n]]],
  ] as const)('refuses %s at the end of the rows', (_, keys, values) => {
    expect(() => sent(3, keys, values)).toThrowCode('ERR_MATCH_OWN_TABLE');
  });

  it('refuses values after the end', () => {
    const builder = new TableBuilder();
    for (const chunk of rowsChunks(0, cells(1))) builder.add(chunk);
    builder.finish(1);
    expect(() => {
      builder.add({ kind: 'values', column: 0, cells: BigInt64Array.of(1n) });
    }).toThrowCode('ERR_WIRE_UNEXPECTED');
  });
});

describe('validation', () => {
  it('clips every value to its own bounds and keeps the table that it was given', () => {
    const given = sent(
      5,
      [5],
      [
        [MIN, -2n, 5n, 6n, MAX],
        [MIN, -1n, 0n, 1n, MAX],
      ],
    );
    const values = [
      { low: -1n, high: 5n },
      { low: 0n, high: 0n },
    ];
    const table = validateTable(given, shape({ values }), seededRng(1));
    expect(table.values.map((column) => [...column])).toEqual([
      [-1n, -1n, 5n, 5n, 5n],
      [0n, 0n, 0n, 0n, 0n],
    ]);
    expect(given.values[0]?.[0]).toBe(MIN);
    expect(table.columns).toBe(given.columns);
  });

  it('leaves what is within bounds, for any values and bounds', () => {
    const any = fc.bigInt({ min: MIN, max: MAX });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 10 }), any, any, (column, x, y) => {
        const [low, high] = x < y ? [x, y] : [y, x];
        const given = sent(column.length, [column.length], [column]);
        const table = validateTable(given, shape({ values: [{ low, high }] }), seededRng(2));
        const clipped = [...(table.values[0] ?? [])];
        expect(clipped.every((value) => value >= low && value <= high)).toBe(true);
        column.forEach((value, i) => {
          if (value >= low && value <= high) expect(clipped[i]).toBe(value);
          else expect(clipped[i]).toBe(value < low ? low : high);
        });
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it.each([
    ['no value column where the manifest has one', sent(2, [2], []), shape()],
    ['a value column more than the manifest has', sent(2, [2], [[1n, 2n]]), shape({ values: [] })],
    [
      'a value column of another length',
      { ...sent(2, [2], []), values: [BigInt64Array.of(1n)] },
      shape(),
    ],
    ['a key column too few', sent(2, [2], [[1n, 2n]]), shape({ columns: 2 })],
  ])('refuses %s', (_, table, wanted) => {
    expect(() => validateTable(table, wanted, seededRng(3))).toThrowCode('ERR_MATCH_OWN_TABLE');
  });
});
