/**
 * Images made twice in different circumstances, compared and measured by the compiled command line, and the running of
 * images with stand-ins for the programs that start them. The real programs are tried by hand (docs/image.md).
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bootAndRoot, imageFiles, readRoot, writeRoot } from '../../host/image/root.ts';
import { encodeCpio } from '../../attestation/image/cpio.ts';
import { folder } from '../cli/dpca.ts';
import { seededRng } from '../support/test-rng.ts';
import { privateCopy } from './support.ts';

const project = resolve(import.meta.dirname, '../..');
const at = folder();
afterAll(() => at.remove());
writeFileSync(at.at('kernel'), seededRng('kernel')(4096));

/** A program in `bin` that writes its arguments down and answers with `answer`. */
function standIn(name: string, answer: string): void {
  mkdirSync(at.at('bin'), { recursive: true });
  const script = `#!/bin/sh\necho "$@" >> "${at.at(`calls-${name}`)}"\n${answer}\n`;
  writeFileSync(at.at('bin', name), script, { mode: 0o755 });
}
const env = { PATH: `${at.at('bin')}:${process.env['PATH'] ?? ''}` };

// Node and its libraries are 130 MB; small files stand for them, the first process and the addons, and for ldd
const STAND_INS = 'c.so.6 dl.so.2 gcc_s.so.1 m.so.6 pthread.so.0 stdc++.so.6'
  .split(' ')
  .map((name) => `lib${name}`);
mkdirSync(at.at('lib'));
for (const name of ['node', 'ld-linux-x86-64.so.2', ...STAND_INS]) {
  writeFileSync(at.at('lib', name), `not really ${name}`);
}
const needed = STAND_INS.map((name) => `echo '${name} => ${at.at('lib', name)} (0x0)'`);
standIn('ldd', [...needed, `echo '${at.at('lib/ld-linux-x86-64.so.2')} (0x0)'`].join('\n'));
const LOCAL = ['--engine', 'local', '--node', at.at('lib/node')];

/** A built project of its own in `name`, every file made with this umask and then given another time. */
function copyOfProject(name: string, umask: number): string {
  const path = at.at(name);
  const before = process.umask(umask);
  try {
    mkdirSync(path);
    const built = ['src', 'attestation', 'enclave', 'host'].map((part) => `dist/${part}`);
    for (const part of [...built, 'package.json', 'enclave/image-closure.txt', 'docs/schema']) {
      cpSync(join(project, part), join(path, part), { recursive: true });
    }
    symlinkSync(join(project, 'node_modules'), join(path, 'node_modules'));
    const addons = imageFiles(path).filter((file) => file.endsWith('.node'));
    for (const file of [
      ...addons.map((addon) => addon.slice('app/'.length)),
      'dist/enclave/init/init',
    ]) {
      mkdirSync(join(path, file, '..'), { recursive: true });
      rmSync(join(path, file), { force: true });
      writeFileSync(join(path, file), `not really ${file}`, { mode: 0o666 });
    }
    utimesSync(join(path, 'dist/enclave/main.js'), umask, umask);
  } finally {
    process.umask(before);
  }
  return path;
}

function dpcaOf(path: string, argv: readonly string[], umask: string): string {
  return execFileSync(
    'sh',
    [
      '-c',
      `umask ${umask}; exec "$@"`,
      'sh',
      process.execPath,
      join(path, 'dist/host/dpca.js'),
      ...argv,
    ],
    {
      encoding: 'utf8',
      stdio: 'pipe',
      env,
    },
  );
}

