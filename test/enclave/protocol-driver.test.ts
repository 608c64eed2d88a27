/** Unit: coroutines over a message channel with little room, ends, and bytes that nobody asked for. */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ProtocolDriver } from '../../enclave/protocol-driver.ts';
import { DpcaError } from '../../src/errors.ts';
import { pause, type Protocol, receive, send } from '../../src/mpc/protocol.ts';
import { MAX_PLAINTEXT_BYTES } from '../../src/session/channel.ts';

/** Two drivers whose messages wait in bounded queues, as in sockets. */
function pair(room: number): { drivers: [ProtocolDriver, ProtocolDriver]; most: () => number } {
  let most = 0;
  const drivers: ProtocolDriver[] = [];
  const lane = (to: 0 | 1) => {
    const queue: Uint8Array[] = [];
    const space: (() => void)[] = [];
    let reading = false;
    const read = async (): Promise<void> => {
      reading = true;
      for (let data = queue.shift(); data !== undefined; data = queue.shift()) {
        await setImmediate();
        await drivers[to]!.push(data);
        space.shift()?.();
      }
      reading = false;
    };
    return async (data: Uint8Array): Promise<void> => {
      expect(data.length).toBeLessThanOrEqual(MAX_PLAINTEXT_BYTES);
      queue.push(data.slice());
      most = Math.max(most, queue.length);
      if (!reading) void read();
      if (queue.length > room) await new Promise<void>((resolve) => space.push(resolve));
    };
  };
  drivers.push(new ProtocolDriver(lane(1)), new ProtocolDriver(lane(0)));
  return { drivers: [drivers[0]!, drivers[1]!], most: () => most };
}

function* talker(first: boolean, sizes: readonly number[]): Protocol<number> {
  let sum = 0;
  for (const [i, size] of sizes.entries()) {
    const mine = new Uint8Array(size).fill(i + (first ? 1 : 2));
    if (first) yield* send(mine);
    for (const byte of yield* receive(size)) sum += byte;
    if (!first) yield* send(mine);
    yield* pause();
  }
  return sum;
}

describe('protocol driver', () => {
  it('carries any sizes both ways, through little room', async () => {
    const sizes = [1, 0, 3_000_000, 17, 300_000, 12_000_000];
    const { drivers, most } = pair(2);
    const sums = await Promise.all([
      drivers[0].run(talker(true, sizes)),
      drivers[1].run(talker(false, sizes)),
    ]);
    const wanted = (add: number): number =>
      sizes.reduce((sum, size, i) => sum + size * (i + add), 0);
    expect(sums).toEqual([wanted(2), wanted(1)]);
    expect(most()).toBeLessThanOrEqual(4);
  });

  it('does not lock up when both send more than there is room for before either reads', async () => {
    function* both(): Protocol<number> {
      yield* send(new Uint8Array(30_000_000));
      return (yield* receive(30_000_000)).length;
    }
    const { drivers } = pair(2);
    const got = await Promise.all(drivers.map((driver) => driver.run(both())));
    expect(got).toEqual([30_000_000, 30_000_000]);
  });

  it('ends when it is stopped, whether it waits or not', async () => {
    const reason = new DpcaError('ERR_PEER_LOST', 'gone');
    const driver = new ProtocolDriver(() => Promise.resolve());
    const waiting = driver.run(receive(5));
    await setImmediate();
    driver.stop(reason);
    await expect(waiting).rejects.toThrowCode('ERR_PEER_LOST');
    await expect(driver.run(receive(1))).rejects.toThrowCode('ERR_PEER_LOST');
  });

  it('passes on what the protocol throws, and refuses bytes after its end', async () => {
    function* fails(): Protocol<never> {
      yield* receive(1);
      throw new DpcaError('ERR_MATCH_COUNT', 'no');
    }
    const one = new ProtocolDriver(() => Promise.resolve());
    void one.push(Uint8Array.of(1));
    await expect(one.run(fails())).rejects.toThrowCode('ERR_MATCH_COUNT');
    const two = new ProtocolDriver(() => Promise.resolve());
    void two.push(Uint8Array.of(1, 2));
    await expect(two.run(receive(1))).rejects.toThrowCode('ERR_WIRE_UNEXPECTED');
  });
});
