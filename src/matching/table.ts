/**
 * One party's validated table, its values clipped, and the column of hashed messages that is made of it: real rows,
 * this party's versions of the dummy rows, fillers and empties, in the order of a secret permutation.
 * docs/specification.md sections 7 and 8; docs/privacy.md. Trust: inside the enclave.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import type { MaskRow } from '../dp/xor-mask.ts';
import { DpcaError } from '../errors.ts';
import { anyEqual } from '../group/repetition.ts';
import { ELEMENT_TYPE, ElementMessages } from '../group/suite.ts';
import type { Packed } from '../packed.ts';
import type { Rng } from '../rng.ts';
import { MAX_IDENTIFIER_BYTES } from '../wire/limits.ts';

/** Rows of normalised identifiers, one {@link Packed} per key column in priority order; a cell of length 0 is empty. */
export interface Table {
  readonly rows: number;
  readonly columns: readonly Packed[];
  /** This party's value columns in the manifest's order, a cell per row. */
  readonly values: readonly BigInt64Array[];
}

/** What the manifest says about one party's table. */
export interface TableShape {
  /** Key columns. */
  readonly columns: number;
  /** Bounds of this party's value columns, in order: whole numbers within signed 64 bits. */
  readonly values: readonly { readonly low: bigint; readonly high: bigint }[];
  readonly rowsMax: number;
}

/** Bytes of the random value that stands for an empty cell or a filler: it never meets anything. */
const RANDOM_CELL_BYTES = 32;

/** Rows whose identifiers are brought near before they are copied. */
const BLOCK = 256;

/** 32 bits that depend on all bytes; four at a time, each multiplied and its high bits brought down. */
function hashOf(view: DataView, start: number, end: number, seed: number): number {
  let hash = seed ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) hash = mix(hash ^ view.getUint32(at));
  for (; at < end; at++) hash = mix(hash ^ view.getUint8(at));
  return mix(hash);
}

function mix(hash: number): number {
  const product = Math.imul(hash, 0x9e37_79b1);
  return product ^ (product >>> 15);
}

/** Refuses two equal non-empty identifiers in a column: the sensitivity of every size rests on it (docs/privacy.md). */
function assertUnique(column: Packed, index: number, seed: number): void {
  const { bytes, offsets } = column;
  const keys = new Uint32Array(offsets.length - 1);
  const rows = new Uint32Array(keys.length);
  const view = viewOf(bytes);
  let filled = 0;
  for (let row = 0; row < rows.length; row++) {
    const start = offsets[row] ?? 0;
    const end = offsets[row + 1] ?? 0;
    if (start === end) continue;
    keys[filled] = hashOf(view, start, end, seed);
    rows[filled++] = row;
  }
  const compare = (i: number, j: number): number => {
    const [a, b] = [rows[i] ?? 0, rows[j] ?? 0];
    const start = offsets[a] ?? 0;
    const length = (offsets[a + 1] ?? 0) - start;
    const from = offsets[b] ?? 0;
    const otherLength = (offsets[b + 1] ?? 0) - from;
    if (length !== otherLength) return length - otherLength;
    let at = 0;
    while (at < length && bytes[start + at] === bytes[from + at]) at += 1;
    return at === length ? 0 : (bytes[start + at] ?? 0) - (bytes[from + at] ?? 0);
  };
  if (anyEqual(keys.subarray(0, filled), compare)) {
    throw new DpcaError(
      'ERR_MATCH_OWN_TABLE',
      `key column ${index + 1}: two rows hold the same identifier; expected distinct ones`,
    );
  }
}

/**
 * Checks the own table before anything is charged or sent: k columns of one length, 1..rowsMax rows, identifiers of
 * at most MAX_IDENTIFIER_BYTES, no identifier twice in a column, a value per row (ERR_MATCH_OWN_TABLE, ERR_INPUT_ROWS).
 * Returns the table with every value clipped to its bounds: the sensitivity of every sum rests on that, so it is done
 * here and not by the host.
 */
export function validateTable(table: Table, shape: TableShape, rng: Rng): Table {
  const { columns, values, rowsMax } = shape;
  if (table.columns.length !== columns || table.values.length !== values.length) {
    const expected = `expected ${columns} key columns and ${values.length} value columns`;
    throw new DpcaError('ERR_MATCH_OWN_TABLE', expected);
  }
  if (!Number.isInteger(table.rows) || table.rows < 1 || table.rows > rowsMax) {
    throw new DpcaError('ERR_INPUT_ROWS', `expected 1 to ${rowsMax} rows, as the manifest says`);
  }
  const clipped = values.map(({ low, high }, index) => {
    const cells = table.values[index];
    if (cells?.length !== table.rows) {
      const expected = `value column ${index + 1}: expected one value per row`;
      throw new DpcaError('ERR_MATCH_OWN_TABLE', expected);
    }
    return cells.map((value) => (value < low ? low : value > high ? high : value));
  });
  table.columns.forEach((column, index) => {
    const { bytes, offsets } = column;
    let well = offsets.length === table.rows + 1 && offsets[0] === 0;
    well &&= offsets[table.rows] === bytes.length;
    for (let row = 0; well && row < table.rows; row++) {
      const length = (offsets[row + 1] ?? 0) - (offsets[row] ?? 0);
      well = length >= 0 && length <= MAX_IDENTIFIER_BYTES;
    }
    if (!well) {
      throw new DpcaError('ERR_MATCH_OWN_TABLE', `key column ${index + 1} is not well-formed`);
    }
    const seed = new DataView(rng(4).buffer).getUint32(0);
    assertUnique(column, index, seed);
  });
  return { rows: table.rows, columns: table.columns, values: clipped };
}

