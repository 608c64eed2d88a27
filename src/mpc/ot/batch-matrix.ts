/**
 * The bit matrix of one batch of transfers, 128 columns by up to 2^18 rows, in a kernel's memory: what both sides of
 * SoftSpokenOT do to it. Column DEPTH b + e is bit e of leaf block b; bit r of a column is row r; all little-endian.
 * @module
 */
import { fixed, wipe } from '../../bytes.ts';
import type { Ciphers } from '../ciphers.ts';
import { Kernel } from '../simd/kernel.ts';
import { CHECK_ROWS, TABLE_WORDS, WEIGHT_BYTES, sumTables } from './consistency.ts';
import { PadHash } from './pad-hash.ts';
import { BLOCKS, DEPTH, LEAVES } from './punctured.ts';

/** Transfers under one check. A batch costs a round trip, and 13 MB of memory whatever its size. */
export const BATCH_TRANSFERS: number = 1 << 18;
const MAX_ROWS = batchRows(BATCH_TRANSFERS);
const ROW_BYTES = 16;
/** Rows per call of a loop: the engine swaps optimised code in between calls. */
const CALL_ROWS = 1 << 14;

/** Bytes of a long stream that are drawn at once. */
const STREAM_BYTES = 1 << 15;

/** Rows of a batch: its transfers and at least 64 of random choice, in whole 128-bit columns. */
export function batchRows(count: number): number {
  return Math.ceil((count + CHECK_ROWS) / 128) * 128;
}

type Stream = (n: number) => Uint8Array;

type Region = 'leaves' | 'columns' | 'corrections' | 'choices' | 'rows' | 'weights' | 'tables';

/** Bytes that a batch of `rows` rows takes. */
const regions = (rows: number): Readonly<Record<Region, number>> => ({
  leaves: (rows / 8) * LEAVES,
  columns: (rows / 8) * 128,
  corrections: (rows / 8) * BLOCKS,
  choices: rows / 8,
  rows: rows * ROW_BYTES,
  weights: rows * WEIGHT_BYTES,
  tables: TABLE_WORDS * 4,
});
const REGIONS = regions(MAX_ROWS);

export class BatchMatrix {
  readonly hash: PadHash;
  private readonly ciphers: Ciphers;
  private readonly kernel: Kernel;
  private readonly streams: readonly Stream[];
  private readonly at: Readonly<Record<Region, number>>;

  /** Rows of the largest batch so far. */
  private most = 0;

  /** seeds[LEAVES b + i] is the stream at position i of block b; the seeds are overwritten. */
  constructor(seeds: readonly Uint8Array[], context: Uint8Array, ciphers: Ciphers) {
    this.kernel = new Kernel([...Object.values(REGIONS), ...PadHash.regions]);
    const region = (name: Region): number => this.kernel.region(REGIONS[name]);
    this.at = {
      ...{ leaves: region('leaves'), columns: region('columns') },
      ...{ corrections: region('corrections'), choices: region('choices') },
      ...{ rows: region('rows'), weights: region('weights'), tables: region('tables') },
    };
    this.hash = new PadHash(ciphers, context, this.kernel);
    this.ciphers = ciphers;
    this.streams = seeds.map((seed) => ciphers.stream(fixed(seed, 16, 'leaf seed')));
    wipe(...seeds);
  }

  get rowsAddress(): number {
    return this.at.rows;
  }

  /** Draws the next `rows` bits of all streams into columns, with `choices` in the corrections. */
  draw(rows: number, choices: Uint8Array): void {
    const { at, kernel } = this;
    const bytes = rows / 8;
    this.most = Math.max(this.most, rows);
    kernel.bytes(at.choices, bytes).set(choices);
    for (let block = 0; block < BLOCKS; block++) {
      for (let leaf = 0; leaf < LEAVES; leaf++) {
        const stream = this.streams[block * LEAVES + leaf];
        if (stream !== undefined) kernel.bytes(at.leaves + leaf * bytes, bytes).set(stream(bytes));
      }
      kernel.run.fold(
        at.leaves,
        bytes,
        at.columns + block * DEPTH * bytes,
        bytes,
        at.choices,
        at.corrections + block * bytes,
        bytes / 16,
      );
    }
  }

  /** The receiver's message: XOR of all streams of a block and of the choices, one column per block. */
  corrections(rows: number): Uint8Array {
    return this.kernel.bytes(this.at.corrections, (rows / 8) * BLOCKS).slice();
  }

  /** Adds the peer's correction of its block to each column whose bit of `delta` is 1. */
  correct(rows: number, corrections: Uint8Array, delta: Int32Array): void {
    const { at, kernel } = this;
    const bytes = rows / 8;
    kernel.bytes(at.corrections, corrections.length).set(corrections);
    for (let column = 0; column < 128; column++) {
      const mask = -(((delta[column >> 5] ?? 0) >>> (column & 31)) & 1);
      const source = at.corrections + Math.floor(column / DEPTH) * bytes;
      kernel.run.addMasked(at.columns + column * bytes, source, mask, bytes / 16);
    }
  }

  transpose(rows: number): void {
    const bytes = rows / 8;
    for (let from = 0; from < rows; from += CALL_ROWS) {
      const n = Math.min(CALL_ROWS, rows - from) / 128;
      for (let group = 0; group < 4; group++) {
        const columns = this.at.columns + group * 32 * bytes + from / 8;
        const target = this.at.rows + from * ROW_BYTES + group * 4;
        this.kernel.run.transpose(columns, bytes, target, n);
      }
    }
  }

  /** The check's matrix from the sender's challenge: 8 bytes for each row but the last 64. */
  weigh(rows: number, challenge: Uint8Array): void {
    const length = (rows - CHECK_ROWS) * WEIGHT_BYTES;
    const stream = this.ciphers.stream(fixed(challenge, 16, 'challenge'));
    for (let at = 0; at < length; at += STREAM_BYTES) {
      const n = Math.min(STREAM_BYTES, length - at);
      this.kernel.bytes(this.at.weights + at, n).set(stream(n));
    }
  }

  /** Hash of the choices of {@link draw} under the current weights: 8 bytes. */
  hashChoices(rows: number): Uint8Array {
    const { at, kernel } = this;
    const hashed = rows - CHECK_ROWS;
    const out = kernel.bytes(at.choices + hashed / 8, CHECK_ROWS / 8);
    kernel.run.collectBits(at.choices, at.weights, out.byteOffset, hashed / 8);
    return out.slice();
  }

  /** Hash of all rows under the current weights: 64 rows of 4 words. */
  hashRows(rows: number): Int32Array {
    const { at, kernel } = this;
    const hashed = rows - CHECK_ROWS;
    const tables = kernel.words(at.tables, TABLE_WORDS);
    tables.fill(0);
    for (let from = 0; from < hashed; from += CALL_ROWS) {
      const n = Math.min(CALL_ROWS, hashed - from);
      kernel.run.collect(
        at.rows + from * ROW_BYTES,
        at.weights + from * WEIGHT_BYTES,
        at.tables,
        n,
      );
    }
    const out = kernel.words(at.rows + hashed * ROW_BYTES, CHECK_ROWS * 4).slice();
    sumTables(tables, out);
    return out;
  }

  /** Overwrites what was used: small batches leave most of the memory untouched, and so unmapped. */
  wipe(): void {
    const used = Object.entries(regions(this.most)) as [Region, number][];
    for (const [name, bytes] of used) this.kernel.bytes(this.at[name], bytes).fill(0);
    this.hash.wipe();
  }
}
