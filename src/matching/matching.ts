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
import { DpcaError } from '../errors.ts';
import type { Scalar } from '../group/kernel.ts';
import { assertPointColumn } from '../group/points.ts';
import { drawRekeyable, randomScalar } from '../group/scalars.ts';
import { ELEMENT_BYTES, TAG_BYTES } from '../group/suite.ts';
import { assertTagColumn, joinTags, truncateToTags } from '../group/tags.ts';
import type { Packed } from '../packed.ts';
import type { Rng, UniformSource } from '../rng.ts';
import { type ColumnChunk, type ColumnKind, RECORD_BYTES } from '../wire/messages.ts';
import { gather, scatter } from './records.ts';

export interface MatchingSetup {
  /** Key columns k, 1..8. */
  readonly columns: number;
  /** Rows of the own and of the peer's table, dummies included. */
  readonly ownRows: number;
  readonly peerRows: number;
  /** The messages to hash for own column j, in the order of the secret permutation. */
  readonly messagesOf: (column: number) => Packed;
  readonly rng: Rng;
  readonly uniform: UniformSource;
}

/** What matched, over all columns, in ascending order of tag: the same order on both sides. */
export interface Matches {
  /** Masked sizes per key column: real matches and dummies that met. */
  readonly sizes: readonly number[];
  /** 16-byte tags, ascending. */
  readonly tags: Uint8Array;
  /** Positions in the peer's permuted table, in the order of `tags`. */
  readonly peerPositions: Uint32Array;
}

export type MatchEffect =
  | { readonly kind: 'hash'; readonly column: number; readonly messages: Packed }
  | {
      readonly kind: 'multiply';
      readonly column: number;
      readonly scalar: Scalar;
      readonly points: Uint8Array;
    }
  | {
      readonly kind: 'column';
      readonly columnKind: ColumnKind;
      readonly column: number;
      readonly data: Uint8Array;
    }
  | { readonly kind: 'matched'; readonly matches: Matches };

