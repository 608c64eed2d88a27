/**
 * Columns of 16-byte tags as words, and their ascending order in linear time: by the first 32 bits (radix.ts), then by
 * comparison within equal prefixes. Honest tags are uniform, so such groups are rare; for chosen ones the comparison
 * sort keeps the time at n log n.
 * @module
 */
import { DpcaError } from '../errors.ts';
import { forEqualKeys, type SortedKeys, sortKeys } from './radix.ts';
import { TAG_BYTES } from './suite.ts';

/** 32-bit words of a tag. */
export const TAG_WORDS: number = TAG_BYTES / 4;

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

/** Ascending order of pairwise different tags, with their first words as keys (ERR_MATCH_DUPLICATE). */
export function tagOrder(words: Uint32Array): SortedKeys {
  const firsts = new Uint32Array(words.length / TAG_WORDS);
  for (let i = 0; i < firsts.length; i++) firsts[i] = words[TAG_WORDS * i] ?? 0;
  const sorted = sortKeys(firsts);
  forEqualKeys(sorted, (indices) => {
    indices.sort((i, j) => compareTags(words, i, words, j));
    for (let i = 1; i < indices.length; i++) {
      if (compareTags(words, indices[i - 1] ?? 0, words, indices[i] ?? 0) === 0) {
        throw new DpcaError('ERR_MATCH_DUPLICATE', 'expected different tags in one column');
      }
    }
  });
  return sorted;
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
