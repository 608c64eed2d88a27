/**
 * Where Parquet bytes come from: one file, every file of a directory, or standard input.
 * @module
 */
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { asyncBufferFromFile, type AsyncBuffer } from 'hyparquet';
import { DpcaError } from '../../src/errors.ts';

/** Parquet has its index at the end, so standard input is held in memory; larger inputs come as files. */
const STDIN_PARQUET_BYTES_MAX = 2 ** 31;

export interface ParquetFile {
  /** for messages */
  readonly name: string;
  readonly open: () => Promise<AsyncBuffer>;
}

/** Every file of a directory, by name; a leading "." or "_" marks files that are not data, as for Spark. */
export async function filesIn(directory: string): Promise<ParquetFile[]> {
  const entries = await readdir(directory);
  const data = entries.filter((name) => !/^[._]/.test(name)).sort();
  for (const name of data) {
    const path = join(directory, name);
    if (extname(name).toLowerCase() !== '.parquet' || !(await stat(path)).isFile()) {
      throw new DpcaError(
        'ERR_INPUT_FILE',
        `${path}: expected only .parquet files in the directory`,
      );
    }
  }
  return data.map((name) => localFile(join(directory, name)));
}

export function localFile(path: string): ParquetFile {
  return { name: path, open: () => asyncBufferFromFile(path) };
}

export function wholeStream(stdin: Readable, name: string): ParquetFile {
  const slurp = async (): Promise<Uint8Array<ArrayBuffer>> => {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of stdin as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > STDIN_PARQUET_BYTES_MAX) {
        throw new DpcaError('ERR_INPUT_FILE', `${name}: expected at most 2 GiB of Parquet`);
      }
      chunks.push(chunk);
    }
    return new Uint8Array(Buffer.concat(chunks));
  };
  const open = async (): Promise<AsyncBuffer> => {
    const { buffer } = await slurp();
    return { byteLength: buffer.byteLength, slice: (start, end) => buffer.slice(start, end) };
  };
  return { name, open };
}