/** A kernel call that waits for its turn; calls run one at a time, in order, so that messages leave in order. */
interface Job {
  readonly effect: () => Extract<MatchEffect, { kind: 'hash' | 'multiply' }>;
  readonly then: (result: Uint8Array) => void;
}

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
  private effects: MatchEffect[] = [];
  private incoming: Incoming | undefined;
  private readonly peerPoints: Uint8Array[] = [];
  /** Peer positions that have not matched yet; `sentOrder` is the secret order in which they were sent this round. */
  private open: Uint32Array;
  private sentOrder: Uint32Array = new Uint32Array(0);
  private openOwn: number;
  /** This round's tags: of own rows (a set), and of the open peer positions (indexed like `open`). */
  private ownTags: Uint8Array | undefined;
  private peerTags: Uint8Array | undefined;
  private readonly sizes: number[] = [];
  private readonly found: { readonly tags: Uint8Array; readonly positions: Uint32Array }[] = [];

  constructor(setup: MatchingSetup) {
    this.setup = setup;
    this.openOwn = setup.ownRows;
    this.open = Uint32Array.from({ length: setup.peerRows }, (_, position) => position);
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
    const first = this.scalar(0);
    for (let column = 0; column < this.setup.columns; column++) {
      this.enqueue({
        effect: () => ({ kind: 'hash', column, messages: this.setup.messagesOf(column) }),
        then: (points) => {
          // goes in front of the queue, so that column j is sent before column j + 1 is hashed
          this.jobs.splice(1, 0, {
            effect: () => ({ kind: 'multiply', column, scalar: first, points }),
            then: (blinded) => this.send('points', column, blinded),
          });
        },
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
    job.then(result);
    this.jobs.shift();
    this.startJob();
    return this.flush();
  }

  /** Forgets scalars and tags; they die with the connection. */
  wipe(): void {
    for (const secret of [...this.scalars, ...this.ratios]) secret.fill(0);
    this.ownTags?.fill(0);
    this.peerTags?.fill(0);
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
      this.enqueue({
        effect: () => ({ kind: 'multiply', column, scalar: this.scalar(0), points }),
        then: (elements) => {
          const tags = truncateToTags(elements);
          // the whole column in a fresh uniform order: its owner learns a set, not which of its rows has which tag
          const order = this.setup.uniform.permutation(this.setup.peerRows);
          this.send('tags', 0, gather(tags, order, TAG_BYTES));
          this.peerTags = tags;
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
    this.enqueue({
      effect: () => ({ kind: 'multiply', column, scalar: this.ratio(column), points }),
      then: (elements) => {
        const tags = truncateToTags(elements);
        this.send('tags', column, tags);
        this.ownTags = tags;
        this.joinRound(column);
      },
    });
  }

  private completeTags(column: number, tags: Uint8Array): void {
    if (column === 0) this.ownTags = tags;
    else this.peerTags = scatter(tags, this.sentOrder, TAG_BYTES);
    this.joinRound(column);
  }

  /** Runs once both tag lists of the round are there; the later of the two triggers it. */
  private joinRound(column: number): void {
    const { ownTags, peerTags } = this;
    if (ownTags === undefined || peerTags === undefined) return;
    this.ownTags = undefined;
    this.peerTags = undefined;
    assertTagColumn(ownTags, this.openOwn, this.setup.rng);
    assertTagColumn(peerTags, this.open.length, this.setup.rng);
    const met = joinTags(ownTags, peerTags, this.setup.rng).peer;
    this.found.push({
      tags: gather(peerTags, met, TAG_BYTES),
      positions: met.map((index) => this.open[index] ?? 0),
    });
    this.sizes.push(met.length);
    this.openOwn -= met.length;
    const matched = new Uint8Array(this.open.length);
    for (const index of met) matched[index] = 1;
    this.open = this.open.filter((_, index) => matched[index] === 0);
    if (column + 1 < this.setup.columns) this.startRound(column + 1);
    else this.effects.push({ kind: 'matched', matches: this.ordered() });
  }

  private startRound(column: number): void {
    const points = this.peerPoints[column];
    if (points === undefined) throw new DpcaError('ERR_INTERNAL', 'a column is missing');
    this.sentOrder = this.setup.uniform.permutation(this.open.length);
    const order = this.sentOrder.map((index) => this.open[index] ?? 0);
    this.enqueue({
      effect: () => ({
        kind: 'multiply',
        column,
        scalar: this.scalar(column),
        points: gather(points, order, ELEMENT_BYTES),
      }),
      then: (elements) => this.send('reblind', column, elements),
    });
    this.expect('reblind', column, this.openOwn);
  }

  /** All rounds together, by tag: the order that both sides share and that says nothing about rows. */
  private ordered(): Matches {
    let total = 0;
    for (const size of this.sizes) total += size;
    const tags = new Uint8Array(total * TAG_BYTES);
    const positions = new Uint32Array(total);
    let at = 0;
    for (const part of this.found) {
      tags.set(part.tags, at * TAG_BYTES);
      positions.set(part.positions, at);
      at += part.positions.length;
    }
    assertTagColumn(tags, total, this.setup.rng);
    const words = new DataView(tags.buffer);
    const index = Uint32Array.from({ length: total }, (_, i) => i).sort((x, y) => {
      for (let w = 0; w < TAG_BYTES; w += 4) {
        const difference = words.getUint32(x * TAG_BYTES + w) - words.getUint32(y * TAG_BYTES + w);
        if (difference !== 0) return difference;
      }
      return 0;
    });
    return {
      sizes: this.sizes,
      tags: gather(tags, index, TAG_BYTES),
      peerPositions: index.map((i) => positions[i] ?? 0),
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
    if (this.jobs.length === 1) this.startJob();
  }

  private startJob(): void {
    const job = this.jobs[0];
    if (job !== undefined) this.effects.push(job.effect());
  }

  private send(columnKind: ColumnKind, column: number, data: Uint8Array): void {
    this.effects.push({ kind: 'column', columnKind, column, data });
  }

  private flush(): MatchEffect[] {
    const { effects } = this;
    this.effects = [];
    return effects;
  }
}
