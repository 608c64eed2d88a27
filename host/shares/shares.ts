/**
 * The own party's half of the `shares` output: collected from the own enclave and written as CSV (docs/shares.md).
 * @module
 */
import { accessSync, closeSync, constants, existsSync, openSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DpcaError } from '../../src/errors.ts';
import type { Manifest } from '../../src/run/manifest.ts';
import type { SharesChunk } from '../../src/wire/local.ts';
import type { Config } from '../config/config.ts';

/** Rows that are made into text at one time. */
const BLOCK_ROWS = 16_384;

/** Names of the value columns, or undefined if the manifest asks for no shares. */
function sharedValues({ statistics }: Manifest): readonly string[] | undefined {
  for (const statistic of statistics) if (statistic.kind === 'shares') return statistic.of;
  return undefined;
}

/** Before anybody is called: a wrong path must not cost a run. */
function assertWritable(path: string): void {
  if (existsSync(path)) {
    throw new DpcaError('ERR_CONFIG_EXISTS', `${path} exists and is not overwritten`);
  }
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch {
    throw new DpcaError('ERR_CONFIG_FILE', `--shares-out ${path}: expected a folder to write into`);
  }
}

export class SharesFile {
  readonly path: string;
  private readonly names: readonly string[];
  private readonly columns: BigUint64Array[][];

  constructor(path: string, values: readonly string[]) {
    this.path = resolve(path);
    this.names = ['real', ...values];
    this.columns = this.names.map(() => []);
    assertWritable(this.path);
  }

  /** ERR_WIRE_VALUE for a column that the manifest does not have. */
  add({ column, cells }: SharesChunk): void {
    const chunks = this.columns[column];
    if (chunks === undefined) throw new DpcaError('ERR_WIRE_VALUE', 'shares of an unknown column');
    chunks.push(cells);
  }

  /** Writes everything, `rows` rows (ERR_WIRE_VALUE if another number came). */
  write(rows: number): void {
    const columns = this.columns.map((chunks) => {
      const total = chunks.reduce((sum, { length }) => sum + length, 0);
      if (total !== rows) throw new DpcaError('ERR_WIRE_VALUE', 'shares of another number of rows');
      const column = new BigUint64Array(total);
      let at = 0;
      for (const chunk of chunks) {
        column.set(chunk, at);
        at += chunk.length;
      }
      return column;
    });
    const file = openSync(this.path, 'wx', 0o600);
    writeFileSync(file, `${this.names.join(',')}\n`);
    for (let first = 0; first < rows; first += BLOCK_ROWS) {
      const lines: string[] = [];
      for (let row = first; row < Math.min(first + BLOCK_ROWS, rows); row++) {
        lines.push(`${columns.map((column) => String(column[row] ?? 0n)).join(',')}\n`);
      }
      writeFileSync(file, lines.join(''));
    }
    closeSync(file);
  }
}

/**
 * The file for the own shares, undefined if the manifest asks for none. ERR_SHARES_REFUSED unless the own configuration
 * allows them, ERR_USAGE unless --shares-out is given exactly when it is needed; nobody has been called yet.
 */
export function openShares(
  { allowShares }: Pick<Config, 'allowShares'>,
  manifest: Manifest,
  path: string | undefined,
  runs = 1,
): SharesFile | undefined {
  const values = sharedValues(manifest);
  if (values === undefined) {
    if (path === undefined) return undefined;
    throw new DpcaError('ERR_USAGE', '--shares-out: the manifest has no statistic of kind shares');
  }
  if (allowShares !== true) {
    throw new DpcaError(
      'ERR_SHARES_REFUSED',
      'the manifest gives both hosts shares without differential privacy; expected "allowShares": true in dpca.json',
    );
  }
  if (path === undefined) {
    throw new DpcaError('ERR_USAGE', '--shares-out is missing: the manifest has shares');
  }
  if (runs > 1) throw new DpcaError('ERR_USAGE', '--shares-out takes one run; say --runs 1');
  return new SharesFile(path, values);
}
