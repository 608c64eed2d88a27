// Builds the enclave's first process, which is also the host's vsock relay: node enclave/init/build.mjs [OUT]
// Static and reproducible: the same compiler gives the same bytes in any folder. Only node: built-ins, no download.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, '../../dist/enclave/init/init'));
const flags = ['-std=gnu11', '-static', '-Os', '-s', '-Wall', '-Wextra', '-Werror', '-Wconversion'];

mkdirSync(dirname(out), { recursive: true });
// relative names, so that no path of this machine reaches the file
const done = spawnSync(
  process.env['CC'] ?? 'cc',
  [...flags, '-Wl,--build-id=none', '-o', out, 'init.c', 'relay.c'],
  { cwd: here, stdio: 'inherit' },
);
if (done.error !== undefined) console.error(`no C compiler: ${done.error.message}`);
process.exit(done.status ?? 1);
