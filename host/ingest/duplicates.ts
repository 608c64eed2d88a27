/**
 * Repeated identifiers of one packed column, by an open-addressing table of row numbers: eight bytes or less per
 * row while it runs, no string. Hashes only choose where to look; equality is decided on the bytes.
 * @module
 */
import type { IdentifierColumn } from './table.ts';

/** Calls `found` for every cell whose identifier an earlier row (its first occurrence) holds. Rows from 0. */
export function findDuplicates(
  column: IdentifierColumn,
  found: (first: number, again: number) => void,
): void {
  const { bytes, offsets } = column;
  const rows = offsets.length - 1;
  const slots = new Uint32Array(2 ** Math.ceil(Math.log2(1.5 * rows + 1))); // row + 1, 0 is free
  const mask = slots.length - 1;
  for (let row = 0; row < rows; row++) {
    const start = offsets[row] ?? 0;
    const end = offsets[row + 1] ?? 0;
    if (start === end) continue;
    let slot = hash(bytes, start, end) & mask;
    for (;;) {
      const held = slots[slot] ?? 0;
      if (held === 0) {
        slots[slot] = row + 1;
        break;
      }
      if (sameBytes(bytes, offsets[held - 1] ?? 0, offsets[held] ?? 0, start, end)) {
        found(held - 1, row);
        break;
      }
      slot = (slot + 1) & mask;
    }
  }
}

/** FNV-1a with the finaliser of MurmurHash3: spreads well and nobody but the owner chooses the input. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let h = 0x811c9dc5;
  for (let i = start; i < end; i++) h = Math.imul(h ^ (bytes[i] ?? 0), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function sameBytes(b: Uint8Array, s1: number, e1: number, s2: number, e2: number): boolean {
  if (e1 - s1 !== e2 - s2) return false;
  for (let i = 0; i < e1 - s1; i++) if (b[s1 + i] !== b[s2 + i]) return false;
  return true;
}
