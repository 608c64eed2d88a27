/**
 * The network does what it likes: every handshake message flipped, cut, repeated, reordered, replayed, reflected. Both
 * sides end with a named code, and nobody accepts what the other did not send.
 */
import { describe, expect, it, vi } from 'vitest';
import { nodeAead } from '../../enclave/aead.ts';
import { SecureChannel } from '../../src/session/channel.ts';
import { encodeHello, HANDSHAKE_FRAME } from '../../src/session/messages.ts';
import { NoiseXX } from '../../src/session/noise.ts';
import { PROLOGUE } from '../../src/session/transcript.ts';
import { bytes32, configOf, converse, Party, RECEIVER, session, type Wire } from './support.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('./memoised-curves.ts')).memoised(original),
);

const { log: HONEST } = session('hostile');

/** Outcomes of receiver and sender when message `index` (0-based) is replaced on the way. */
function tampered(
  index: number,
  change: (bytes: Uint8Array) => readonly Uint8Array[],
): readonly [string, string] {
  const wire: Wire = (bytes, _from, i) => (i === index ? change(bytes) : [bytes]);
  const { a, b } = session('hostile', wire);
  return RECEIVER[index] === 'init' ? [a.outcome, b.outcome] : [b.outcome, a.outcome];
}

/**
 * Receiver/sender outcomes that are allowed for a changed message. "ERR_PEER_ABORTED/ERR_SESSION_NOISE" at message 1 is
 * the rule: the responder cannot see the change, the initiator finds another h. At message 7 the responder has opened:
 * the initiator did accept it.
 */
const FLIPPED: readonly (readonly string[])[] = [
  [
    'ERR_PEER_ABORTED/ERR_SESSION_NOISE',
    'ERR_SESSION_DOWNGRADE/ERR_PEER_ABORTED',
    'ERR_SESSION_REFLECTION/ERR_PEER_ABORTED',
    'ERR_WIRE_TRUNCATED/ERR_PEER_ABORTED',
    'ERR_WIRE_TYPE/ERR_PEER_ABORTED',
    'ERR_WIRE_UNEXPECTED/ERR_PEER_ABORTED',
    'ERR_WIRE_VALUE/ERR_PEER_ABORTED',
  ],
  ['ERR_SESSION_NOISE/ERR_PEER_ABORTED', 'ERR_WIRE_UNEXPECTED/ERR_PEER_ABORTED'],
  ['ERR_SESSION_NOISE/ERR_PEER_ABORTED', 'ERR_WIRE_UNEXPECTED/ERR_PEER_ABORTED'],
  ['ERR_SESSION_DECRYPT/ERR_PEER_ABORTED'],
  ['ERR_SESSION_DECRYPT/ERR_PEER_ABORTED'],
  ['ERR_SESSION_DECRYPT/ERR_PEER_ABORTED'],
  ['ERR_SESSION_DECRYPT/open'],
];
const CUT: readonly (readonly string[])[] = [
  ['ERR_SESSION_NOISE/ERR_PEER_ABORTED', 'ERR_WIRE_TRUNCATED/ERR_PEER_ABORTED'],
  ['ERR_SESSION_NOISE/ERR_PEER_ABORTED'],
  ['ERR_SESSION_NOISE/ERR_PEER_ABORTED'],
  ...FLIPPED.slice(3),
];

