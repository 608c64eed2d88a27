/**
 * Re-attestation: the happy path, the clock, and everything that must end it.
 */
import { describe, expect, it, vi } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import type { Verdict } from '../../src/session/handshake-types.ts';
import type { Role } from '../../src/session/messages.ts';
import {
  againTranscript,
  REATTEST_INTERVAL_MS,
  REATTEST_MARGIN_MS,
  REATTEST_MIN_GAP_MS,
  Reattestation,
  type ReattestEffect,
  type ReattestEvent,
} from '../../src/session/reattest.ts';
import {
  appraise,
  bytes32,
  configOf,
  GOOD_CODE,
  identityOf,
  makeDocument,
  session,
} from './support.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('./memoised-curves.ts')).memoised(original),
);

const NOW = 1_000_000;
/** The handshake opened at NOW; the first renewal is possible here. */
const LATER = NOW + REATTEST_MIN_GAP_MS;
type Renewed = Extract<ReattestEffect, { type: 'renewed' }>;

class Side {
  readonly machine: Reattestation;
  readonly sent: Uint8Array[] = [];
  readonly renewed: Renewed[] = [];
  failed: ErrorCode | undefined;
  message = '';
  code: Uint8Array = GOOD_CODE;
  change: (verdict: Verdict) => Verdict = (verdict) => verdict;

  constructor(role: Role, run: string, config = configOf(role, `${run} again`)) {
    const { a, b } = session(run);
    this.machine = new Reattestation(config, (role === 'init' ? a : b).opened!, NOW);
  }

  feed(event: ReattestEvent, nowMs: number): void {
    for (const effect of this.machine.step(event, nowMs)) {
      if (effect.type === 'send') this.sent.push(effect.bytes);
      else if (effect.type === 'attest') {
        const own = makeDocument(this.code, effect.publicKey, effect.nonce, effect.userData);
        this.feed({ type: 'document', ...own }, nowMs);
      } else if (effect.type === 'appraise') {
        const verdict = this.change(appraise(effect.document, effect.expected));
        this.feed({ type: 'appraised', ...verdict }, nowMs);
      } else if (effect.type === 'renewed') this.renewed.push(effect);
      else {
        this.failed = effect.error.code;
        this.message = effect.error.message;
      }
    }
  }
}

function pair(run = 'reattest'): { a: Side; b: Side } {
  return { a: new Side('init', run), b: new Side('resp', run) };
}

/** Three messages, changed on the way if asked. */
function exchange(
  { a, b }: { a: Side; b: Side },
  nowMs: number,
  change: (bytes: Uint8Array, index: number) => Uint8Array = (bytes) => bytes,
): void {
  const [before, beforeB] = [a.sent.length, b.sent.length];
  a.feed({ type: 'begin' }, nowMs);
  const deliver = (to: Side, bytes: Uint8Array | undefined, index: number): void => {
    if (bytes !== undefined) to.feed({ type: 'message', bytes: change(bytes, index) }, nowMs);
  };
  deliver(b, a.sent[before], 0);
  deliver(a, b.sent[beforeB], 1);
  deliver(b, a.sent[before + 1], 2);
}

