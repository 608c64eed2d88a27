// Operations per core-second of every kernel that this installation and processor have. `npm run build:native` adds the
// native ones.
//
//   npm run bench kernel
import { randomBytes } from 'node:crypto';
import { ADDON, nativeNames } from '../dist/enclave/kernel/native.js';
import { openKernel } from '../dist/enclave/kernel/open.js';
import { nobleKernel } from '../dist/src/group/noble-kernel.js';
import { randomScalar } from '../dist/src/group/scalars.js';

/** The best of these many runs, since other work on the machine only ever slows one down. */
const RUNS = 5;
/** Records per run, about half a second. */
const RECORDS = { 'native-ifma': 131_072, 'native-fma': 32_768, noble: 400 };
const RECORDS_OTHER = 16_384;

const rng = (n) => new Uint8Array(randomBytes(n));

async function rate(count, action) {
  let best = 0;
  for (let run = 0; run < RUNS; run++) {
    const before = process.cpuUsage();
    await action();
    const { user, system } = process.cpuUsage(before);
    best = Math.max(best, Math.round(count / ((user + system) / 1e6)));
  }
  return best;
}

async function open(level) {
  if (level === 'noble') return { ...nobleKernel(), close: async () => undefined };
  const kernel = await openKernel({ workers: 0, prefer: level });
  if (kernel.name !== level) throw new Error(JSON.stringify(kernel.skipped));
  return kernel;
}

export async function kernel() {
  const rows = [];
  const portable = ['wasm-fma', 'node-x25519', 'wasm-scalar', 'noble'];
  for (const level of [...(nativeNames(ADDON) ?? []), ...portable]) {
    const count = RECORDS[level] ?? RECORDS_OTHER;
    const each = await open(level);
    const messages = rng(32 * count);
    const offsets = Uint32Array.from({ length: count + 1 }, (_, i) => 32 * i);
    let points;
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
