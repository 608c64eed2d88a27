/**
 * Hash table over fixed-length records of one buffer: finds repeated records and joins two buffers in linear time,
 * without an object per record.
 *
 * Received points are chosen by the peer, so the hash is simple tabulation with fresh secret tables: linear probing
 * then takes expected constant time for *every* set of distinct keys (Patrascu and Thorup, The Power of Simple
 * Tabulation Hashing, 2011). Equal records are not probed twice: the first repetition is reported.
 * @module
 */
import { DpcaError } from '../errors.ts';
import type { Rng } from '../rng.ts';

/** Slot layout: record index + 1 (0 = free), then the record's full 32-bit hash. */
const SLOT_WORDS = 2;

export class RecordTable {
  private readonly records: Uint8Array;
  private readonly size: number;
  private readonly tables: Uint32Array;
  private readonly slots: Uint32Array;
  private readonly mask: number;

  /**
   * An empty table for the records of `records`.
   * @param size bytes per record; divides the length of `records`
   * @param rng source of the secret hash tables (size KiB)
   */
  constructor(records: Uint8Array, size: number, rng: Rng) {
    const random = rng(size * 1024);
    if (records.length % size !== 0 || random.length !== size * 1024) {
      throw new DpcaError('ERR_INTERNAL', 'expected whole records and enough randomness');
    }
    this.records = records;
    this.size = size;
    this.tables = new Uint32Array(random.slice().buffer);
    let capacity = 16;
    while (capacity < 1.5 * (records.length / size)) capacity *= 2;
    this.slots = new Uint32Array(SLOT_WORDS * capacity);
    this.mask = capacity - 1;
  }

  /** Inserts every record; false at the first one that is equal to an earlier one. */
  insertAll(): boolean {
    const n = this.records.length / this.size;
    for (let i = 0; i < n; i++) {
      const hash = this.hash(this.records, i);
      const slot = this.slotOf(this.records, i, hash);
      if (this.slots[slot] !== 0) return false;
      this.slots[slot] = i + 1;
      this.slots[slot + 1] = hash;
    }
    return true;
  }

  /** Index of the inserted record equal to record `i` of `others`, or -1. */
  find(others: Uint8Array, i: number): number {
    return (this.slots[this.slotOf(others, i, this.hash(others, i))] ?? 0) - 1;
  }

  private hash(from: Uint8Array, i: number): number {
    const { tables, size } = this;
    const start = i * size;
    let hash = 0;
    for (let j = 0; j < size; j++) hash ^= tables[(j << 8) | (from[start + j] ?? 0)] ?? 0;
    return hash >>> 0;
  }

  /** The slot that holds an equal record, else the free one where it belongs. */
  private slotOf(from: Uint8Array, i: number, hash: number): number {
    const { slots, records, size, mask } = this;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const slot = SLOT_WORDS * place;
      const held = slots[slot] ?? 0;
      if (held === 0) return slot;
      if (slots[slot + 1] !== hash) continue;
      const a = (held - 1) * size;
      const b = i * size;
      let j = 0;
      while (j < size && records[a + j] === from[b + j]) j++;
      if (j === size) return slot;
    }
  }
}
