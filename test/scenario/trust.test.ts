/**
 * A peer that is not what was agreed: other code, another root, another identity, another manifest, a clock that is
 * off, evidence of somebody else, or an enclave whose code was changed to send columns that nobody may accept.
 * @module
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { createKeys } from '../../host/keys/keys.ts';
import { admit, greet } from '../../host/proxy/greeting.ts';
import { toHex } from '../../src/encoding.ts';
import { parseManifest } from '../../src/run/manifest.ts';
import { HANDSHAKE_FRAME } from '../../src/session/messages.ts';
import { MESSAGE } from '../../src/wire/messages.ts';
import { call, type Edit, type Pair, register, writePolicy } from '../support/party-folders.ts';
import { at, type Fault } from '../support/proxy-tap.ts';
import {
  type Expected,
  expectEnd,
  expectNothingTold,
  expectOutcome,
  limiter,
  type Live,
  openWorld,
  type Outcome,
  type RunOptions,
  runWith,
  type Side,
  type World,
  sampled,
} from './harness.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.remove());
const slot = limiter(2);

/** The fault is the peer itself: time counts from its first message to an enclave. */
const fromTheStart =
  (live: Live): Fault =>
  ({ direction, type }) => {
    if (direction === 'up' && type !== undefined) live.struck();
    return undefined;
  };

async function run(
  pair: Pair,
  expected: Readonly<Record<Side, Expected>>,
  options: RunOptions = {},
): Promise<Outcome> {
  const outcome = await runWith(pair, fromTheStart, options);
  await expectOutcome(pair, outcome, expected);
  return outcome;
}

/** One line, without any effect: the enclave beats its heart a millisecond earlier. */
const ONE_LINE: Edit = ['enclave/peer-session.js', 'HEARTBEAT_MS = 2_000', 'HEARTBEAT_MS = 1_999'];

describe.concurrent('an enclave with one line changed', () => {
  it.each(
    sampled<[Side, Side]>([
      ['caller', 'listener'],
      ['listener', 'caller'],
    ]),
  )('as %s is refused with PCR0 and PCR2 named', (edited, other) =>
    slot(async () => {
      const build = world.edited([ONE_LINE]);
      expect(build.measured.pcr1).toBe(world.pair.build.measured.pcr1);
      const outcome = await run(
        world.pair,
        {
          ...{ caller: 'PCR_MISMATCH', listener: 'PCR_MISMATCH' },
          [edited]: 'ERR_SESSION_REFUSED',
        },
        { builds: { [edited]: build } },
      );
      expect(outcome[other].message).toMatch(/PCR0\b.*PCR2\b/);
      expect(outcome[other].message).not.toContain('PCR1');
    }),
  );
});

