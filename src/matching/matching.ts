/**
 * The k-column waterfall of docs/specification.md section 8 as a sans-I/O machine; both parties run the same code.
 * Each side ends with the positions of the *peer's* (secretly permuted) table that matched and, for its own rows,
 * with a set of tags only: which own row matched stays unknown to its owner, on which the privacy of the masked
 * sizes rests when a party reads its own enclave (docs/privacy.md, M1).
 *
 * Emission rule: nothing derived from a received column leaves before that column's last element has arrived;
 * answers that streamed would undo the sender's shuffle. Here: a column is only handed on once it is complete.
 * @module
 */
import { concat } from '../bytes.ts';
import { DpcaError } from '../errors.ts';
import type { Scalar } from '../group/kernel.ts';
import { assertPointColumn } from '../group/points.ts';
import { drawRekeyable, randomScalar } from '../group/scalars.ts';
import { ELEMENT_BYTES, TAG_BYTES } from '../group/suite.ts';
import { type SortedTags, sortTags } from '../group/tag-order.ts';
import { joinTags, truncateToTags } from '../group/tags.ts';
import type { Packed } from '../packed.ts';
import type { Rng, UniformSource } from '../rng.ts';
import { CHUNK_ELEMENTS } from '../wire/limits.ts';
import { type ColumnChunk, type ColumnKind, RECORD_BYTES } from '../wire/messages.ts';
import { gather, gatherWords, scatter, without } from './records.ts';

export interface MatchingSetup {
  /** Key columns k, 1..8. */
  readonly columns: number;
  /** Rows of the own and of the peer's table, dummies included. */
  readonly ownRows: number;
  readonly peerRows: number;
  /** The messages to hash for `count` rows of own column j from position `first` of the secret permutation on. */
  readonly messagesOf: (column: number, first: number, count: number) => Packed;
  readonly rng: Rng;
  readonly uniform: UniformSource;
}

/** What matched, over all columns, in ascending order of tag: the same order on both sides. */
export interface Matches {
  /** Masked sizes per key column: real matches and dummies that met. */
  readonly sizes: readonly number[];
  /** Tags of 16 bytes, ascending. */
  readonly tags: Uint8Array;
  /** Positions in the peer's permuted table, in the order of `tags`. */
  readonly peerPositions: Uint32Array;
}

/** Work for the kernel: rows `first` .. of a column of `total` rows. */
interface Slice {
  readonly column: number;
  readonly first: number;
  readonly total: number;
}

export type MatchEffect =
  | ({ readonly kind: 'hash'; readonly messages: Packed } & Slice)
  | ({ readonly kind: 'multiply'; readonly scalar: Scalar; readonly points: Uint8Array } & Slice)
  /** Records of one column from record `first` on; the machine keeps no reference to `data`. */
  | {
      readonly kind: 'column';
      readonly columnKind: ColumnKind;
      readonly column: number;
      readonly first: number;
      readonly data: Uint8Array;
    }
  | { readonly kind: 'matched'; readonly matches: Matches };

/**
 * One column's way through the kernel, slice by slice, so that no intermediate column is ever held whole. Columns
 * take turns in the order in which they were asked for, so that messages leave in order.
 */
interface Job {
  readonly column: number;
  readonly total: number;
  readonly scalar: Scalar;
  /** Own identifiers are hashed to points first; received points are there already. */
  readonly messages?: (first: number, count: number) => Packed;
  readonly points?: (first: number, count: number) => Uint8Array;
  /** Takes the multiplied slice. */
  readonly take: (first: number, elements: Uint8Array) => void;
  readonly done: () => void;
}

/** Rows per kernel call, a whole number of messages: enough for all workers, and little to hold. */
const SLICE = 2 * CHUNK_ELEMENTS;

/** The column that must arrive next. */
interface Incoming {
  readonly kind: ColumnKind;
  readonly column: number;
  readonly data: Uint8Array;
  filled: number;
}

export class Matching {
  private readonly setup: MatchingSetup;
  /** Own scalar per column; the first is a0. ratios[j] = a_j / a_0 strips a_0 and applies a_j in one step. */
  private readonly scalars: Scalar[] = [];
  private readonly ratios: Scalar[] = [];
  private readonly jobs: Job[] = [];
  /** Rows of the first job that are done, and whether its current slice has been hashed. */
  private sliceAt = 0;
  private hashed = false;
  private effects: MatchEffect[] = [];
  private incoming: Incoming | undefined;
  private readonly peerPoints: (Uint8Array | undefined)[] = [];
  /** Peer positions that have not matched yet; `sentOrder` is the secret order in which they were sent this round. */
  private open: Uint32Array;
  private sentOrder: Uint32Array = new Uint32Array(0);
  private openOwn: number;
  /** This round's tags: of own rows (a set), and of the open peer positions (indexed like `open`). */
  private ownTags: SortedTags | undefined;
  private peerTags: SortedTags | undefined;
  private readonly sizes: number[] = [];
  private readonly found: { readonly tags: Uint8Array; readonly positions: Uint32Array }[] = [];