describe('re-attestation', () => {
  it('renews both sides with new nonces, bound to the first transcript', () => {
    const both = pair();
    const { a, b } = both;
    for (const epoch of [1, 2, 3]) {
      exchange(both, NOW + epoch * REATTEST_MIN_GAP_MS);
      const [x, y] = [a.renewed.at(-1)!, b.renewed.at(-1)!];
      expect([x.epoch, y.epoch]).toEqual([epoch, epoch]);
      expect(x.transcript).toEqual(y.transcript);
      expect(x.own.payloadHash).toEqual(y.peer.payloadHash);
      expect(y.own.payloadHash).toEqual(x.peer.payloadHash);
      const { transcript } = session('reattest').a.opened!;
      expect(x.transcript).toEqual(againTranscript(transcript, epoch, x.nonces));
      expect(x.validUntilMs).toBe(NOW + epoch * REATTEST_MIN_GAP_MS + REATTEST_INTERVAL_MS);
    }
    const values = a.renewed.flatMap((r) => [r.nonces.init, r.nonces.resp, r.transcript]);
    expect(new Set(values.map(String)).size).toBe(9);
    expect(a.sent.slice(0, 2).map((bytes) => bytes.length)).toEqual([37, 417]);
    expect(b.sent[0]).toHaveLength(449);
  });

  it('starts by itself a minute before the deadline, on the initiator only', () => {
    const { a, b } = pair();
    a.feed({ type: 'begin' }, LATER - 1);
    expect(a.sent).toHaveLength(0);
    expect(a.machine.nextMs).toBe(NOW + REATTEST_INTERVAL_MS - REATTEST_MARGIN_MS);
    expect(b.machine.nextMs).toBe(NOW + REATTEST_INTERVAL_MS);
    a.feed({ type: 'tick' }, a.machine.nextMs - 1);
    expect(a.sent).toHaveLength(0);
    const due = a.machine.nextMs;
    a.feed({ type: 'tick' }, due);
    a.feed({ type: 'tick' }, due + 1);
    a.feed({ type: 'begin' }, due + 2);
    expect(a.sent).toHaveLength(1);
    b.feed({ type: 'begin' }, due);
    expect(b.sent).toHaveLength(0);
  });

  it('never trusts past the leaf, and does not spin on a leaf that is not renewed', () => {
    const both = pair();
    const leaf = NOW + 50_000;
    for (const side of [both.a, both.b]) {
      side.change = (verdict) => (verdict.accept ? { ...verdict, expiresMs: leaf } : verdict);
    }
    exchange(both, LATER);
    const { a, b } = both;
    expect(a.machine.validUntilMs).toBe(leaf);
    expect(a.machine.nextMs).toBe(LATER + REATTEST_MIN_GAP_MS);
    a.feed({ type: 'tick' }, leaf);
    b.feed({ type: 'tick' }, leaf);
    expect([a.failed, b.failed]).toEqual(['ERR_SESSION_UNATTESTED', 'ERR_SESSION_UNATTESTED']);
    expect(a.machine.step({ type: 'begin' }, NOW)).toEqual([]);
  });

  it.each([1, 2])('silence after %i messages ends at the deadline, on both sides', (delivered) => {
    const { a, b } = pair();
    const late = NOW + REATTEST_INTERVAL_MS;
    a.feed({ type: 'begin' }, LATER);
    b.feed({ type: 'message', bytes: a.sent[0]! }, LATER);
    if (delivered === 2) a.feed({ type: 'message', bytes: b.sent[0]! }, LATER);
    b.feed({ type: 'tick' }, late);
    expect(b.failed).toBe('ERR_SESSION_UNATTESTED');
    if (delivered === 2) expect(a.renewed).toHaveLength(1);
    a.feed({ type: 'tick' }, LATER + REATTEST_INTERVAL_MS);
    expect(a.failed).toBe('ERR_SESSION_UNATTESTED');
  });

  it('a message that comes at the deadline comes too late, and so does a clock that is no number', () => {
    const { a, b } = pair();
    a.feed({ type: 'begin' }, LATER);
    b.feed({ type: 'message', bytes: a.sent[0]! }, NOW + REATTEST_INTERVAL_MS);
    a.feed({ type: 'tick' }, Number.NaN);
    expect([a.failed, b.failed]).toEqual(['ERR_SESSION_UNATTESTED', 'ERR_SESSION_UNATTESTED']);
  });
});

