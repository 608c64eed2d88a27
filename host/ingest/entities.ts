/**
 * `--on-duplicate entity`: rows that share an identifier in any key column become one row, transitively, by
 * union-find over typed arrays. docs/privacy.md needs identifiers to be unique within a column; merging keeps that
 * without the loss that dropping repeated cells would bring. The privacy unit is the entity then.
 * @module
 */
import { DpcaError } from '../../src/errors.ts';
import { findDuplicates } from './duplicates.ts';
import type { Combination, IdentifierColumn, MergeReport, ValueColumn } from './table.ts';
import { fitsInt64 } from './values.ts';

/** Rows grouped by entity; entities are numbered by their first rows, ascending. */
interface Groups {
  /** The rows of entity e, ascending: `members[starts[e]]` up to `members[starts[e + 1] - 1]`. */
  readonly members: Uint32Array;
  readonly starts: Uint32Array;
  /** Per column, the rows whose identifier an earlier row holds. */
  readonly repeated: readonly number[];
}

export interface Entities {
  readonly columns: readonly IdentifierColumn[];
  readonly values: readonly ValueColumn[];
  /** The first row of every entity, for messages. */
  readonly firstRows: Uint32Array;
  readonly report: MergeReport;
}

/**
 * Merges rows. An entity has, per key column, the identifier of its first row (in file order) that has one, and
 * per value column the sum, largest or smallest of its rows. No identifier is left twice in a column: all rows that
 * hold it are in one entity, which keeps it once or not at all.
 * @param combine how each value column is combined
 * @param overflow called with value column and first row where a sum leaves signed 64 bits; 0 stands in its place
 */
export function mergeEntities(
  rows: number,
  columns: readonly IdentifierColumn[],
  values: readonly ValueColumn[],
  combine: readonly Combination[],
  overflow: (value: number, firstRow: number) => void,
): Entities {
  const { members, starts, repeated } = groupRows(rows, columns);
  const entities = starts.length - 1;
  const firstRows = new Uint32Array(entities);
  let largestEntity = 0;
  let mergedRows = 0;
  for (let e = 0; e < entities; e++) {
    const size = (starts[e + 1] ?? 0) - (starts[e] ?? 0);
    firstRows[e] = members[starts[e] ?? 0] ?? 0;
    largestEntity = Math.max(largestEntity, size);
    if (size > 1) mergedRows += size;
  }
  const kept = columns.map((column) => keepFirst(column, members, starts));
  const surplusIdentifiers = kept.map((column, i) => {
    const distinct = filled(columns[i]) - (repeated[i] ?? 0);
    return distinct - filled(column);
  });
  const combined = values.map((column, i) => {
    const how = combine[i];
    if (how === undefined)
      throw new DpcaError('ERR_INTERNAL', 'a value column without combination');
    const cells = new BigInt64Array(entities);
    for (let e = 0; e < entities; e++) {
      const value = combineRows(column.cells, members, starts[e] ?? 0, starts[e + 1] ?? 0, how);
      if (fitsInt64(value)) cells[e] = value;
      else overflow(i, firstRows[e] ?? 0);
    }
    return { ...column, cells };
  });
  const report = { rowsRead: rows, mergedRows, largestEntity, surplusIdentifiers };
  return { columns: kept, values: combined, firstRows, report };
}

function groupRows(rows: number, columns: readonly IdentifierColumn[]): Groups {
  const parent = Uint32Array.from({ length: rows }, (_, row) => row);
  const root = (row: number): number => {
    let at = row;
    for (;;) {
      const up = parent[at] ?? at;
      if (up === at) return at;
      const above = parent[up] ?? up;
      parent[at] = above; // path halving
      at = above;
    }
  };
  const repeated = columns.map((column) => {
    let count = 0;
    findDuplicates(column, (first, again) => {
      count += 1;
      const [a, b] = [root(first), root(again)];
      // the smaller row stays the root, so that a root is the first row of its entity
      if (a < b) parent[b] = a;
      else parent[a] = b;
    });
    return count;
  });
  const entityOf = new Uint32Array(rows);
  let entities = 0;
  for (let row = 0; row < rows; row++) {
    const first = root(row);
    entityOf[row] = first === row ? entities++ : (entityOf[first] ?? 0);
  }
  const starts = new Uint32Array(entities + 1);
  for (const entity of entityOf) starts[entity + 1] = (starts[entity + 1] ?? 0) + 1;
  for (let e = 0; e < entities; e++) starts[e + 1] = (starts[e + 1] ?? 0) + (starts[e] ?? 0);
  const next = starts.slice();
  const members = new Uint32Array(rows);
  for (const [row, entity] of entityOf.entries()) {
    const at = next[entity] ?? 0;
    members[at] = row;
    next[entity] = at + 1;
  }
  return { members, starts, repeated };
}

/** The column of entities: each has its first identifier in row order, and is empty when it has none. */
function keepFirst(
  column: IdentifierColumn,
  members: Uint32Array,
  starts: Uint32Array,
): IdentifierColumn {
  const entities = starts.length - 1;
  const from = new Uint32Array(entities);
  const offsets = new Uint32Array(entities + 1);
  for (let e = 0; e < entities; e++) {
    let length = 0;
    for (let i = starts[e] ?? 0; length === 0 && i < (starts[e + 1] ?? 0); i++) {
      const row = members[i] ?? 0;
      from[e] = column.offsets[row] ?? 0;
      length = (column.offsets[row + 1] ?? 0) - (column.offsets[row] ?? 0);
    }
    offsets[e + 1] = (offsets[e] ?? 0) + length;
  }
  const bytes = new Uint8Array(offsets[entities] ?? 0);
  for (let e = 0; e < entities; e++) {
    const [at, end] = [offsets[e] ?? 0, offsets[e + 1] ?? 0];
    const start = from[e] ?? 0;
    bytes.set(column.bytes.subarray(start, start + end - at), at);
  }
  return { name: column.name, bytes, offsets };
}

/** Exact: BigInt does not wrap, so that only the result has to fit. */
function combineRows(
  cells: BigInt64Array,
  members: Uint32Array,
  start: number,
  end: number,
  how: Combination,
): bigint {
  let result = cells[members[start] ?? 0] ?? 0n;
  for (let i = start + 1; i < end; i++) {
    const value = cells[members[i] ?? 0] ?? 0n;
    if (how === 'sum') result += value;
    else if (how === 'max' ? value > result : value < result) result = value;
  }
  return result;
}

/** Cells that are not empty. */
export function filled(column: IdentifierColumn | undefined): number {
  if (column === undefined) return 0;
  let count = 0;
  for (let i = 1; i < column.offsets.length; i++) {
    if (column.offsets[i] !== column.offsets[i - 1]) count += 1;
  }
  return count;
}
