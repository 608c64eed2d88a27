/**
 * Any of the four processes killed, a representative phase each; kill.slow.test.ts has all phases. The survivors end
 * with a named code, and an enclave never outlives its host. And the polite way: an interrupt.
 * @module
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { HANDSHAKE_FRAME } from '../../src/session/messages.ts';
import { MESSAGE } from '../../src/wire/messages.ts';
import { at, fromThenOn, type Spot } from '../support/proxy-tap.ts';
import { expectOutcome, limiter, openWorld, runWith, type Side, type World } from './harness.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.remove());
const slot = limiter(2);

const CASES: readonly (readonly [string, Spot, Side, 'host' | 'enclave'])[] = [
  ['handshake', { direction: 'up', type: HANDSHAKE_FRAME.evidence }, 'listener', 'enclave'],
  ['column 1', { direction: 'up', type: MESSAGE.points }, 'caller', 'enclave'],
  ['column 2', { direction: 'down', type: MESSAGE.reblind }, 'listener', 'host'],
  ['release', { direction: 'up', type: MESSAGE.sizes }, 'caller', 'host'],
];

describe.concurrent('a process killed', () => {
  it.each(CASES)('in phase %s at %o: the %s %s', (_, spot, side, which) =>
    slot(async () => {
      const outcome = await runWith(world.pair, (live) =>
        fromThenOn(
          at(spot, () => {
            live.kill(side, which);
            return [];
          }),
        ),
      );
      await expectOutcome(world.pair, outcome, {
        ...{ listener: 'ERR_PEER_LOST', caller: 'ERR_PEER_LOST' },
        [side]: which === 'host' ? 'killed' : 'ERR_ENCLAVE_LOST',
      });
    }),
  );
});

describe.concurrent('an interrupt', () => {
  it.each<[Side, Side, Spot]>([
    ['caller', 'listener', { direction: 'up', type: MESSAGE.points }],
    ['listener', 'caller', { direction: 'down', type: MESSAGE.table }],
  ])('of the %s ends it with 130, and the %s is told', (side, other, spot) =>
    slot(async () => {
      const outcome = await runWith(
        world.pair,
        (live) =>
          at(spot, () => {
            live.struck();
            process.kill(-live[side].pid, 'SIGINT'); // the group, as a terminal does
            return undefined;
          }),
        { group: true },
      );
      await expectOutcome(world.pair, outcome, {
        ...{ caller: 'ERR_INTERRUPTED', listener: 'ERR_INTERRUPTED' },
        [other]: 'ERR_PEER_ABORTED',
      });
    }),
  );
});
