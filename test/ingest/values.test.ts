/**
 * Value columns: text and Parquet cells to signed 64-bit whole numbers, exactly or refused with their place.
 */
import { parquetWriteBuffer, type ColumnSource as Written } from 'hyparquet-writer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTable } from '../../host/ingest/read-table.ts';
import { inputReport } from '../../host/ingest/report.ts';
import type { IngestedTable, ValueSource } from '../../host/ingest/table.ts';
import { parseValue, scaleValue } from '../../host/ingest/values.ts';
import { columns, file, messageOf, options, readText, valueSource } from './support.ts';

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
const keys = columns(['id', 'none', 'id']);

/** Reads one value column named v of a CSV with these cells; ids are 0, 1, ... */
function readCells(
  cells: readonly string[],
  how: Partial<ValueSource> = {},
): Promise<IngestedTable> {
  const text = `id,v\n${cells.map((cell, i) => `${i},"${cell}"\n`).join('')}`;
  return readText(text, keys, {}, { values: [valueSource('v', how)] });
}

const numbers = (table: IngestedTable): bigint[] => [...(table.values[0]?.cells ?? [])];

describe('CSV values', () => {
  it('are whole numbers with an optional sign, up to both ends of 64 bits', async () => {
    const cells = ['5', '-7', '+0012', '-0', `${MIN}`, `${MAX}`, `-${'0'.repeat(900)}1`];
    expect(numbers(await readCells(cells))).toEqual([5n, -7n, 12n, 0n, MIN, MAX, -1n]);
  });

  it.each([
    ['one below the least', `${MIN - 1n}`, 'signed 64 bits'],
    ['one above the largest', `${MAX + 1n}`, 'signed 64 bits'],
    ['a hundred thousand digits', '9'.repeat(100_000), 'signed 64 bits'],
    ['an exponent', '1e3', 'expected digits'],
    ['white space before', ' 5', 'expected digits'],
    ['white space after', '5 ', 'expected digits'],
    [
      'a decimal point',
      '5.0',
      'expected a whole number (for fixed-point numbers state "decimals")',
    ],
    ['a bare point', '5.', 'expected digits'],
    ['no whole part', '.5', 'expected digits'],
    ['a comma', '1,000', 'expected digits'],
    ['Arabic-Indic digits', '٣', 'expected digits'],
    ['full-width digits', '５', 'expected digits'],
    ['hexadecimal', '0x10', 'expected digits'],
    ['a BigInt literal', '5n', 'expected digits'],
    ['two signs', '--5', 'expected digits'],
    ['a sign alone', '-', 'expected digits'],
    ['a true minus sign', '−5', 'expected digits'],
    ['a word', 'NULL', 'expected digits'],
    ['NaN', 'NaN', 'expected digits'],
    ['a line break after', '5\n', 'expected digits'],
  ])(
    '%s is refused, naming file, line, column and rule, but not the cell',
    async (_, cell, why) => {
      const promise = readCells(['1', cell]);
      const message = await messageOf(promise);
      expect(message).toContain('.csv, line 3, column v ("v", whole numbers): expected');
      expect(message).toContain(why);
      if (cell.length > 3) expect(message).not.toContain(cell.slice(0, 40));
      await expect(promise).rejects.toThrowCode('ERR_INPUT_VALUE');
    },
  );

  it.each(['', ' ', '\t'])(
    'an empty cell %j is refused unless it is said to be zero',
    async (cell) => {
      const refused = readCells(['1', cell]);
      expect(await messageOf(refused)).toContain('line 3, column v ("v", whole numbers)');
      expect(await messageOf(refused)).toContain('"empty": "zero"');
      await expect(refused).rejects.toThrowCode('ERR_INPUT_VALUE');
      const table = await readCells(['1', cell, '2'], { emptyIsZero: true });
      expect(numbers(table)).toEqual([1n, 0n, 2n]);
      expect(table.values[0]?.empties).toBe(1);
    },
  );

  it('are read by position, several at once, from a column that is a key, too', async () => {
    const values = [valueSource('x', { from: 2 }), valueSource('y', { from: 1, decimals: 1 })];
    const table = await readText(
      '7,-1\n8,-2\n',
      columns(['id', 'none', 1]),
      { header: false },
      { values },
    );
    expect(table.values.map(({ name, cells }) => [name, [...cells]])).toEqual([
      ['x', [-1n, -2n]],
      ['y', [70n, 80n]],
    ]);
  });

  it('grow past their first capacity', async () => {
    const cells = Array.from({ length: 9_000 }, (_, i) => String(i - 4_500));
    expect(numbers(await readCells(cells))).toEqual(cells.map(BigInt));
  });

  it('missing columns are named with all others', async () => {
    const message = await messageOf(
      readText('a\n1\n', keys, {}, { values: [valueSource('v', { from: 3 })] }),
    );
    expect(message).toContain('column id: expected a column "id"');
    expect(message).toContain('column v: expected a position from 1 to 1, got 3');
  });
});