describe('re-attestation refuses', () => {
  it.each(['a', 'b'] as const)('other code on side %s', (side) => {
    const both = pair();
    both[side].code = bytes32('other code');
    exchange(both, LATER);
    const victim = both[side === 'a' ? 'b' : 'a'];
    expect(victim.failed).toBe('ERR_SESSION_UNATTESTED');
    expect(victim.message).toContain('PCR_MISMATCH');
    expect(victim.renewed).toHaveLength(0);
  });

  it.each([
    ['init', 'resp'],
    ['resp', 'init'],
  ] as const)('a signature of another identity by the %s', (cheat, victim) => {
    const sides = {
      [cheat]: new Side(cheat, 'x', configOf(cheat, 'x', { identity: identityOf('stranger') })),
      [victim]: new Side(victim, 'x'),
    } as Record<Role, Side>;
    exchange({ a: sides.init, b: sides.resp }, LATER);
    // the honest appraiser sees the identity hash first
    expect(sides[victim].message).toContain('BINDING_IDENTITY');
    const again = {
      [cheat]: new Side(cheat, 'y', configOf(cheat, 'y', { identity: identityOf('stranger') })),
      [victim]: new Side(victim, 'y'),
    } as Record<Role, Side>;
    const { payloadHash, manifestHash } = session('y')[cheat === 'init' ? 'b' : 'a'].opened!.peer;
    const { enclaveKeyHash } = session('y')[cheat === 'init' ? 'b' : 'a'].opened!.peer;
    again[victim].change = () => ({
      accept: true,
      payloadHash,
      manifestHash,
      enclaveKeyHash,
      expiresMs: NOW * 2,
    });
    exchange({ a: again.init, b: again.resp }, LATER);
    expect(again[victim].failed).toBe('ERR_SESSION_IDENTITY');
  });

  it.each([
    { manifestHash: bytes32('another manifest') },
    { enclaveKeyHash: bytes32('another enclave key') },
  ])('another manifest or enclave key than at the handshake: %j', (change) => {
    const both = pair();
    const changed = configOf('init', 'reattest again', change);
    both.a = new Side('init', 'reattest', changed);
    exchange(both, LATER);
    expect(both.b.failed).toBe('ERR_SESSION_UNATTESTED');
    expect(both.b.renewed).toHaveLength(0);
  });

  it("evidence of an earlier epoch, of another session, and the handshake's own", () => {
    const both = pair();
    exchange(both, LATER);
    const oldAnswer = both.b.sent[0]!;
    const replay = (bytes: Uint8Array, index: number): Uint8Array =>
      index === 1 ? oldAnswer : bytes;
    exchange(both, LATER + REATTEST_MIN_GAP_MS, replay);
    expect(both.a.failed).toBe('ERR_WIRE_VALUE');
    const other = pair('another session');
    exchange(other, LATER, replay);
    expect(other.a.failed).toBe('ERR_SESSION_UNATTESTED');
    expect(other.a.message).toContain('NONCE_MISMATCH');
  });

  it('any message with any byte changed', { timeout: 120_000 }, () => {
    // the channel authenticates these bodies; the machine must still be total on them
    for (const index of [0, 1, 2]) {
      for (let at = 0; at < [37, 449, 417][index]!; at += index === 0 ? 1 : 11) {
        const both = pair();
        exchange(both, LATER, (bytes, i) => {
          const changed = bytes.slice();
          if (i === index) changed[at] = changed[at]! ^ 1;
          return changed;
        });
        expect([both.a.failed, both.b.failed].filter((code) => code !== undefined)).toHaveLength(1);
        expect(both.b.renewed).toHaveLength(0);
      }
    }
  });

  it('messages cut short, trailing, out of order, and our own nonce', () => {
    const cases: readonly (readonly [
      number,
      (bytes: Uint8Array, b: Side) => Uint8Array,
      ErrorCode,
    ])[] = [
      [0, (bytes) => bytes.subarray(0, 36), 'ERR_WIRE_TRUNCATED'],
      [0, (bytes) => Uint8Array.of(...bytes, 0), 'ERR_WIRE_TRAILING'],
      [0, (bytes) => Uint8Array.of(3, ...bytes.subarray(1)), 'ERR_WIRE_VALUE'],
      [1, (bytes) => bytes.subarray(0, 4), 'ERR_WIRE_TRUNCATED'],
      [1, (bytes) => Uint8Array.of(3, ...bytes.subarray(1)), 'ERR_WIRE_UNEXPECTED'],
      [2, (bytes) => Uint8Array.of(...bytes, 0), 'ERR_WIRE_TRAILING'],
      [2, (bytes) => Uint8Array.of(1, ...bytes.subarray(1)), 'ERR_WIRE_UNEXPECTED'],
    ];
    for (const [index, change, code] of cases) {
      const both = pair();
      exchange(both, LATER, (bytes, i) => (i === index ? change(bytes, both.b) : bytes));
      expect([both.a.failed, both.b.failed]).toContain(code);
    }
    const both = pair();
    exchange(both, LATER, (bytes, i) => {
      if (i !== 1) return bytes;
      const reflected = bytes.slice();
      reflected.set(both.a.sent[0]!.subarray(5), 5);
      return reflected;
    });
    expect(both.a.failed).toBe('ERR_SESSION_REFLECTION');
  });

  it('a driver that answers what was not asked', () => {
    const { a, b } = pair();
    a.feed({ type: 'document', document: new Uint8Array(1), payloadHash: bytes32('x') }, NOW);
    b.feed({ type: 'appraised', accept: false, code: 'PCR_MISMATCH' }, NOW);
    expect([a.failed, b.failed]).toEqual(['ERR_INTERNAL', 'ERR_SESSION_UNATTESTED']);
  });
});