describe.concurrent('a peer', () => {
  it('under another root is refused: ROOT_MISMATCH', () =>
    slot(async () => {
      const pair = await world.another();
      writePolicy(pair.a, ['ab'.repeat(32)], [pair.build]);
      await run(pair, { listener: 'ROOT_MISMATCH', caller: 'ERR_SESSION_REFUSED' });
    }));

  it('with another identity key is refused by the enclave, whatever the hosts agreed', () =>
    slot(async () => {
      const pair = await world.another();
      const agreed = pair.b.keys.identity;
      // b runs with other keys and a manifest that names them; a man in the middle holds the agreed key of b's host
      rmSync(join(pair.b.folder, 'keys'), { recursive: true });
      const fresh = createKeys(join(pair.b.folder, 'keys'), 'advertiser');
      const text = readFileSync(pair.b.manifest, 'utf8')
        .replace(toHex(agreed.publicKey), toHex(fresh.identity.publicKey))
        .replace(toHex(pair.b.keys.log.publicKey), toHex(fresh.log.publicKey));
      writeFileSync(pair.b.manifest, text);
      const listener = pair.a.keys.identity.publicKey;
      await run(
        pair,
        { listener: 'BINDING_IDENTITY', caller: 'ERR_SESSION_REFUSED' },
        {
          impostor: {
            toCaller: (socket) => admit(socket, listener, fresh.identity.publicKey, () => true),
            toListener: (socket) => greet(socket, agreed, listener),
          },
        },
      );
    }));

  it('with another manifest: both sides name the fields that differ', () =>
    slot(async () => {
      const pair = await world.another();
      const manifest = JSON.parse(readFileSync(pair.b.manifest, 'utf8')) as {
        purpose: string;
        privacy: { runs: number };
      };
      manifest.purpose = 'another purpose';
      manifest.privacy.runs = 9;
      writeFileSync(pair.b.manifest, JSON.stringify(manifest));
      await register(pair.b, parseManifest(JSON.stringify(manifest)));
      const { listener, caller } = await run(pair, {
        listener: 'ERR_MANIFEST_DIFFERS',
        caller: 'ERR_MANIFEST_DIFFERS',
      });
      for (const { message } of [listener, caller]) {
        expect(message).toBe('differing fields: /purpose, /privacy/runs');
      }
    }));

  it('whose security module is an hour behind shows a stale document', () =>
    slot(async () => {
      const pair = await world.another();
      const late = world.edited([
        ['enclave/simulated.js', 'now: () => Date.now()', 'now: () => Date.now() - 3_600_000'],
      ]);
      writePolicy(pair.a, [pair.b.rootFingerprint], [late]);
      await run(
        pair,
        { listener: 'TIMESTAMP_STALE', caller: 'ERR_SESSION_REFUSED' },
        { builds: { caller: late } },
      );
    }));

  it("that shows the verifier's own document is refused", () =>
    slot(async () => {
      const pair = await world.another();
      const mirror = world.edited([
        ['src/session/handshake.js', 'present(this.own)))', 'present(this.evidence)))'],
      ]);
      writePolicy(pair.b, [pair.a.rootFingerprint, pair.b.rootFingerprint], [pair.build]);
      const { caller } = await run(
        pair,
        { listener: 'ERR_SESSION_REFUSED', caller: 'NONCE_MISMATCH' },
        { builds: { listener: mirror } },
      );
      expect(caller.message).toContain(' REFLECTION ');
    }));

  it.each(
    sampled<[string, (bytes: Buffer) => Buffer, Expected]>([
      ['as they are', (bytes) => bytes, 'ERR_WIRE_UNEXPECTED'],
      [
        'with the type of an answer',
        (bytes) => Buffer.concat([Uint8Array.of(HANDSHAKE_FRAME.reply), bytes.subarray(1)]),
        'ERR_SESSION_REFLECTION',
      ],
    ]),
  )("that sends the initiator's own messages back, %s, gets nowhere", (_, change, code) =>
    slot(async () => {
      const { a, b, build } = world.pair;
      const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
      server.on('connection', (socket) => {
        const keys = [a.keys.identity.publicKey, b.keys.identity.publicKey] as const;
        void admit(socket, ...keys, () => true).then(() => {
          socket.on('message', (data) => socket.send(change(data as Buffer)));
          socket.resume();
        });
      });
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const caller = await call(b, build, port).ended;
      server.close();
      expectEnd(caller, code);
      expectNothingTold(world.pair, caller);
    }),
  );
});

describe.concurrent('an accepted enclave that sends', () => {
  const COLUMN = 'columnChunks(columnKind, column, first, data)';
  it.each(
    sampled<[string, string, string, Expected]>([
      ['an element twice', 'points', 'data.copyWithin(32, 0, 32)', 'ERR_MATCH_DUPLICATE'],
      ['an element of low order', 'points', 'data.fill(0, 0, 32)', 'ERR_MATCH_POINT'],
      ['an element that is not canonical', 'points', 'data.fill(255, 0, 32)', 'ERR_MATCH_POINT'],
      ['a tag twice', 'tags', 'data.copyWithin(16, 0, 16)', 'ERR_MATCH_DUPLICATE'],
      ['an element of low order later', 'reblind', 'data.fill(0, 0, 32)', 'ERR_MATCH_POINT'],
    ]),
  )('%s is refused', (_, kind, change, code) =>
    slot(async () => {
      const pair = await world.another();
      const evil = world.edited([
        [
          'enclave/peer-session.js',
          COLUMN,
          COLUMN.replace('data', `columnKind === '${kind}' ? ${change} : data`),
        ],
      ]);
      writePolicy(pair.a, [pair.b.rootFingerprint], [evil]);
      const outcome = await runWith(
        pair,
        (live) =>
          at({ direction: 'up', type: MESSAGE.points }, () => {
            live.struck();
            return undefined;
          }),
        { builds: { caller: evil } },
      );
      await expectOutcome(pair, outcome, { listener: code, caller: 'ERR_PEER_ABORTED' });
    }),
  );
});
