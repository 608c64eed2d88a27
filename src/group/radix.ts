/**
 * Ascending order of 32-bit keys in linear time: radix sort in three passes of 11, 11 and 10 bits, least significant
 * first (Knuth, TAOCP vol. 3, section 5.2.5), on typed arrays. Whoever sorts longer records by a 32-bit key settles the
 * runs of equal keys by comparison.
 * @module
 */

export interface SortedKeys {
  /** Ascending. */
  readonly keys: Uint32Array;
  /** keys[i] was at index order[i]; equal keys keep their order. */
  readonly order: Uint32Array;
}

const BITS = 11;
const DIGITS = 1 << BITS;
const MASK = DIGITS - 1;

/** Sorts; `keys` is scratch memory afterwards. */
export function sortKeys(keys: Uint32Array): SortedKeys {
  const n = keys.length;
  const starts = [0, 1, 2].map(() => new Uint32Array(DIGITS + 1)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  const [low, middle, high] = starts;
  for (let i = 0; i < n; i++) {
    const key = keys[i] ?? 0;
    const a = (key & MASK) + 1;
    const b = ((key >>> BITS) & MASK) + 1;
    const c = (key >>> (2 * BITS)) + 1;
    low[a] = (low[a] ?? 0) + 1;
    middle[b] = (middle[b] ?? 0) + 1;
    high[c] = (high[c] ?? 0) + 1;
  }
  for (const counts of starts) {
    for (let d = 0; d < DIGITS; d++) counts[d + 1] = (counts[d + 1] ?? 0) + (counts[d] ?? 0);
  }
  const out = { keys: new Uint32Array(n), order: new Uint32Array(n) };
  const between = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const key = keys[i] ?? 0;
    const to = low[key & MASK] ?? 0;
    low[key & MASK] = to + 1;
    out.keys[to] = key;
    out.order[to] = i;
  }
  scatter(out.keys, out.order, BITS, middle, keys, between);
  scatter(keys, between, 2 * BITS, high, out.keys, out.order);
  return out;
}

function scatter(
  keys: Uint32Array,
  order: Uint32Array,
  shift: number,
  starts: Uint32Array,
  outKeys: Uint32Array,
  outOrder: Uint32Array,
): void {
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] ?? 0;
    const digit = (key >>> shift) & MASK;
    const to = starts[digit] ?? 0;
    starts[digit] = to + 1;
    outKeys[to] = key;
    outOrder[to] = order[i] ?? 0;
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

/** Is any pair of records behind equal keys equal? For keys that different records rarely share. */
export function anyEqual(sorted: SortedKeys, equal: (i: number, j: number) => boolean): boolean {
  let found = false;
  forEqualKeys(sorted, (indices) => {
    for (let i = 1; !found && i < indices.length; i++) {
      for (let j = 0; !found && j < i; j++) found = equal(indices[i] ?? 0, indices[j] ?? 0);
    }
  });
  return found;
}
