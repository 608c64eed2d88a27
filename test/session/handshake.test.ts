/**
 * Two honest machines agree; what one learns of the other; freshness; configuration.
 */
import { describe, expect, it } from 'vitest';
import { nodeAead } from '../../enclave/aead.ts';
import { isZero } from '../../src/bytes.ts';
import { toHex, utf8 } from '../../src/encoding.ts';
import { SecureChannel } from '../../src/session/channel.ts';
import { Handshake } from '../../src/session/handshake.ts';
import { HANDSHAKE_FRAME, MAX_HANDSHAKE_FRAME_BYTES } from '../../src/session/messages.ts';
import { transcriptHash, sessionId } from '../../src/session/transcript.ts';
import { bytes32, configOf, converse, EXPIRES_MS, identityOf, Party, session } from './support.ts';

describe('two honest machines', () => {
  it('agree on session, transcript and keys in seven messages', () => {
    const { a, b, log } = session('honest');
    expect([a.outcome, b.outcome]).toEqual(['open', 'open']);
    expect(log.map((bytes) => bytes[0])).toEqual([0xa1, 0xa2, 0xa3, 0xa4, 0xa4, 0xa5, 0xa5]);
    expect(log.map((bytes) => bytes.length)).toEqual([104, 166, 65, 429, 429, 49, 49]);
    const [x, y] = [a.opened!, b.opened!];
    expect(x.transcript).toEqual(y.transcript);
    expect(x.sessionId).toEqual(y.sessionId);
    expect(x.inputs).toEqual(y.inputs);
    expect(x.keys.send).toEqual(y.keys.receive);
    expect(x.keys.receive).toEqual(y.keys.send);
    expect(x.keys.send).not.toEqual(x.keys.receive);
  });

  it('learn what the other attested, and keep the record an auditor needs', () => {
    const { a, b } = session('record');
    const [x, y] = [a.opened!, b.opened!];
    expect(y.peer.enclaveKeyHash).toEqual(bytes32('enclave key A'));
    expect(x.peer.enclaveKeyHash).toEqual(bytes32('enclave key B'));
    expect(x.peer.manifestHash).toEqual(bytes32('manifest'));
    expect(x.peer.expiresMs).toBe(EXPIRES_MS);
    const { document, payloadHash, signature, finishMac } = y.own;
    expect(x.peer).toMatchObject({ document, payloadHash, signature, finishMac });
    expect(transcriptHash(x.inputs)).toEqual(x.transcript);
    expect(sessionId(x.inputs)).toEqual(x.sessionId);
    expect(x.inputs.policyHashes).toEqual({ init: bytes32('policy A'), resp: bytes32('policy B') });
  });

  it('have a working channel with each other, under keys that the handshake did not use', () => {
    const { a, b } = session('channel');
    const left = new SecureChannel(nodeAead, a.opened!.keys);
    const right = new SecureChannel(nodeAead, b.opened!.keys);
    const frame = left.seal(0x11, utf8('to B'));
    expect(right.open(frame)).toEqual({ type: 0x11, plaintext: utf8('to B') });
    expect(left.open(right.seal(0x12, utf8('to A'))).plaintext).toEqual(utf8('to A'));
  });

  it('negotiate the highest common version and suite', () => {
    const offer = { versions: [1, 2, 3, 5], suites: [1, 2, 7] };
    const a = new Party(configOf('init', 'negotiate', offer));
    const b = new Party(configOf('resp', 'negotiate', { versions: [1, 2, 3, 4], suites: [1, 2] }));
    converse(a, b);
    expect(a.opened!.inputs).toMatchObject({ version: 3, suite: 2, ...offer });
    expect(b.opened!.inputs).toEqual(a.opened!.inputs);
  });

  it('need no particular order of module and network: the peer may be faster than the own module', () => {
    const a = new Party(configOf('init', 'slow'));
    const b = new Party(configOf('resp', 'slow'));
    const slow = b.machine;
    a.feed({ type: 'start' });
    b.feed({ type: 'start' });
    b.feed({ type: 'message', bytes: a.sent[0]! });
    a.feed({ type: 'message', bytes: b.sent[0]! });
    const [attest] = slow.step({ type: 'message', bytes: a.sent[1]! });
    expect(slow.phase).toBe('document');
    expect(slow.step({ type: 'message', bytes: a.sent[2]! })).toEqual([]);
    if (attest?.type !== 'attest') throw new Error('expected a request for a document');
    b.feed({ type: 'document', ...b.attest(attest) });
    a.feed({ type: 'message', bytes: b.sent[1]! });
    b.feed({ type: 'message', bytes: a.sent[3]! });
    a.feed({ type: 'message', bytes: b.sent[2]! });
    expect([a.outcome, b.outcome]).toEqual(['open', 'open']);
  });
});

