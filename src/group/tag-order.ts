/**
 * Columns of 16-byte tags in ascending order of bytes, in linear time: by the first 32 bits (radix.ts), then by
 * comparison within equal prefixes. Honest tags are uniform, so such groups are rare; for chosen ones the comparison
 * sort keeps the time at n log n.
 * @module
 */
import { DpcaError } from '../errors.ts';
import { forEqualKeys, type SortedKeys, sortKeys } from './radix.ts';
import { TAG_BYTES } from './suite.ts';

/** A column of pairwise different tags, and the order of its indices by tag; the keys are the first 32 bits. */
export interface SortedTags extends SortedKeys {
  /** The tags in the order in which they came. */
  readonly tags: Uint8Array;
}

/** Sorts n * 16 bytes of tags (ERR_MATCH_DUPLICATE). */
export function sortTags(tags: Uint8Array): SortedTags {
  if (tags.length % TAG_BYTES !== 0) throw new DpcaError('ERR_INTERNAL', 'expected whole tags');
  const view = viewOf(tags);
  const firsts = new Uint32Array(tags.length / TAG_BYTES);
  for (let i = 0; i < firsts.length; i++) firsts[i] = view.getUint32(TAG_BYTES * i);
  const sorted = sortKeys(firsts);
  forEqualKeys(sorted, (indices) => {
    indices.sort((i, j) => compareTags(view, i, view, j));
    for (let i = 1; i < indices.length; i++) {
      if (compareTags(view, indices[i - 1] ?? 0, view, indices[i] ?? 0) === 0) {
        throw new DpcaError('ERR_MATCH_DUPLICATE', 'expected different tags in one column');
      }
    }
  });
  return { tags, ...sorted };
}

/** -1, 0 or 1 as tag i of `x` is below, equal to or above tag j of `y`. */
export function compareTags(x: DataView, i: number, y: DataView, j: number): number {
  for (let at = 0; at < TAG_BYTES; at += 4) {
    const a = x.getUint32(TAG_BYTES * i + at);
    const b = y.getUint32(TAG_BYTES * j + at);
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}

export function viewOf(tags: Uint8Array): DataView {
  return new DataView(tags.buffer, tags.byteOffset, tags.length);
}
