// Builds the native kernel: npm run build:native [-- --out FILE]
// With --check NAME --backend scalar|fma|ifma --out FILE it builds the test program check/NAME.c instead.
//
// Needs a C compiler ($CC, else cc) and the headers of the npm package node-api-headers; no node-gyp and no
// install script. Each back end is its own object with only its own instruction set; addon.c has none. The same
// sources and compiler give the same bytes in any folder. The default place is inside dist/enclave, whose files an
// enclave image takes and measures; without the file everything works, more slowly (docs/kernels.md).
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: { out: { type: 'string' }, check: { type: 'string' }, backend: { type: 'string' } },
});
const out = resolve(values.out ?? join(here, '../../dist/enclave/native/dpca-kernel.node'));
const compiler = process.env.CC ?? 'cc';

// -O3 because limbs must live in registers; no contraction because the f64 back end is exact only as written
const COMMON = [
  ...['-O3', '-std=gnu11', '-fPIC', '-fvisibility=hidden', '-ffp-contract=off', '-g0'],
  ...['-Wall', '-Wextra', '-Werror', `-ffile-prefix-map=${here}=.`],
];
const IFMA = ['-mavx512f', '-mavx512dq', '-mavx512vl', '-mavx512ifma'];
const X64 = {
  fma: ['-DBACKEND_FMA', '-mavx2', '-mfma'],
  ifma: ['-DBACKEND_IFMA', ...IFMA],
};
const BACKENDS = { scalar: ['-DBACKEND_SCALAR'], ...(process.arch === 'x64' ? X64 : {}) };
const LINK = [
  ...['-shared', '-s', '-Wl,--build-id=none', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,noexecstack'],
];

async function compile(...args) {
  await promisify(execFile)(compiler, args, { cwd: here, timeout: 300_000 });
}

async function buildAddon(work) {
  const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers');
  const objects = ['addon', ...Object.keys(BACKENDS)].map((name) => `${work}/${name}.o`);
  await Promise.all([
    compile(...COMMON, `-I${headers}`, '-c', 'addon.c', '-o', `${work}/addon.o`),
    ...Object.entries(BACKENDS).map(([name, flags]) =>
      compile(...COMMON, ...flags, '-c', 'kernel.c', '-o', `${work}/${name}.o`),
    ),
  ]);
  await compile(...LINK, ...objects, '-o', `${work}/result`);
}

async function buildCheck(work) {
  const flags = BACKENDS[values.backend];
  if (flags === undefined) throw new Error(`expected one of ${Object.keys(BACKENDS).join(', ')}`);
  const source = `check/${values.check}.c`;
  await compile(...COMMON, '-Wno-unused-function', ...flags, source, '-o', `${work}/result`);
}

if (process.platform !== 'linux') {
  console.error(`The native kernel is built for Linux; this is ${process.platform}.`);
  process.exit(2);
}
mkdirSync(dirname(out), { recursive: true });
// beside the result, so that the last step is a rename: a process may have the old file mapped
const work = mkdtempSync(join(dirname(out), '.native-'));
try {
  await (values.check === undefined ? buildAddon(work) : buildCheck(work));
  renameSync(`${work}/result`, out);
  console.log(`${out}\nsha256 ${createHash('sha256').update(readFileSync(out)).digest('hex')}`);
} catch (error) {
  console.error(`The native kernel was not built: ${error.stderr || error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
