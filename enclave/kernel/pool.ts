/**
 * A fixed set of worker threads that share one job at a time. Any worker that ends, for whatever reason, fails the
 * job and the pool (ERR_KERNEL_LOST): nothing waits for an answer that cannot come.
 * @module
 */
import { Worker } from 'node:worker_threads';
import { DpcaError, type ErrorCode } from '../../src/errors.ts';
import type { Job } from './job.ts';

/** What a worker says about a job: done, or its failure. */
export type Answer = null | { readonly code: ErrorCode; readonly message: string };

interface Running {
  readonly settle: (failure: DpcaError | undefined) => void;
  unanswered: number;
  failure: DpcaError | undefined;
}

export class WorkerPool {
  private readonly workers: readonly Worker[];
  private running: Running | undefined;
  private lost: DpcaError | undefined;

  constructor(entry: URL, size: number) {
    this.workers = Array.from({ length: size }, () => {
      const worker = new Worker(entry, { execArgv: [] });
      const lose = (cause?: unknown): void => {
        this.lose(new DpcaError('ERR_KERNEL_LOST', 'a kernel worker ended', { cause }));
      };
      worker.on('message', (answer: Answer) => this.hear(answer));
      worker.on('error', lose);
      worker.on('messageerror', lose);
      worker.on('exit', () => lose());
      worker.unref(); // an idle pool does not keep the process alive
      return worker;
    });
  }

  /** Runs one job on all workers; the caller waits for it before the next. */
  run(job: Job): Promise<void> {
    if (this.lost !== undefined) return Promise.reject(this.lost);
    return new Promise((resolve, reject) => {
      for (const worker of this.workers) worker.ref();
      this.running = {
        settle: (failure) => (failure === undefined ? resolve() : reject(failure)),
        unanswered: this.workers.length,
        failure: undefined,
      };
      for (const worker of this.workers) worker.postMessage(job);
    });
  }

  /** Ends the threads; a job in flight is rejected (ERR_KERNEL_LOST). */
  async close(): Promise<void> {
    this.lose(new DpcaError('ERR_KERNEL_LOST', 'the kernel was closed'));
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private hear(answer: Answer): void {
    const { running } = this;
    if (running === undefined) return;
    if (answer !== null) running.failure ??= new DpcaError(answer.code, answer.message);
    if (--running.unanswered === 0) this.finish(running.failure);
  }

  private lose(reason: DpcaError): void {
    if (this.lost !== undefined) return;
    this.lost = reason;
    this.finish(reason);
    for (const worker of this.workers) void worker.terminate();
  }

  private finish(failure: DpcaError | undefined): void {
    const { running } = this;
    this.running = undefined;
    for (const worker of this.workers) worker.unref();
    running?.settle(failure);
  }
}
