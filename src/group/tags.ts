/**
 * Final tags: the first 16 bytes of double-blinded elements, whose equality decides membership (docs/specification.md section 8).
 * Two of 2^24 different elements share a tag with probability below 2^-80.
 * @module
 */
import { DpcaError } from '../errors.ts';
import type { SortedKeys } from './radix.ts';
import { ELEMENT_BYTES, TAG_BYTES } from './suite.ts';
import { compareTags, TAG_WORDS, tagOrder, tagWords } from './tag-order.ts';

/** Rows that met, as parallel arrays: own[i] and peer[i] hold the same tag; ascending in tag. */
export interface TagPairs {
  readonly own: Uint32Array;
  readonly peer: Uint32Array;
}

/** Cuts double-blinded elements (n * 32 bytes) to tags (n * 16 bytes). */
export function truncateToTags(elements: Uint8Array): Uint8Array {
  const n = elements.length / ELEMENT_BYTES;
  if (!Number.isInteger(n)) throw new DpcaError('ERR_INTERNAL', 'expected whole elements');
  const { buffer, byteOffset } = elements.byteOffset % 4 === 0 ? elements : elements.slice();
  const from = new Uint32Array(buffer, byteOffset, elements.length / 4);
  const tags = new Uint32Array(n * TAG_WORDS);
  for (let i = 0; i < n; i++) {
    for (let w = 0; w < TAG_WORDS; w++) tags[TAG_WORDS * i + w] = from[2 * TAG_WORDS * i + w] ?? 0;
  }
  return new Uint8Array(tags.buffer);
}

/** A column of pairwise different tags, and the order of its indices by tag; the keys are first words. */
export interface SortedTags extends SortedKeys {
  /** Four big-endian words per tag, in the order in which they came. */
  readonly words: Uint32Array;
}

/** Sorts n * 16 bytes of tags (ERR_MATCH_DUPLICATE). */
export function sortTags(tags: Uint8Array): SortedTags {
  if (tags.length % TAG_BYTES !== 0) throw new DpcaError('ERR_INTERNAL', 'expected whole tags');
  const words = tagWords(tags);
  return { words, ...tagOrder(words) };
}

/** All pairs of equal tags, by merging; whole tags are looked at where first words agree. */
export function joinTags(own: SortedTags, peer: SortedTags): TagPairs {
  const most = Math.min(own.order.length, peer.order.length);
  const ownRows = new Uint32Array(most);
  const peerRows = new Uint32Array(most);
  let found = 0;
  for (let i = 0, j = 0; i < own.order.length && j < peer.order.length;) {
    const a = own.keys[i] ?? 0;
    const b = peer.keys[j] ?? 0;
    if (a !== b) {
      if (a < b) i += 1;
      else j += 1;
      continue;
    }
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