/**
 * The messages to hash for key column `column`: message p is that of row order[p]; rows below table.rows are real, the
 * others are `mask[row - table.rows]`. Empty cells and fillers are fresh random values in every run, so each row may
 * be asked for only once. `order` is any part of the secret permutation of all rows.
 */
export function columnMessages(
  table: Table,
  mask: readonly MaskRow[],
  column: number,
  order: Uint32Array,
  runDigest: Bytes<16>,
  rng: Rng,
): Packed {
  const cells = table.columns[column];
  if (cells === undefined) throw new DpcaError('ERR_INTERNAL', 'no such key column');
  const { bytes, offsets } = cells;
  const dummyAt = (row: number): MaskRow | undefined => {
    const dummy = mask[row - table.rows];
    if (dummy === undefined) throw new DpcaError('ERR_INTERNAL', 'no such row');
    return dummy.column === column ? dummy : undefined;
  };
  const otherLength = (row: number): number => dummyAt(row)?.identifier.length ?? 0;
  const bounds = boundsOf(order, offsets, table.rows);
  const { total, fresh } = measure(order, bounds, table.rows, otherLength);
  const identifiers = viewOf(bytes);
  const random = viewOf(rng(fresh * RANDOM_CELL_BYTES));
  const messages = new ElementMessages(runDigest, column, order.length, total);
  let drawn = 0;
  const addRandom = (type: number): void => {
    messages.add(type, random, drawn, drawn + RANDOM_CELL_BYTES);
    drawn += RANDOM_CELL_BYTES;
  };
  const addOther = (row: number): void => {
    if (row < table.rows) return addRandom(ELEMENT_TYPE.empty);
    const dummy = dummyAt(row);
    if (dummy === undefined) return addRandom(ELEMENT_TYPE.filler);
    const { identifier } = dummy;
    messages.add(ELEMENT_TYPE.dummy, viewOf(identifier), 0, identifier.length);
  };
  const near = new Uint8Array(BLOCK);
  for (let first = 0; first < order.length; first += BLOCK) {
    const rows = order.subarray(first, first + BLOCK);
    const within = bounds.subarray(2 * first, 2 * (first + BLOCK));
    bringNear(near, within, bytes);
    addRows(messages, rows, within, identifiers, addOther);
  }
  return messages.finish();
}

/*
 * One loop each, because an engine that replaces a running loop by optimised code knows nothing yet of the loops behind
 * it, and would compile a function of three again at each of them.
 */

/** Start and end of the identifier of each row of `order`; 0 and 0 for rows that are not real. */
function boundsOf(order: Uint32Array, offsets: Uint32Array, realRows: number): Uint32Array {
  const bounds = new Uint32Array(2 * order.length);
  for (let i = 0; i < order.length; i++) {
    const row = order[i] ?? 0;
    if (row >= realRows) continue;
    bounds[2 * i] = offsets[row] ?? 0;
    bounds[2 * i + 1] = offsets[row + 1] ?? 0;
  }
  return bounds;
}

/** Bytes of the identifiers of `order`, and how many of its rows get a random one. */
function measure(
  order: Uint32Array,
  bounds: Uint32Array,
  realRows: number,
  otherLength: (row: number) => number,
): { readonly total: number; readonly fresh: number } {
  let total = 0;
  let fresh = 0;
  for (let i = 0; i < order.length; i++) {
    const row = order[i] ?? 0;
    const length =
      row < realRows ? (bounds[2 * i + 1] ?? 0) - (bounds[2 * i] ?? 0) : otherLength(row);
    total += length > 0 ? length : RANDOM_CELL_BYTES;
    if (length === 0) fresh += 1;
  }
  return { total, fresh };
}

/** Rows lie far apart: loads that wait for nothing overlap, and the copies that follow find their bytes near. */
function bringNear(near: Uint8Array, bounds: Uint32Array, bytes: Uint8Array): void {
  for (let i = 0; 2 * i < bounds.length; i++) {
    near[i] =
      (bytes[bounds[2 * i] ?? 0] ?? 0) ^ (bytes[Math.max(bounds[2 * i + 1] ?? 0, 1) - 1] ?? 0);
  }
}

function addRows(
  messages: ElementMessages,
  rows: Uint32Array,
  bounds: Uint32Array,
  identifiers: DataView,
  addOther: (row: number) => void,
): void {
  for (let i = 0; i < rows.length; i++) {
    const start = bounds[2 * i] ?? 0;
    const end = bounds[2 * i + 1] ?? 0;
    if (end > start) messages.add(ELEMENT_TYPE.real, identifiers, start, end);
    else addOther(rows[i] ?? 0);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