  constructor(setup: MatchingSetup) {
    this.setup = setup;
    this.openOwn = setup.ownRows;
    this.open = new Uint32Array(setup.peerRows);
    for (let position = 0; position < setup.peerRows; position++) this.open[position] = position;
    const first = randomScalar(setup.rng);
    this.scalars.push(first);
    this.ratios.push(first); // never used: column 1 is not re-keyed
    for (let j = 1; j < setup.columns; j++) {
      const { aj, ratio } = drawRekeyable(setup.rng, first);
      this.scalars.push(aj);
      this.ratios.push(ratio);
    }
  }

  /** Hashes, blinds and sends every own column, in priority order. */
  start(): MatchEffect[] {
    for (let column = 0; column < this.setup.columns; column++) {
      this.enqueue({
        column,
        total: this.setup.ownRows,
        scalar: this.scalar(0),
        messages: (first, count) => this.setup.messagesOf(column, first, count),
        take: (first, blinded) => this.send('points', column, first, blinded),
        done: () => undefined,
      });
    }
    this.expect('points', 0, this.setup.peerRows);
    return this.flush();
  }

  /** Takes one chunk of the column that must arrive next (ERR_WIRE_UNEXPECTED, ERR_MATCH_COUNT, point and tag codes). */
  receive(chunk: ColumnChunk): MatchEffect[] {
    const { incoming } = this;
    if (incoming?.kind !== chunk.kind || incoming.column !== chunk.column) {
      const expected = incoming ? `${incoming.kind} of column ${incoming.column + 1}` : 'no column';
      throw new DpcaError('ERR_WIRE_UNEXPECTED', `expected ${expected}, got ${chunk.kind}`);
    }
    const size = RECORD_BYTES[chunk.kind];
    const at = chunk.first * size;
    if (at !== incoming.filled || at + chunk.data.length > incoming.data.length) {
      throw new DpcaError('ERR_MATCH_COUNT', `${chunk.kind}: records out of order or too many`);
    }
    incoming.data.set(chunk.data, at);
    incoming.filled += chunk.data.length;
    if (incoming.filled === incoming.data.length) this.complete(incoming);
    return this.flush();
  }

  /** The result of the kernel call that was asked for last. */
  kernelDone(result: Uint8Array): MatchEffect[] {
    const job = this.jobs[0];
    if (job === undefined) throw new DpcaError('ERR_INTERNAL', 'a kernel result nobody asked for');
    const first = this.sliceAt;
    if (job.messages !== undefined && !this.hashed) {
      this.hashed = true;
      const { column, total, scalar } = job;
      this.effects.push({ kind: 'multiply', column, first, total, scalar, points: result });
      return this.flush();
    }
    this.hashed = false;
    this.sliceAt = Math.min(job.total, first + SLICE);
    job.take(first, result);
    this.nextSlice();
    return this.flush();
  }

  /** Forgets scalars and tags; they die with the connection. */
  wipe(): void {
    for (const secret of [...this.scalars, ...this.ratios]) secret.fill(0);
    for (const tags of [this.ownTags, this.peerTags]) {
      tags?.tags.fill(0);
      tags?.keys.fill(0);
    }
  }

  private expect(kind: ColumnKind, column: number, records: number): void {
    this.incoming = {
      kind,
      column,
      data: new Uint8Array(records * RECORD_BYTES[kind]),
      filled: 0,
    };
    if (records === 0) this.complete(this.incoming);
  }

  private complete({ kind, column, data }: Incoming): void {
    this.incoming = undefined;
    if (kind === 'points') this.completePoints(column, data);
    else if (kind === 'reblind') this.completeReblind(column, data);
    else this.completeTags(column, data);
  }

  private completePoints(column: number, points: Uint8Array): void {
    assertPointColumn(points, this.setup.peerRows, this.setup.rng);
    this.peerPoints[column] = points;
    if (column === 0) {
      const tags = new Uint8Array(this.setup.peerRows * TAG_BYTES);
      this.enqueue({
        column,
        total: this.setup.peerRows,
        scalar: this.scalar(0),
        points: (first, count) => sliceOf(points, first, count),
        take: (first, elements) => tags.set(truncateToTags(elements), first * TAG_BYTES),
        done: () => {
          // the whole column in a fresh uniform order: its owner learns a set, not which of its rows has which tag
          const order = this.setup.uniform.permutation(this.setup.peerRows);
          this.send('tags', 0, 0, gather(tags, order, TAG_BYTES));
          this.peerPoints[0] = undefined; // only later columns are looked up again
          this.peerTags = sortTags(tags);
          this.joinRound(0);
        },
      });
    }
    if (column + 1 < this.setup.columns) this.expect('points', column + 1, this.setup.peerRows);
    else this.expect('tags', 0, this.setup.ownRows);
  }

