/**
 * Parquet files, one row group of one column at a time. Columns are flat: strings, binary (UTF-8, or under the
 * rule sha256-hex the 32 bytes of a digest), UUIDs and integers. This file and parquet-files.ts import hyparquet.
 * Its page decoder trusts the file: it may loop or run out of memory on damaged pages. Accepted, because the file is
 * the operator's own and nothing has been sent; damaged footers and truncations are refused.
 * @module
 */
import {
  parquetMetadataAsync,
  parquetScan,
  parquetSchema,
  type FileMetaData,
  type SchemaElement,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { DpcaError } from '../../src/errors.ts';
import type { ParquetFile } from './parquet-files.ts';
import { resolveColumns, type TableReader } from './table-reader.ts';
import type { IngestedTable } from './table.ts';

const DIGEST_BYTES = 32;

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
        metadata,
        columns: [...new Set(columns)],
        compressors,
        utf8: false,
        parsers: { stringFromBytes: (bytes) => bytes },
      }),
    );
    let done = 0;
    for (const { rowStart, rowEnd } of scan.ranges) {
      if (rowStart !== done) break;
      reader.positions.mark(rows + rowStart, name, 'row', rowStart + 1);
      for (const [at, column] of columns.entries()) {
        const cells = await decode(name, () => scan.readColumn({ column, rowStart, rowEnd }));
        if (cells.length !== rowEnd - rowStart) {
          reader.problems.fatal(
            'ERR_INPUT_FORMAT',
            `${name}: expected one cell per row and column`,
          );
        }
        for (let i = 0; i < cells.length; i++) readCell(reader, at, rows + rowStart + i, cells[i]);
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

/** The file's name of each configured column, after a check of its type and codec. */
function parquetColumns(reader: TableReader, file: string, metadata: FileMetaData): string[] {
  const { children } = parquetSchema(metadata);
  const names = children.map((child) => child.element.name);
  const columns = resolveColumns(reader, file, names, names.length).map((at, index) => {
    const element = children[at]?.element;
    const logical = reader.sources[index]?.name;
    if (element === undefined || children[at]?.children.length !== 0 || !isReadable(element)) {
      const text = `${file}, column ${logical}: expected strings, binary, UUIDs or integers`;
      reader.problems.add('ERR_INPUT_COLUMN', text);
      return '';
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
    return element.name;
  });
  reader.problems.throwIfAny();
  return columns;
}

function isReadable({
  type,
  repetition_type,
  converted_type,
  logical_type,
}: SchemaElement): boolean {
  if (repetition_type === 'REPEATED') return false;
  const meaning = logical_type?.type ?? converted_type ?? '';
  switch (type) {
    case 'BYTE_ARRAY':
      return ['', 'STRING', 'UTF8', 'ENUM'].includes(meaning);
    case 'FIXED_LEN_BYTE_ARRAY':
      return ['', 'UUID'].includes(meaning);
    case 'INT32':
    case 'INT64':
      return meaning === '' || meaning === 'INTEGER' || /^U?INT_\d+$/.test(meaning);
    default:
      return false;
  }
}

function readCell(reader: TableReader, index: number, row: number, value: unknown): void {
  if (value === null || value === undefined) reader.cell(index, row, '');
  else if (typeof value === 'string') reader.cell(index, row, value);
  else if (typeof value === 'number' || typeof value === 'bigint')
    reader.cell(index, row, String(value));
  else if (!(value instanceof Uint8Array)) {
    throw new DpcaError('ERR_INTERNAL', 'a readable Parquet type gave no text');
  } else if (
    value.length === DIGEST_BYTES &&
    reader.sources[index]?.normalisation === 'sha256-hex'
  ) {
    reader.cell(index, row, Buffer.from(value).toString('hex'));
  } else {
    // bytes that are not UTF-8 become U+FFFD, which the reader refuses with its position
    reader.cell(index, row, Buffer.from(value).toString('utf8'));
  }
}
