/**
 * A kernel over one level of arithmetic, in place or on worker threads. Batches pass in segments through shared memory
 * that is kept from one to the next: it does not grow with the batch, and fresh memory for each would cost more than
 * the copies.
 * @module
 */
import { setImmediate } from 'node:timers/promises';
import { DpcaError } from '../../src/errors.ts';
import type { Kernel, Scalar } from '../../src/group/kernel.ts';
import { assertPoints } from '../../src/group/points.ts';
import { assertScalar } from '../../src/group/scalars.ts';
import { ELEMENT_BYTES } from '../../src/group/suite.ts';
import type { Source } from './implementation.ts';
import { stepper, type Job, type Shared } from './job.ts';
import { WorkerPool } from './pool.ts';

/** Records per segment: 2 MiB of points, about two seconds of one core with node:crypto. */
const SEGMENT = 65_536;
/**
 * Records per claim: as many as share one inversion in the native kernels, and about 10 ms with node:crypto, after
 * which in-place work lets the event loop turn.
 */
const CHUNK = 256;

export interface KernelOptions {
  /** Number of worker threads, 0..64; with 0 the calling thread computes in slices of at most 10 ms. */
  readonly workers: number;
  /** The compiled worker.js; by default the one beside this compiled file. */
  readonly workerEntry?: URL;
}

export class SegmentedKernel implements Kernel {
  readonly name: string;
  private readonly source: Source;
  private readonly pool: WorkerPool | undefined;
  private closed = false;
  /** Segments of overlapping calls take turns; settled, never rejected. */
  private turn: Promise<unknown> = Promise.resolve();
  /** The segment whose turn it is. */
  private readonly cursor = new Int32Array(new SharedArrayBuffer(4));
  private readonly offsets = new SharedMemory();
  private readonly input = new SharedMemory();
  private readonly output = new SharedMemory();

  constructor(source: Source, options: KernelOptions) {
    const { workers, workerEntry = new URL('./worker.js', import.meta.url) } = options;
    if (!Number.isInteger(workers) || workers < 0 || workers > 64) {
      throw new DpcaError('ERR_INTERNAL', 'expected 0 to 64 kernel workers');
    }
    this.name = source.name;
    this.source = source;
    this.pool = workers === 0 ? undefined : new WorkerPool(workerEntry, workers);
  }

  async hashToGroup(messages: Uint8Array, offsets: Uint32Array): Promise<Uint8Array> {
    const n = offsets.length - 1;
    if (n < 0 || offsets[0] !== 0 || offsets[n] !== messages.length) {
      throw new DpcaError('ERR_INTERNAL', 'messages and offsets do not describe one batch');
    }
    const out = new Uint8Array(n * ELEMENT_BYTES);
    for (let from = 0; from < n; from += SEGMENT) {
      const to = Math.min(from + SEGMENT, n);
      const start = offsets[from] ?? 0;
      const part = messages.subarray(start, offsets[to]);
      await this.inTurn(out.subarray(from * ELEMENT_BYTES, to * ELEMENT_BYTES), (shared) => {
        const count = to - from + 1;
        const own = new Uint32Array(this.offsets.take(4 * count), 0, count);
        own.set(offsets.subarray(from, to + 1));
        if (start > 0) own.forEach((offset, i) => (own[i] = offset - start));
        return { kind: 'hash', messages: this.input.copy(part), offsets: own, ...shared };
      });
    }
    return out;
  }

  async multiply(scalar: Scalar, points: Uint8Array): Promise<Uint8Array> {
    assertScalar(scalar);
    assertPoints(points);
    const out = new Uint8Array(points.length);
    for (let at = 0; at < points.length; at += SEGMENT * ELEMENT_BYTES) {
      const end = at + SEGMENT * ELEMENT_BYTES;
      await this.inTurn(out.subarray(at, end), (shared) => {
        return {
          kind: 'multiply',
          scalar,
          points: this.input.copy(points.subarray(at, end)),
          ...shared,
        };
      });
    }
    return out;
  }

  /** Ends the workers. Batches in flight, and later ones, are rejected (ERR_KERNEL_LOST). */
  async close(): Promise<void> {
    this.closed = true;
    await this.pool?.close();
    for (const memory of [this.offsets, this.input, this.output]) memory.wipe();
  }

  /** Fills `to` with the records of one segment, once shared memory is free for it. */
  private inTurn(to: Uint8Array, prepare: (shared: Shared) => Job): Promise<void> {
    const done = this.turn.then(async () => {
      const { source, cursor } = this;
      cursor[0] = 0;
      const count = to.length / ELEMENT_BYTES;
      const out = new Uint8Array(this.output.take(to.length), 0, to.length);
      await this.run(prepare({ source, count, chunk: CHUNK, cursor, out }));
      to.set(out);
    });
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async run(job: Job): Promise<void> {
    if (this.pool !== undefined) return this.pool.run(job);
    const step = stepper(job);
    while (!this.closed && step()) await setImmediate();
    if (this.closed) throw new DpcaError('ERR_KERNEL_LOST', 'the kernel was closed');
  }
}

/** Memory that threads share, as large as the largest segment so far. */
class SharedMemory {
  private memory = new SharedArrayBuffer(0);

  /** At least `length` bytes. */
  take(length: number): SharedArrayBuffer {
    if (this.memory.byteLength < length) this.memory = new SharedArrayBuffer(length);
    return this.memory;
  }

  wipe(): void {
    new Uint8Array(this.memory).fill(0);
  }

  copy(bytes: Uint8Array): Uint8Array {
    const copy = new Uint8Array(this.take(bytes.length), 0, bytes.length);
    copy.set(bytes);
    return copy;
  }
}
