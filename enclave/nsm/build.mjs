// Builds the addon for /dev/nsm: node enclave/nsm/build.mjs [OUT]
// Plain Node-API 8, so that one file loads in Node 20, 22 and 24; headers from npm's node-api-headers, no download.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, '../../dist/enclave/nsm/nsm.node'));
const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers');
const flags = ['-std=gnu11', '-shared', '-fPIC', '-O2', '-s', '-Wall', '-Wextra', '-Werror'];

mkdirSync(dirname(out), { recursive: true });
// relative names, so that no path of this machine reaches the file
const done = spawnSync(
  process.env['CC'] ?? 'cc',
  [
    ...flags,
    '-Wl,--build-id=none',
    `-I${headers}`,
    '-DNODE_GYP_MODULE_NAME=nsm',
    '-o',
    out,
    'device.c',
  ],
  { cwd: here, stdio: 'inherit' },
);
if (done.error !== undefined) console.error(`no C compiler: ${done.error.message}`);
process.exit(done.status ?? 1);
