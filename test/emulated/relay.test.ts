/**
 * The enclave's first process as a relay, here between unix sockets: the transport contract, and what happens when
 * either side, the command or the relay itself is not there. Real vsock and process 1: the boot tests.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildInit } from './guest-image.ts';
import { missingForRelay } from './tools.ts';
import { farEnd, type FarEnd, transportContract } from './transport-contract.ts';

const missing = missingForRelay();
if (missing.length > 0) console.warn(`SKIPPED, the relay needs ${missing.join(', ')}`);

let folder: string;
let init: string;
const started: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dpca-r-'));
  if (missing.length === 0) init = buildInit(join(folder, 'init'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts the relay; resolves at its first line. */
async function relay(argv: readonly string[]): Promise<ChildProcess & { text: () => string }> {
  const child = spawn(init, argv, { stdio: ['pipe', 'pipe', 'pipe'] });
  started.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  }
  await new Promise<void>((resolve) => {
    child.stdout.once('data', () => resolve());
    child.once('close', () => resolve());
  });
  return Object.assign(child, { text: () => text });
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    if (child.exitCode !== null) resolve(child.exitCode);
    else child.once('close', resolve);
  });

function dial(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.on('error', reject);
    socket.once('connect', () => resolve(socket));
  });
}

describe.skipIf(missing.length > 0)('the relay', () => {
  let far: FarEnd;
  let near: string;
  beforeAll(async () => {
    near = join(folder, 'near');
    far = await farEnd(join(folder, 'far'));
    await relay(['--lifeline', `unix:${near}`, `unix:${join(folder, 'far')}`]);
  });
  afterAll(() => {
    far.server.close();
    for (const child of started) child.kill('SIGKILL');
  });
  transportContract(
    () => dial(near),
    () => far,
  );

  it('lets only its own user in', () => {
    expect(statSync(near).mode & 0o777).toBe(0o600);
  });

  it('serves 32 connections; a further one waits for a place', async () => {
    far.behave = (socket) => void socket.pipe(socket);
    const sockets = await Promise.all(Array.from({ length: 33 }, () => dial(near)));
    const answered = new Set<Socket>();
    for (const socket of sockets) {
      socket.on('data', () => answered.add(socket));
      socket.write('x');
    }
    while (answered.size < 32) await delay(5);
    await delay(200);
    expect(answered.size).toBe(32);
    [...answered][0]!.destroy();
    while (answered.size < 33) await delay(5);
    for (const socket of sockets) socket.destroy();
  });

  it('waits for a far end that is not there yet', async () => {
    const [here, there] = [join(folder, 'h1'), join(folder, 't1')];
    await relay([`unix:${here}`, `unix:${there}`]);
    const socket = await dial(here);
    socket.write('early');
    await delay(300);
    const text = await new Promise<string>((resolve) => {
      createServer((found) => found.once('data', (bytes) => resolve(bytes.toString()))).listen(
        there,
      );
    });
    expect(text).toBe('early');
    socket.destroy();
  });

  it('killed, ends both sides', async () => {
    const [here, there] = [join(folder, 'h2'), join(folder, 't2')];
    const end = await farEnd(there);
    const arrived = new Promise<Socket>((resolve) => (end.behave = resolve));
    const child = await relay([`unix:${here}`, `unix:${there}`]);
    const socket = await dial(here);
    const other = await arrived;
    const both = Promise.all(
      [socket, other].map((each) => new Promise((resolve) => each.resume().once('close', resolve))),
    );
    child.kill('SIGKILL');
    await both;
    end.server.close();
  });

  it('ends with its lifeline, and only with --lifeline', async () => {
    const child = await relay(['--lifeline', `unix:${join(folder, 'h3')}`, 'unix:/nowhere']);
    child.stdin!.end();
    expect(await ended(child)).toBe(0);
    const other = await relay([`unix:${join(folder, 'h4')}`, 'unix:/nowhere']);
    other.stdin!.end();
    await delay(200);
    expect(other.exitCode).toBe(null);
  });

  it.each([
    [['unix:/tmp/x']],
    [['unix:', 'unix:/tmp/x']],
    [[`unix:${'x'.repeat(108)}`, 'unix:/tmp/x']],
    [['vsock:', 'unix:/tmp/x']],
    [['vsock:70x', 'unix:/tmp/x']],
    [['vsock:3:70', 'unix:/tmp/x']],
    [['vsock:4294967295', 'unix:/tmp/x']],
    [['vsock:-1', 'unix:/tmp/x']],
    [['unix:/tmp/x', 'vsock:70']],
    [['unix:/tmp/x', 'tcp:70']],
    [['--lifeline']],
    [['--']],
    [[]],
  ])('refuses %j', async (argv) => {
    const child = await relay(argv);
    expect(await ended(child)).toBe(1);
    expect(child.text()).toMatch(/^dpca-init: expected/);
  });
});

describe.skipIf(missing.length > 0)('the command', () => {
  const log = (name: string): string => join(folder, name);
  const lines = (name: string): string[] =>
    existsSync(log(name)) ? readFileSync(log(name), 'utf8').trim().split('\n') : [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });
  const run = (socket: string, script: string): Promise<ChildProcess & { text: () => string }> =>
    relay([
      ...[`unix:${join(folder, `${socket}-in`)}`, `unix:${join(folder, socket, 'app.sock')}`, '--'],
      ...['MARK=set', '/bin/sh', '-c', script],
    ]);

  it('is started again after each run, without what the last one left', async () => {
    const left = join(folder, 'again', 'app.sock');
    await run(
      'again',
      `test -e ${left} && echo left >> ${log('runs')}; echo $MARK >> ${log('runs')}; touch ${left}`,
    );
    for (let n = 0; n < 100 && lines('runs').length < 4; n++) await delay(20);
    expect(new Set(lines('runs'))).toEqual(new Set(['set']));
  });

  it('that fails five times in a row ends it all, each wait longer than the last', async () => {
    const child = await run('fails', `date +%s%N >> ${log('fails-at')}; exit 3`);
    expect(await ended(child)).toBe(1);
    const at = lines('fails-at').map(Number);
    const waits = at.slice(1).map((time, i) => time - at[i]!);
    expect(waits).toHaveLength(4);
    for (const [i, wait] of waits.entries()) expect(wait).toBeGreaterThan(190e6 * 2 ** i);
    expect(child.text()).toContain('failed 5 times in a row');
  });

  it('does not outlive its relay', async () => {
    const child = await run('outlive', `echo $$ > ${log('pid')}; exec sleep 100`);
    while (lines('pid').length === 0) await delay(10);
    const [pid] = lines('pid');
    child.kill('SIGKILL');
    for (let n = 0; n < 100 && existsSync(`/proc/${pid}`); n++) await delay(20);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });
});

describe.skipIf(missing.length > 0)('the binary', () => {
  it('is static, and the same from another folder', () => {
    const copy = join(folder, 'copy');
    execFileSync('cp', ['-r', join(import.meta.dirname, '../../enclave/init'), copy]);
    execFileSync(process.execPath, [join(copy, 'build.mjs'), join(folder, 'init2')]);
    const bytes = readFileSync(init);
    expect(readFileSync(join(folder, 'init2')).equals(bytes)).toBe(true);
    expect(bytes.includes('/ld-linux')).toBe(false); // names no dynamic loader
    expect(bytes.includes(folder)).toBe(false);
  });
});
