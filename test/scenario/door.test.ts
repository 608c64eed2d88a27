/**
 * Before a run: who may speak to a listening host, over which transport, and with which data. Whoever is turned away
 * costs no enclave, and input errors end before anybody is called.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { answerChallenge } from '../../host/proxy/challenge.ts';
import { greet } from '../../host/proxy/greeting.ts';
import { dial } from '../../host/proxy/websocket.ts';
import { createKeys } from '../../host/keys/keys.ts';
import type { Manifest } from '../../src/run/manifest.ts';
import {
  call,
  type Pair,
  type PartyFolder,
  type Running,
  serve,
  start,
  writeConfig,
  writeRecords,
} from '../support/party-folders.ts';
import { openTap } from '../support/proxy-tap.ts';
import { writeCertificates } from './certificates.ts';
import {
  END_MS,
  expectEnd,
  expectNothingLeft,
  expectNothingTold,
  limiter,
  openWorld,
  PLANTED,
  type World,
  slowIt,
} from './harness.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.remove());
const slot = limiter(2);

/** Stops a host that waits; it ends with 130 and names the reason. */
async function stopped(pair: Pair, running: Running): Promise<void> {
  running.process.kill('SIGINT');
  const ended = await running.ended;
  expectEnd(ended, 'ERR_INTERRUPTED');
  expect(ended.exit).toBe(130);
  expectNothingTold(pair, ended);
  await expectNothingLeft(running);
}

/** Reads the challenge, sends `answer` of it, and returns the verdict and the close that follows. */
async function knock(
  port: number,
  answer: (challenge: Uint8Array) => Uint8Array | string | undefined,
): Promise<{ readonly verdict: number | undefined }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  const closed = once(socket, 'close');
  socket.on('error', () => undefined);
  const [challenge] = (await once(socket, 'message')) as [Buffer];
  let verdict: number | undefined;
  socket.on('message', (data) => (verdict = (data as Buffer)[0]));
  const said = answer(challenge);
  if (said === undefined) socket.close();
  else socket.send(said);
  await closed;
  return { verdict };
}

