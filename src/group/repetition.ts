/**
 * Are two records of a column equal, told by 32-bit keys that different records rarely share, without sorting them all.
 * @module
 */
import { forEqualKeys, sortKeys } from './radix.ts';

/** Bits of the table per key, at least; up to twice as many. */
const SLOTS_PER_KEY = 16;

/**
 * Is any pair of records behind equal keys equal? A bit per slot, the key's low bits, tells the keys that fall into a
 * slot with others, one in 16 or fewer of uniform keys; only those are sorted. Records behind one key are sorted by
 * `compare` (negative, 0, positive), so that keys which many share cost n log n comparisons and not n^2.
 */
export function anyEqual(keys: Uint32Array, compare: (i: number, j: number) => number): boolean {
  const crowded = crowdedKeys(keys);
  let found = false;
  forEqualKeys(sortKeys(crowded.map((i) => keys[i] ?? 0)), (at) => {
    if (found) return;
    const indices = at.map((c) => crowded[c] ?? 0).sort(compare);
    for (let i = 1; !found && i < indices.length; i++) {
      found = compare(indices[i - 1] ?? 0, indices[i] ?? 0) === 0;
    }
  });
  return found;
}

/** The indices, ascending, of keys that share their slot: among them all that have an equal. */
function crowdedKeys(keys: Uint32Array): Uint32Array {
  let slots = 32;
  while (slots < SLOTS_PER_KEY * keys.length && slots < 2 ** 31) slots *= 2;
  const mask = slots - 1;
  const taken = new Int32Array(slots / 32);
  const shared = new Int32Array(slots / 32);
  for (let i = 0; i < keys.length; i++) {
    const slot = (keys[i] ?? 0) & mask;
    const bit = 1 << (slot & 31);
    const before = taken[slot >>> 5] ?? 0;
    if ((before & bit) === 0) taken[slot >>> 5] = before | bit;
    else shared[slot >>> 5] = (shared[slot >>> 5] ?? 0) | bit;
  }
  const crowded = new Uint32Array(keys.length);
  let count = 0;
  for (let i = 0; i < keys.length; i++) {
    const slot = (keys[i] ?? 0) & mask;
    if (((shared[slot >>> 5] ?? 0) & (1 << (slot & 31))) !== 0) crowded[count++] = i;
  }
  return crowded.slice(0, count);
}
