import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import { readTable } from '../../host/ingest/read-table.ts';
import { IDENTIFIER_BYTES_MAX } from '../../host/ingest/table.ts';
import { columns, directory, file, messageOf, options, readText } from './support.ts';

const ab = columns(['email', 'email', 'a'], ['id', 'none', 'b']);

/** Asserts code and message; `SECRET` is in every bad cell of this file and must never be repeated. */
async function refused(
  promise: Promise<unknown>,
  code: ErrorCode,
  ...parts: string[]
): Promise<void> {
  const message = await messageOf(promise);
  await expect(promise).rejects.toThrowCode(code);
  for (const part of parts) expect(message).toContain(part);
  expect(message.toUpperCase()).not.toContain('SECRET');
}

describe('refused with the place', () => {
  it('a value that its rule does not accept', async () => {
    await refused(
      readText('a,b\nx@y,1\nsecret,2\n', ab),
      'ERR_INPUT_VALUE',
      '.csv, line 3, column email ("a", rule email): expected an e-mail address',
    );
  });

  it('by line of the file, with a quoted line break before it and a byte order mark', async () => {
    const text = '\uFEFFa,b\r\nx@y,"1\r\n2\n3"\r\nsecret,4\r\n';
    await refused(readText(text, ab), 'ERR_INPUT_VALUE', ', line 5, column email');
  });

  it('by line 1 when there is no header', async () => {
    const wanted = columns(['email', 'email', 1]);
    await refused(
      readText('secret\n', wanted, { header: false }),
      'ERR_INPUT_VALUE',
      ', line 1, column email (position 1, rule email)',
    );
  });

  it('an identifier that is too long in bytes or in characters', async () => {
    const limit = `expected at most ${String(IDENTIFIER_BYTES_MAX)} bytes`;
    const wanted = columns(['id', 'none', 'a']);
    await refused(
      readText(`a\n${'é'.repeat(512)}\n${'é'.repeat(512)}x\n`, wanted),
      'ERR_INPUT_VALUE',
      `line 3, column id ("a", rule none): ${limit}`,
    );
    await refused(readText(`a\n${'x'.repeat(1025)}\n`, wanted), 'ERR_INPUT_VALUE', 'line 2', limit);
    expect((await readText(`a\n${'x'.repeat(1024)}\n`, wanted)).rows).toBe(1);
  });

  it('a ragged record, short or long', async () => {
    const expected = 'expected 2 fields as in the first record, got';
    await refused(
      readText('a,b\nx@y,1\nsecret\n', ab),
      'ERR_INPUT_FORMAT',
      'line 3',
      `${expected} 1`,
    );
    await refused(readText('a,b\nsecret,1,2\n', ab), 'ERR_INPUT_FORMAT', 'line 2', `${expected} 3`);
    await refused(readText('a,b\nx@y,1\n\n', ab), 'ERR_INPUT_FORMAT', 'line 3', `${expected} 1`);
  });

  it.each([
    ['a quote inside a field', 'a,b\nx@y,1\nsec"ret,2\n', 'only at the beginning of a field'],
    ['text after a closing quote', 'a,b\nx@y,1\n"sec"ret,2\n', 'after a closing quote'],
    ['a quote never closed', 'a,b\nx@y,1\n"secret,2\nx,3\n', 'before the end of the file'],
    ['an endless record', `a,b\nx@y,1\n"${'secret\n'.repeat(200_000)}`, 'is a quote open?'],
  ])('%s', async (_, text, expected) => {
    await refused(readText(text, ab), 'ERR_INPUT_FORMAT', ', record at line 3: ', expected);
  });

  it('bytes that are not UTF-8, in a configured column only', async () => {
    const latin1 = Buffer.from('a,b\nx@y,secr\xe9t\n', 'latin1');
    await refused(
      readText(latin1, ab),
      'ERR_INPUT_FORMAT',
      'line 2, column id ("b", rule none)',
      'UTF-8',
    );
    expect((await readText(latin1, columns(['email', 'email', 'a']))).rows).toBe(1);
  });

  it('a replacement character and a NUL', async () => {
    await refused(readText('a,b\nx@y,secret\uFFFD\n', ab), 'ERR_INPUT_FORMAT', 'line 2, column id');
    await refused(readText('a,b\nx@y,secret\0\n', ab), 'ERR_INPUT_FORMAT', 'line 2, column id');
  });

  it('UTF-16', async () => {
    const text = Buffer.from('\uFEFFa,b\nx@y,1\n', 'utf16le');
    await refused(readText(text, ab), 'ERR_INPUT_FORMAT', 'expected UTF-8, got UTF-16');
    await refused(readText(Buffer.from(text).swap16(), ab), 'ERR_INPUT_FORMAT', 'got UTF-16');
  });

  it('a repeated identifier, naming both rows and not the value', async () => {
    await refused(
      readText('a,b\nsecret@x,1\n,2\nSECRET@X,3\n', ab),
      'ERR_INPUT_DUPLICATE',
      '.csv, lines 2 and 4, column email ("a", rule email)',
    );
    expect((await readText('a,b\n,\n,\n', ab)).empties).toEqual([2, 2]);
  });
});