describe.each([0, 1, 2, 3, 4, 5, 6])('message %i + 1', (index) => {
  const honest = HONEST[index]!;

  it('with any byte changed is never accepted', () => {
    const seen = new Set<string>();
    for (let at = 1; at < honest.length; at++) {
      const outcome = tampered(index, (bytes) => {
        const changed = bytes.slice();
        changed[at] = changed[at]! ^ (1 << (at & 7));
        return [changed];
      });
      seen.add(outcome.join('/'));
    }
    expect(FLIPPED[index]).toEqual(expect.arrayContaining([...seen]));
    expect(seen.size).toBeGreaterThan(0);
  });

  it('with any other type is never accepted', () => {
    for (const type of [0x00, 0xff, ...Object.values(HANDSHAKE_FRAME)]) {
      if (type === honest[0]) continue;
      const [receiver, sender] = tampered(index, (bytes) => {
        const changed = bytes.slice();
        changed[0] = type;
        return [changed];
      });
      const expected =
        type === 0x00 || type === 0xff
          ? 'ERR_WIRE_TYPE'
          : type === HANDSHAKE_FRAME.clearAlert
            ? 'ERR_WIRE_VALUE'
            : type >= HANDSHAKE_FRAME.evidence && type <= HANDSHAKE_FRAME.alert && index >= 3
              ? 'ERR_SESSION_DECRYPT'
              : 'ERR_WIRE_UNEXPECTED|ERR_SESSION_REFLECTION';
      expect(expected.split('|')).toContain(receiver);
      expect(sender).toBe(index === 6 ? 'open' : 'ERR_PEER_ABORTED');
    }
  });

  it('cut anywhere, or longer, is never accepted', () => {
    const seen = new Set<string>();
    for (let length = 1; length < honest.length; length++) {
      seen.add(tampered(index, (bytes) => [bytes.subarray(0, length)]).join('/'));
    }
    expect(CUT[index]).toEqual(expect.arrayContaining([...seen]));
    expect(tampered(index, () => [new Uint8Array(0)])[0]).toBe('ERR_WIRE_TYPE');
    const [receiver] = tampered(index, (bytes) => [Uint8Array.of(...bytes, 0)]);
    expect(receiver).toBe(
      ['ERR_WIRE_TRAILING', 'ERR_SESSION_NOISE', 'ERR_SESSION_NOISE'][index] ??
        'ERR_SESSION_DECRYPT',
    );
  });

  it('delivered twice ends the session', () => {
    const [receiver, sender] = tampered(index, (bytes) => [bytes, bytes]);
    expect(`${receiver}/${sender}`).toBe(
      [
        'ERR_WIRE_UNEXPECTED/ERR_PEER_ABORTED',
        'ERR_WIRE_UNEXPECTED/ERR_PEER_ABORTED',
        'ERR_WIRE_UNEXPECTED/ERR_PEER_ABORTED',
        'ERR_SESSION_DECRYPT/ERR_PEER_ABORTED',
        // the initiator's finish MAC was on its way before the copy arrived
        'ERR_SESSION_DECRYPT/open',
        'open/open',
        'open/open',
      ][index],
    );
    if (index < 5) return;
    // what follows the last expected message belongs to the channel, and does not open there
    const { a, b, log } = session('hostile');
    const { keys } = (index === 5 ? b : a).opened!;
    const channel = new SecureChannel(nodeAead, keys);
    expect(() => channel.open(log[index]!)).toThrowCode('ERR_SESSION_DECRYPT');
  });

  it('taken from another session between the same parties is refused', () => {
    const { log } = session('an older session');
    const [receiver, sender] = tampered(index, () => [log[index]!]);
    const expected = [
      ['ERR_PEER_ABORTED', 'ERR_SESSION_NOISE'],
      ['ERR_SESSION_NOISE', 'ERR_PEER_ABORTED'],
      ['ERR_SESSION_NOISE', 'ERR_PEER_ABORTED'],
      ['ERR_SESSION_DECRYPT', 'ERR_PEER_ABORTED'],
      ['ERR_SESSION_DECRYPT', 'ERR_PEER_ABORTED'],
      ['ERR_SESSION_DECRYPT', 'ERR_PEER_ABORTED'],
      ['ERR_SESSION_DECRYPT', 'open'],
    ][index];
    expect([receiver, sender]).toEqual(expected);
  });
});

describe('whole recordings', () => {
  it('a recorded initiator fails at message 3', () => {
    const b = new Party(configOf('resp', 'a new session'));
    b.feed({ type: 'start' });
    b.feed({ type: 'message', bytes: HONEST[0]! });
    expect(b.outcome).toBe('static');
    b.feed({ type: 'message', bytes: HONEST[2]! });
    expect(b.outcome).toBe('ERR_SESSION_NOISE');
  });

  it('a recorded responder fails at message 2', () => {
    const a = new Party(configOf('init', 'a new session'));
    a.feed({ type: 'start' });
    a.feed({ type: 'message', bytes: HONEST[1]! });
    expect(a.outcome).toBe('ERR_SESSION_NOISE');
  });
});

