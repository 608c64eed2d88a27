/**
 * Runs that succeed: with two companies' different files, whoever calls; and what somebody between the hosts sees of
 * one, which is opaque frames.
 * @module
 */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HANDSHAKE_FRAME } from '../../src/session/messages.ts';
import { MESSAGE } from '../../src/wire/messages.ts';
import { makePair } from '../support/party-folders.ts';
import type { Fault } from '../support/proxy-tap.ts';
import {
  EXACT_SIZES,
  expectOutcome,
  limiter,
  type Live,
  openWorld,
  PLANTED,
  runWith,
  type World,
} from './harness.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.remove());
const slot = limiter(2);
/** Nothing goes wrong; the time limit of faults does not apply. */
const UNHURRIED_MS = 120_000;
const noFault = (live: Live): Fault => {
  live.struck();
  return () => undefined;
};
const RELEASED = { listener: 'released', caller: 'released' } as const;

interface Release {
  readonly rows: { readonly a: number; readonly b: number };
  readonly maskedSizes: readonly number[];
  readonly statistics: readonly { readonly value: string }[];
}

describe.concurrent('two files with other names, places and order of columns', () => {
  it.each([false, true])('give both hosts the same release (party b listens: %s)', (swapped) =>
    slot(async () => {
      const outcome = await runWith(world.pair, noFault, { swapped });
      await expectOutcome(world.pair, outcome, RELEASED, UNHURRIED_MS);
      expect(outcome.listener.stdout).toBe(outcome.caller.stdout);
      const release = JSON.parse(outcome.caller.stdout) as Release;
      expect(release.rows).toEqual({ a: 900, b: 800 });
      const truth = EXACT_SIZES.reduce((sum, size) => sum + size, 0);
      // standard deviation 15.4, at most 148 dummies: 100 is 6.5 of them (false rejection below 1e-9)
      expect(Math.abs(Number(release.statistics[0]?.value) - truth)).toBeLessThan(100);
    }),
  );
});

describe('between the hosts', () => {
  it('there are opaque frames within the limit, and nothing repeats', () =>
    slot(async () => {
      // more rows than one frame takes
      const records = Array.from({ length: 8_200 }, (_, i) => [`${PLANTED}-${i}@secret.example`]);
      const sheet = { records, header: false, map: ['email=1'] };
      const pair = await makePair({
        build: world.pair.build,
        columns: ['email:email'],
        sheets: { a: sheet, b: sheet },
      });
      const outcome = await runWith(pair, noFault);
      await expectOutcome(pair, outcome, RELEASED, UNHURRIED_MS);
      const { seen } = outcome.tap;
      pair.remove();

      const clear: readonly number[] = [HANDSHAKE_FRAME.hello, HANDSHAKE_FRAME.reply];
      const known = [...Object.values(HANDSHAKE_FRAME), ...Object.values(MESSAGE)] as number[];
      const typed = seen.filter(({ type }) => type !== undefined);
      for (const { type, bytes } of typed) {
        expect(known).toContain(type);
        expect(bytes.length).toBeLessThanOrEqual(262_144);
      }
      expect(Math.max(...seen.map(({ bytes }) => bytes.length))).toBeGreaterThan(250_000);
      const all = Buffer.concat(seen.map(({ bytes }) => bytes)).toString('latin1');
      for (const text of [
        PLANTED,
        'secret.example',
        'publisher',
        'scenario tests',
        'x25519-ell2-ro',
      ]) {
        expect(all).not.toContain(text);
      }

      const sealed = Buffer.concat(
        typed.flatMap(({ type, bytes }) =>
          type === undefined || clear.includes(type) ? [] : [bytes.subarray(1)],
        ),
      );
      expect(sealed.length).toBeGreaterThan(800_000);
      // at any offset of either direction; by chance once in 2^88 runs
      const text = sealed.toString('latin1');
      const blocks = new Set<string>();
      for (let i = 0; i + 16 <= text.length; i++) blocks.add(text.slice(i, i + 16));
      expect(blocks.size).toBe(text.length - 15);
      expect(gzipSync(sealed, { level: 9 }).length).toBeGreaterThan(sealed.length);
      // chi-square with 255 degrees of freedom: above 400 in less than one of 1e7 uniform samples
      const counts = new Float64Array(256);
      for (const byte of sealed) counts[byte] = (counts[byte] ?? 0) + 1;
      const expected = sealed.length / 256;
      const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      expect(chi).toBeLessThan(400);
    }));
});