describe('freshness', () => {
  it('two runs with the same keys share no nonce, static, ephemeral, session id, transcript or key', () => {
    const seen = new Set<string>();
    let values = 0;
    for (const run of ['first', 'second', 'third']) {
      const { inputs, keys, transcript, sessionId: id } = session(run).a.opened!;
      const { nonces, ephemerals, statics, h } = inputs;
      const all = [nonces, ephemerals, statics].flatMap((pair) => [pair.init, pair.resp]);
      for (const value of [...all, h, id, transcript, keys.send, keys.receive]) {
        seen.add(toHex(value));
        values += 1;
      }
    }
    expect(seen.size).toBe(values);
  });

  it('neither side alone can fix the session id: one side repeats all its randomness', () => {
    const initiator = configOf('init', 'repeat');
    const ids = ['x', 'y'].map((run) => {
      const a = new Party(configOf('init', 'repeat'));
      const b = new Party(configOf('resp', run));
      converse(a, b);
      return toHex(a.opened!.sessionId);
    });
    expect(initiator.role).toBe('init');
    expect(ids[0]).not.toBe(ids[1]);
    const c = new Party(configOf('init', 'other'));
    const d = new Party(configOf('resp', 'x'));
    converse(c, d);
    expect(ids).not.toContain(toHex(c.opened!.sessionId));
  });
});

describe('configuration and drivers', () => {
  it('refuses a peer with our own identity, and offers that are no offers', () => {
    const own = identityOf('A').publicKey;
    expect(() => new Handshake(configOf('init', 'c', { peerIdentity: own }))).toThrowCode(
      'ERR_CONFIG',
    );
    for (const versions of [
      [],
      [0],
      [2, 1],
      [1, 1],
      [65_536],
      [1.5],
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    ]) {
      expect(() => new Handshake(configOf('init', 'c', { versions }))).toThrowCode('ERR_CONFIG');
      expect(() => new Handshake(configOf('init', 'c', { suites: versions }))).toThrowCode(
        'ERR_CONFIG',
      );
    }
    expect(
      () => new Handshake(configOf('init', 'c', { rng: () => new Uint8Array(31) })),
    ).toThrowCode('ERR_RNG_SHORT');
  });

  it('calls a driver that confuses its events by its name, and stays failed', () => {
    const a = new Party(configOf('init', 'driver'));
    a.feed({ type: 'start' });
    a.feed({ type: 'start' });
    expect(a.outcome).toBe('ERR_INTERNAL');
    expect(a.machine.step({ type: 'start' })).toEqual([]);
    expect(a.machine.phase).toBe('failed');
  });

  it('tells the peer when the own module fails', () => {
    const a = new Party(configOf('init', 'abort'));
    const b = new Party(configOf('resp', 'abort'));
    a.attest = () => ({ document: new Uint8Array(0), payloadHash: bytes32('none') });
    a.machine.step({ type: 'start' });
    a.feed({ type: 'abort', code: 'ERR_NSM' });
    b.feed({ type: 'start' });
    b.feed({ type: 'message', bytes: a.sent[0]! });
    expect([a.outcome, b.outcome]).toEqual(['ERR_NSM', 'ERR_PEER_ABORTED']);
    expect(b.failed!.error.message).toContain('ERR_NSM');
    expect(b.failed!.alert).toBeUndefined();
  });

  it('refuses an oversized frame before anything else, and an empty or unknown one', () => {
    for (const [bytes, code] of [
      [
        new Uint8Array(MAX_HANDSHAKE_FRAME_BYTES + 1).fill(HANDSHAKE_FRAME.hello),
        'ERR_WIRE_TOO_LARGE',
      ],
      [new Uint8Array(0), 'ERR_WIRE_TYPE'],
      [Uint8Array.of(0x01), 'ERR_WIRE_TYPE'],
      [Uint8Array.of(HANDSHAKE_FRAME.static), 'ERR_WIRE_UNEXPECTED'],
      [Uint8Array.of(HANDSHAKE_FRAME.evidence), 'ERR_WIRE_UNEXPECTED'],
    ] as const) {
      const b = new Party(configOf('resp', 'frames'));
      b.feed({ type: 'start' });
      b.feed({ type: 'message', bytes });
      expect(b.outcome).toBe(code);
    }
  });

  it.each(['open', 'PCR_MISMATCH', 'ERR_SESSION_NOISE', 'ERR_NSM'])(
    'wipes its secrets when it ends with %s, and leaves the identity key alone',
    (end) => {
      // every key that the machine draws or gives to the AEAD, by reference
      const secrets = new Set<Uint8Array>();
      const config = configOf('init', 'wipe');
      const spy: typeof nodeAead = {
        seal: (key, ...rest) => {
          secrets.add(key);
          return nodeAead.seal(key, ...rest);
        },
        open: (key, ...rest) => {
          secrets.add(key);
          return nodeAead.open(key, ...rest);
        },
      };
      let draws = 0;
      const rng = (n: number): Uint8Array => {
        const out = config.rng(n);
        if (draws++ < 2) secrets.add(out); // static and ephemeral; the nonce is public
        return out;
      };
      const code = end === 'PCR_MISMATCH' ? bytes32('other code') : undefined;
      const a = new Party({ ...config, rng, aead: spy });
      const b = new Party(configOf('resp', 'wipe'), code);
      if (end === 'ERR_NSM') a.feed({ type: 'abort', code: 'ERR_NSM' });
      else {
        converse(a, b, (bytes, _from, i) =>
          end === 'ERR_SESSION_NOISE' && i === 1 ? [bytes.subarray(0, 100)] : [bytes],
        );
      }
      expect(a.outcome).toBe(end);
      expect(secrets.size).toBeGreaterThan(end === 'ERR_NSM' ? 1 : 2);
      for (const secret of secrets) expect(isZero(secret)).toBe(true);
      expect(isZero(config.identity.secretKey)).toBe(false);
      if (a.opened !== undefined) expect(isZero(a.opened.keys.send)).toBe(false);
    },
  );
});
