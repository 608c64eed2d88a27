/**
 * The host's side of an emulated vsock, against backends that answer well, late, wrongly and not at all.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectEmulated } from '../../host/proxy/emulated-vsock.ts';
import { openEnclave } from '../../host/proxy/enclave-transport.ts';
import { encodeLocal } from '../../src/wire/local.ts';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'dpca-h-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
/** A backend that does `behave` once it has read the request's line. */
async function backend(behave: (socket: Socket, line: string) => void): Promise<string> {
  const path = join(folder, `v${++count}`);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (line) => behave(socket, line.toString()));
  });
  await new Promise<void>((listening) => server.listen(path, listening));
  return path;
}

const hello = Buffer.from([0, 0, 0, 1, 4]); // one frame: stop

describe('a connection to an emulated vsock', () => {
  it('asks for the port, and gives the bytes that came with the answer', async () => {
    let asked = '';
    const path = await backend((socket, line) => {
      asked = line;
      socket.write(Buffer.concat([Buffer.from('OK 1073741824\n'), hello.subarray(0, 2)]));
      socket.write(hello.subarray(2));
    });
    const ports = { control: 7001, peer: 7002 };
    const enclave = await openEnclave({ kind: 'emulated', socket: path, ports });
    let closes = 0;
    const frame = await new Promise<Uint8Array>((resolve, reject) => {
      enclave.openControl({ onFrame: resolve, onClose: () => (closes += 1) }).catch(reject);
    });
    expect(asked).toBe('CONNECT 7001\n');
    expect(Buffer.from(frame)).toEqual(Buffer.from(encodeLocal({ kind: 'stop' })));
    await enclave.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(closes).toBe(1);
  });

  it('takes the answer in pieces', async () => {
    const path = await backend((socket) => {
      socket.write('O');
      setTimeout(() => socket.write('K 5'), 20);
      setTimeout(() => socket.write('\nx'), 40);
    });
    const socket = await connectEmulated(path, 1);
    const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve).resume());
    expect(first.toString()).toBe('x');
    socket.destroy();
  });

  it.each<[string, (socket: Socket) => void]>([
    ['another answer', (socket) => socket.write('ERR\n')],
    ['an answer without a number', (socket) => socket.write('OK\n')],
    ['an endless line', (socket) => socket.write('OK '.padEnd(100, '1'))],
    ['the end', (socket) => socket.destroy()],
    ['the end in the middle', (socket) => socket.end('OK 1')],
  ])('refuses %s', async (_, behave) => {
    await expect(connectEmulated(await backend(behave), 1)).rejects.toThrowCode('ERR_ENCLAVE_LOST');
  });

  it('gives up after five seconds without an answer, and at once without a backend', async () => {
    await expect(connectEmulated(join(folder, 'nobody'), 1)).rejects.toThrowCode(
      'ERR_ENCLAVE_LOST',
    );
    const started = performance.now();
    const path = await backend(() => undefined);
    await expect(connectEmulated(path, 1)).rejects.toThrowCode('ERR_ENCLAVE_LOST');
    expect(performance.now() - started).toBeLessThan(6_000);
  });
});

describe('an enclave that is not simulated', () => {
  it('shows no draws', async () => {
    const enclave = { kind: 'vsock', cid: 16, ports: { control: 1, peer: 2 } } as const;
    await expect(openEnclave(enclave, 'draws')).rejects.toThrowCode('ERR_USAGE');
  });
});
