/**
 * A network that cuts, holds back, changes, repeats, reorders and replays what two hosts send each other. The tap sits
 * between the two WebSockets, where the first byte of a frame tells the phase.
 * @module
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HANDSHAKE_FRAME } from '../../src/session/messages.ts';
import { MESSAGE } from '../../src/wire/messages.ts';
import { at, type Direction, type Fault, type Spot } from '../support/proxy-tap.ts';
import {
  type Expected,
  expectOutcome,
  limiter,
  type Live,
  openWorld,
  runWith,
  type Side,
  SILENCE_END_MS,
  type World,
  sampled,
} from './harness.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.remove());
const slot = limiter(2);
/** Silent runs cost ten seconds and no work. */
const silentSlot = limiter(4);

const up = (type: number, nth = 0): Spot => ({ direction: 'up', type, nth });
const down = (type: number, nth = 0): Spot => ({ direction: 'down', type, nth });

async function expectFault(
  fault: (live: Live) => Fault,
  listener: Expected,
  caller: Expected,
  withinMs?: number,
): Promise<void> {
  const outcome = await runWith(world.pair, fault);
  await expectOutcome(world.pair, outcome, { listener, caller }, withinMs);
}

describe.concurrent('a connection cut', () => {
  it.each(
    sampled([
      ['handshake', up(HANDSHAKE_FRAME.hello)],
      ['column 2', up(MESSAGE.reblind)],
      ['release', down(MESSAGE.sizes)],
    ]),
  )('in phase %s is ERR_PEER_LOST on both sides', (_, spot) =>
    slot(() =>
      expectFault(
        (live) =>
          at(spot, (__, tap) => {
            live.struck();
            tap.cut();
            return [];
          }),
        'ERR_PEER_LOST',
        'ERR_PEER_LOST',
      ),
    ),
  );
});

describe.concurrent('a connection cut while the enclaves start', () => {
  it('is ERR_PEER_LOST on both sides', () =>
    slot(() =>
      expectFault(
        (live) => (frame, tap) => {
          if (frame.direction === 'down' && frame.index === 1) {
            live.struck();
            setTimeout(tap.cut, 50);
          }
          return undefined;
        },
        'ERR_PEER_LOST',
        'ERR_PEER_LOST',
      ),
    ));
});

describe.concurrent('a silent connection', () => {
  const both: readonly Direction[] = ['up', 'down'];
  const silence = (spot: Spot, directions: readonly Direction[], live: Live): Fault =>
    at(spot, (_, tap) => {
      live.struck();
      tap.hush(directions);
      return [];
    });
  it.each(
    sampled([
      ['handshake', up(HANDSHAKE_FRAME.evidence)],
      ['column 1', down(MESSAGE.points)],
    ]),
  )('in phase %s is ERR_PEER_SILENT on both sides', (_, spot) =>
    silentSlot(() =>
      expectFault(
        (live) => silence(spot, both, live),
        'ERR_PEER_SILENT',
        'ERR_PEER_SILENT',
        SILENCE_END_MS,
      ),
    ),
  );

  it('of one direction only is ERR_PEER_SILENT there, and the other side is told', () =>
    silentSlot(() =>
      expectFault(
        (live) => silence(up(MESSAGE.table), ['up'], live),
        'ERR_PEER_SILENT',
        'ERR_PEER_ABORTED',
        SILENCE_END_MS,
      ),
    ));
});

type Change = (bytes: Uint8Array) => readonly Uint8Array[];

const flip =
  (offset: number): Change =>
  (bytes) => {
    const changed = bytes.slice();
    const i = offset < 0 ? changed.length + offset : offset;
    changed[i] = (changed[i] ?? 0) ^ 0x01;
    return [changed];
  };
const truncate: Change = (bytes) => [bytes.subarray(0, -1)];
const repeat: Change = (bytes) => [bytes, bytes];
const drop: Change = () => [];

/** Holds the message at the spot back until the next of its direction has passed. */
function reorder(spot: Spot, struck: () => void): Fault {
  let held: Uint8Array | undefined;
  const hold = at(spot, ({ bytes }) => {
    struck();
    held = bytes;
    return [];
  });
  return (frame, tap) => {
    const first = hold(frame, tap);
    if (first !== undefined || held === undefined || frame.direction !== spot.direction) {
      return first;
    }
    const late = held;
    held = undefined;
    return [frame.bytes, late];
  };
}

