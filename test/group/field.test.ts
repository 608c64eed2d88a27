/**
 * Unit and property: field arithmetic against BigInt on random and extreme limbs, and the exactness bounds of
 * field25519.ts recomputed. Fixed seed.
 */
import { describe, expect, it } from 'vitest';
import {
  add,
  carry,
  equal,
  field,
  fromBigEndian,
  invert,
  multiply,
  parity,
  powerP58,
  select,
  small,
  square,
  subtract,
  toBytes,
  type Field,
} from '../../src/group/field25519.ts';
import { UniformSource } from '../../src/rng.ts';
import { seededRng } from '../support/test-rng.ts';

const P = 2n ** 255n - 19n;
const AT = Array.from({ length: 13 }, (_, k) => Math.ceil((255 * k) / 12));
const at = (k: number): number => AT[k]!;
const mod = (value: bigint): bigint => ((value % P) + P) % P;

function value(x: Field): bigint {
  let sum = 0n;
  // BigInt refuses a limb that lost its granularity
  for (let k = 0; k < 12; k++) sum += BigInt(x[k]! / 2 ** at(k)) << BigInt(at(k));
  return mod(sum);
}

function bytesOf(x: Field): bigint {
  const out = new Uint8Array(32);
  toBytes(out, 0, x);
  return out.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** An element from a BigInt, through the byte decoder. */
function element(integer: bigint): Field {
  const bytes = Uint8Array.from({ length: 64 }, (_, i) =>
    Number((integer >> BigInt(8 * (63 - i))) & 255n),
  );
  const out = field();
  fromBigEndian(out, bytes, 0, 64);
  return out;
}

function expectReduced(x: Field): void {
  expect(x.every((limb, k) => Math.abs(limb) <= 1.01 * 2 ** (at(k + 1) - 1))).toBe(true);
}

const uniform = new UniformSource(seededRng('field'));
const bit = (): boolean => uniform.below(2) === 1;

/** Limbs at `factor` times the reduced bound: all at an end, or random within, rounded to their unit. */
function limbs(factor: number, extreme: boolean): Field {
  return field().map((_, k) => {
    const most = Math.floor(factor * 1.01 * 2 ** (at(k + 1) - 1 - at(k)));
    const digit = extreme ? most : uniform.below(most + 1);
    return (bit() ? -digit : digit) * 2 ** at(k);
  });
}

describe('field25519', () => {
  it('keeps every product sum below 2^52 units, for operands of twice the reduced bound', () => {
    const most = (k: number): number => 2 * 1.01 * 2 ** (at(k + 1) - 1);
    for (let k = 0; k < 12; k++) {
      let sum = 0;
      for (let i = 0; i < 12; i++) {
        const j = (k - i + 12) % 12;
        const folds = i + j >= 12;
        expect(at(i) + at(j) - (folds ? 255 : 0)).toBeGreaterThanOrEqual(at(k)); // granularity
        sum += most(i) * most(j) * (folds ? 19 * 2 ** -255 : 1);
      }
      expect(sum).toBeLessThan(2 ** (at(k) + 52));
    }
  });

  it('multiplies and squares as BigInt does, on random and extreme limbs', () => {
    for (let round = 0; round < 3000; round++) {
      const a = limbs(2, round % 3 === 0);
      const b = limbs(2, round % 2 === 0);
      const out = field();
      multiply(out, a, b);
      expect(value(out)).toBe(mod(value(a) * value(b)));
      expectReduced(out);
      square(out, a);
      expect(value(out)).toBe(mod(value(a) * value(a)));
      expectReduced(out);
    }
    const all = field().map(
      (_, k) => 2 * Math.floor(1.01 * 2 ** (at(k + 1) - 1 - at(k))) * 2 ** at(k),
    );
    const out = field();
    multiply(out, all, all);
    expect(value(out)).toBe(mod(value(all) ** 2n));
    expectReduced(out);
    square(all, all); // in place
    expect([...all]).toEqual([...out]);
  });

  it('carries limbs of 52 bits', () => {
    for (let round = 0; round < 1000; round++) {
      const x = field().map(
        (_, k) => (bit() ? -1 : 1) * (2 ** 52 - 1 - uniform.below(9)) * 2 ** at(k),
      );
      const before = value(x);
      carry(x);
      expect(value(x)).toBe(before);
      // limb 1 takes a carry of 19 * 2^-255 times 52 bits, so it alone may exceed the bound of products
      x.forEach((limb, k) => expect(Math.abs(limb)).toBeLessThan(1.03 * 2 ** (at(k + 1) - 1)));
    }
  });

  it('encodes canonically, and reads parity and equality, around 0 and p', () => {
    const near = [
      0n,
      1n,
      2n,
      18n,
      19n,
      20n,
      P - 1n,
      P - 2n,
      P - 19n,
      2n ** 254n,
      P / 2n,
      P / 2n + 1n,
    ];
    const wide = [P, P + 1n, 2n * P, 2n ** 255n, 2n ** 256n - 1n, 2n ** 384n - 1n, 2n ** 512n - 1n];
    for (const integer of [...near, ...wide]) {
      const x = element(integer);
      expectReduced(x);
      expect(bytesOf(x)).toBe(mod(integer));
      expect(parity(x)).toBe(Number(mod(integer) & 1n));
      for (const other of near) {
        expect(equal(x, element(other))).toBe(mod(integer) === other ? 1 : 0);
      }
      const negative = field();
      subtract(negative, field(), x);
      expect(bytesOf(negative)).toBe(mod(-integer));
    }
    for (let round = 0; round < 2000; round++) {
      const x = limbs(1, round % 2 === 0);
      expect(bytesOf(x)).toBe(value(x));
    }
  });

  it('inverts, raises to (p - 5) / 8, adds and selects', () => {
    for (let round = 0; round < 50; round++) {
      const a = limbs(1, false);
      const b = limbs(1, round % 2 === 0);
      const out = field();
      invert(out, a);
      expect(mod(value(out) * value(a))).toBe(1n);
      powerP58(out, a);
      expect(mod(value(out) ** 8n * value(a) ** 5n)).toBe(value(a)); // a^p = a
      add(out, a, b);
      expect(value(out)).toBe(mod(value(a) + value(b)));
      select(out, a, b, 0);
      expect([...out]).toEqual([...a]);
      select(out, a, b, 1);
      expect([...out]).toEqual([...b]);
    }
    const zero = field();
    invert(zero, zero);
    expect(equal(zero, small(0))).toBe(1);
  });
});
