// Makes a fresh clone runnable: installs the locked packages when the lockfile changed since the last
// install, then compiles what changed. Only node: built-ins, because nothing else exists yet.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'node_modules', '.dpca-lock-sha256');
const lockDir = join(root, '.ready.lock');
const LOCK_STALE_MS = 10 * 60_000;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Node 20.19 or newer is needed; this is ${process.versions.node}.`);
  process.exit(2);
}

function run(command, args) {
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (done.status === 0) return;
  console.error(`${command} ${args.join(' ')} ended with ${done.status}; see above.`);
  rmSync(lockDir, { recursive: true, force: true });
  process.exit(1);
}

/** The compiler never deletes: outputs whose source is gone would still be measured, and run if something finds them. */
function removeOrphans(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const [, stem] =
      /^(.*?)\.(js|js\.map|d\.ts|d\.ts\.map)$/.exec(relative(join(root, 'dist'), path)) ?? [];
    if (entry.isFile() && stem !== undefined && !existsSync(join(root, `${stem}.ts`))) rmSync(path);
  }
}

/** Two terminals may start at once; one prepares while the other waits. */
async function locked(action) {
  for (;;) {
    try {
      mkdirSync(lockDir);
      break;
    } catch {
      const age = existsSync(lockDir) ? Date.now() - statSync(lockDir).mtimeMs : 0;
      if (age > LOCK_STALE_MS) rmSync(lockDir, { recursive: true, force: true });
      else await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  try {
    action();
  } finally {
    rmSync(lockDir, { recursive: true, force: true });
  }
}

await locked(() => {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const have = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
  if (have !== wanted) {
    console.error('Installing the locked packages (once per lockfile) ...');
    run('npm', ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund', '--silent']);
    writeFileSync(stamp, wanted);
  }
  // arguments name the folders to build; a demo does not need the tests to compile
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  run(process.execPath, [tsc, '-b', ...process.argv.slice(2)]);
  removeOrphans(join(root, 'dist'));
});