describe.concurrent('a listening host', () => {
  it('turns strangers away without starting an enclave, and still serves its peer', () =>
    slot(async () => {
      const { pair } = world;
      const { a, b, build } = pair;
      const listener = await serve(a, build);
      const own = a.keys.identity.publicKey;
      const stranger = createKeys(join(pair.folder, 'stranger'), 'stranger').identity;
      const refused = 3;
      const answers: readonly ((challenge: Uint8Array) => Uint8Array | string | undefined)[] = [
        () => new Uint8Array(96),
        () => new Uint8Array(0),
        () => 'text',
        (challenge) => answerChallenge(challenge, stranger, own),
        // the peer's public key with somebody else's signature
        (challenge) =>
          Buffer.concat([
            b.keys.identity.publicKey,
            answerChallenge(challenge, stranger, own).subarray(32),
          ]),
        // meant for another listener
        (challenge) => answerChallenge(challenge, b.keys.identity, stranger.publicKey),
        () => undefined,
      ];
      const verdicts = await Promise.all(answers.map((answer) => knock(listener.port, answer)));
      expect(verdicts.map(({ verdict }) => verdict)).toEqual([
        ...[refused, refused, undefined, refused, refused, refused, undefined],
      ]);
      expect(listener.enclaves()).toEqual([]);
      const caller = call(b, build, listener.port);
      const [atListener, atCaller] = await Promise.all([listener.ended, caller.ended]);
      expectEnd(atListener, 'released');
      expectEnd(atCaller, 'released');
      expect(atListener.stdout).toBe(atCaller.stdout);
      expect(atListener.stderr.match(/"a caller was turned away"/g)).toHaveLength(answers.length);
    }));

  it('answers a caller under another key, and one that means another listener, with ERR_PEER_CHALLENGE', () =>
    slot(async () => {
      const [one, other] = [world.pair, await world.another()];
      const listener = await serve(one.a, one.build);
      const caller = call(other.b, one.build, listener.port);
      const ended = await caller.ended;
      expectEnd(ended, 'ERR_PEER_CHALLENGE');
      expectNothingTold(other, ended);
      expect(listener.enclaves()).toEqual([]);
      await stopped(one, listener);
    }));

  it('is ERR_PEER_BUSY to a second caller, and the run under way goes on', () =>
    slot(async () => {
      const { a, b, build } = world.pair;
      const listener = await serve(a, build, ['--runs', '2']);
      const first = call(b, build, listener.port);
      await listener.logged('the peer is here');
      // a second process might come too late; this is its code
      const url = `ws://127.0.0.1:${listener.port}`;
      const second = await dial(url, undefined, false, new AbortController().signal);
      const greeting = greet(second, b.keys.identity, a.keys.identity.publicKey);
      await expect(greeting).rejects.toThrowCode('ERR_PEER_BUSY');
      expectEnd(await first.ended, 'released');
      await stopped(world.pair, {
        ...listener,
        // the one release of the first run stands on its stdout
        ended: listener.ended.then((ended) => ({ ...ended, stdout: '' })),
      });
    }));

  slowIt('drops callers beyond thirty a minute', () =>
    slot(async () => {
      const { a, build } = world.pair;
      const listener = await serve(a, build);
      const calls = Array.from({ length: 40 }, async () => {
        const socket = new WebSocket(`ws://127.0.0.1:${listener.port}`);
        socket.on('error', () => undefined);
        let greeted = false;
        socket.on('message', () => {
          greeted = true;
          socket.close();
        });
        await once(socket, 'close');
        return greeted;
      });
      const greeted = (await Promise.all(calls)).filter(Boolean).length;
      expect(greeted).toBeGreaterThan(0);
      expect(greeted).toBeLessThanOrEqual(30);
      await stopped(world.pair, listener);
    }),
  );

  it('accepts nobody when its approved run is over', () =>
    slot(async () => {
      const { a, b, build } = world.pair;
      const listener = await serve(a, build);
      const caller = call(b, build, listener.port);
      await Promise.all([listener.ended, caller.ended]);
      const late = await call(b, build, listener.port).ended;
      expectEnd(late, 'ERR_PEER_UNREACHABLE');
    }));
});

describe.concurrent('a caller', () => {
  it('gives up on a host that does not challenge, within five seconds', () =>
    slot(async () => {
      const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
      await once(server, 'listening');
      const called = new Promise<number>((resolve) =>
        server.once('connection', () => {
          resolve(Date.now());
        }),
      );
      const { port } = server.address() as { port: number };
      const caller = call(world.pair.b, world.pair.build, port);
      const sinceMs = await called;
      const ended = await caller.ended;
      expectEnd(ended, 'ERR_PEER_SILENT');
      expect(ended.atMs - sinceMs).toBeLessThan(END_MS);
      server.close();
    }));
});

const manifestOf = ({ manifest }: PartyFolder): Manifest =>
  JSON.parse(readFileSync(manifest, 'utf8')) as Manifest;

describe.concurrent('wss', () => {
  it('carries a run with certificates on both sides, and nobody without one', () =>
    slot(async () => {
      const pair = await world.another();
      const { a, b, build } = pair;
      const tls = await writeCertificates(join(pair.folder, 'tls'), ['a', 'b']);
      writeConfig(a, manifestOf(a), { ...tls.a });
      const listener = await serve(a, build);
      const url = `wss://localhost:${listener.port}`;
      const attempt = (): Running['ended'] => start(b, ['run', '--peer-url', url], build).ended;
      // no certificate of its own, and no CA to know the listener by
      expectEnd(await attempt(), 'ERR_PEER_UNREACHABLE');
      writeConfig(b, manifestOf(b), { ca: tls.b.ca });
      expectEnd(await attempt(), 'ERR_PEER_UNREACHABLE');
      // plain ws to the TLS port
      expectEnd(await call(b, build, listener.port).ended, 'ERR_PEER_UNREACHABLE');
      expect(listener.enclaves()).toEqual([]);
      writeConfig(b, manifestOf(b), { ...tls.b });
      const [atListener, atCaller] = await Promise.all([listener.ended, attempt()]);
      expectEnd(atListener, 'released');
      expectEnd(atCaller, 'released');
    }));

  slowIt('tells a refused caller why', () =>
    slot(async () => {
      const pair = await world.another();
      const other = await world.another();
      const tls = await writeCertificates(join(pair.folder, 'tls'), ['a', 'b']);
      writeConfig(pair.a, manifestOf(pair.a), { ...tls.a });
      writeConfig(other.b, manifestOf(other.b), { ...tls.b });
      const listener = await serve(pair.a, pair.build);
      const url = `wss://127.0.0.1:${listener.port}`;
      const ended = await start(other.b, ['run', '--peer-url', url], pair.build).ended;
      expectEnd(ended, 'ERR_PEER_CHALLENGE');
      await stopped(pair, listener);
    }),
  );
});

