/**
 * A kernel over one level of arithmetic, in place or on worker threads. Batches pass through shared memory in
 * segments, so the extra memory does not grow with the batch.
 * @module
 */
import { setImmediate } from 'node:timers/promises';
import { DpcaError } from '../../src/errors.ts';
import type { Kernel, Scalar } from '../../src/group/kernel.ts';
import { assertPoints } from '../../src/group/points.ts';
import { assertScalar } from '../../src/group/scalars.ts';
import { ELEMENT_BYTES } from '../../src/group/suite.ts';
import type { Source } from './implementation.ts';
import { stepper, type Job } from './job.ts';
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
      const job: Job = {
        kind: 'hash',
        messages: share(messages.subarray(start, offsets[to])),
        offsets: new Uint32Array(new SharedArrayBuffer(4 * (to - from + 1))),
        ...this.shared(to - from),
      };
      for (let i = from; i <= to; i++) job.offsets[i - from] = (offsets[i] ?? 0) - start;
      await this.inTurn(job);
      out.set(job.out, from * ELEMENT_BYTES);
    }
    return out;
  }

  async multiply(scalar: Scalar, points: Uint8Array): Promise<Uint8Array> {
    assertScalar(scalar);
    assertPoints(points);
    const out = new Uint8Array(points.length);
    for (let at = 0; at < points.length; at += SEGMENT * ELEMENT_BYTES) {
      const part = points.subarray(at, at + SEGMENT * ELEMENT_BYTES);
      const shared = this.shared(part.length / ELEMENT_BYTES);
      const job: Job = { kind: 'multiply', scalar, points: share(part), ...shared };
      await this.inTurn(job);
      out.set(job.out, at);
    }
    return out;
  }

  /** Ends the workers. Batches in flight, and later ones, are rejected (ERR_KERNEL_LOST). */
  async close(): Promise<void> {
    this.closed = true;
    await this.pool?.close();
  }

  private shared(count: number): Pick<Job, 'source' | 'count' | 'chunk' | 'cursor' | 'out'> {
    return {
      source: this.source,
      count,
      chunk: CHUNK,
      cursor: new Int32Array(new SharedArrayBuffer(4)),
      out: new Uint8Array(new SharedArrayBuffer(count * ELEMENT_BYTES)),
    };
  }

  private inTurn(job: Job): Promise<void> {
    const done = this.turn.then(() => this.run(job));
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

/** A copy in shared memory. */
function share(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