describe('order and silence', () => {
  it('messages 3 and 4 exchanged end the session', () => {
    let held: Uint8Array | undefined;
    const { a, b } = session('order', (bytes, _from, i) => {
      if (i === 2) {
        held = bytes;
        return [];
      }
      return i === 3 ? [bytes, held!] : [bytes];
    });
    expect([a.outcome, b.outcome]).toEqual(['ERR_PEER_ABORTED', 'ERR_WIRE_UNEXPECTED']);
  });

  it.each([0, 1, 2, 3, 4, 5, 6])(
    'message %i + 1 lost: nobody accepts, both can be ended by a timer',
    (index) => {
      const wire: Wire = (bytes, _from, i) => (i === index ? [] : [bytes]);
      const { a, b } = session('loss', wire);
      const expected = index === 6 ? ['finish', 'open'] : undefined;
      if (expected !== undefined) expect([a.outcome, b.outcome]).toEqual(expected);
      else if (index === 2) expect(b.outcome).toBe('ERR_WIRE_UNEXPECTED');
      else expect([a.outcome, b.outcome]).not.toContain('open');
      a.feed({ type: 'abort', code: 'ERR_PEER_SILENT' });
      expect(a.opened).toBeUndefined();
    },
  );
});

describe('reflection', () => {
  it.each([1, 4, 6])(
    "the initiator's own messages, sent back in place of message %i + 1",
    (index) => {
      const { log } = session('hostile');
      const own = { 1: 0, 4: 3, 6: 5 }[index]!;
      const [receiver] = tampered(index, () => [log[own]!]);
      expect(receiver).toBe(index === 1 ? 'ERR_WIRE_UNEXPECTED' : 'ERR_SESSION_DECRYPT');
    },
  );

  it.each([2, 3, 5])(
    "the responder's own messages, sent back in place of message %i + 1",
    (index) => {
      const { log } = session('hostile');
      const own = { 2: 1, 3: 1, 5: 4 }[index]!;
      const [receiver] = tampered(index, () => [log[own]!]);
      expect(receiver).toBe(index === 5 ? 'ERR_SESSION_DECRYPT' : 'ERR_WIRE_UNEXPECTED');
    },
  );

  it('two initiators, or an initiator that relabels its hello as a reply', () => {
    const a = new Party(configOf('init', 'one'));
    const other = new Party(configOf('init', 'two'));
    other.feed({ type: 'start' });
    a.feed({ type: 'start' });
    a.feed({ type: 'message', bytes: other.sent[0]! });
    expect(a.outcome).toBe('ERR_WIRE_UNEXPECTED');
    const c = new Party(configOf('init', 'three'));
    c.feed({ type: 'start' });
    const relabelled = new Uint8Array(166);
    relabelled.set(c.sent[0]!);
    relabelled[0] = HANDSHAKE_FRAME.reply;
    c.feed({ type: 'message', bytes: relabelled });
    expect(c.outcome).toBe('ERR_SESSION_REFLECTION');
  });

  // equal draws make equal keys or nonces: static, ephemeral, nonce, in this order; the first to see it refuses
  it.each([
    ['static', 0, 'init'],
    ['ephemeral', 1, 'resp'],
    ['nonce', 2, 'resp'],
  ] as const)('a peer whose %s equals our own', (_what, equal, first) => {
    const shared = (run: string): ((n: number) => Uint8Array) => {
      let draws = 0;
      return (n) => new Uint8Array(n).fill(draws++ === equal ? 7 : run.charCodeAt(0) + draws);
    };
    const a = new Party(configOf('init', 'equal', { rng: shared('a') }));
    const b = new Party(configOf('resp', 'equal', { rng: shared('q') }));
    converse(a, b);
    const [refuses, hears] = first === 'init' ? [a, b] : [b, a];
    expect(refuses.outcome).toBe('ERR_SESSION_REFLECTION');
    expect(hears.outcome).toBe('ERR_PEER_ABORTED');
  });

  it('an initiator whose static, in message 3, is the own one', () => {
    const b = new Party(configOf('resp', 'own static'));
    const noise = new NoiseXX({
      initiator: true,
      prologue: PROLOGUE,
      aead: nodeAead,
      staticSecret: configOf('resp', 'own static').rng(32),
      ephemeralSecret: new Uint8Array(32).fill(9),
    });
    const tell = (type: number, body: Uint8Array): void =>
      b.feed({ type: 'message', bytes: Uint8Array.of(type, ...body) });
    const [nonce, policyHash] = [bytes32('nonce'), bytes32('policy')];
    b.feed({ type: 'start' });
    tell(0xa1, noise.write(encodeHello({ versions: [1], suites: [1], nonce, policyHash })));
    noise.read(b.sent[0]!.subarray(1));
    tell(0xa3, noise.write(new Uint8Array(0)));
    expect(b.outcome).toBe('ERR_SESSION_REFLECTION');
  });
});
