/**
 * Every one of the four processes killed and stopped at every phase of a run. A release is on stdout exactly when
 * its host ended with 0; before the last masked sizes have been exchanged there is none on either side.
 * @module
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HANDSHAKE_FRAME } from '../../src/session/messages.ts';
import { MESSAGE } from '../../src/wire/messages.ts';
import { at, fromThenOn, type Direction } from '../support/proxy-tap.ts';
import {
  END_MS,
  expectEnd,
  expectNothingLeft,
  expectNothingTold,
  expectOutcome,
  limiter,
  type Live,
  openWorld,
  type Outcome,
  runWith,
  type Side,
  type World,
} from './harness.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.remove());
const slot = limiter(2);

const PHASES = [
  ['hello', HANDSHAKE_FRAME.hello],
  ['reply', HANDSHAKE_FRAME.reply],
  ['evidence', HANDSHAKE_FRAME.evidence],
  ['finish', HANDSHAKE_FRAME.finish],
  ['manifest', MESSAGE.manifest],
  ['table', MESSAGE.table],
  ['commit', MESSAGE.commit],
  ['reveal', MESSAGE.reveal],
  ['points', MESSAGE.points],
  ['tags', MESSAGE.tags],
  ['reblind', MESSAGE.reblind],
  ['sizes', MESSAGE.sizes],
] as const;
/** From here on one side may hold the release and the other not (docs/specification.md: no fairness between two). */
const LAST_PHASES = [
  ['release', MESSAGE.release],
  ['bye', MESSAGE.bye],
] as const;
const SIDES = ['listener', 'caller'] as const;
const WHICH = ['host', 'enclave'] as const;

const cross = <P extends readonly unknown[]>(
  phases: readonly P[],
): [...P, Side, 'host' | 'enclave'][] =>
  phases.flatMap((phase) =>
    SIDES.flatMap((side) =>
      WHICH.map((which): [...P, Side, 'host' | 'enclave'] => [...phase, side, which]),
    ),
  );

/** The first message of the type, in the one direction it has or else in alternating ones. */
function directionOf(type: number, side: Side): Direction {
  if (type === HANDSHAKE_FRAME.hello) return 'up';
  if (type === HANDSHAKE_FRAME.reply) return 'down';
  return side === 'listener' ? 'up' : 'down';
}

const killing = (type: number, side: Side, which: 'host' | 'enclave') => (live: Live) =>
  fromThenOn(
    at({ direction: directionOf(type, side), type }, () => {
      live.kill(side, which);
      return [];
    }),
  );

describe.concurrent('killed', () => {
  it.each(cross(PHASES))('at %s (%i): the %s %s', (_, type, side, which) =>
    slot(async () => {
      const outcome = await runWith(world.pair, killing(type, side, which));
      await expectOutcome(world.pair, outcome, {
        ...{ listener: 'ERR_PEER_LOST', caller: 'ERR_PEER_LOST' },
        [side]: which === 'host' ? 'killed' : 'ERR_ENCLAVE_LOST',
      });
    }),
  );

  it.each(cross(LAST_PHASES))('at %s (%i): the %s %s', (_, type, side, which) =>
    slot(async () => {
      const outcome = await runWith(world.pair, killing(type, side, which));
      await expectConsistent(outcome);
    }),
  );
});

/** Ended in time; a release only with exit 0, and otherwise the code of a lost peer or enclave. */
async function expectConsistent({ listener, caller, struckMs, live }: Outcome): Promise<void> {
  for (const ended of [listener, caller]) {
    if (ended.exit === 0) expectEnd(ended, 'released');
    else if (ended.exit === null) expectEnd(ended, 'killed');
    else expectEnd(ended, ended.exit === 1 ? 'ERR_ENCLAVE_LOST' : 'ERR_PEER_LOST');
    expect(ended.atMs - struckMs).toBeLessThan(END_MS);
    expectNothingTold(world.pair, ended);
  }
  await expectNothingLeft(live.listener);
  await expectNothingLeft(live.caller);
}

/** Stopped with SIGSTOP: the peer hears nothing for ten seconds; then the own host has eight for its enclave. */
const STOPPED_END_MS = 30_000;

describe.concurrent('stopped', () => {
  it.each(
    (
      [
        ['evidence', HANDSHAKE_FRAME.evidence],
        ['points', MESSAGE.points],
      ] as const
    ).flatMap((phase) => SIDES.map((side) => [...phase, side] as const)),
  )('at %s (%i): the enclave of the %s', (_, type, side) =>
    slot(async () => {
      const outcome = await runWith(world.pair, (live) =>
        at({ direction: directionOf(type, side), type }, () => {
          live.struck();
          for (const pid of live[side].enclaves()) process.kill(pid, 'SIGSTOP');
          return undefined;
        }),
      );
      await expectOutcome(
        world.pair,
        outcome,
        {
          ...{ listener: 'ERR_PEER_SILENT', caller: 'ERR_PEER_SILENT' },
          [side]: 'ERR_ENCLAVE_LOST',
        },
        STOPPED_END_MS,
      );
    }),
  );
});
