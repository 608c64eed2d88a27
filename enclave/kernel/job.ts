/**
 * One segment of a batch in shared memory, and the arithmetic on chunks of it: the same code in the main thread and
 * in the workers.
 * @module
 */
import { loadImplementation, type Source } from './implementation.ts';

/** What all threads of a segment share. Records are claimed in chunks by adding to `cursor[0]`. */
export interface Shared {
  /** The level that computes it. */
  readonly source: Source;
  readonly count: number;
  readonly chunk: number;
  readonly cursor: Int32Array;
  readonly out: Uint8Array;
}
export interface HashJob extends Shared {
  readonly kind: 'hash';
  readonly messages: Uint8Array;
  readonly offsets: Uint32Array;
}
export interface MultiplyJob extends Shared {
  readonly kind: 'multiply';
  /** Clamped, and points checked, by the kernel. */
  readonly scalar: Uint8Array;
  readonly points: Uint8Array;
}
export type Job = HashJob | MultiplyJob;

/** Returns a step that claims and computes one chunk of `job`, and says false when none was left. */
export function stepper(job: Job): () => boolean {
  const implementation = loadImplementation(job.source);
  return () => {
    const from = Atomics.add(job.cursor, 0, job.chunk);
    if (from >= job.count) return false;
    const to = Math.min(from + job.chunk, job.count);
    if (job.kind === 'hash') {
      implementation.hashRange(job.messages, job.offsets, from, to, job.out);
    } else {
      implementation.multiplyRange(job.scalar, job.points, from, to, job.out);
    }
    return true;
  };
}
