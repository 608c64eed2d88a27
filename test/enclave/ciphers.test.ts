/** The X25519 of base transfers: known answers decide how scalars are imported, so that no platform's change passes. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { x25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { chooseLadder, nodeCiphers } from '../../enclave/ciphers.ts';
import { fixed } from '../../src/bytes.ts';
import { fromHex } from '../../src/encoding.ts';
import { seededRng } from '../support/test-rng.ts';

const rng = seededRng('ladders');
const HEADER = Buffer.from('302e020100300506032b656e04220420', 'hex');

const right = (scalar: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([HEADER, scalar]), format: 'der', type: 'pkcs8' });
const otherScalar = (scalar: Uint8Array): KeyObject => right(scalar.map((byte) => byte ^ 64));
const throwing = (): KeyObject => {
  throw new TypeError('refused');
};
/** What a platform would do that exported the public half as it was given. */
const keepingX = (scalar: Uint8Array): KeyObject => {
  const key = right(scalar);
  key.export = () => ({ x: Buffer.alloc(32).toString('base64url') }) as never;
  return key;
};

describe('the ladder of the platform', () => {
  it('is X25519', () => {
    for (let i = 0; i < 20; i++) {
      const scalar = fixed(rng(32), 32, 'scalar');
      const u = x25519.getPublicKey(rng(32));
      const ladder = nodeCiphers.ladder(scalar);
      expect(ladder.base).toEqual(x25519.getPublicKey(scalar));
      expect(ladder.times(u)).toEqual(x25519.getSharedSecret(scalar, u));
    }
  });

  it.each([
    ['refuses the public half', throwing],
    ['keeps a wrong public half', keepingX],
    ['takes another scalar', otherScalar],
  ])('is taken from another import where the first %s', (_, bad) => {
    const scalar = fixed(rng(32), 32, 'scalar');
    expect(chooseLadder([bad, right])(scalar).base).toEqual(x25519.getPublicKey(scalar));
  });

  it('is refused if no import gives the known answers', () => {
    expect(() => chooseLadder([throwing, keepingX, otherScalar])).toThrowCode(
      'ERR_KERNEL_SELFTEST',
    );
    expect(() => chooseLadder([])).toThrowCode('ERR_KERNEL_SELFTEST');
  });

  it('is that of RFC 7748 section 5.2', () => {
    const scalar = fromHex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4');
    const u = fromHex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c');
    expect(nodeCiphers.ladder(fixed(scalar, 32, 'scalar')).times(u)).toEqual(
      fromHex('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552'),
    );
  });
});
