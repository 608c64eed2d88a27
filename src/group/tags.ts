/**
 * Final tags: the first 16 bytes of double-blinded elements, whose equality decides membership (docs/specification.md section 8).
 * Two of 2^24 different elements share a tag with probability below 2^-80.
 * @module
 */
import { DpcaError } from '../errors.ts';
import { ELEMENT_BYTES, TAG_BYTES } from './suite.ts';
import { compareTags, tagOrder, tagWords } from './tag-order.ts';

/** Rows that met, as parallel arrays: own[i] and peer[i] hold the same tag; ascending in tag. */
export interface TagPairs {
  readonly own: Uint32Array;
  readonly peer: Uint32Array;
}

/** Cuts double-blinded elements (n * 32 bytes) to tags (n * 16 bytes). */
export function truncateToTags(elements: Uint8Array): Uint8Array {
  const n = elements.length / ELEMENT_BYTES;
  if (!Number.isInteger(n)) throw new DpcaError('ERR_INTERNAL', 'expected whole elements');
  const tags = new Uint8Array(n * TAG_BYTES);
  for (let i = 0; i < n; i++) {
    const from = i * ELEMENT_BYTES;
    const to = i * TAG_BYTES;
    for (let j = 0; j < TAG_BYTES; j++) tags[to + j] = elements[from + j] ?? 0;
  }
  return tags;
}

/** A column of pairwise different tags, and the order of its indices by tag. */
export interface SortedTags {
  /** Four big-endian words per tag, in the order in which they came. */
  readonly words: Uint32Array;
  readonly order: Uint32Array;
}

/** The ascending order of tags given as words (ERR_MATCH_DUPLICATE if one is there twice). */
export function differentTags(words: Uint32Array): Uint32Array {
  const order = tagOrder(words);
  for (let i = 1; i < order.length; i++) {
    if (compareTags(words, order[i - 1] ?? 0, words, order[i] ?? 0) === 0) {
      throw new DpcaError('ERR_MATCH_DUPLICATE', 'expected different tags in one column');
    }
  }
  return order;
}

/** Sorts n * 16 bytes of tags (ERR_MATCH_DUPLICATE). */
export function sortTags(tags: Uint8Array): SortedTags {
  if (tags.length % TAG_BYTES !== 0) throw new DpcaError('ERR_INTERNAL', 'expected whole tags');
  const words = tagWords(tags);
  return { words, order: differentTags(words) };
}

/** All pairs of equal tags, by merging. */
export function joinTags(own: SortedTags, peer: SortedTags): TagPairs {
  const most = Math.min(own.order.length, peer.order.length);
  const ownRows = new Uint32Array(most);
  const peerRows = new Uint32Array(most);
  let found = 0;
  for (let i = 0, j = 0; i < own.order.length && j < peer.order.length;) {
    const x = own.order[i] ?? 0;
    const y = peer.order[j] ?? 0;
    const order = compareTags(own.words, x, peer.words, y);
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
    if (order !== 0) continue;
    ownRows[found] = x;
    peerRows[found++] = y;
  }
  return { own: ownRows.slice(0, found), peer: peerRows.slice(0, found) };
}
