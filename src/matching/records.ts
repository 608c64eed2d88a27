/**
 * Moves of words and of fixed-length records in typed arrays: gather by index, scatter by index, removal.
 * @module
 */
import { wordsOf } from '../bytes.ts';

/** Record i of the result is record index[i] of `records`; `size` is the record length in bytes, a multiple of 4. */
export function gather(records: Uint8Array, index: Uint32Array, size: 16 | 32): Uint8Array {
  const words = size / 4;
  const from = wordsOf(records);
  const to = new Uint32Array(index.length * words);
  for (let i = 0; i < index.length; i++) {
    const base = (index[i] ?? 0) * words;
    for (let w = 0; w < words; w++) to[i * words + w] = from[base + w] ?? 0;
  }
  return new Uint8Array(to.buffer);
}

/** Record index[i] of the result is record i of `records`; `index` is a permutation. */
export function scatter(records: Uint8Array, index: Uint32Array, size: 16 | 32): Uint8Array {
  const inverse = new Uint32Array(index.length);
  for (let i = 0; i < index.length; i++) inverse[index[i] ?? 0] = i;
  return gather(records, inverse, size);
}

/** Word i of the result is word index[i] of `words`. */
export function gatherWords(words: Uint32Array, index: Uint32Array): Uint32Array {
  const out = new Uint32Array(index.length);
  for (let i = 0; i < out.length; i++) out[i] = words[index[i] ?? 0] ?? 0;
  return out;
}

/** The words in their order, but for those at the different indices `removed`. */
export function without(words: Uint32Array, removed: Uint32Array): Uint32Array {
  const gone = new Uint8Array(words.length);
  for (const index of removed) gone[index] = 1;
  const out = new Uint32Array(words.length - removed.length);
  let at = 0;
  for (let i = 0; i < words.length; i++) if (gone[i] === 0) out[at++] = words[i] ?? 0;
  return out;
}
