/**
 * One party's validated table, and the column of hashed messages that is made of it: real rows, this party's
 * versions of the dummy rows, fillers and empties, in the order of a secret permutation.
 * docs/specification.md sections 7 and 8; docs/privacy.md. Trust: inside the enclave.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import type { MaskRow } from '../dp/xor-mask.ts';
import { DpcaError } from '../errors.ts';
import { ELEMENT_TYPE, packElementMessages } from '../group/suite.ts';
import type { Packed } from '../packed.ts';
import type { Rng } from '../rng.ts';
import { MAX_IDENTIFIER_BYTES } from '../wire/limits.ts';

/** Rows of normalised identifiers, one {@link Packed} per key column in priority order; a cell of length 0 is empty. */
export interface Table {
  readonly rows: number;
  readonly columns: readonly Packed[];
}

/** Bytes of the random value that stands for an empty cell or a filler: it never meets anything. */
const RANDOM_CELL_BYTES = 32;

const FNV_PRIME = 0x0100_0193;

/** Refuses two equal non-empty identifiers in a column: the sensitivity of every size rests on it (docs/privacy.md). */
function assertUnique(column: Packed, index: number, seed: number): void {
  const { bytes, offsets } = column;
  const n = offsets.length - 1;
  let slots = 16;
  while (slots < 2 * n) slots *= 2;
  const table = new Int32Array(slots).fill(-1);
  for (let row = 0; row < n; row++) {
    const start = offsets[row] ?? 0;
    const end = offsets[row + 1] ?? 0;
    if (start === end) continue;
    let hash = seed;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), FNV_PRIME);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85eb_ca6b);
    let slot = (hash ^ (hash >>> 13)) & (slots - 1);
    for (;;) {
      const other = table[slot] ?? -1;
      if (other < 0) break;
      const from = offsets[other] ?? 0;
      if ((offsets[other + 1] ?? 0) - from === end - start) {
        let same = true;
        for (let i = 0; same && i < end - start; i++) same = bytes[from + i] === bytes[start + i];
        if (same) {
          throw new DpcaError(
            'ERR_MATCH_OWN_TABLE',
            `key column ${index + 1}: two rows hold the same identifier; expected distinct ones`,
          );
        }
      }
      slot = (slot + 1) & (slots - 1);
    }
    table[slot] = row;
  }
}

/**
 * Checks the own table before anything is charged or sent: k columns of one length, 1..rowsMax rows, identifiers of
 * at most MAX_IDENTIFIER_BYTES, no identifier twice in a column (ERR_MATCH_OWN_TABLE, ERR_INPUT_ROWS).
 */
export function validateTable(table: Table, columns: number, rowsMax: number, rng: Rng): void {
  if (table.columns.length !== columns) {
    throw new DpcaError('ERR_MATCH_OWN_TABLE', `expected ${columns} key columns`);
  }
  if (!Number.isInteger(table.rows) || table.rows < 1 || table.rows > rowsMax) {
    throw new DpcaError('ERR_INPUT_ROWS', `expected 1 to ${rowsMax} rows, as the manifest says`);
  }
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
}

/**
 * The messages to hash for key column `column`: position p holds row order[p]; rows below table.rows are real, the
 * others are `mask[row - table.rows]`. Empty cells and fillers are fresh random values in every run.
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
  if (cells === undefined || order.length !== table.rows + mask.length) {
    throw new DpcaError('ERR_INTERNAL', 'the permutation does not fit the table');
  }
  const types = new Uint8Array(order.length);
  const offsets = new Uint32Array(order.length + 1);
  const lengthOf = (row: number): number => {
    if (row >= table.rows) return mask[row - table.rows]?.identifier.length ?? 0;
    return (cells.offsets[row + 1] ?? 0) - (cells.offsets[row] ?? 0);
  };
  let total = 0;
  order.forEach((row, p) => {
    const dummy = row >= table.rows;
    const own = !dummy || mask[row - table.rows]?.column === column;
    const length = own ? lengthOf(row) : 0;
    if (dummy) types[p] = own ? ELEMENT_TYPE.dummy : ELEMENT_TYPE.filler;
    else types[p] = length > 0 ? ELEMENT_TYPE.real : ELEMENT_TYPE.empty;
    total += length > 0 ? length : RANDOM_CELL_BYTES;
    offsets[p + 1] = total;
  });
  const bytes = new Uint8Array(total);
  order.forEach((row, p) => {
    const at = offsets[p] ?? 0;
    const type = types[p];
    if (type === ELEMENT_TYPE.real) {
      bytes.set(cells.bytes.subarray(cells.offsets[row], cells.offsets[row + 1]), at);
    } else if (type === ELEMENT_TYPE.dummy) {
      bytes.set(mask[row - table.rows]?.identifier ?? rng(RANDOM_CELL_BYTES), at);
    } else bytes.set(rng(RANDOM_CELL_BYTES), at);
  });
  return packElementMessages(runDigest, column, types, { bytes, offsets });
}
