/**
 * Temporary files and plain views of ingested tables for the tests of this folder.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { readTable } from '../../host/ingest/read-table.ts';
import type { ReadOptions } from '../../host/ingest/table-reader.ts';
import type {
  ColumnSource,
  IngestedTable,
  TableSource,
  ValueSource,
} from '../../host/ingest/table.ts';
import type { RuleName } from '../../host/ingest/normalise.ts';

export const directory = mkdtempSync(join(tmpdir(), 'dpca-ingest-'));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

let serial = 0;

/** Writes a file of its own for one test and returns its path. */
export function file(content: string | Uint8Array, extension = '.csv'): string {
  serial += 1;
  const path = join(directory, `input-${serial}${extension}`);
  writeFileSync(path, content);
  return path;
}

export function columns(
  ...list: [name: string, rule: RuleName, from: string | number][]
): ColumnSource[] {
  return list.map(([name, normalisation, from]) => ({ name, normalisation, from }));
}

/** Whole numbers of the column with the same name, unless `how` says otherwise; bounds that clip nothing. */
export function valueSource(name: string, how: Partial<ValueSource> = {}): ValueSource {
  const [low, high] = [-(2n ** 63n), 2n ** 63n - 1n];
  return { name, from: name, decimals: 0, emptyIsZero: false, low, high, ...how };
}

export const options: ReadOptions = {
  ...{ defaultCountry: null, rowsMax: 1_000_000 },
  ...{ values: [], onDuplicate: 'refuse' },
};

/** Reads CSV text through a file. */
export function readText(
  content: string | Uint8Array,
  wanted: readonly ColumnSource[],
  source: Partial<TableSource> = {},
  change: Partial<ReadOptions> = {},
): Promise<IngestedTable> {
  const where = { path: file(content), format: 'auto', header: true, ...source } as const;
  return readTable(where, wanted, { ...options, ...change });
}

/** Cells by row, null for empty. */
export function rowsOf(table: IngestedTable): (string | null)[][] {
  return Array.from({ length: table.rows }, (_, row) =>
    table.columns.map(({ bytes, offsets }) => {
      const cell = bytes.subarray(offsets[row], offsets[row + 1]);
      return cell.length === 0 ? null : Buffer.from(cell).toString('utf8');
    }),
  );
}

/** The message of the error that `promise` ends in. */
export async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('expected a refusal');
}
