/**
 * Parquet files, one row group of one column at a time. Columns are flat, of the types in parquet-types.ts; binary is
 * UTF-8, or under the rule sha256-hex the 32 bytes of a digest. This file and parquet-files.ts import hyparquet.
 * Its page decoder trusts the file: it may loop or run out of memory on damaged pages. Accepted, because the file is
 * the operator's own and nothing has been sent; damaged footers and truncations are refused.
 * @module
 */
import { parquetMetadataAsync, parquetScan, parquetSchema, type FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { DpcaError } from '../../src/errors.ts';
import type { ParquetFile } from './parquet-files.ts';
import { isKeyType, signedBigEndian, valueForm, withoutMeaning } from './parquet-types.ts';
import { resolveColumns } from './resolve-columns.ts';
import type { TableReader } from './table-reader.ts';
import type { IngestedTable } from './table.ts';

const DIGEST_BYTES = 32;

/** A configured column of one file; `form` is `key` or how its values are read. */
interface ParquetColumn {
  readonly column: string;
  readonly form: 'key' | NonNullable<ReturnType<typeof valueForm>>;
}

/** Reads the files as one table, in order. @param what names the whole input in messages */
export async function readParquet(
  files: readonly ParquetFile[],
  what: string,
  reader: TableReader,
): Promise<IngestedTable> {
  let rows = 0;
  for (const [index, { name, open }] of files.entries()) {
    const file = await open();
    const metadata = await decode(name, () => parquetMetadataAsync(file));
    const total = Number(metadata.num_rows);
    reader.checkRows(what, rows + total);
    const columns = parquetColumns(reader, name, metadata);
    const scan = await decode(name, () =>
      parquetScan({
        file,
        metadata: { ...metadata, schema: metadata.schema.map(withoutMeaning) },
        columns: [...new Set(columns.map(({ column }) => column))],
        compressors,
        utf8: false,
        parsers: { stringFromBytes: (bytes) => bytes },
      }),
    );
    let done = 0;
    for (const { rowStart, rowEnd } of scan.ranges) {
      if (rowStart !== done) break;
      reader.positions.mark(rows + rowStart, name, 'row', rowStart + 1);
      for (const [at, { column, form }] of columns.entries()) {
        const cells = await decode(name, () => scan.readColumn({ column, rowStart, rowEnd }));
        if (cells.length !== rowEnd - rowStart) {
          reader.problems.fatal(
            'ERR_INPUT_FORMAT',
            `${name}: expected one cell per row and column`,
          );
        }
        for (let i = 0; i < cells.length; i++) {
          const row = rows + rowStart + i;
          if (typeof form === 'object') readNumber(reader, at, row, cells[i], form.scale);
          else readCell(reader, at, row, cells[i]);
        }
      }
      done = rowEnd;
      reader.progress(rows + done, (index + done / total) / files.length);
    }
    if (done !== total) {
      reader.problems.fatal(
        'ERR_INPUT_FORMAT',
        `${name}: expected its row groups to hold its rows`,
      );
    }
    rows += total;
  }
  return reader.finish(rows, what);
}

/** The library's messages may quote data, so they are not passed on; those of the file system are. */
async function decode<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DpcaError || (error instanceof Error && 'syscall' in error)) throw error;
    throw new DpcaError('ERR_INPUT_FORMAT', `${name}: expected a complete Parquet file`);
  }
}

/** Each configured column as it is in the file, after a check of its type and codec. */
function parquetColumns(
  reader: TableReader,
  file: string,
  metadata: FileMetaData,
): ParquetColumn[] {
  const { children } = parquetSchema(metadata);
  const names = children.map((child) => child.element.name);
  const columns = resolveColumns(reader, file, names, names.length).map(
    (at, index): ParquetColumn => {
      const element = children[at]?.element;
      const source = reader.sources[index];
      const logical = source?.name;
      const flat = children[at]?.children.length === 0 && element?.repetition_type !== 'REPEATED';
      const isKey = source !== undefined && 'normalisation' in source;
      let form: ParquetColumn['form'] | undefined;
      if (element !== undefined && flat) {
        if (!isKey) form = valueForm(element);
        else if (isKeyType(element)) form = 'key';
      }
      if (element === undefined || form === undefined) {
        const expected = isKey
          ? 'expected strings, binary, UUIDs or integers'
          : 'expected integers, booleans, decimals, dates, timestamps or strings of digits; ' +
            'floating point is not exact, so write it as decimals or scaled to whole numbers';
        reader.problems.add('ERR_INPUT_COLUMN', `${file}, column ${logical}: ${expected}`);
        return { column: '', form: 'key' };
      }
      for (const group of metadata.row_groups) {
        const codec = group.columns.find(
          (chunk) => chunk.meta_data?.path_in_schema[0] === element.name,
        )?.meta_data?.codec;
        if (codec !== undefined && codec !== 'UNCOMPRESSED' && compressors[codec] === undefined) {
          const text = `${file}, column ${logical}: expected a known compression, got ${codec}`;
          reader.problems.fatal('ERR_INPUT_FORMAT', text);
        }
      }
      return { column: element.name, form };
    },
  );
  reader.problems.throwIfAny();
  return columns;
}

function readCell(reader: TableReader, index: number, row: number, value: unknown): void {
  if (value === null || value === undefined) reader.cell(index, row, '');
  else if (typeof value === 'string') reader.cell(index, row, value);
  else if (typeof value === 'number' || typeof value === 'bigint')
    reader.cell(index, row, String(value));
  else if (!(value instanceof Uint8Array)) {
    throw new DpcaError('ERR_INTERNAL', 'a readable Parquet type gave no text');
  } else if (value.length === DIGEST_BYTES && isDigest(reader, index)) {
    reader.cell(index, row, Buffer.from(value).toString('hex'));
  } else {
    // bytes that are not UTF-8 become U+FFFD, which the reader refuses with its position
    reader.cell(index, row, Buffer.from(value).toString('utf8'));
  }
}

function isDigest(reader: TableReader, index: number): boolean {
  const source = reader.sources[index];
  return source !== undefined && 'normalisation' in source && source.normalisation === 'sha256-hex';
}

function readNumber(
  reader: TableReader,
  index: number,
  row: number,
  value: unknown,
  scale: number,
): void {
  if (value === null || value === undefined) reader.cell(index, row, '');
  else if (value instanceof Uint8Array) reader.number(index, row, signedBigEndian(value), scale);
  else if (typeof value === 'bigint') reader.number(index, row, value, scale);
  else if (typeof value === 'number' || typeof value === 'boolean') {
    reader.number(index, row, BigInt(value), scale);
  } else throw new DpcaError('ERR_INTERNAL', 'a readable Parquet type gave no number');
}
