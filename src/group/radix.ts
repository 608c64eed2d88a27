/**
 * Ascending order of 32-bit keys in linear time: radix sort in two passes of 16 bits, least significant first (Knuth,
 * TAOCP vol. 3, section 5.2.5), on typed arrays. Whoever sorts longer records by a 32-bit key settles the runs of equal
 * keys by comparison.
 * @module
 */

export interface SortedKeys {
  /** Ascending. */
  readonly keys: Uint32Array;
  /** keys[i] was at index order[i]; equal keys keep their order. */
  readonly order: Uint32Array;
}

const BITS = 16;
const DIGITS = 1 << BITS;
const MASK = DIGITS - 1;

/** Sorts `keys` in place and returns it with the order. */
export function sortKeys(keys: Uint32Array): SortedKeys {
  const n = keys.length;
  const low = new Uint32Array(DIGITS);
  const high = new Uint32Array(DIGITS);
  for (let i = 0; i < n; i++) {
    const key = keys[i] ?? 0;
    low[key & MASK] = (low[key & MASK] ?? 0) + 1;
    high[key >>> BITS] = (high[key >>> BITS] ?? 0) + 1;
  }
  countsToStarts(low);
  countsToStarts(high);
  const half = { keys: new Uint32Array(n), order: new Uint32Array(n) };
  for (let i = 0; i < n; i++) {
    const key = keys[i] ?? 0;
    const to = low[key & MASK] ?? 0;
    low[key & MASK] = to + 1;
    half.keys[to] = key;
    half.order[to] = i;
  }
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const key = half.keys[i] ?? 0;
    const to = high[key >>> BITS] ?? 0;
    high[key >>> BITS] = to + 1;
    keys[to] = key;
    order[to] = half.order[i] ?? 0;
  }
  return { keys, order };
}

function countsToStarts(counts: Uint32Array): void {
  let start = 0;
  for (let digit = 0; digit < counts.length; digit++) {
    const count = counts[digit] ?? 0;
    counts[digit] = start;
    start += count;
  }
}

/** Calls `settle` with each part of `order` whose keys are equal and more than one. */
export function forEqualKeys(
  { keys, order }: SortedKeys,
  settle: (indices: Uint32Array) => void,
): void {
  for (let from = 0; from < keys.length;) {
    let to = from + 1;
    while (to < keys.length && keys[to] === keys[from]) to += 1;
    if (to - from > 1) settle(order.subarray(from, to));
    from = to;
  }
}
