/**
 * Property and negative: the map at extreme field elements, which no hash reaches, against affine BigInt formulas.
 * A SHA-512 that returns chosen bytes stands in front of the real map.
 */
import { _map_to_curve_elligator2_curve25519 as nobleMap } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/encoding.ts';
import { CurveHasher } from '../../src/group/elligator.ts';
import { seededRng } from '../support/test-rng.ts';

const P = 2n ** 255n - 19n;
const A = 486662n;
const mod = (x: bigint): bigint => ((x % P) + P) % P;

function inverse(x: bigint): bigint {
  let result = 1n;
  for (let [square, e] = [mod(x), P - 2n]; e > 0n; e >>= 1n, square = (square * square) % P) {
    if (e & 1n) result = (result * square) % P;
  }
  return result;
}

/** Affine u and v of the map, by the oracle. */
function mapped(r: bigint): readonly [bigint, bigint] {
  const { xMn, xMd, yMn } = nobleMap(mod(r));
  return [mod(xMn * inverse(xMd)), mod(yMn)];
}

function expected(r0: bigint, r1: bigint): string {
  const [[x1, y1], [x2, y2]] = [mapped(r0), mapped(r1)];
  const slope = (y2 - y1) * inverse(x2 - x1);
  let u = mod(slope * slope - A - x1 - x2);
  for (let i = 0; i < 3; i++) {
    u = mod((u * u - 1n) ** 2n * inverse(4n * u * (u * u + A * u + 1n)));
  }
  return toHex(Uint8Array.from({ length: 32 }, (_, i) => Number((u >> BigInt(8 * i)) & 255n)));
}

/** The hasher's answer when expand_message_xmd yields r0 || r1, 48 bytes each. */
function actual(r0: bigint, r1: bigint): string {
  const wide = (r0 << 384n) | r1;
  const uniform = Uint8Array.from({ length: 128 }, (_, i) =>
    i < 96 ? Number((wide >> BigInt(8 * (95 - i))) & 255n) : 0,
  );
  let call = 0;
  const chosen = (): Uint8Array => {
    const at = 64 * (call++ - 1);
    return at < 0 ? new Uint8Array(64) : uniform.slice(at, at + 64);
  };
  const out = new Uint8Array(32);
  const offsets = Uint32Array.of(0, 0);
  new CurveHasher(chosen, Uint8Array.of(1)).hashRange(new Uint8Array(), offsets, 0, 1, out);
  return toHex(out);
}

describe('map to curve', () => {
  const extreme = [
    0n,
    1n,
    2n,
    3n,
    19n,
    P - 2n,
    P / 2n,
    P + 4n,
    2n ** 204n,
    2n ** 255n - 1n,
    2n ** 384n - 1n,
  ];

  it('agrees with the oracle at every pair of extreme field elements', () => {
    for (const r0 of extreme) {
      for (const r1 of extreme) {
        if (mapped(r0)[0] !== mapped(r1)[0]) expect(actual(r0, r1)).toBe(expected(r0, r1));
      }
    }
  });

  it('agrees with the oracle on 200 random pairs, in both branches of the map', () => {
    const rng = seededRng('elligator');
    const draw = (): bigint => rng(48).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    let first = 0;
    for (let round = 0; round < 200; round++) {
      const [r0, r1] = [draw(), draw()];
      expect(actual(r0, r1)).toBe(expected(r0, r1));
      if (mapped(r0)[0] === mod(-A * inverse(1n + 2n * mod(r0) ** 2n))) first += 1;
    }
    // binomial(200, 1/2): outside 60..140 with probability below 1e-7
    expect(first).toBeGreaterThan(60);
    expect(first).toBeLessThan(140);
  });

  it('stops when both maps give the same u, instead of spoiling the batch', () => {
    for (const r of extreme) {
      expect(() => actual(r, r)).toThrowCode('ERR_INTERNAL');
      expect(() => actual(mod(r), P - mod(r))).toThrowCode('ERR_INTERNAL');
    }
  });
});
