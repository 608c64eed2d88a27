/** Unit, property and negative: clamped scalars and their quotients. Fixed seed. */
import { describe, expect, it } from 'vitest';
import { fixed } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { assertScalar, drawRekeyable, randomScalar } from '../../src/group/scalars.ts';
import { seededRng } from '../support/test-rng.ts';
import { suite } from './support.ts';

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const integer = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

describe('scalars', () => {
  const rng = seededRng('scalars');

  it('are clamped, and keep every free bit free', () => {
    let ones = 0n;
    let zeros = 0n;
    for (let i = 0; i < 200; i++) {
      const value = integer(randomScalar(rng));
      expect(value % 8n).toBe(0n);
      expect(value >> 254n).toBe(1n);
      expect(value % ORDER).not.toBe(0n);
      ones |= value;
      zeros |= ~value;
    }
    // 251 free bits, 200 draws: false rejection 2 * 251 * 2^-200
    const free = (1n << 254n) - 8n;
    expect(ones & free).toBe(free);
    expect(zeros & free).toBe(free);
  });

  it('have clamped quotients, after two draws on average', () => {
    let draws = 0;
    const counting = (n: number): Uint8Array => {
      draws += 1;
      return rng(n);
    };
    for (let i = 0; i < 200; i++) {
      const a0 = randomScalar(rng);
      const { aj, ratio } = drawRekeyable(counting, a0);
      assertScalar(aj);
      assertScalar(ratio);
      expect((integer(ratio) * integer(a0) - integer(aj)) % ORDER).toBe(0n);
    }
    // negative binomial, mean 400, deviation 20: outside 300..500 with probability below 1e-5
    expect(draws).toBeGreaterThan(300);
    expect(draws).toBeLessThan(500);
  });

  it('have the frozen quotient', () => {
    const { a0, aj, ratio } = suite.rekey;
    const drawn = drawRekeyable(() => fromHex(aj), assertScalar(fromHex(a0)));
    expect(toHex(drawn.ratio)).toBe(ratio);
  });

  it('are refused when zero, not clamped, or of another length', () => {
    const good = randomScalar(rng);
    const changed = (at: number, byte: number): Uint8Array => {
      const copy: Uint8Array = good.slice();
      copy[at] = byte;
      return copy;
    };
    const bad = [
      new Uint8Array(32),
      new Uint8Array(32).fill(255),
      ...[1, 2, 4].map((bit) => changed(0, bit)),
      ...[0x00, 0x3f, 0x80, 0xc0, 0xff].map((byte) => changed(31, byte)),
      good.subarray(0, 31),
      new Uint8Array(0),
      new Uint8Array(33).fill(64),
    ];
    for (const bytes of bad) {
      expect(() => assertScalar(bytes)).toThrowCode('ERR_KERNEL_SCALAR');
    }
    for (const bytes of bad.slice(0, 10)) {
      const unchecked = fixed(bytes, 32, 'scalar');
      expect(() => drawRekeyable(rng, unchecked)).toThrowCode('ERR_KERNEL_SCALAR');
    }
  });

  it('are not drawn from a short or stuck random source', () => {
    expect(() => randomScalar(() => new Uint8Array(31))).toThrowCode('ERR_RNG_SHORT');
    const a0 = randomScalar(rng);
    let stuck = rng(32);
    // one of a few constant draws has no clamped quotient, and is then refused after 128 attempts
    let refused = 0;
    for (let i = 0; i < 60; i++) {
      stuck = rng(32);
      try {
        drawRekeyable(() => stuck.slice(), a0);
      } catch (error) {
        refused += 1;
        expect(error).toThrowCode('ERR_INTERNAL');
      }
    }
    expect(refused).toBeGreaterThan(0); // false rejection 2^-60
  });
});
