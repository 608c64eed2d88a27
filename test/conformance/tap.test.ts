/**
 * A tap behind the AEAD sees every plaintext message of honest runs under many interleavings, and finds nothing; and
 * the same checker reports every kind of leak that is planted into such a log.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { fixed } from '../../src/bytes.ts';
import { nobleKernel } from '../../src/group/noble-kernel.ts';
import { UniformSource } from '../../src/rng.ts';
import type { Manifest, Role } from '../../src/run/manifest.ts';
import { encodeMessage, MESSAGE, type Message, RECORD_BYTES } from '../../src/wire/messages.ts';
import { EXAMPLE_WEIGHTS, testManifest } from '../support/manifests.ts';
import { mockKernel } from '../support/mock-kernel.ts';
import { type Cells, randomPair } from '../support/tables.ts';
import { seededRng } from '../support/test-rng.ts';
import { observedPair, type TapEvent } from './observed-pair.ts';
import { findings, spellings } from './tap-checker.ts';

/** Identifiers as they are in the tables; long enough that chance cannot show one (2^-128 and less). */
const planted = ['planted.person@example.org', '+41446681800-planted', 'd0e1f2a3-b4c5-planted'];

function tables(seed: string, k: number): Record<Role, Cells> {
  const [a, b] = randomPair(new UniformSource(seededRng(seed)), k, 20);
  const row = planted.slice(0, k);
  return { a: [row, ...a], b: [...b, row] };
}

function observe(seed: string, manifest: Manifest, kernel = mockKernel, chunk = 3) {
  const uniform = new UniformSource(seededRng(`${seed} order`));
  return observedPair(manifest, tables(seed, manifest.columns.length), {
    sessionId: fixed(seededRng(seed)(32), 32, 'session'),
    rng: { a: seededRng(`${seed} a`), b: seededRng(`${seed} b`) },
    choose: (n) => uniform.below(n),
    ...{ kernel, chunk },
  });
}

function identifiersOf(seed: string, k: number): string[] {
  const { a, b } = tables(seed, k);
  const cells = [...a, ...b].flat().filter((cell) => cell !== null);
  // short ones ("c0-7") would be found by chance in random bytes; their digests and spellings would not
  return [...new Set(cells)].filter((cell) => cell.length >= 16);
}

describe('honest runs', () => {
  it.each([1, 2, 3])('with %i columns leave nothing to find', async (k) => {
    const manifest = testManifest(k, EXAMPLE_WEIGHTS);
    for (let i = 0; i < 8; i++) {
      const seed = `tap ${k} ${i}`;
      const { log, releases } = await observe(seed, manifest);
      expect(releases.a).toBeDefined();
      expect(releases.a).toEqual(releases.b);
      expect(identifiersOf(seed, k).length).toBe(k);
      expect(findings(log, manifest, identifiersOf(seed, k)), seed).toEqual([]);
      const types = new Set(log.map(({ type }) => type));
      const { heartbeat, alert, reattest, reblind, values, ...rest } = MESSAGE;
      expect([...types].sort()).toEqual(
        [...Object.values(rest), ...(k > 1 ? [reblind] : [])].sort(),
      );
      for (const none of [heartbeat, alert, reattest, values]) expect(types.has(none)).toBe(false);
    }
  });

  it('with the real group, in messages of full length', async () => {
    const manifest = testManifest(2, [2, 1, 1]);
    const { log } = await observe('tap noble', manifest, nobleKernel(), 8_064);
    expect(findings(log, manifest, identifiersOf('tap noble', 2))).toEqual([]);
  });
});

