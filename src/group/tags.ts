/**
 * Final tags: the first 16 bytes of double-blinded elements, whose equality decides membership (docs/specification.md section 8).
 * Two of 2^24 different elements share a tag with probability below 2^-80.
 * @module
 */
import { DpcaError } from '../errors.ts';
import type { Rng } from '../rng.ts';
import { assertRecords } from './points.ts';
import { RecordTable } from './record-table.ts';
import { ELEMENT_BYTES, TAG_BYTES } from './suite.ts';

/** Rows that met, as parallel arrays: own[i] and peer[i] hold the same tag; ascending in peer. */
export interface TagPairs {
  readonly own: Uint32Array;
  readonly peer: Uint32Array;
}

/** Cuts double-blinded elements (n * 32 bytes) to tags (n * 16 bytes). */
export function truncateToTags(elements: Uint8Array): Uint8Array {
  const n = elements.length / ELEMENT_BYTES;
  if (!Number.isInteger(n)) throw new DpcaError('ERR_INTERNAL', 'expected whole elements');
  const tags = new Uint8Array(n * TAG_BYTES);
  for (let i = 0; i < tags.length; i++) {
    tags[i] = elements[2 * i - (i % TAG_BYTES)] ?? 0; // a tag is half an element
  }
  return tags;
}

/** A received column of tags: `count` of them (ERR_MATCH_COUNT), none twice (ERR_MATCH_DUPLICATE). */
export function assertTagColumn(tags: Uint8Array, count: number, rng: Rng): void {
  assertRecords(tags, TAG_BYTES, count, rng);
}

/**
 * All pairs of equal tags, in expected linear time.
 * @param own n * 16 bytes, pairwise different (ERR_MATCH_DUPLICATE)
 * @param peer m * 16 bytes that passed {@link assertTagColumn}
 */
export function joinTags(own: Uint8Array, peer: Uint8Array, rng: Rng): TagPairs {
  const table = new RecordTable(own, TAG_BYTES, rng);
  if (!table.insertAll()) {
    throw new DpcaError('ERR_MATCH_DUPLICATE', 'expected different tags in one column');
  }
  const n = peer.length / TAG_BYTES;
  if (!Number.isInteger(n)) throw new DpcaError('ERR_INTERNAL', 'expected whole tags');
  const most = Math.min(n, own.length / TAG_BYTES);
  const ownRows = new Uint32Array(most);
  const peerRows = new Uint32Array(most);
  let found = 0;
  for (let i = 0; i < n; i++) {
    const row = table.find(peer, i);
    if (row < 0) continue;
    // peer tags are different, so at most `most` can be found; one more would mean that the caller did not check
    if (found === most) throw new DpcaError('ERR_MATCH_DUPLICATE', 'expected different tags');
    ownRows[found] = row;
    peerRows[found++] = i;
  }
  return { own: ownRows.slice(0, found), peer: peerRows.slice(0, found) };
}
