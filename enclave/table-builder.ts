/**
 * Collects the own host's rows, column by column, into packed columns; the core validates the result.
 * @module
 */
import { concat } from '../src/bytes.ts';
import { DpcaError } from '../src/errors.ts';
import type { Table } from '../src/matching/table.ts';
import type { Packed } from '../src/packed.ts';
import type { RowsChunk } from '../src/wire/local.ts';

export class TableBuilder {
  private readonly chunks: Packed[][] = [];
  private finished = false;

  add({ column, cells }: RowsChunk): void {
    if (this.finished)
      throw new DpcaError('ERR_WIRE_UNEXPECTED', 'rows after the end of the table');
    (this.chunks[column] ??= []).push(cells);
  }

  /** The table; `rows` is what the host says it sent (ERR_MATCH_OWN_TABLE if a column has another length). */
  finish(rows: number): Table {
    if (this.finished) throw new DpcaError('ERR_WIRE_UNEXPECTED', 'a second end of the table');
    this.finished = true;
    const columns = Array.from(this.chunks, (chunks) => joinChunks(chunks));
    if (columns.length === 0 || columns.some(({ offsets }) => offsets.length !== rows + 1)) {
      throw new DpcaError('ERR_MATCH_OWN_TABLE', 'expected as many cells in every column as rows');
    }
    this.chunks.length = 0;
    return { rows, columns };
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
