/**
 * Noise XX against the published vector, and what it must refuse.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nodeAead } from '../../enclave/aead.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { counterNonce } from '../../src/session/aead.ts';
import { NoiseXX } from '../../src/session/noise.ts';

interface Vector {
  readonly name: string;
  readonly init_prologue: string;
  readonly init_static: string;
  readonly init_ephemeral: string;
  readonly resp_prologue: string;
  readonly resp_static: string;
  readonly resp_ephemeral: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}
const FILE = new URL('../fixtures/noise/xx-25519-aesgcm-sha256.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(FILE, 'utf8')) as { vectors: readonly Vector[] };
const [vector] = vectors;

function pair(): { init: NoiseXX; resp: NoiseXX } {
  const side = (initiator: boolean, prologue: string, s: string, e: string): NoiseXX =>
    new NoiseXX({
      initiator,
      prologue: fromHex(prologue),
      aead: nodeAead,
      staticSecret: fromHex(s),
      ephemeralSecret: fromHex(e),
    });
  const v = vector!;
  return {
    init: side(true, v.init_prologue, v.init_static, v.init_ephemeral),
    resp: side(false, v.resp_prologue, v.resp_static, v.resp_ephemeral),
  };
}

describe('Noise_XX_25519_AESGCM_SHA256', () => {
  it('equals the published vector in all six messages, handshake and transport', () => {
    const { init, resp } = pair();
    const messages = vector!.messages;
    expect(messages).toHaveLength(6);
    messages.slice(0, 3).forEach(({ payload, ciphertext }, i) => {
      const [writer, reader] = i % 2 === 0 ? [init, resp] : [resp, init];
      expect(toHex(writer.write(fromHex(payload)))).toBe(ciphertext);
      expect(toHex(reader.read(fromHex(ciphertext)))).toBe(payload);
    });
    const [a, b] = [init.split(), resp.split()];
    expect(a).toEqual(b);
    messages.slice(3).forEach(({ payload, ciphertext }, i) => {
      // the vector goes on alternating: message 4 is the responder's, each direction counts from zero
      const key = i % 2 === 0 ? a.respKey : a.initKey;
      const nonce = counterNonce(i >> 1);
      expect(toHex(nodeAead.seal(key, nonce, new Uint8Array(0), fromHex(payload)))).toBe(
        ciphertext,
      );
    });
  });

  it('knows both statics and ephemerals afterwards', () => {
    const { init, resp } = pair();
    resp.read(init.write(new Uint8Array(0)));
    init.read(resp.write(new Uint8Array(0)));
    resp.read(init.write(new Uint8Array(0)));
    expect(resp.peer).toEqual({ static: init.staticPublic, ephemeral: init.ephemeralPublic });
    expect(init.peer).toEqual({ static: resp.staticPublic, ephemeral: resp.ephemeralPublic });
  });

  // the five low-order u-coordinates of Curve25519 and its twist, and a key with bit 255 set
  const hostile = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '09000000000000000000000000000000000000000000000000000000000000' + '80',
  ];
  it.each(hostile)('refuses the ephemeral %s', (key) => {
    const { init, resp } = pair();
    init.write(new Uint8Array(0));
    expect(() => init.read(fromHex(key + '00'.repeat(64)))).toThrowCode('ERR_SESSION_NOISE');
    resp.read(fromHex(key));
    expect(() => resp.write(new Uint8Array(0))).toThrowCode('ERR_SESSION_NOISE');
  });

  it('refuses other prologues, truncation, and messages out of turn', () => {
    const { init } = pair();
    const other = new NoiseXX({
      initiator: false,
      prologue: fromHex('00'),
      aead: nodeAead,
      staticSecret: fromHex(vector!.resp_static),
      ephemeralSecret: fromHex(vector!.resp_ephemeral),
    });
    other.read(init.write(new Uint8Array(0)));
    const reply = other.write(new Uint8Array(0));
    expect(() => init.write(new Uint8Array(0))).toThrowCode('ERR_INTERNAL');
    expect(() => init.split()).toThrowCode('ERR_INTERNAL');
    expect(() => init.read(reply)).toThrowCode('ERR_SESSION_NOISE');
    const fresh = pair();
    fresh.init.write(new Uint8Array(0));
    expect(() => fresh.init.read(reply.subarray(0, 31))).toThrowCode('ERR_SESSION_NOISE');
  });
});
