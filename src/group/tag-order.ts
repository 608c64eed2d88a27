/**
 * Ascending order of 16-byte tags in linear time: radix sort on the first 32 bits (three passes of 11, 11 and 10
 * bits, least significant first; Knuth, TAOCP vol. 3, section 5.2.5), then comparison within equal prefixes. Honest
 * tags are uniform, so such groups are rare; for chosen ones the comparison sort keeps the time at n log n.
 * @module
 */
import { TAG_BYTES } from './suite.ts';

/** 32-bit words of a tag. */
export const TAG_WORDS: number = TAG_BYTES / 4;
const PASSES = [
  { shift: 0, bits: 11 },
  { shift: 11, bits: 11 },
  { shift: 22, bits: 10 },
] as const;

/** Tags as big-endian words, so that words compare as bytes do: four per tag. */
export function tagWords(tags: Uint8Array): Uint32Array {
  const view = new DataView(tags.buffer, tags.byteOffset, tags.length);
  const words = new Uint32Array(tags.length / 4);
  for (let i = 0; i < words.length; i++) words[i] = view.getUint32(4 * i);
  return words;
}

/** -1, 0 or 1 as tag i of `x` is below, equal to or above tag j of `y`. */
export function compareTags(x: Uint32Array, i: number, y: Uint32Array, j: number): number {
  for (let w = 0; w < TAG_WORDS; w++) {
    const a = x[TAG_WORDS * i + w] ?? 0;
    const b = y[TAG_WORDS * j + w] ?? 0;
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}

/** Indices of the tags in ascending order; `words` is what {@link tagWords} gives. */
export function tagOrder(words: Uint32Array): Uint32Array {
  const n = words.length / TAG_WORDS;
  let order = new Uint32Array(n);
  let keys = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    order[i] = i;
    keys[i] = words[TAG_WORDS * i] ?? 0;
  }
  let nextOrder = new Uint32Array(n);
  let nextKeys = new Uint32Array(n);
  for (const { shift, bits } of PASSES) {
    const mask = (1 << bits) - 1;
    const starts = new Uint32Array(mask + 2);
    for (let i = 0; i < n; i++) {
      const digit = ((keys[i] ?? 0) >>> shift) & mask;
      starts[digit + 1] = (starts[digit + 1] ?? 0) + 1;
    }
    for (let digit = 0; digit < mask; digit++) {
      starts[digit + 1] = (starts[digit + 1] ?? 0) + (starts[digit] ?? 0);
    }
    for (let i = 0; i < n; i++) {
      const key = keys[i] ?? 0;
      const digit = (key >>> shift) & mask;
      const to = starts[digit] ?? 0;
      starts[digit] = to + 1;
      nextKeys[to] = key;
      nextOrder[to] = order[i] ?? 0;
    }
    [keys, nextKeys] = [nextKeys, keys];
    [order, nextOrder] = [nextOrder, order];
  }
  for (let from = 0; from < n;) {
    let to = from + 1;
    while (to < n && keys[to] === keys[from]) to += 1;
    if (to - from > 1) {
      order.subarray(from, to).sort((i, j) => compareTags(words, i, words, j));
    }
    from = to;
  }
  return order;
}

/** Tag i of the result is tag index[i] of `words`. */
export function gatherTags(words: Uint32Array, index: Uint32Array): Uint32Array {
  const out = new Uint32Array(index.length * TAG_WORDS);
  for (let i = 0; i < index.length; i++) {
    const from = (index[i] ?? 0) * TAG_WORDS;
    for (let w = 0; w < TAG_WORDS; w++) out[i * TAG_WORDS + w] = words[from + w] ?? 0;
  }
  return out;
}
