/**
 * Moves of fixed-length records in typed arrays: gather by index, scatter by index.
 * @module
 */
/** Record i of the result is record index[i] of `records`; `size` is the record length in bytes, a multiple of 4. */
export function gather(records: Uint8Array, index: Uint32Array, size: 16 | 32): Uint8Array {
  const words = size / 4;
  const from = aligned(records);
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
  index.forEach((target, i) => (inverse[target] = i));
  return gather(records, inverse, size);
}

function aligned(bytes: Uint8Array): Uint32Array {
  const at4 = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(at4.buffer, at4.byteOffset, at4.length / 4);
}