describe('images', () => {
  const [first, second] = [copyOfProject('first', 0o022), copyOfProject('second', 0o077)];
  const build = (
    path: string,
    out: string,
    umask: string,
    more: readonly string[] = [],
  ): Record<string, unknown> => {
    const files = ['--kernel', at.at('kernel'), '--out', at.at(out)];
    const argv = ['image', 'build', '--json', ...LOCAL, ...files, ...more];
    return JSON.parse(dpcaOf(path, argv, umask)) as Record<string, unknown>;
  };
  const one = build(first, 'a.eif', '022');
  dpcaOf(second, ['image', 'root', '--node', at.at('lib/node'), '--out', at.at('root')], '077');

  it('are equal from another folder, time and umask, and from a root on disk', () => {
    const two = build(second, 'b.eif', '077', ['--root', at.at('root')]);
    expect(two['engine']).toBe('root');
    expect({ ...two, file: one['file'], engine: 'local' }).toEqual(one);
    expect(readFileSync(at.at('a.eif')).equals(readFileSync(at.at('b.eif')))).toBe(true);
    rmSync(at.at('b.eif'));
  });

  it('are measured alike as file and as root', async () => {
    const { PCR0, PCR1, PCR2 } = one;
    expect(await at.json(['measure', 'a.eif'])).toMatchObject({ PCR0, PCR1, PCR2 });
    expect(await at.json(['measure', 'root', '--kernel', 'kernel'])).toMatchObject({
      PCR0,
      PCR1,
      PCR2,
    });
    const other = await at.json(['measure', 'root', '--kernel', 'kernel', '--cmdline', '']);
    expect(other['PCR0']).not.toBe(PCR0);
    expect(other['PCR2']).toBe(PCR2);
    expect((await at.dpca(['measure', 'root'])).code).toBe(2);
  });

  it('that differ are told apart file by file', async () => {
    expect((await at.dpca(['image', 'diff', 'a.eif', 'root'])).stdout).toBe('no difference\n');
    const main = at.at('root/app/dist/enclave/main.js');
    writeFileSync(main, `${readFileSync(main, 'utf8')}//\n`);
    writeFileSync(at.at('root/etc/shadow'), '');
    rmSync(at.at('root/etc/hosts'));
    chmodSync(at.at('root/etc/passwd'), 0o744);
    const differs = await at.dpca(['image', 'diff', 'a.eif', 'root']);
    expect(differs.code).toBe(7);
    expect(differs.stdout.split('\n').map((line) => line.replace(/ from byte.*/, ''))).toEqual([
      'ramdisk1/app/dist/enclave/main.js: differs: content',
      'ramdisk1/etc/hosts: only in the first',
      'ramdisk1/etc/passwd: differs: mode 644 and 755',
      'ramdisk1/etc/shadow: only in the second',
      '',
    ]);
    const built = await at.dpca([
      ...['image', 'build', '--root', 'root', '--kernel', 'kernel', '--out', 'c.eif', '--json'],
    ]);
    expect(built.code).toBe(4);
    expect(built.stderr).toContain('ERR_IMAGE_CLOSURE');
    expect(built.stderr).toContain('+etc/shadow -etc/hosts');
  });

  it('are signed on request, and nothing is overwritten', async () => {
    const certificate = join(project, 'test/fixtures/image/signer.crt.pem');
    const sign = ['--sign-key', privateCopy(), '--sign-certificate', certificate];
    expect(() => build(first, 'a.eif', '022')).toThrow(/ERR_CONFIG_EXISTS/);
    expect(() => build(first, 'signed.eif', '022', sign.slice(0, 2))).toThrow(/ERR_USAGE/);
    const signed = build(first, 'signed.eif', '022', sign);
    expect(signed).toMatchObject({ PCR0: one['PCR0'], PCR1: one['PCR1'], PCR2: one['PCR2'] });
    const measured = await at.json(['measure', 'signed.eif']);
    expect(measured['PCR8']).toBe(signed['PCR8']);
    expect(measured['Signer']).toMatchObject({ notAfter: '2099-12-31T00:00:00.000Z' });
  });

  it('that are none are refused by name', async () => {
    writeFileSync(at.at('bad.eif'), 'no image');
    for (const argv of [
      ['measure', 'bad.eif'],
      ['image', 'run', 'bad.eif', '--on', 'nitro', '--state', 's'],
    ]) {
      const ran = await at.dpca(argv);
      expect(ran.code).toBe(4);
      expect(ran.stderr).toContain('ERR_EIF_TRUNCATED');
    }
  });
});