  /** Round j > 1: the peer's re-blinded copies of own open rows, in an order only the peer knows. */
  private completeReblind(column: number, points: Uint8Array): void {
    assertPointColumn(points, this.openOwn, this.setup.rng);
    this.expect('tags', column, this.open.length);
    const tags = new Uint8Array(this.openOwn * TAG_BYTES);
    this.enqueue({
      column,
      total: this.openOwn,
      scalar: this.ratio(column),
      points: (first, count) => sliceOf(points, first, count),
      take: (first, elements) => {
        const part = truncateToTags(elements);
        tags.set(part, first * TAG_BYTES);
        this.send('tags', column, first, part);
      },
      done: () => {
        this.ownTags = sortTags(tags);
        this.joinRound(column);
      },
    });
  }

  private completeTags(column: number, tags: Uint8Array): void {
    // each list is sorted when it is there, so that no single step takes long
    if (column === 0) this.ownTags = sortTags(tags);
    else this.peerTags = sortTags(scatter(tags, this.sentOrder, TAG_BYTES));
    this.joinRound(column);
  }

  /** Runs once both tag lists of the round are there; the later of the two triggers it. */
  private joinRound(column: number): void {
    const { ownTags, peerTags } = this;
    if (ownTags === undefined || peerTags === undefined) return;
    this.ownTags = undefined;
    this.peerTags = undefined;
    const met = joinTags(ownTags, peerTags).peer;
    this.found.push({
      tags: gather(peerTags.tags, met, TAG_BYTES),
      positions: gatherWords(this.open, met),
    });
    this.sizes.push(met.length);
    this.openOwn -= met.length;
    this.open = without(this.open, met);
    if (column + 1 < this.setup.columns) this.startRound(column + 1);
    else this.effects.push({ kind: 'matched', matches: this.ordered() });
  }

  private startRound(column: number): void {
    const points = this.peerPoints[column];
    if (points === undefined) throw new DpcaError('ERR_INTERNAL', 'a column is missing');
    this.sentOrder = this.setup.uniform.permutation(this.open.length);
    const order = gatherWords(this.open, this.sentOrder);
    this.enqueue({
      column,
      total: order.length,
      scalar: this.scalar(column),
      points: (first, count) => gather(points, order.subarray(first, first + count), ELEMENT_BYTES),
      take: (first, elements) => this.send('reblind', column, first, elements),
      done: () => {
        this.peerPoints[column] = undefined;
      },
    });
    this.expect('reblind', column, this.openOwn);
  }

  /** All rounds together, by tag: the order that both sides share and that says nothing about rows. */
  private ordered(): Matches {
    const [first] = this.found;
    if (first !== undefined && this.found.length === 1) {
      return { sizes: this.sizes, tags: first.tags, peerPositions: first.positions };
    }
    const tags = concat(...this.found.map((round) => round.tags));
    const positions = new Uint32Array(tags.length / TAG_BYTES);
    let at = 0;
    for (const round of this.found) {
      positions.set(round.positions, at);
      at += round.positions.length;
    }
    const { order } = sortTags(tags);
    return {
      sizes: this.sizes,
      tags: gather(tags, order, TAG_BYTES),
      peerPositions: gatherWords(positions, order),
    };
  }

  private scalar(column: number): Scalar {
    const scalar = this.scalars[column];
    if (scalar === undefined) throw new DpcaError('ERR_INTERNAL', 'no scalar for this column');
    return scalar;
  }

  private ratio(column: number): Scalar {
    const ratio = this.ratios[column];
    if (ratio === undefined) throw new DpcaError('ERR_INTERNAL', 'no ratio for this column');
    return ratio;
  }

  private enqueue(job: Job): void {
    this.jobs.push(job);
    if (this.jobs.length === 1) this.nextSlice();
  }

  /** Asks for the next slice of the first job; ends jobs that have none left. */
  private nextSlice(): void {
    for (let job = this.jobs[0]; job !== undefined; job = this.jobs[0]) {
      const { column, total, scalar } = job;
      const first = this.sliceAt;
      if (first < total) {
        const at = { column, first, total };
        const count = Math.min(SLICE, total - first);
        if (job.messages !== undefined) {
          this.effects.push({ kind: 'hash', ...at, messages: job.messages(first, count) });
        } else if (job.points !== undefined) {
          this.effects.push({ kind: 'multiply', ...at, scalar, points: job.points(first, count) });
        }
        return;
      }
      // a job's end may ask for more: it joins the queue behind this one, which still stands in front
      job.done();
      this.jobs.shift();
      this.sliceAt = 0;
    }
  }

  private send(columnKind: ColumnKind, column: number, first: number, data: Uint8Array): void {
    this.effects.push({ kind: 'column', columnKind, column, first, data });
  }

  private flush(): MatchEffect[] {
    const { effects } = this;
    this.effects = [];
    return effects;
  }
}

function sliceOf(points: Uint8Array, first: number, count: number): Uint8Array {
  return points.subarray(first * ELEMENT_BYTES, (first + count) * ELEMENT_BYTES);
}
