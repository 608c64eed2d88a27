/**
 * Final tags: the first 16 bytes of double-blinded elements, whose equality decides membership (docs/specification.md section 8).
 * Two of 2^24 different elements share a tag with probability below 2^-80.
 * @module
 */
import { wordsOf } from '../bytes.ts';
import { DpcaError } from '../errors.ts';
import { ELEMENT_BYTES } from './suite.ts';
import { compareTags, type SortedTags, viewOf } from './tag-order.ts';

/** Rows that met, as parallel arrays: own[i] and peer[i] hold the same tag; ascending in tag. */
export interface TagPairs {
  readonly own: Uint32Array;
  readonly peer: Uint32Array;
}

/** Cuts double-blinded elements (n * 32 bytes) to tags (n * 16 bytes). */
export function truncateToTags(elements: Uint8Array): Uint8Array {
  const n = elements.length / ELEMENT_BYTES;
  if (!Number.isInteger(n)) throw new DpcaError('ERR_INTERNAL', 'expected whole elements');
  const from = wordsOf(elements);
  const tags = new Uint32Array(4 * n);
  for (let i = 0, at = 0; i < tags.length; i += 4, at += 8) {
    for (let w = 0; w < 4; w++) tags[i + w] = from[at + w] ?? 0;
  }
  return new Uint8Array(tags.buffer);
}

/** All pairs of equal tags, by merging; whole tags are looked at where first words agree. */
export function joinTags(own: SortedTags, peer: SortedTags): TagPairs {
  const pairs = pairFirstWords(own, peer);
  const [x, y] = [wordsOf(own.tags), wordsOf(peer.tags)];
  let found = 0;
  // apart from the merge, so that no load from afar waits for another
  for (let p = 0; p < pairs.own.length; p++) {
    const i = pairs.own[p] ?? 0;
    const j = pairs.peer[p] ?? 0;
    const a = 4 * i;
    const b = 4 * j;
    if (x[a + 1] !== y[b + 1] || x[a + 2] !== y[b + 2] || x[a + 3] !== y[b + 3]) continue;
    pairs.own[found] = i;
    pairs.peer[found++] = j;
  }
  return { own: pairs.own.slice(0, found), peer: pairs.peer.slice(0, found) };
}

/** Pairs of tags with the same first word: all pairs of equal tags, and few others. */
function pairFirstWords(own: SortedTags, peer: SortedTags): TagPairs {
  const [n, m] = [own.keys.length, peer.keys.length];
  const [x, y] = [viewOf(own.tags), viewOf(peer.tags)];
  const pairs = { own: new Uint32Array(Math.min(n, m)), peer: new Uint32Array(Math.min(n, m)) };
  let found = 0;
  for (let i = 0, j = 0; i < n && j < m;) {
    const a = own.keys[i] ?? 0;
    const b = peer.keys[j] ?? 0;
    if (a !== b) {
      // sums, not branches, which nobody could predict
      i += Number(a < b);
      j += Number(b < a);
      continue;
    }
    const ownRow = own.order[i] ?? 0;
    const peerRow = peer.order[j] ?? 0;
    // several tags of a column with this first word meet in their order
    const several = (i + 1 < n && own.keys[i + 1] === a) || (j + 1 < m && peer.keys[j + 1] === a);
    const order = several ? compareTags(x, ownRow, y, peerRow) : 0;
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
    if (order !== 0) continue;
    pairs.own[found] = ownRow;
    pairs.peer[found++] = peerRow;
  }
  return { own: pairs.own.subarray(0, found), peer: pairs.peer.subarray(0, found) };
}
