// npm run bench [attestation|kernel|values|end-to-end|psi-js]: prints a table and writes bench/results/<date>-<what>-<commit>.json.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attestation } from './attestation.mjs';
import { endToEnd } from './end-to-end.mjs';
import { kernel } from './kernel.mjs';
import { psiJs } from './psi-js.mjs';
import { values } from './values.mjs';

const BENCHES = { attestation, kernel, values, 'end-to-end': endToEnd, 'psi-js': psiJs };
const here = dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : Object.keys(BENCHES);

const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: here })
  .toString()
  .trim();
for (const name of names) {
  const bench = BENCHES[name];
  if (bench === undefined) {
    console.error(`expected one of ${Object.keys(BENCHES).join(', ')}, got ${name}`);
    process.exit(2);
  }
  const rows = await bench();
  console.log(name);
  console.table(rows);
  const date = new Date().toISOString().slice(0, 10);
  const [cpu] = cpus();
  const result = {
    ...{ name, date, commit, node: process.versions.node, openssl: process.versions.openssl },
    ...{
      cpu: cpu?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    rows,
  };
  mkdirSync(join(here, 'results'), { recursive: true });
  writeFileSync(
    join(here, 'results', `${date}-${name}-${commit}.json`),
    `${JSON.stringify(result, null, 2)}\n`,
  );
}
