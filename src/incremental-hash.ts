/**
 * Hashing of much data as a capability: the platform's hash is many times faster than the core's own.
 * @module
 */

/** A hash under way; `digest` ends it. */
export interface IncrementalHash {
  update(data: Uint8Array): unknown;
  digest(): Uint8Array;
}

export type NewHash = () => IncrementalHash;