describe.concurrent('a message of the handshake', () => {
  it.each(
    sampled<[string, Spot, Change, Side, Expected]>([
      // the responder cannot see this; the initiator finds another transcript in the answer
      ['hello, flipped', up(HANDSHAKE_FRAME.hello), flip(50), 'caller', 'ERR_SESSION_NOISE'],
      ['reply, truncated', down(HANDSHAKE_FRAME.reply), truncate, 'caller', 'ERR_SESSION_NOISE'],
      [
        'evidence, flipped',
        up(HANDSHAKE_FRAME.evidence),
        flip(-1),
        'listener',
        'ERR_SESSION_DECRYPT',
      ],
      ['hello, repeated', up(HANDSHAKE_FRAME.hello), repeat, 'listener', 'ERR_WIRE_UNEXPECTED'],
    ]),
  )('%s', (_, spot, change, side, code) =>
    slot(() =>
      expectFault(
        (live) =>
          at(spot, ({ bytes }) => {
            live.struck();
            return change(bytes);
          }),
        side === 'listener' ? code : 'ERR_PEER_ABORTED',
        side === 'caller' ? code : 'ERR_PEER_ABORTED',
      ),
    ),
  );

  it('reordered', () =>
    slot(() =>
      expectFault(
        (live) => reorder(up(HANDSHAKE_FRAME.static), live.struck),
        'ERR_WIRE_UNEXPECTED',
        'ERR_PEER_ABORTED',
      ),
    ));
});

describe.concurrent('a frame of the open channel', () => {
  it.each(
    sampled<[string, Spot, Change]>([
      ['flipped', up(MESSAGE.manifest), flip(100)],
      ['truncated', down(MESSAGE.points), truncate],
      ['repeated', up(MESSAGE.reveal), repeat],
      ['dropped', down(MESSAGE.tags), drop],
    ]),
  )('%s is ERR_SESSION_DECRYPT for its receiver', (_, spot, change) =>
    slot(() => {
      const [listener, caller]: [Expected, Expected] =
        spot.direction === 'up'
          ? ['ERR_SESSION_DECRYPT', 'ERR_PEER_ABORTED']
          : ['ERR_PEER_ABORTED', 'ERR_SESSION_DECRYPT'];
      return expectFault(
        (live) =>
          at(spot, ({ bytes }) => {
            live.struck();
            return change(bytes);
          }),
        listener,
        caller,
      );
    }),
  );

  it('reordered is ERR_SESSION_DECRYPT for its receiver', () =>
    slot(() =>
      expectFault(
        (live) => reorder(up(MESSAGE.points), live.struck),
        'ERR_SESSION_DECRYPT',
        'ERR_PEER_ABORTED',
      ),
    ));
});

describe('messages of another run', () => {
  it('are refused in the handshake and in the open channel', async () => {
    const recorded = await runWith(world.pair, (live) => {
      live.struck();
      return () => undefined;
    });
    await expectOutcome(world.pair, recorded, { listener: 'released', caller: 'released' }, 60_000);
    const replay = (spot: Spot) => (live: Live) =>
      at(spot, () => {
        live.struck();
        const old = recorded.tap.seen.find(
          ({ direction, type }) => direction === spot.direction && type === spot.type,
        );
        expect(old).toBeDefined();
        return old === undefined ? [] : [old.bytes];
      });
    await Promise.all([
      slot(() =>
        expectFault(replay(up(HANDSHAKE_FRAME.hello)), 'ERR_PEER_ABORTED', 'ERR_SESSION_NOISE'),
      ),
      slot(() =>
        expectFault(
          replay(down(HANDSHAKE_FRAME.evidence)),
          'ERR_PEER_ABORTED',
          'ERR_SESSION_DECRYPT',
        ),
      ),
      slot(() => expectFault(replay(up(MESSAGE.table)), 'ERR_SESSION_DECRYPT', 'ERR_PEER_ABORTED')),
    ]);
  });
});

describe.concurrent('between the hosts', () => {
  it.each(
    sampled([
      ['an empty message', 0],
      ['a message above the limit', 262_145],
    ]),
  )('%s ends the connection', (_, bytes) =>
    slot(() =>
      expectFault(
        (live) =>
          at(down(MESSAGE.table), () => {
            live.struck();
            return [new Uint8Array(bytes)];
          }),
        'ERR_PEER_LOST',
        'ERR_PEER_LOST',
      ),
    ),
  );
});
