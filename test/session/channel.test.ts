/**
 * The secure channel: limits, and every way in which a frame can be wrong.
 */
import { describe, expect, it } from 'vitest';
import { nodeAead } from '../../enclave/aead.ts';
import { utf8 } from '../../src/encoding.ts';
import type { Aead } from '../../src/session/aead.ts';
import {
  MAX_FRAME_BYTES,
  MAX_FRAMES,
  MAX_PLAINTEXT_BYTES,
  SecureChannel,
} from '../../src/session/channel.ts';
import { bytes32 } from './support.ts';

function pair(
  label = 'session',
  aead: Aead = nodeAead,
): { left: SecureChannel; right: SecureChannel } {
  const [ab, ba] = [bytes32(`${label} ab`), bytes32(`${label} ba`)];
  return {
    left: new SecureChannel(aead, { send: ab.slice(), receive: ba.slice() }),
    right: new SecureChannel(aead, { send: ba.slice(), receive: ab.slice() }),
  };
}
const HELLO = utf8('hello');

describe('frames', () => {
  it('carry type and plaintext both ways, in order, up to the limit', () => {
    const { left, right } = pair();
    for (const size of [0, 1, 16, 65_536, MAX_PLAINTEXT_BYTES]) {
      const plaintext = new Uint8Array(size).fill(size & 255);
      const frame = left.seal(size & 255, plaintext);
      expect(frame.length).toBe(size + 17);
      expect(right.open(frame)).toEqual({ type: size & 255, plaintext });
      expect(left.open(right.seal(3, plaintext)).plaintext).toEqual(plaintext);
    }
    expect(MAX_FRAME_BYTES).toBe(262_144);
    expect(MAX_PLAINTEXT_BYTES + 17).toBe(MAX_FRAME_BYTES);
  });

  it('are `type || GCM || tag` under the counter as nonce, type and counter as associated data', () => {
    const { left } = pair();
    left.seal(1, HELLO);
    const frame = left.seal(9, HELLO);
    const nonce = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
    const ad = Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 1);
    expect(frame.slice(1)).toEqual(nodeAead.seal(bytes32('session ab'), nonce, ad, HELLO));
    expect(frame[0]).toBe(9);
  });

  it('refuse too much plaintext and a type that is no byte', () => {
    const { left } = pair();
    expect(() => left.seal(1, new Uint8Array(MAX_PLAINTEXT_BYTES + 1))).toThrowCode(
      'ERR_WIRE_TOO_LARGE',
    );
    for (const type of [-1, 256, 1.5])
      expect(() => left.seal(type, HELLO)).toThrowCode('ERR_WIRE_TYPE');
  });
});

describe('a frame that is wrong', () => {
  it('is refused for size before anything touches it', () => {
    let opened = 0;
    const counting: Aead = {
      seal: nodeAead.seal,
      open: (...args) => {
        opened += 1;
        return nodeAead.open(...args);
      },
    };
    const { right } = pair('size', counting);
    expect(() => right.open(new Uint8Array(MAX_FRAME_BYTES + 1))).toThrowCode('ERR_WIRE_TOO_LARGE');
    expect(opened).toBe(0);
  });

  it('flipped in any bit, or cut anywhere, fails', () => {
    const frame = pair().left.seal(7, HELLO);
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const changed = frame.slice();
      changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
      expect(() => pair().right.open(changed)).toThrowCode('ERR_SESSION_DECRYPT');
    }
    for (let n = 0; n < frame.length; n++) {
      expect(() => pair().right.open(frame.subarray(0, n))).toThrowCode('ERR_SESSION_DECRYPT');
    }
    const longer = new Uint8Array(frame.length + 1);
    longer.set(frame);
    expect(() => pair().right.open(longer)).toThrowCode('ERR_SESSION_DECRYPT');
  });

  const cases: readonly (readonly [
    string,
    (p: ReturnType<typeof pair>) => readonly Uint8Array[],
  ])[] = [
    ['repeated', ({ left }) => Array<Uint8Array>(2).fill(left.seal(1, HELLO))],
    ['after a dropped one', ({ left }) => [left.seal(1, HELLO), left.seal(1, HELLO)].slice(1)],
    ['reordered', ({ left }) => [left.seal(1, HELLO), left.seal(1, HELLO)].reverse()],
    ['of the other direction', ({ right }) => [right.seal(1, HELLO)]],
    ['of another session', () => [pair('other').left.seal(1, HELLO)]],
  ];
  it.each(cases)('%s fails, and everything after it', (_name, frames) => {
    const both = pair();
    const { left, right } = both;
    expect(() => frames(both).forEach((frame) => right.open(frame))).toThrowCode(
      'ERR_SESSION_DECRYPT',
    );
    expect(() => right.open(left.seal(1, HELLO))).toThrowCode('ERR_SESSION_DECRYPT');
    // one last alert can still be sent
    expect(right.seal(2, HELLO)).toHaveLength(HELLO.length + 17);
  });
});

describe('the end of a channel', () => {
  it('comes with the counter limit, on both sides', () => {
    const quick: Aead = {
      seal: (_k, _n, _a, p) => new Uint8Array(p.length + 17),
      open: () => HELLO,
    };
    const { left, right } = pair('limit', quick);
    for (let i = 0; i < MAX_FRAMES; i++) left.seal(1, HELLO);
    expect(() => left.seal(1, HELLO)).toThrowCode('ERR_SESSION_EXHAUSTED');
    const frame = new Uint8Array(17);
    for (let i = 0; i < MAX_FRAMES; i++) right.open(frame);
    expect(() => right.open(frame)).toThrowCode('ERR_SESSION_EXHAUSTED');
  });

  it('wipes the keys, and nothing is ever sealed under zeros', () => {
    const keys = { send: bytes32('s').slice(), receive: bytes32('r').slice() };
    const channel = new SecureChannel(nodeAead, keys);
    channel.close();
    expect(keys).toEqual({ send: new Uint8Array(32), receive: new Uint8Array(32) });
    expect(() => channel.seal(1, HELLO)).toThrowCode('ERR_INTERNAL');
    expect(() => channel.open(new Uint8Array(17))).toThrowCode('ERR_INTERNAL');
  });
});