describe('fixed point', () => {
  it('is exact text arithmetic', async () => {
    const cells = ['12.34', '12', '-0.5', '+007.10', '0.07', '-0.00'];
    const table = await readCells(cells, { decimals: 2 });
    expect(numbers(table)).toEqual([1234n, 1200n, -50n, 710n, 7n, 0n]);
    // 0.29 * 100 is 28.999999999999996 in floating point
    expect(parseValue('0.29', 2)).toBe(29n);
    expect(parseValue('92233720368547758.07', 2)).toBe(MAX);
    expect(parseValue('-9.223372036854775808', 18)).toBe(MIN);
  });

  it.each([
    ['more decimals than declared', '1.234', 2, 'at most 2 decimals'],
    ['more decimals, though zeros', '1.230', 2, 'at most 2 decimals'],
    ['more than 64 bits after scaling', '92233720368547758.08', 2, 'signed 64 bits'],
    ['more than 64 bits by scaling alone', '10', 18, 'signed 64 bits'],
  ])('refuses %s', async (_, cell, decimals, why) => {
    const promise = readCells([cell], { decimals });
    expect(await messageOf(promise)).toContain(`column v ("v", ${decimals} decimals): expected`);
    expect(await messageOf(promise)).toContain(why);
    await expect(promise).rejects.toThrowCode('ERR_INPUT_VALUE');
  });

  it('agrees with integers shifted by text, for any number and decimals', () => {
    const any = fc.bigInt({ min: MIN, max: MAX });
    fc.assert(
      fc.property(any, fc.nat(18), fc.nat(18), (value, decimals, cut) => {
        const sign = value < 0n ? '-' : '';
        const digits = String(value < 0n ? -value : value).padStart(decimals + 1, '0');
        const [whole, fraction] = [
          digits.slice(0, digits.length - decimals),
          digits.slice(digits.length - decimals),
        ];
        const text = sign + whole + (decimals > 0 ? `.${fraction}` : '');
        expect(parseValue(text, decimals)).toBe(value);
        // the same number stored as Parquet stores decimals, at another scale
        const scaled = scaleValue(value, cut, decimals);
        const [n, d] = [value * 10n ** BigInt(decimals), 10n ** BigInt(cut)];
        const exact = n % d === 0n && n / d >= MIN && n / d <= MAX;
        expect(typeof scaled === 'bigint' ? scaled : null).toBe(exact ? n / d : null);
      }),
      { seed: 11, numRuns: 2_000 },
    );
  });
});

describe('the report', () => {
  it('counts what the enclave will clip, per side, and leaves the values as they are', async () => {
    const source = valueSource('v', { low: -2n, high: 3n, emptyIsZero: true });
    const table = await readCells(['-3', '-2', '', '3', '4', `${MAX}`, `${MIN}`], source);
    expect(numbers(table)).toEqual([-3n, -2n, 0n, 3n, 4n, MAX, MIN]);
    expect(inputReport(table, [source])).toEqual({
      rows: 7,
      empty: { id: 0 },
      values: { v: { clippedToLow: 2, clippedToHigh: 2, emptyAsZero: 1 } },
    });
  });
});