describe.concurrent('plain ws beyond loopback', () => {
  it('is refused by both commands, and allowed when insisted on', () =>
    slot(async () => {
      const { pair } = world;
      const { a, b, build } = pair;
      const url = `ws://${hostname()}:9`;
      const [serving, calling] = await Promise.all([
        start(a, ['serve', '--listen', '0.0.0.0:0'], build).ended,
        start(b, ['run', '--peer-url', url], build).ended,
      ]);
      expectEnd(serving, 'ERR_TRANSPORT_INSECURE');
      expectEnd(calling, 'ERR_TRANSPORT_INSECURE');
      // 0.0.0.0 as a destination is this machine, and no loopback name
      const listener = start(a, ['serve', '--listen', '0.0.0.0:0', '--insecure-ws'], build);
      const { port } = await listener.logged('listening');
      const to = `ws://0.0.0.0:${Number(port)}`;
      const caller = start(b, ['run', '--peer-url', to, '--insecure-ws'], build);
      const [atListener, atCaller] = await Promise.all([listener.ended, caller.ended]);
      expectEnd(atListener, 'released');
      expectEnd(atCaller, 'released');
    }));
});

describe.concurrent('an input error', () => {
  it.each<
    [
      string,
      (party: PartyFolder) => void,
      'ERR_INPUT_DUPLICATE' | 'ERR_INPUT_FORMAT' | 'ERR_INPUT_FILE',
    ]
  >([
    [
      'a repeated identifier',
      ({ data, sheet }) => writeRecords(data, [...sheet.records, sheet.records[7] ?? []]),
      'ERR_INPUT_DUPLICATE',
    ],
    [
      'a malformed row',
      ({ data, sheet }) => writeRecords(data, [...sheet.records, [`${PLANTED}-one-cell`]]),
      'ERR_INPUT_FORMAT',
    ],
    ['no file', ({ data }) => writeFileSync(`${data}.moved`, ''), 'ERR_INPUT_FILE'],
  ])('of the caller (%s) ends before anybody is called', (_, spoil, code) =>
    slot(async () => {
      const pair = await world.another();
      const { b, build } = pair;
      spoil(b);
      const file = code === 'ERR_INPUT_FILE' ? ['--data', `${b.data}.none`] : [];
      const tap = await openTap(9); // it accepts callers and reaches nobody
      const ended = await call(b, build, tap.port, file).ended;
      expectEnd(ended, code);
      expectNothingTold(pair, ended);
      expect(tap.callers()).toBe(0);
      await tap.close();
    }),
  );

  it('of the listener ends before it listens', () =>
    slot(async () => {
      const pair = await world.another();
      const { a, build } = pair;
      writeRecords(a.data, [...a.sheet.records, a.sheet.records[3] ?? []]);
      const ended = await start(a, ['serve', '--listen', '127.0.0.1:0'], build).ended;
      expectEnd(ended, 'ERR_INPUT_DUPLICATE');
      expect(ended.stderr).not.toContain('listening');
      expectNothingTold(pair, ended);
    }));
});
