import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTable } from '../../host/ingest/read-table.ts';
import type { Progress } from '../../host/ingest/table-reader.ts';
import type { IngestedTable } from '../../host/ingest/table.ts';
import { columns, file, options, readText, rowsOf } from './support.ts';

const three = columns(['a', 'none', 1], ['b', 'none', 2], ['c', 'none', 3]);

describe('CSV', () => {
  it('reads columns by name, in the order asked for, and counts empties', async () => {
    const table = await readText(
      'id,Email,Phone\n1,Ada@Example.com,(212) 555-0123\n2,,\n3,bo@example.com, \n',
      columns(['phone', 'phone', 'Phone'], ['email', 'email', 'Email']),
      {},
      { defaultCountry: 'US' },
    );
    expect(table.columns.map((column) => column.name)).toEqual(['phone', 'email']);
    expect(rowsOf(table)).toEqual([
      ['+12125550123', 'ada@example.com'],
      [null, null],
      [null, 'bo@example.com'],
    ]);
    expect(table.rows).toBe(3);
    expect(table.empties).toEqual([2, 1]);
    expect(table.columns[0]?.offsets).toEqual(Uint32Array.of(0, 12, 12, 12));
  });

  it('reads a headerless file by position', async () => {
    const table = await readText('1,x\n2,y', columns(['id', 'none', 2]), { header: false });
    expect(rowsOf(table)).toEqual([['x'], ['y']]);
  });

  it('reads one source column as two logical ones', async () => {
    const table = await readText('A\nB\n', columns(['x', 'none', 1], ['y', 'lowercase', 1]), {
      header: false,
    });
    expect(rowsOf(table)).toEqual([
      ['A', 'a'],
      ['B', 'b'],
    ]);
  });

  it.each([
    ['CRLF', 'h,i\r\na,b\r\nc,d\r\n'],
    ['LF', 'h,i\na,b\nc,d\n'],
    ['CR', 'h,i\ra,b\rc,d\r'],
    ['no end of line at the end', 'h,i\na,b\nc,d'],
    ['mixed ends of line', 'h,i\r\na,b\nc,d\r'],
    ['byte order mark', '\uFEFFh,i\na,b\nc,d\n'],
    ['byte order mark before a quote', '\uFEFF"h","i"\n"a","b"\nc,d\n'],
    ['quotes', '"h","i"\n"a","b"\n"c","d"\n'],
  ])('%s', async (_, text) => {
    const table = await readText(text, columns(['x', 'none', 'h'], ['y', 'none', 'i']));
    expect(rowsOf(table)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('takes another delimiter', async () => {
    const table = await readText('h;i\na,b;c\n', columns(['x', 'none', 'h']), { delimiter: ';' });
    expect(rowsOf(table)).toEqual([['a,b']]);
  });

  it('keeps empty lines of a one-column file as empty cells', async () => {
    const table = await readText('h\n\na\n', columns(['x', 'none', 'h']));
    expect(rowsOf(table)).toEqual([[null], ['a']]);
  });

  it('reads standard input when the format is stated', async () => {
    const source = { path: '-', format: 'csv', header: true } as const;
    const input = Readable.from([Buffer.from('h\nx\n'), Buffer.from('y\n')]);
    const table = await readTable(source, columns(['x', 'none', 'h']), options, input);
    expect(rowsOf(table)).toEqual([['x'], ['y']]);
  });

  it('grows past its first capacities', async () => {
    const rows = Array.from({ length: 9000 }, (_, i) => `${String(i)}-${'é'.repeat(20)}`);
    const table = await readText(rows.join('\n'), columns(['x', 'none', 1]), { header: false });
    expect(rowsOf(table)).toEqual(rows.map((cell) => [cell]));
  });

  it('reports progress that ends within the file', async () => {
    const seen: Progress[] = [];
    const text = Array.from({ length: 25_000 }, (_, i) => String(i)).join('\n');
    await readText(
      text,
      columns(['x', 'none', 1]),
      { header: false },
      { onProgress: (progress) => seen.push(progress) },
    );
    expect(seen.map((progress) => progress.rows)).toEqual([10_000, 20_000]);
    for (const { fraction } of seen) expect(fraction).toBeGreaterThan(0);
    for (const { fraction } of seen) expect(fraction).toBeLessThanOrEqual(1);
  });
});

describe('CSV properties', () => {
  // NUL and U+FFFD are refused, and white space alone is an empty cell; everything else must survive.
  const cell = fc
    .string({
      unit: fc.constantFrom('a', 'b', '"', ',', '\r', '\n', ' ', 'é', '😀', ';'),
      maxLength: 6,
    })
    .map((text) => (text.trim() === '' ? '' : text));
  const table = fc
    .array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 20 })
    .map((rows) => uniqueWithinColumns(rows));
  const style = fc.record({
    end: fc.constantFrom('\n', '\r\n', '\r'),
    quoteAll: fc.boolean(),
    mark: fc.boolean(),
    header: fc.boolean(),
    last: fc.boolean(),
  });

  const write = (rows: readonly string[][], how: Style): string => {
    const field = (text: string): string =>
      how.quoteAll || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    const lines = [...(how.header ? [['h', 'i', 'j']] : []), ...rows].map((row) =>
      row.map(field).join(','),
    );
    return (how.mark ? '\uFEFF' : '') + lines.join(how.end) + (how.last ? how.end : '');
  };

  interface Style {
    readonly end: string;
    readonly quoteAll: boolean;
    readonly mark: boolean;
    readonly header: boolean;
    readonly last: boolean;
  }

  const fromChunks = (chunks: Buffer[], header: boolean): Promise<IngestedTable> =>
    readTable({ path: '-', format: 'csv', header }, three, options, Readable.from(chunks));

  it('what is written is read, whatever the quoting, ends of line and mark', async () => {
    await fc.assert(
      fc.asyncProperty(table, style, async (rows, how) => {
        const read = await fromChunks([Buffer.from(write(rows, how))], how.header);
        expect(rowsOf(read)).toEqual(rows.map((row) => row.map((text) => text || null)));
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('chunk boundaries do not matter, even within a character, quote or end of line', async () => {
    await fc.assert(
      fc.asyncProperty(
        table,
        style,
        fc.array(fc.nat(), { maxLength: 8 }),
        async (rows, how, cuts) => {
          const bytes = Buffer.from(write(rows, how));
          const at = [
            0,
            ...cuts.map((cut) => cut % (bytes.length + 1)).sort((x, y) => x - y),
            bytes.length,
          ];
          const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
          const read = await fromChunks(
            chunks.filter((chunk) => chunk.length > 0),
            how.header,
          );
          expect(rowsOf(read)).toEqual(rows.map((row) => row.map((text) => text || null)));
        },
      ),
      { seed: 4, numRuns: 300 },
    );
  });

  it('byte by byte', async () => {
    const text = '\uFEFF"h","i","j"\r\n"a\r\n""b""",é😀,\r\n,"",c\r\n';
    const chunks = [...Buffer.from(text)].map((byte) => Buffer.of(byte));
    const read = await fromChunks(chunks, true);
    expect(rowsOf(read)).toEqual([
      ['a\r\n"b"', 'é😀', null],
      [null, null, 'c'],
    ]);
  });
});

/** Empties a cell that repeats an earlier one of its column. */
function uniqueWithinColumns(rows: readonly (readonly string[])[]): string[][] {
  const seen = new Set<string>();
  return rows.map((row) =>
    row.map((text, column) => {
      const key = `${String(column)}:${text}`;
      if (seen.has(key)) return '';
      seen.add(key);
      return text;
    }),
  );
}

describe('a file of one table', () => {
  it('may be read twice', async () => {
    const path = file('h\nx\n');
    const source = { path, format: 'auto', header: true } as const;
    for (let i = 0; i < 2; i++) {
      const table = await readTable(source, columns(['x', 'none', 'h']), options);
      expect(rowsOf(table)).toEqual([['x']]);
    }
  });
});
