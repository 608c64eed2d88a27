/**
 * Collects the own host's rows, column by column, into packed columns of identifiers and columns of values; the core
 * validates the result and clips the values.
 * @module
 */
import { concat } from '../src/bytes.ts';
import { DpcaError } from '../src/errors.ts';
import type { Table } from '../src/matching/table.ts';
import type { Packed } from '../src/packed.ts';
import type { RowsChunk, ValuesChunk } from '../src/wire/local.ts';

export class TableBuilder {
  private readonly rows: Packed[][] = [];
  private readonly values: BigInt64Array[][] = [];
  private finished = false;

  add(chunk: RowsChunk | ValuesChunk): void {
    if (this.finished)
      throw new DpcaError('ERR_WIRE_UNEXPECTED', 'rows after the end of the table');
    if (chunk.kind === 'rows') (this.rows[chunk.column] ??= []).push(chunk.cells);
    else (this.values[chunk.column] ??= []).push(chunk.cells);
  }

  /** The table; `rows` is what the host says it sent (ERR_MATCH_OWN_TABLE if a column has another length). */
  finish(rows: number): Table {
    if (this.finished) throw new DpcaError('ERR_WIRE_UNEXPECTED', 'a second end of the table');
    this.finished = true;
    const columns = Array.from(this.rows, (chunks) => joinChunks(chunks));
    const values = Array.from(this.values, (chunks) => joinValues(chunks));
    let complete = columns.length > 0;
    for (const { offsets } of columns) complete &&= offsets.length === rows + 1;
    for (const cells of values) complete &&= cells.length === rows;
    if (!complete) {
      throw new DpcaError('ERR_MATCH_OWN_TABLE', 'expected as many cells in every column as rows');
    }
    this.rows.length = 0;
    this.values.length = 0;
    return { rows, columns, values };
  }
}

/** `chunks` is undefined for a column that never came. */
function joinChunks(chunks: readonly Packed[] | undefined): Packed {
  const parts = chunks ?? [];
  let cells = 0;
  for (const part of parts) cells += part.offsets.length - 1;
  const offsets = new Uint32Array(cells + 1);
  let row = 0;
  let base = 0;
  for (const part of parts) {
    for (let i = 1; i < part.offsets.length; i++) offsets[++row] = base + (part.offsets[i] ?? 0);
    base += part.bytes.length;
  }
  return { bytes: concat(...parts.map((part) => part.bytes)), offsets };
}

function joinValues(chunks: readonly BigInt64Array[] | undefined): BigInt64Array {
  const parts = chunks ?? [];
  const cells = new BigInt64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    cells.set(part, at);
    at += part.length;
  }
  return cells;
}
