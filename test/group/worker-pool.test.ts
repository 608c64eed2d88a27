/** Fault and scenario: the worker pool ends with a code when a worker dies, is missing, or the kernel is closed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openNodeKernel } from '../../enclave/kernel/node-kernel.ts';
import { WorkerPool } from '../../enclave/kernel/pool.ts';
import { NODE_SOURCE } from '../../enclave/kernel/implementation.ts';
import type { Job } from '../../enclave/kernel/job.ts';
import { toHex } from '../../src/encoding.ts';
import { nobleKernel } from '../../src/group/noble-kernel.ts';
import { assertPoints } from '../../src/group/points.ts';
import { randomScalar } from '../../src/group/scalars.ts';
import { seededRng } from '../support/test-rng.ts';
import { WORKER_ENTRY } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'dpca-pool-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function entry(name: string, source: string): URL {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, source);
  return pathToFileURL(path);
}

function job(): Job {
  return {
    kind: 'hash',
    source: NODE_SOURCE,
    count: 0,
    chunk: 1,
    cursor: new Int32Array(new SharedArrayBuffer(4)),
    messages: new Uint8Array(new SharedArrayBuffer(0)),
    offsets: new Uint32Array(new SharedArrayBuffer(4)),
    out: new Uint8Array(new SharedArrayBuffer(0)),
  };
}

function points(n: number): Uint8Array {
  const out = seededRng('points')(32 * n);
  for (let i = 31; i < out.length; i += 32) out[i]! &= 0x7f;
  assertPoints(out);
  return out;
}

describe('worker pool', () => {
  const listens = "import { parentPort as p } from 'node:worker_threads'; p.on('message', () => ";
  it.each([
    ['throws', `${listens}{ throw new Error('x'); })`],
    ['exits', `${listens}process.exit(0))`],
    ['does not start', 'throw new Error()'],
    ['is not JavaScript', 'not JavaScript'],
    ['ends at once', ''],
  ])('rejects the job and all later ones when a worker %s', async (name, source) => {
    const pool = new WorkerPool(entry(name.replaceAll(' ', '-'), source), 2);
    await expect(pool.run(job())).rejects.toThrowCode('ERR_KERNEL_LOST');
    await expect(pool.run(job())).rejects.toThrowCode('ERR_KERNEL_LOST');
    await pool.close();
  });

  it('passes on the code of a failure inside a worker, and goes on', async () => {
    const pool = new WorkerPool(WORKER_ENTRY, 2);
    const good = points(20);
    const bad = good.slice();
    bad.fill(0, 32 * 19);
    const multiply = (column: Uint8Array): Job => ({
      ...job(),
      kind: 'multiply',
      count: 20,
      scalar: randomScalar(seededRng('worker')),
      points: column,
      out: new Uint8Array(new SharedArrayBuffer(640)),
    });
    await expect(pool.run(multiply(bad))).rejects.toThrowCode('ERR_MATCH_POINT');
    const again = multiply(good);
    await pool.run(again);
    const wanted = await nobleKernel().multiply(randomScalar(seededRng('worker')), good);
    expect(toHex(again.out)).toBe(toHex(wanted));
    await pool.close();
  });

  it('rejects when the worker file is missing', async () => {
    const workerEntry = pathToFileURL(join(folder, 'missing.mjs'));
    const opening = openNodeKernel({ workers: 1, workerEntry });
    await expect(opening).rejects.toThrowCode('ERR_KERNEL_LOST');
  });

  it('refuses a worker that answers without computing', async () => {
    const workerEntry = entry('idle', `${listens}p.postMessage(null))`);
    const opening = openNodeKernel({ workers: 1, workerEntry });
    await expect(opening).rejects.toThrowCode('ERR_KERNEL_SELFTEST');
  });

  it('refuses a senseless number of workers', async () => {
    for (const workers of [-1, 0.5, 65, Number.NaN]) {
      await expect(openNodeKernel({ workers })).rejects.toThrowCode('ERR_INTERNAL');
    }
  });

  it.each([0, 2])(
    'keeps overlapping batches apart and survives a refusal (%i workers)',
    async (workers) => {
      const kernel = await openNodeKernel({ workers, workerEntry: WORKER_ENTRY });
      const rng = seededRng('overlap');
      const [s, t] = [randomScalar(rng), randomScalar(rng)];
      const [p, q] = [points(700), points(41)];
      const bad = p.slice();
      bad.fill(0, 32 * 699);
      const [one, refused, two] = await Promise.allSettled([
        kernel.multiply(s, p),
        kernel.multiply(s, bad),
        kernel.multiply(t, q),
      ]);
      expect(refused.status === 'rejected' && refused.reason).toThrowCode('ERR_MATCH_POINT');
      const oracle = nobleKernel();
      const tail = await oracle.multiply(s, p.subarray(32 * 690));
      expect(one.status === 'fulfilled' && toHex(one.value.subarray(32 * 690))).toBe(toHex(tail));
      const other = await oracle.multiply(t, q);
      expect(two.status === 'fulfilled' && toHex(two.value)).toBe(toHex(other));
      await kernel.close();
    },
  );

  it.each([0, 2])('rejects what is in flight when closed (%i workers)', async (workers) => {
    const kernel = await openNodeKernel({ workers, workerEntry: WORKER_ENTRY });
    const scalar = randomScalar(seededRng('close'));
    const flight = [kernel.multiply(scalar, points(50_000)), kernel.multiply(scalar, points(10))];
    const settled = Promise.allSettled(flight);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const start = performance.now();
    await kernel.close();
    await kernel.close();
    await settled;
    expect(performance.now() - start).toBeLessThan(1000); // the batch itself takes longer
    for (const result of await settled) {
      expect(result.status === 'rejected' && result.reason).toThrowCode('ERR_KERNEL_LOST');
    }
    await expect(kernel.multiply(scalar, points(1))).rejects.toThrowCode('ERR_KERNEL_LOST');
  });
});
