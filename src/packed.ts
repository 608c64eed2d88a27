/**
 * Many byte strings in one buffer, so that a million identifiers are two objects and not a million.
 * @module
 */

/** n byte strings: string i is `bytes.subarray(offsets[i], offsets[i + 1])`; n + 1 offsets from 0. */
export interface Packed {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}

/** Packs separate byte strings; for small lists, the data path fills a {@link Packed} itself. */
export function pack(parts: readonly Uint8Array[]): Packed {
  const offsets = new Uint32Array(parts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] ?? 0) + part.length));
  const bytes = new Uint8Array(offsets[parts.length] ?? 0);
  parts.forEach((part, i) => bytes.set(part, offsets[i]));
  return { bytes, offsets };
}
