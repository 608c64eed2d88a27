/**
 * Frozen vectors of a whole session, and every derived value computed a second time from docs/specification.md section 2 with
 * node:crypto. The documents in it are those of test/session/support.ts, since real ones are not deterministic.
 */
import { createHash, createHmac, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { nodeAead } from '../../enclave/aead.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { SecureChannel } from '../../src/session/channel.ts';
import { NoiseXX } from '../../src/session/noise.ts';
import { againTranscript } from '../../src/session/reattest.ts';
import { bytes32, configOf, converse, identityOf, Party, seededRng } from './support.ts';

const FILE = new URL('../fixtures/noise/session-v1.json', import.meta.url);

function runOnce() {
  const a = new Party(configOf('init', 'vector', { versions: [1, 2], suites: [1] }));
  const b = new Party(configOf('resp', 'vector'));
  const frames = converse(a, b);
  const { transcript, sessionId, keys, inputs, own, peer } = a.opened!;
  const channel = new SecureChannel(nodeAead, {
    send: keys.send.slice(),
    receive: keys.receive.slice(),
  });
  const values = {
    session_id: sessionId,
    transcript,
    h: inputs.h,
    signature_init: own.signature,
    signature_resp: peer.signature,
    finish_init: own.finishMac,
    finish_resp: peer.finishMac,
    key_init_to_resp: keys.send,
    key_resp_to_init: keys.receive,
    first_frame_type_16_empty: channel.seal(16, new Uint8Array(0)),
    transcript_epoch_1_nonces_of_handshake: againTranscript(transcript, 1, inputs.nonces),
  };
  const hex = Object.fromEntries(Object.entries(values).map(([k, v]) => [k, toHex(v)]));
  return { a, frames, out: { frames: frames.map(toHex), ...hex } };
}

it('equals the frozen session', () => {
  const { out } = runOnce();
  const { vectors } = JSON.parse(readFileSync(FILE, 'utf8')) as { vectors: readonly unknown[] };
  expect([out]).toEqual(vectors);
});

it('equals the specification, computed again', () => {
  const { a, frames, out } = runOnce();
  const sha256 = (...parts: Uint8Array[]): Buffer =>
    createHash('sha256').update(Buffer.concat(parts)).digest();
  const sha384 = (...parts: Uint8Array[]): Buffer =>
    createHash('sha384').update(Buffer.concat(parts)).digest();
  const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Buffer =>
    createHmac('sha256', key).update(Buffer.concat(parts)).digest();
  const text = (value: string): Buffer => Buffer.from(value, 'ascii');
  const lp = (value: Uint8Array): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    return Buffer.concat([length, value]);
  };
  // HKDF-Expand(prk, info, 32) is one HMAC: T(1) = HMAC(prk, info || 01)
  const expand = (prk: Uint8Array, info: string): Buffer => hmac(prk, text(info), Buffer.of(1));

  // the two sides' draws: static, ephemeral, nonce
  const draws = (role: string) => {
    const rng = seededRng(`vector ${role}`);
    return { s: rng(32), e: rng(32), n: rng(32) };
  };
  const [i, r] = [draws('init'), draws('resp')];
  const prologue = text('dpca-attest/v1 Noise_XX_25519_AESGCM_SHA256');
  const noise = (initiator: boolean, d: typeof i) =>
    new NoiseXX({ initiator, prologue, aead: nodeAead, staticSecret: d.s, ephemeralSecret: d.e });
  const [ni, nr] = [noise(true, i), noise(false, r)];
  const hello = Buffer.concat([
    fromHex('02'),
    fromHex('00010002'),
    fromHex('010001'),
    i.n,
    bytes32('policy A'),
    fromHex('01'),
  ]);
  const reply = Buffer.concat([fromHex('00010001'), r.n, bytes32('policy B'), fromHex('02')]);
  const messages = [ni.write(hello)];
  nr.read(messages[0]!);
  messages.push(nr.write(reply));
  ni.read(messages[1]!);
  messages.push(ni.write(new Uint8Array(0)));
  expect(frames.slice(0, 3).map((f) => toHex(f.subarray(1)))).toEqual(messages.map(toHex));
  const { h, ck } = ni.split();

  const session = sha256(
    text('dpca-attest/v1 session'),
    ...[i.n, r.n, ni.ephemeralPublic, nr.ephemeralPublic].map(lp),
  );
  const transcript = sha384(
    text('dpca-attest/v1 transcript'),
    ...[fromHex('0200010002'), fromHex('010001'), fromHex('0001'), fromHex('0001')].map(lp),
    ...[session, i.n, r.n, bytes32('policy A'), bytes32('policy B')].map(lp),
    ...[ni.ephemeralPublic, nr.ephemeralPublic, ni.staticPublic, nr.staticPublic, h].map(lp),
  );
  const { own, peer } = a.opened!;
  const [pa, pb] = [own.payloadHash, peer.payloadHash];
  const exporter = hmac(ck, text('dpca-attest/v1 export'), h);
  const finish = (role: string): string =>
    toHex(hmac(expand(exporter, `fin ${role}`), transcript, pa, pb, text('accept')));
  const rk = hmac(exporter, text('dpca-attest/v1 rekey'), pa, pb);
  const epoch = Buffer.of(0, 0, 0, 1);
  expect(out).toMatchObject({
    h: toHex(h),
    session_id: toHex(session),
    transcript: toHex(transcript),
    finish_init: finish('init'),
    finish_resp: finish('resp'),
    key_init_to_resp: toHex(expand(rk, 'init')),
    key_resp_to_init: toHex(expand(rk, 'resp')),
    transcript_epoch_1_nonces_of_handshake: toHex(
      sha384(text('dpca-attest/v1 again'), ...[transcript, epoch, i.n, r.n].map(lp)),
    ),
  });
  for (const [owner, role, signature, payload] of [
    ['A', 'init', own.signature, pa],
    ['B', 'resp', peer.signature, pb],
  ] as const) {
    const der = Buffer.concat([fromHex('302a300506032b6570032100'), identityOf(owner).publicKey]);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const signed = Buffer.concat([text('dpca-attest/v1 id'), text(role), transcript, payload]);
    expect(verify(null, signed, key, signature)).toBe(true);
  }
});
