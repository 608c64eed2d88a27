/**
 * Opens an input - a CSV file, a Parquet file, a directory of Parquet files, or standard input - and reads its
 * identifier columns. README.md (Input). Everything that is wrong ends here, before anything is sent.
 * @module
 */
import { open, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { DpcaError } from '../../src/errors.ts';
import { readCsv } from './csv.ts';
import { filesIn, localFile, wholeStream } from './parquet-files.ts';
import { readParquet } from './parquet.ts';
import { TableReader, type ReadOptions } from './table-reader.ts';
import type { ColumnSource, IngestedTable, TableSource } from './table.ts';

const FILE_PROBLEMS: Partial<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
};

/**
 * The table of the configured columns, in their order.
 * @param stdin what `-` reads
 * @throws ERR_INPUT_FILE, ERR_INPUT_FORMAT, ERR_INPUT_COLUMN, ERR_INPUT_VALUE, ERR_INPUT_DUPLICATE,
 *   ERR_INPUT_ROWS; ERR_CONFIG for a bad delimiter or default country
 */
export async function readTable(
  source: TableSource,
  columns: readonly ColumnSource[],
  options: ReadOptions,
  stdin: Readable = process.stdin,
): Promise<IngestedTable> {
  const reader = new TableReader(columns, options);
  const shape = { header: source.header, delimiter: source.delimiter ?? ',' };
  if (source.path === '-') {
    const file = 'standard input';
    if (source.format === 'csv') return readCsv(stdin, file, { ...shape, length: null }, reader);
    if (source.format === 'parquet') return readParquet([wholeStream(stdin, file)], file, reader);
    throw new DpcaError('ERR_INPUT_FORMAT', `${file}: expected --format csv or parquet, got none`);
  }
  try {
    const isDirectory = (await stat(source.path)).isDirectory();
    if (formatOf(source, isDirectory) === 'parquet') {
      const files = isDirectory ? await filesIn(source.path) : [localFile(source.path)];
      return await readParquet(files, source.path, reader);
    }
    const handle = await open(source.path);
    try {
      const info = await handle.stat();
      const length = info.isFile() ? info.size : null;
      return await readCsv(handle.createReadStream(), source.path, { ...shape, length }, reader);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(source.path, error);
  }
}

function formatOf(source: TableSource, isDirectory: boolean): 'csv' | 'parquet' {
  if (source.format !== 'auto') return source.format;
  const extension = extname(source.path).toLowerCase();
  if (isDirectory || extension === '.parquet') return 'parquet';
  if (extension === '.csv') return 'csv';
  throw new DpcaError(
    'ERR_INPUT_FORMAT',
    `${source.path}: expected .csv, .parquet or a directory; for another name state the format`,
  );
}

/** Errors of the file system get a code; all others are passed on. */
function fileError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error;
  const code = String(error.code);
  return new DpcaError('ERR_INPUT_FILE', `${path}: ${FILE_PROBLEMS[code] ?? code}`);
}
