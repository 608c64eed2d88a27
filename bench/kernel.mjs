// Operations per core-second of every kernel that this installation has.
//
//   npm run bench kernel
import { openNodeKernel } from '../dist/enclave/kernel/node-kernel.js';
import { nobleKernel } from '../dist/src/group/noble-kernel.js';
import { randomScalar } from '../dist/src/group/scalars.js';
import { randomBytes } from 'node:crypto';

const rng = (n) => new Uint8Array(randomBytes(n));

async function rate(count, action) {
  const before = process.cpuUsage();
  await action();
  const { user, system } = process.cpuUsage(before);
  return Math.round(count / ((user + system) / 1e6));
}

export async function kernel() {
  const rows = [];
  for (const [open, count] of [
    [() => openNodeKernel({ workers: 0 }), 20_000],
    [async () => ({ ...nobleKernel(), close: async () => undefined }), 400],
  ]) {
    const each = await open();
    const messages = rng(32 * count);
    const offsets = Uint32Array.from({ length: count + 1 }, (_, i) => 32 * i);
    let points = await each.hashToGroup(messages.subarray(0, 32 * 64), offsets.subarray(0, 65));
    const hashesPerCpuSecond = await rate(count, async () => {
      points = await each.hashToGroup(messages, offsets);
    });
    const scalar = randomScalar(rng);
    const multiplicationsPerCpuSecond = await rate(count, () => each.multiply(scalar, points));
    rows.push({ name: each.name, records: count, hashesPerCpuSecond, multiplicationsPerCpuSecond });
    await each.close();
  }
  return rows;
}
