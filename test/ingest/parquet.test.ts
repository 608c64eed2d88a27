import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetWriteBuffer, type ColumnSource as Written } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { readTable } from '../../host/ingest/read-table.ts';
import type { Progress, ReadOptions } from '../../host/ingest/table-reader.ts';
import type { ColumnSource, IngestedTable } from '../../host/ingest/table.ts';
import { columns, directory, file, messageOf, options, rowsOf } from './support.ts';

type WriteOptions = Omit<Parameters<typeof parquetWriteBuffer>[0], 'columnData'>;

function parquet(columnData: Written[], how: WriteOptions = {}): Uint8Array {
  return new Uint8Array(parquetWriteBuffer({ columnData, ...how }));
}

function read(
  path: string,
  wanted: readonly ColumnSource[],
  change: Partial<ReadOptions> = {},
): Promise<IngestedTable> {
  return readTable({ path, format: 'auto', header: true }, wanted, { ...options, ...change });
}

const people: Written[] = [
  { name: 'id', type: 'INT64', data: [7n, -1n, 9007199254740993n] },
  {
    name: 'email',
    type: 'STRING',
    nullable: true,
    data: ['Ada@Example.com', null, 'bo@example.com'],
  },
];

describe('Parquet', () => {
  it('reads strings, nulls and integers by name and by position', async () => {
    const path = file(parquet(people), '.parquet');
    const table = await read(path, columns(['email', 'email', 'email'], ['id', 'none', 1]));
    expect(rowsOf(table)).toEqual([
      ['ada@example.com', '7'],
      [null, '-1'],
      ['bo@example.com', '9007199254740993'],
    ]);
    expect(table.empties).toEqual([1, 0]);
  });

  it('reads row groups one after the other and reports them', async () => {
    const data = Array.from({ length: 10 }, (_, i) => `x${String(i)}`);
    const bytes = parquet([{ name: 'x', type: 'STRING', data }], { rowGroupSize: 4 });
    const seen: Progress[] = [];
    const table = await read(file(bytes, '.parquet'), columns(['x', 'none', 'x']), {
      onProgress: (progress) => seen.push(progress),
    });
    expect(rowsOf(table).flat()).toEqual(data);
    expect(seen).toEqual([
      { rows: 4, fraction: 0.4 },
      { rows: 8, fraction: 0.8 },
      { rows: 10, fraction: 1 },
    ]);
  });

  it('reads a directory as one table, by file name, without files that are no data', async () => {
    const folder = join(directory, 'parts');
    mkdirSync(folder);
    const part = (id: string): Uint8Array => parquet([{ name: 'x', type: 'STRING', data: [id] }]);
    writeFileSync(join(folder, 'part-1.parquet'), part('b'));
    writeFileSync(join(folder, 'part-0.parquet'), part('a'));
    writeFileSync(join(folder, '_SUCCESS'), '');
    expect(rowsOf(await read(folder, columns(['x', 'none', 'x'])))).toEqual([['a'], ['b']]);

    writeFileSync(join(folder, 'part-2.parquet'), part('a'));
    const repeated = read(folder, columns(['x', 'none', 'x']));
    expect(await messageOf(repeated)).toMatch(
      /part-0.parquet, row 1 and .*part-2.parquet, row 1, column x/,
    );
    await expect(repeated).rejects.toThrowCode('ERR_INPUT_DUPLICATE');

    writeFileSync(join(folder, 'notes.txt'), '');
    const strange = read(folder, columns(['x', 'none', 'x']));
    expect(await messageOf(strange)).toContain('notes.txt');
    await expect(strange).rejects.toThrowCode('ERR_INPUT_FILE');
  });

  it('reads standard input', async () => {
    const stdin = createReadStream(file(parquet(people), '.parquet'), { highWaterMark: 7 });
    const source = { path: '-', format: 'parquet', header: true } as const;
    const table = await readTable(source, columns(['id', 'none', 'id']), options, stdin);
    expect(rowsOf(table).flat()).toEqual(['7', '-1', '9007199254740993']);
  });

  it.each([
    ['GZIP', (input: Uint8Array) => new Uint8Array(gzipSync(input))],
    ['BROTLI', (input: Uint8Array) => new Uint8Array(brotliCompressSync(input))],
  ] as const)('reads %s', async (codec, compress) => {
    const bytes = parquet(people, { codec, compressors: { [codec]: compress } });
    expect((await read(file(bytes, '.parquet'), columns(['id', 'none', 'id']))).rows).toBe(3);
  });

  it('takes binary as UTF-8, and as the digest itself under sha256-hex', async () => {
    const digest = createHash('sha256').update('ada@example.com').digest();
    const bytes = parquet([
      { name: 'text', type: 'BYTE_ARRAY', data: [Buffer.from('é'), Buffer.from('x')] },
      { name: 'digest', type: 'BYTE_ARRAY', data: [digest, Buffer.from('0'.repeat(64))] },
    ]);
    const wanted = columns(['text', 'none', 'text'], ['digest', 'sha256-hex', 'digest']);
    expect(rowsOf(await read(file(bytes, '.parquet'), wanted))).toEqual([
      ['é', digest.toString('hex')],
      ['x', '0'.repeat(64)],
    ]);
  });

  it('any strings survive, in row groups of any size', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((s) => !/[\0\uFFFD]/.test(s));
    const cells = fc.uniqueArray(text, { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(cells, fc.integer({ min: 1, max: 40 }), async (data, rowGroupSize) => {
        const bytes = parquet([{ name: 'x', type: 'STRING', data }], { rowGroupSize });
        const table = await read(file(bytes, '.parquet'), columns(['x', 'none', 'x']));
        expect(rowsOf(table).flat()).toEqual(data.map((s) => (s.trim() === '' ? null : s)));
      }),
      { seed: 6, numRuns: 100 },
    );
  });
});