describe('roots', () => {
  it('are read alike whatever their permissions were', () => {
    const entries = [
      { path: 'init', kind: 'file', mode: 0o755, content: Buffer.from('x') },
      { path: 'etc', kind: 'directory', mode: 0o755, content: new Uint8Array(0) },
      { path: 'etc/a', kind: 'file', mode: 0o644, content: Buffer.from('a') },
      { path: 'tmp', kind: 'directory', mode: 0o1777, content: new Uint8Array(0) },
    ] as const;
    writeRoot(entries, at.at('modes'));
    const whole = encodeCpio(readRoot(at.at('modes')));
    expect(whole).toEqual(encodeCpio(entries));
    for (const [path, mode] of [
      ['init', 0o4711],
      ['etc', 0o2700],
      ['etc/a', 0o600],
      ['tmp', 0o700],
    ] as const) {
      chmodSync(at.at('modes', path), mode);
    }
    expect(encodeCpio(readRoot(at.at('modes')))).toEqual(whole);
  });

  it('keep the first process apart', () => {
    const [boot, root] = bootAndRoot(readRoot(at.at('modes')));
    expect(boot.map(({ path }) => path)).toEqual(['init']);
    expect(root.map(({ path }) => path).sort()).toEqual(['etc', 'etc/a', 'tmp']);
    expect(() => bootAndRoot(root)).toThrowCode('ERR_IMAGE_ROOT');
  });

  it('with a socket or device are refused', () => {
    execFileSync('mkfifo', [at.at('modes/etc/pipe')]);
    expect(() => readRoot(at.at('modes'))).toThrowCode('ERR_IMAGE_ROOT');
  });
});

describe('running images', () => {
  it('asks nitro-cli, never for debug mode, and forgets what was stopped', async () => {
    standIn(
      'nitro-cli',
      `case $1 in run-enclave) echo '{"EnclaveID": "i-1-enc1"}';; describe-enclaves) echo '[{"EnclaveID": "i-1-enc1", "State": "RUNNING"}]';; esac`,
    );
    const started = await at.dpca(
      ['image', 'run', 'a.eif', '--on', 'nitro', '--state', 'nitro', '--json'],
      env,
    );
    expect(started.stderr).toBe('');
    expect(JSON.parse(started.stdout)).toEqual({
      platform: 'nitro',
      running: true,
      enclaveId: 'i-1-enc1',
      enclave: { kind: 'vsock', cid: 16, ports: { control: 7001, peer: 7002 } },
    });
    const again = await at.dpca(
      ['image', 'run', 'a.eif', '--on', 'nitro', '--state', 'nitro'],
      env,
    );
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('ERR_IMAGE_STATE')]);
    expect((await at.dpca(['image', 'status', '--state', 'nitro'], env)).code).toBe(0);
    expect((await at.dpca(['image', 'stop', '--state', 'nitro'], env)).code).toBe(0);
    const gone = await at.dpca(['image', 'status', '--state', 'nitro'], env);
    expect([gone.code, gone.stderr]).toEqual([2, expect.stringContaining('ERR_IMAGE_STATE')]);
    expect(readFileSync(at.at('calls-nitro-cli'), 'utf8').split('\n')).toEqual([
      'run-enclave --eif-path a.eif --memory 1024 --cpu-count 2 --enclave-cid 16',
      ...['describe-enclaves', 'describe-enclaves', 'terminate-enclave --enclave-id i-1-enc1', ''],
    ]);
  });

  it('needs no start for a simulated enclave', async () => {
    const argv = ['image', 'run', '--on', 'simulated', '--state', 'simulated'];
    expect(await at.json(argv)).toMatchObject({ running: true, enclave: { kind: 'simulated' } });
    expect((await at.dpca(['image', 'stop', '--state', 'simulated'])).code).toBe(0);
  });

  it('ends with names when a program is missing or fails', async () => {
    const missing = await at.dpca(['image', 'run', 'a.eif', '--on', 'nitro', '--state', 'm']);
    expect([missing.code, missing.stderr]).toEqual([
      2,
      expect.stringContaining('nitro-cli is not installed'),
    ]);
    standIn('buildah', 'exit 3');
    const failed = await at.dpca(
      ['image', 'build', '--engine', 'buildah', '--kernel', 'kernel', '--out', 'x.eif'],
      env,
    );
    expect([failed.code, failed.stderr]).toEqual([2, expect.stringContaining('ERR_IMAGE_TOOL')]);
    standIn('vsock-backend', 'exit 1');
    const qemu = await at.dpca(
      ['image', 'run', 'a.eif', '--on', 'qemu', '--state', 'q', '--vsock-backend', 'vsock-backend'],
      env,
    );
    expect([qemu.code, qemu.stderr]).toEqual([1, expect.stringContaining('ERR_ENCLAVE_LOST')]);
  });
});