describe('columns', () => {
  it('a name that the file does not have, without the names that it has', async () => {
    await refused(
      readText('secret,b\nx@y,1\n', ab),
      'ERR_INPUT_COLUMN',
      'column email: expected a column "a", got none',
    );
  });

  it('says when only case or white space differs', async () => {
    await refused(
      readText('x, A\n1,x@y\n', ab.slice(0, 1)),
      'ERR_INPUT_COLUMN',
      '(column 2 differs only in case',
    );
  });

  it('a name that the file has twice', async () => {
    await refused(
      readText('a,a,b\nx@y,z,1\n', ab),
      'ERR_INPUT_COLUMN',
      'expected one column "a", got two',
    );
  });

  it('a name without a header', async () => {
    await refused(
      readText('a,b\n', ab, { header: false }),
      'ERR_INPUT_COLUMN',
      'expected a position',
    );
  });

  it.each([0, 3, 1.5, -1, NaN])('position %s of two', async (from) => {
    await refused(
      readText('secret,b\n1,2\n', columns(['id', 'none', from])),
      'ERR_INPUT_COLUMN',
      'expected a position from 1 to 2',
    );
  });

  it('all missing columns at once', async () => {
    const message = await messageOf(readText('x,y\n1,2\n', ab));
    expect(message).toContain('column email');
    expect(message).toContain('column id');
  });
});

describe('rows', () => {
  it('none', async () => {
    await refused(readText('', ab), 'ERR_INPUT_ROWS', 'expected at least one row');
    await refused(readText('a,b\n', ab), 'ERR_INPUT_ROWS', 'expected at least one row');
  });

  it('more than agreed, naming the limit and not the size', async () => {
    const text = `a,b\n${Array.from({ length: 7 }, (_, i) => `x${String(i)}@y,${String(i)}`).join('\n')}`;
    const message = await messageOf(readText(text, ab, {}, { rowsMax: 6 }));
    expect(message).toContain('expected at most 6 rows, got more');
    expect((await readText(text, ab, {}, { rowsMax: 7 })).rows).toBe(7);
    await refused(readText(text, ab, {}, { rowsMax: 6 }), 'ERR_INPUT_ROWS');
  });
});

describe('files', () => {
  it('that do not exist or cannot be read as such', async () => {
    const missing = join(directory, 'missing.csv');
    const source = { path: missing, format: 'auto', header: true } as const;
    await refused(readTable(source, ab, options), 'ERR_INPUT_FILE', missing, 'no such file');
    const folder = join(directory, 'folder.csv');
    mkdirSync(folder);
    const csvFolder = { path: folder, format: 'csv', header: true } as const;
    await refused(readTable(csvFolder, ab, options), 'ERR_INPUT_FILE', 'is a directory');
  });

  it('of unknown extension, unless the format is stated', async () => {
    const path = file('a,b\nx@y,1\n', '.txt');
    const auto = { path, format: 'auto', header: true } as const;
    await refused(readTable(auto, ab, options), 'ERR_INPUT_FORMAT', 'state the format');
    expect((await readTable({ ...auto, format: 'csv' }, ab, options)).rows).toBe(1);
  });

  it('standard input without a stated format', async () => {
    const source = { path: '-', format: 'auto', header: true } as const;
    await refused(readTable(source, ab, options, Readable.from([])), 'ERR_INPUT_FORMAT');
  });

  it('with an impossible delimiter', async () => {
    for (const delimiter of ['', '"', '\n', '::', 'é']) {
      await refused(readText('a,b\n', ab, { delimiter }), 'ERR_CONFIG', 'delimiter');
    }
  });
});

describe('several problems', () => {
  it('are listed together, and the first gives the code', async () => {
    const text = 'a,b\nsecret,1\nx@y,2,3\nz@y,1\n';
    const message = await messageOf(readText(text, ab));
    expect(message.split('\n')).toHaveLength(4);
    for (const place of ['line 2, column email', 'line 3', 'lines 2 and 4, column id']) {
      expect(message).toContain(place);
    }
    await refused(readText(text, ab), 'ERR_INPUT_VALUE');
  });

  it('ten in full, the rest counted', async () => {
    const bad = (n: number): string =>
      `a,b\n${Array.from({ length: n }, () => 'secret,\n').join('')}`;
    const some = await messageOf(readText(bad(37), ab));
    expect(some.split('\n')).toHaveLength(12);
    expect(some).toContain('and 27 more');
    const many = await messageOf(readText(bad(5000), ab));
    expect(many.split('\n')).toHaveLength(12);
    expect(many).toContain('reading stopped there');
  });

  it('before a syntax error are kept', async () => {
    const message = await messageOf(readText('a,b\nsecret,1\n"x,2\n', ab));
    expect(message).toContain('line 2, column email');
    expect(message).toContain('record at line 3');
  });
});

describe('duplicates', () => {
  it('are found exactly, whatever the order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(60), { minLength: 1, maxLength: 40 }), async (ids) => {
        const read = readText(ids.join('\n'), columns(['id', 'none', 1]), { header: false });
        const again = ids.findIndex((id, i) => ids.indexOf(id) < i);
        if (again < 0) expect((await read).rows).toBe(ids.length);
        else {
          const first = ids.indexOf(ids[again] ?? -1);
          expect(await messageOf(read)).toContain(
            `lines ${String(first + 1)} and ${String(again + 1)},`,
          );
        }
      }),
      { seed: 5, numRuns: 200 },
    );
  });
});