describe('Parquet refusals', () => {
  const bad = (cell: string | Uint8Array, type: 'STRING' | 'BYTE_ARRAY'): string =>
    file(
      parquet([{ name: 'x', type, data: [Buffer.from('a@b'), Buffer.from('c@d'), cell] }], {
        rowGroupSize: 2,
      }),
      '.parquet',
    );

  it('a value, by row of the file', async () => {
    const path = file(
      parquet([{ name: 'x', type: 'STRING', data: ['a@b', 'c@d', 'secret'] }], { rowGroupSize: 2 }),
      '.parquet',
    );
    const message = await messageOf(read(path, columns(['email', 'email', 'x'])));
    expect(message).toContain(`${path}, row 3, column email ("x", rule email): expected an e-mail`);
    expect(message).not.toContain('secret');
  });

  it('bytes that are not UTF-8', async () => {
    const promise = read(
      bad(Uint8Array.of(0xff, 0x41), 'BYTE_ARRAY'),
      columns(['id', 'none', 'x']),
    );
    expect(await messageOf(promise)).toContain('row 3, column id');
    await expect(promise).rejects.toThrowCode('ERR_INPUT_FORMAT');
  });

  it('columns that are missing or of another type', async () => {
    const path = file(
      parquet([
        { name: 'when', type: 'TIMESTAMP', data: [new Date(0)] },
        { name: 'ratio', type: 'DOUBLE', data: [0.5] },
        { name: 'yes', type: 'BOOLEAN', data: [true] },
        { name: 'json', type: 'JSON', data: [{ a: 1 }] },
      ]),
      '.parquet',
    );
    const missing = read(path, columns(['x', 'none', 'absent'], ['y', 'none', 5]));
    expect(await messageOf(missing)).toContain('expected a position from 1 to 4, got 5');
    await expect(missing).rejects.toThrowCode('ERR_INPUT_COLUMN');
    for (const name of ['when', 'ratio', 'yes', 'json']) {
      const promise = read(path, columns(['x', 'none', name]));
      expect(await messageOf(promise)).toContain(
        'column x: expected strings, binary, UUIDs or integers',
      );
      await expect(promise).rejects.toThrowCode('ERR_INPUT_COLUMN');
    }
  });

  it('no rows, and more rows than agreed before any is read', async () => {
    const wanted = columns(['id', 'none', 'id']);
    const none = file(parquet([{ name: 'id', type: 'INT64', data: [] }]), '.parquet');
    await expect(read(none, wanted)).rejects.toThrowCode('ERR_INPUT_ROWS');
    const path = file(parquet(people), '.parquet');
    await expect(read(path, wanted, { rowsMax: 2 })).rejects.toThrowCode('ERR_INPUT_ROWS');
    expect((await read(path, wanted, { rowsMax: 3 })).rows).toBe(3);
  });

  it('an empty directory', async () => {
    const folder = join(directory, 'empty');
    mkdirSync(folder);
    await expect(read(folder, columns(['x', 'none', 'x']))).rejects.toThrowCode('ERR_INPUT_ROWS');
  });

  it('a file that is not Parquet, and every truncation of one that is', async () => {
    const wanted = columns(['id', 'none', 'id'], ['email', 'email', 'email']);
    await expect(read(file('id,email\n', '.parquet'), wanted)).rejects.toThrowCode(
      'ERR_INPUT_FORMAT',
    );
    const whole = readFileSync(file(parquet(people), '.parquet'));
    for (let length = 0; length < whole.length; length += 7) {
      const promise = read(file(whole.subarray(0, length), '.parquet'), wanted);
      await expect(promise, String(length)).rejects.toThrowCode('ERR_INPUT_FORMAT');
    }
  });

  // Only the footer: in damaged pages the decoder itself may not end (see host/ingest/parquet.ts).
  it('a damaged footer never ends in anything but an input error or a table', async () => {
    const whole = parquet(people);
    const wanted = columns(['id', 'none', 'id'], ['email', 'none', 'email']);
    const footer = new DataView(whole.buffer).getUint32(whole.length - 8, true);
    for (let at = whole.length - 8 - footer; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x15;
      const outcome = await read(file(damaged, '.parquet'), wanted).catch(
        (error: unknown) => error,
      );
      const accepted = typeof outcome === 'object' && outcome !== null && 'columns' in outcome;
      if (!accepted) expect((outcome as { code?: string }).code, String(at)).toMatch(/^ERR_INPUT_/);
    }
  });
});
