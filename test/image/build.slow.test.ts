/**
 * The image's root with the real parts, built twice: Node, its libraries, the addons and the first process as this machine
 * compiles them. Needs a C compiler and ldd, and says so where they are missing.
 */
import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { hasTool } from '../../host/image/tool.ts';
import { folder } from '../cli/dpca.ts';

const project = resolve(import.meta.dirname, '../..');
const missing = ['cc', 'ldd'].filter((name) => !hasTool(name));
if (missing.length > 0) console.warn(`image roots are not built: ${missing.join(', ')} missing`);

describe.skipIf(missing.length > 0)('images of real parts', () => {
  const at = folder();
  afterAll(() => at.remove());

  /** Sources and build in a folder of their own, native parts compiled there; returns the image's PCRs. */
  function build(name: string, umask: string): Record<string, string> {
    const path = at.at(name);
    mkdirSync(path);
    for (const part of ['enclave', 'package.json', 'dist']) {
      cpSync(join(project, part), join(path, part), { recursive: true });
    }
    symlinkSync(join(project, 'node_modules'), join(path, 'node_modules'));
    const builders = ['init', 'nsm', 'native'].map((part) => `enclave/${part}/build.mjs`);
    for (const builder of builders.filter((file) => existsSync(join(path, file)))) {
      execFileSync(process.execPath, [builder], { cwd: path, stdio: ['ignore', 2, 'inherit'] });
    }
    const argv = ['image', 'build', '--engine', 'local', '--kernel', at.at('kernel')];
    const cli = [join(path, 'dist/host/dpca.js'), '--json', ...argv, '--out', at.at(`${name}.eif`)];
    const script = `umask ${umask}; exec "$@"`;
    const out = execFileSync('sh', ['-c', script, 'sh', process.execPath, ...cli], {
      encoding: 'utf8',
      cwd: at.path,
    });
    const { PCR0 = '', PCR1 = '', PCR2 = '' } = JSON.parse(out) as Record<string, string>;
    return { PCR0, PCR1, PCR2 };
  }

  it('have the same PCRs from two folders with different umasks', () => {
    writeFileSync(at.at('kernel'), 'no kernel');
    expect(build('one', '022')).toEqual(build('another-folder', '077'));
  });

  it('hold all that the enclave loads: every module, and the entry, which ends without a security module', () => {
    const root = at.at('root');
    const cli = [join(at.at('one'), 'dist/host/dpca.js'), 'image', 'root', '--out', root];
    execFileSync(process.execPath, cli, { stdio: 'ignore' });
    const inRoot = (...argv: readonly string[]): SpawnSyncReturns<string> =>
      spawnSync(
        join(root, 'lib64/ld-linux-x86-64.so.2'),
        [
          ...['--library-path', join(root, 'lib/x86_64-linux-gnu')],
          ...[join(root, 'usr/bin/node'), ...argv],
        ],
        { encoding: 'utf8', env: {}, timeout: 60_000 },
      );
    const modules = readdirSync(join(root, 'app/dist'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.js') && !path.endsWith('main.js'))
      .map((path) => pathToFileURL(join(root, 'app/dist', path)).href);
    expect(modules.length).toBeGreaterThan(80);
    const script = `for (const url of ${JSON.stringify(modules)}) await import(url); process.exit(0)`;
    const loaded = inRoot('--input-type=module', '--eval', script);
    expect([loaded.status, loaded.stderr]).toEqual([0, '']);
    const started = inRoot(join(root, 'app/dist/enclave/main.js'), '--sockets', at.path);
    expect(started.stderr).toContain("code: 'ERR_NSM'");
    expect(started.stderr).toContain('/dev/nsm');
  });
});
