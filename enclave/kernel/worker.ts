/**
 * A worker thread of the kernel: answers each job once, with null or with the code and message of its failure.
 * @module
 */
import { parentPort } from 'node:worker_threads';
import { wipe } from '../../src/bytes.ts';
import { DpcaError } from '../../src/errors.ts';
import { stepper, type Job } from './job.ts';
import type { Answer } from './pool.ts';

function answer(job: Job): Answer {
  try {
    const step = stepper(job);
    while (step());
    return null;
  } catch (error) {
    Atomics.store(job.cursor, 0, job.count); // the others stop at their next chunk
    return error instanceof DpcaError
      ? { code: error.code, message: error.message }
      : { code: 'ERR_INTERNAL', message: 'a kernel worker failed' };
  } finally {
    if (job.kind === 'multiply') wipe(job.scalar); // the copy that the message made
  }
}

parentPort?.on('message', (job: Job) => parentPort?.postMessage(answer(job)));