describe('Parquet values', () => {
  /** A column of raw cells under any annotation: the writer takes the schema as given. */
  function annotated(element: object, data: Written['data']): string {
    const bytes = parquetWriteBuffer({
      columnData: [
        { name: 'id', data: Array.from(data, (_, i) => String(i)) },
        { name: 'v', data },
      ],
      schema: [
        { name: 'root', num_children: 2 },
        { name: 'id', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
        { name: 'v', repetition_type: 'OPTIONAL', ...element },
      ],
    });
    return file(new Uint8Array(bytes), '.parquet');
  }
  const read = (path: string, how: Partial<ValueSource> = {}): Promise<IngestedTable> =>
    readTable({ path, format: 'auto', header: true }, keys, {
      ...options,
      values: [valueSource('v', how)],
    });
  const decimal = (type: string, scale: number, more: object = {}): object => ({
    ...{ type, converted_type: 'DECIMAL', scale, precision: 18 },
    ...{ logical_type: { type: 'DECIMAL', scale, precision: 18 }, ...more },
  });

  it.each([
    ['INT32', { type: 'INT32' }, [1, -2, 2 ** 31 - 1], [1n, -2n, 2n ** 31n - 1n]],
    ['INT64', { type: 'INT64' }, [MIN, MAX, 0n], [MIN, MAX, 0n]],
    ['INT_8', { type: 'INT32', converted_type: 'INT_8' }, [-128, 127], [-128n, 127n]],
    [
      'UINT_32',
      { type: 'INT32', converted_type: 'UINT_32' },
      [2 ** 32 - 1, 1],
      [2n ** 32n - 1n, 1n],
    ],
    [
      'unsigned INT64',
      { type: 'INT64', logical_type: { type: 'INTEGER', bitWidth: 64, isSigned: false } },
      [MAX, 1n],
      [MAX, 1n],
    ],
    ['BOOLEAN', { type: 'BOOLEAN' }, [true, false], [1n, 0n]],
    ['DATE', { type: 'INT32', converted_type: 'DATE' }, [19_000, -1], [19_000n, -1n]],
    ['DECIMAL(9, 0)', decimal('INT32', 0), [5n, -5n], [5n, -5n]],
  ] as const)('reads %s exactly', async (_, element, data, expected) => {
    expect(numbers(await read(annotated(element, [...data])))).toEqual(expected);
  });

  it('refuses an unsigned number above 64 signed bits, with its row', async () => {
    const element = { type: 'INT64', converted_type: 'UINT_64' };
    const promise = read(annotated(element, [1n, MAX + 1n]));
    expect(await messageOf(promise)).toContain('row 2, column v ("v", whole numbers)');
    await expect(promise).rejects.toThrowCode('ERR_INPUT_VALUE');
  });

  it('reads decimals as the integers they are, beyond what floating point holds', async () => {
    // 9007199254740993 has no double; 0.29 has none either
    const cells = [9_007_199_254_740_993n, 29n, -1n];
    const int64 = annotated(decimal('INT64', 2), cells);
    expect(numbers(await read(int64, { decimals: 2 }))).toEqual(cells);
    expect(numbers(await read(int64, { decimals: 3 }))).toEqual(cells.map((c) => 10n * c));
    const wide = decimal('FIXED_LEN_BYTE_ARRAY', 2, { type_length: 16, precision: 38 });
    expect(numbers(await read(annotated(wide, cells), { decimals: 2 }))).toEqual(cells);
    const short = [-1n, 255n, -129n, MIN];
    const path = annotated(decimal('BYTE_ARRAY', 2), short);
    expect(numbers(await read(path, { decimals: 2 }))).toEqual(short);
    const huge = read(annotated(wide, [MAX + 1n]), { decimals: 2 });
    expect(await messageOf(huge)).toContain('row 1, column v ("v", 2 decimals): expected a number');
  });

  it('takes a decimal only where it is exact in the declared decimals', async () => {
    expect(numbers(await read(annotated(decimal('INT32', 2), [500n, -1200n])))).toEqual([5n, -12n]);
    const promise = read(annotated(decimal('INT32', 2), [500n, 550n]));
    expect(await messageOf(promise)).toContain(
      'row 2, column v ("v", whole numbers): expected a whole',
    );
    await expect(promise).rejects.toThrowCode('ERR_INPUT_VALUE');
  });

  it.each([
    ['milliseconds', { converted_type: 'TIMESTAMP_MILLIS' }, 3],
    ['microseconds', { converted_type: 'TIMESTAMP_MICROS' }, 6],
    [
      'nanoseconds',
      { logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' } },
      9,
    ],
  ] as const)('reads timestamps in %s as seconds', async (_, annotation, scale) => {
    const unit = 10n ** BigInt(scale);
    const path = annotated({ type: 'INT64', ...annotation }, [1_700_000_000n * unit, -unit]);
    expect(numbers(await read(path))).toEqual([1_700_000_000n, -1n]);
    expect(numbers(await read(path, { decimals: 3 }))).toEqual([1_700_000_000_000n, -1_000n]);
    const odd = read(annotated({ type: 'INT64', ...annotation }, [unit, unit + 1n]));
    await expect(odd).rejects.toThrowCode('ERR_INPUT_VALUE');
  });

  it('reads strings of digits by the rule of CSV, and nulls as empty', async () => {
    const element = { type: 'BYTE_ARRAY', converted_type: 'UTF8' };
    const texts = annotated(element, ['12.34', '-1', null]);
    await expect(read(texts, { decimals: 2 })).rejects.toThrowCode('ERR_INPUT_VALUE');
    const zero = { emptyIsZero: true };
    expect(numbers(await read(texts, { decimals: 2, ...zero }))).toEqual([1234n, -100n, 0n]);
    const nulls = annotated({ type: 'INT64' }, [1n, null, 3n]);
    expect(await messageOf(read(nulls))).toContain('row 2, column v');
    expect(numbers(await read(nulls, zero))).toEqual([1n, 0n, 3n]);
  });

  it.each([
    ['DOUBLE', { type: 'DOUBLE' }, [0.5]],
    ['FLOAT', { type: 'FLOAT' }, [0.5]],
    ['whole DOUBLE', { type: 'DOUBLE' }, [5]],
    ['time of day', { type: 'INT32', converted_type: 'TIME_MILLIS' }, [1]],
    ['JSON', { type: 'BYTE_ARRAY', converted_type: 'JSON' }, [{ a: 1 }]],
    ['a decimal of impossible scale', decimal('INT64', 1_000_000), [1n]],
  ] as const)('refuses %s and says what to write instead', async (_, element, data) => {
    const promise = read(annotated(element, [...data]));
    expect(await messageOf(promise)).toMatch(
      /column v: expected integers.*write it as decimals or scaled/,
    );
    await expect(promise).rejects.toThrowCode('ERR_INPUT_COLUMN');
  });
});