describe('the checker reports', () => {
  const manifest = testManifest(2, [3, 2, 1]);
  let log: readonly TapEvent[] = [];
  beforeAll(async () => {
    ({ log } = await observe('tap teeth', manifest));
    expect(findings(log, manifest, planted)).toEqual([]);
  });

  const indexOf = (at: TapEvent['at'], from: Role, type: number, nth = 0): number => {
    const all = log.flatMap((event, i) =>
      event.at === at && event.from === from && event.type === type ? [i] : [],
    );
    return all.at(nth) ?? Number.NaN;
  };
  /** The log with the body of one sent message changed. */
  const changed = (type: number, change: (body: Buffer) => Uint8Array): readonly TapEvent[] => {
    const at = indexOf('sent', 'a', type);
    return log.map((event, i) =>
      i === at ? { ...event, body: change(Buffer.from(event.body)) } : event,
    );
  };
  /** The log with the event at `from` moved in front of the event at `to`. */
  const moved = (from: number, to: number): readonly TapEvent[] => {
    const without = log.filter((_, i) => i !== from);
    return [...without.slice(0, to), ...log.slice(from, from + 1), ...without.slice(to)];
  };
  const overwrite = (bytes: Uint8Array, at: number) => (body: Buffer) => {
    body.set(bytes.subarray(0, body.length - at), at);
    return body;
  };

  it.each(spellings(planted[0] ?? '').map((spelling, i) => [i, spelling] as const))(
    'an identifier in spelling %i, in a column and in the manifest',
    (_i, spelling) => {
      for (const doctored of [
        changed(MESSAGE.points, overwrite(spelling, 5)),
        changed(MESSAGE.manifest, (body) => Buffer.concat([body, spelling])),
      ]) {
        expect(findings(doctored, manifest, planted)).toContainEqual(
          expect.stringMatching(/^identifier 0 in/),
        );
      }
    },
  );

  it('an identifier that lies across two messages', () => {
    const identifier = Buffer.from(planted[0] ?? '');
    const first = indexOf('sent', 'a', MESSAGE.points, 0);
    const second = indexOf('sent', 'a', MESSAGE.points, 1);
    const doctored = log.map((event, i) => {
      const body = Buffer.from(event.body);
      if (i === first) body.set(identifier.subarray(0, 10), body.length - 10);
      if (i === second) body.set(identifier.subarray(10), 5);
      return { ...event, body };
    });
    expect(findings(doctored, manifest, planted)).toEqual(['identifier 0 in points 0 of a']);
  });

  it('an element twice in a column, in two columns, and a tag that is half an element', () => {
    const twice = changed(MESSAGE.points, (body) => body.copyWithin(5 + 32, 5, 5 + 32));
    expect(findings(twice, manifest, planted)).toContainEqual(expect.stringContaining('twice'));
    const point = log[indexOf('sent', 'a', MESSAGE.points)]?.body.subarray(5, 37);
    for (const type of [MESSAGE.reblind, MESSAGE.tags]) {
      const doctored = changed(type, overwrite(point ?? new Uint8Array(32), 5));
      expect(findings(doctored, manifest, planted)).toContainEqual(
        expect.stringContaining('an element of a twice'),
      );
    }
  });

  it.each([
    ['tags of round 1', MESSAGE.tags, 0, MESSAGE.points, 'points 0'],
    ['a reblind', MESSAGE.reblind, 0, MESSAGE.tags, 'tags 0'],
    ['tags of round 2', MESSAGE.tags, -1, MESSAGE.reblind, 'reblind 1'],
    ['sizes', MESSAGE.sizes, 0, MESSAGE.tags, 'tags 1'],
    ['the opening of the seed', MESSAGE.reveal, 0, MESSAGE.commit, 'commit'],
    ['the mask', MESSAGE.commit, 0, MESSAGE.cosigned, 'cosigned'],
    ['the charge', MESSAGE.held, 0, MESSAGE.account, 'account'],
    ['a signature', MESSAGE.receipt, 0, MESSAGE.release, 'release'],
    ['a cosignature', MESSAGE.witnessed, 0, MESSAGE.logged, 'logged'],
  ] as const)('%s before the last of what they answer', (_what, answer, nth, question, name) => {
    const early = indexOf('sent', 'b', answer, nth);
    // the last message of that type from a which arrived before; one event too early is enough
    const arrivals = log.flatMap((event, i) => {
      const [kind, column] = name.split(' ');
      const here = event.at === 'delivered' && event.from === 'a' && event.type === question;
      const right = column === undefined || event.body[0] === Number(column);
      return here && right && kind !== '' ? [i] : [];
    });
    const doctored = moved(early, arrivals.at(-1) ?? Number.NaN);
    expect(findings(doctored, manifest, planted)).toContainEqual(
      expect.stringMatching(new RegExp(`of b before all of the peer's ${name}$`)),
    );
  });

  it('a type that the specification does not have, and a body that it does not allow', () => {
    const at = indexOf('sent', 'a', MESSAGE.sizes);
    const message: Message = { kind: 'points', column: 0, first: 0, data: new Uint8Array(32) };
    for (const event of [
      { at: 'sent', from: 'a', type: 0x40, body: new Uint8Array(0) },
      { at: 'sent', from: 'a', type: MESSAGE.tags, body: encodeMessage(message).subarray(0, 6) },
    ] as const) {
      const doctored = [...log.slice(0, at), event, ...log.slice(at)];
      expect(findings(doctored, manifest, planted)).toEqual([
        `event ${at}: not a message of the specification`,
      ]);
    }
    expect(RECORD_BYTES).toEqual({ points: 32, tags: 16, reblind: 32 });
  });
});
