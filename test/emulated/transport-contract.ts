/**
 * What a way to an enclave must do, whatever it is made of: bytes come out as they went in, a slow reader holds back
 * its writer, and the end of one side is the end of the other.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';

/** A server whose behaviour each test sets for its connections. */
export interface FarEnd {
  behave: (socket: Socket) => void;
  readonly server: Server;
}

const echo = (socket: Socket): void => void socket.pipe(socket);

/** Listens at `path`, echoing until a test says otherwise. */
export async function farEnd(path: string): Promise<FarEnd> {
  const end: FarEnd = {
    behave: echo,
    server: createServer((socket) => {
      socket.on('error', () => undefined);
      end.behave(socket);
    }),
  };
  await new Promise<void>((listening) => end.server.listen(path, listening));
  return end;
}

/** Sends `bytes`, collects as many, ends; false when what came back differs. */
async function roundTrip(socket: Socket, bytes: Buffer): Promise<boolean> {
  const hash = createHash('sha256');
  let left = bytes.length;
  await new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      left -= chunk.length;
      if (left <= 0) resolve();
    });
    socket.on('close', () => reject(new Error(`closed with ${left} bytes outstanding`)));
    socket.write(bytes);
  });
  socket.destroy();
  return left === 0 && hash.digest('hex') === createHash('sha256').update(bytes).digest('hex');
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));

/** Holds no more than this on its way: buffers of relays, of the kernel's sockets on either side, of virtio. */
const MOST_IN_FLIGHT = 4 << 20;

/** Defines the tests; `connect` gives a connection that arrives at `far()`. */
export function transportContract(connect: () => Promise<Socket>, far: () => FarEnd): void {
  it.each([1, 4_095, 65_536, 65_537, 1 << 20, 8 << 20])('carries %i bytes both ways', async (n) => {
    far().behave = echo;
    expect(await roundTrip(await connect(), randomBytes(n))).toBe(true);
  });

  it('carries 20 connections at a time', async () => {
    far().behave = echo;
    const all = Array.from({ length: 20 }, async () =>
      roundTrip(await connect(), randomBytes(200_000)),
    );
    expect(await Promise.all(all)).toEqual(Array.from({ length: 20 }, () => true));
  });

  it('a receiver that does not read holds back its sender, and gets everything once it does', async () => {
    let received: Socket | undefined;
    far().behave = (socket) => (received = socket.pause());
    const socket = await connect();
    const total = 16 << 20;
    let written = 0;
    const chunk = randomBytes(65_536);
    const pump = (): void => {
      while (written < total) {
        written += chunk.length;
        if (!socket.write(chunk)) return;
      }
    };
    socket.on('drain', pump);
    pump();
    // it comes to rest: nothing is written any more although there is more
    let before = -1;
    while (before !== written) {
      before = written;
      await delay(400);
    }
    expect(written).toBeLessThan(MOST_IN_FLIGHT);
    let got = 0;
    await new Promise<void>((resolve) => {
      received!.on('data', (bytes: Buffer) => {
        got += bytes.length;
        if (got === total) resolve();
      });
      received!.resume();
    });
    expect(got).toBe(total);
    socket.destroy();
  });

  it('hands over what was sent before the end, then ends the other side', async () => {
    const bytes = randomBytes(300_000);
    far().behave = (socket) => void socket.resume().end(bytes);
    const socket = await connect();
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    await closed(socket);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  });

  it('an abrupt end of one side ends the other', async () => {
    const there = new Promise<Socket>((resolve) => {
      far().behave = (socket) => resolve(socket.resume());
    });
    const socket = await connect();
    socket.write('x');
    const received = await there;
    const over = closed(received);
    socket.destroy();
    await over;
  });
}
