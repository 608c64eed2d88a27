/**
 * Arithmetic modulo p = 2^255 - 19 in IEEE doubles, without branches or indices that depend on values; for the map
 * of elligator.ts, where no WASM kernel is at hand. The method is section 4 of Bernstein, "Curve25519: new
 * Diffie-Hellman speed records" (2006), with round-to-nearest, which ECMAScript prescribes.
 *
 * An element is the sum of 12 limbs. Limb k is a multiple of 2^AT[k], AT[k] = ceil(255k / 12), kept as its true value
 * (not as a digit), so a product of limbs i and j is a multiple of 2^AT[i + j], and of 2^AT[i + j - 12] after
 * folding by 19 * 2^-255.
 *
 * Bounds. "Reduced" means |limb k| <= 1.01 * 2^(AT[k+1] - 1), which is what {@link multiply}, {@link square} and
 * {@link carry} leave. Operands may be sums or differences of two reduced elements. Then the 12 products in output
 * limb k sum to less than 2^(AT[k] + 52) in absolute value, which leaves room for the carries into it, so every
 * intermediate is an exact double. test/group/field.test.ts recomputes this and attacks it with extreme limbs.
 * @module
 */
const LIMBS = 12;
/** Exponents 0, 22, 43, 64, 85, 107, 128, 149, 170, 192, 213, 234, 255. */
const AT: readonly number[] = Array.from({ length: LIMBS + 1 }, (_, k) =>
  Math.ceil((255 * k) / LIMBS),
);
/** Bits of limb k: 22 or 21. */
const WIDTH: readonly number[] = AT.slice(1).map((next, k) => next - (AT[k] ?? 0));
const UNIT: readonly number[] = AT.map((bit) => 2 ** -bit);
/** 2^255 = 19 mod p */
const FOLD = 19 * 2 ** -255;

/** Adding and subtracting ROUND_k rounds a limb to a multiple of 2^AT[k + 1]: the sum has exactly that ulp. */
// prettier-ignore
const ROUND_0 = 3 * 2 ** 73, ROUND_1 = 3 * 2 ** 94, ROUND_2 = 3 * 2 ** 115, ROUND_3 = 3 * 2 ** 136,
  ROUND_4 = 3 * 2 ** 158, ROUND_5 = 3 * 2 ** 179, ROUND_6 = 3 * 2 ** 200, ROUND_7 = 3 * 2 ** 221,
  ROUND_8 = 3 * 2 ** 243, ROUND_9 = 3 * 2 ** 264, ROUND_10 = 3 * 2 ** 285, ROUND_11 = 3 * 2 ** 306;

export type Field = Float64Array;

export function field(): Field {
  return new Float64Array(LIMBS);
}

/** A small integer constant, |value| < 2^21. */
export function small(value: number): Field {
  const out = field();
  out[0] = value;
  return out;
}

/** out = a * b, reduced; `out` may be an operand. */
// prettier-ignore
export function multiply(out: Field, a: Field, b: Field): void {
  const a0 = a[0] ?? 0, a1 = a[1] ?? 0, a2 = a[2] ?? 0, a3 = a[3] ?? 0, a4 = a[4] ?? 0,
    a5 = a[5] ?? 0, a6 = a[6] ?? 0, a7 = a[7] ?? 0, a8 = a[8] ?? 0, a9 = a[9] ?? 0,
    a10 = a[10] ?? 0, a11 = a[11] ?? 0;
  const b0 = b[0] ?? 0, b1 = b[1] ?? 0, b2 = b[2] ?? 0, b3 = b[3] ?? 0, b4 = b[4] ?? 0,
    b5 = b[5] ?? 0, b6 = b[6] ?? 0, b7 = b[7] ?? 0, b8 = b[8] ?? 0, b9 = b[9] ?? 0,
    b10 = b[10] ?? 0, b11 = b[11] ?? 0;
  const f1 = b1 * FOLD, f2 = b2 * FOLD, f3 = b3 * FOLD, f4 = b4 * FOLD, f5 = b5 * FOLD,
    f6 = b6 * FOLD, f7 = b7 * FOLD, f8 = b8 * FOLD, f9 = b9 * FOLD, f10 = b10 * FOLD,
    f11 = b11 * FOLD;
  out[0] = a0 * b0 + a1 * f11 + a2 * f10 + a3 * f9 + a4 * f8 + a5 * f7 + a6 * f6 + a7 * f5 +
    a8 * f4 + a9 * f3 + a10 * f2 + a11 * f1;
  out[1] = a0 * b1 + a1 * b0 + a2 * f11 + a3 * f10 + a4 * f9 + a5 * f8 + a6 * f7 + a7 * f6 +
    a8 * f5 + a9 * f4 + a10 * f3 + a11 * f2;
  out[2] = a0 * b2 + a1 * b1 + a2 * b0 + a3 * f11 + a4 * f10 + a5 * f9 + a6 * f8 + a7 * f7 +
    a8 * f6 + a9 * f5 + a10 * f4 + a11 * f3;
  out[3] = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 + a4 * f11 + a5 * f10 + a6 * f9 + a7 * f8 +
    a8 * f7 + a9 * f6 + a10 * f5 + a11 * f4;
  out[4] = a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0 + a5 * f11 + a6 * f10 + a7 * f9 +
    a8 * f8 + a9 * f7 + a10 * f6 + a11 * f5;
  out[5] = a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0 + a6 * f11 + a7 * f10 +
    a8 * f9 + a9 * f8 + a10 * f7 + a11 * f6;
  out[6] = a0 * b6 + a1 * b5 + a2 * b4 + a3 * b3 + a4 * b2 + a5 * b1 + a6 * b0 + a7 * f11 +
    a8 * f10 + a9 * f9 + a10 * f8 + a11 * f7;
  out[7] = a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0 +
    a8 * f11 + a9 * f10 + a10 * f9 + a11 * f8;
  out[8] = a0 * b8 + a1 * b7 + a2 * b6 + a3 * b5 + a4 * b4 + a5 * b3 + a6 * b2 + a7 * b1 +
    a8 * b0 + a9 * f11 + a10 * f10 + a11 * f9;
  out[9] = a0 * b9 + a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 +
    a8 * b1 + a9 * b0 + a10 * f11 + a11 * f10;
  out[10] = a0 * b10 + a1 * b9 + a2 * b8 + a3 * b7 + a4 * b6 + a5 * b5 + a6 * b4 + a7 * b3 +
    a8 * b2 + a9 * b1 + a10 * b0 + a11 * f11;
  out[11] = a0 * b11 + a1 * b10 + a2 * b9 + a3 * b8 + a4 * b7 + a5 * b6 + a6 * b5 + a7 * b4 +
    a8 * b3 + a9 * b2 + a10 * b1 + a11 * b0;
  carry(out);
}

/** out = a^2, reduced; 30 % cheaper than {@link multiply}. */
// prettier-ignore
export function square(out: Field, a: Field): void {
  const a0 = a[0] ?? 0, a1 = a[1] ?? 0, a2 = a[2] ?? 0, a3 = a[3] ?? 0, a4 = a[4] ?? 0,
    a5 = a[5] ?? 0, a6 = a[6] ?? 0, a7 = a[7] ?? 0, a8 = a[8] ?? 0, a9 = a[9] ?? 0,
    a10 = a[10] ?? 0, a11 = a[11] ?? 0;
  const d0 = 2 * a0, d1 = 2 * a1, d2 = 2 * a2, d3 = 2 * a3, d4 = 2 * a4, d5 = 2 * a5, d6 = 2 * a6,
    d7 = 2 * a7, d8 = 2 * a8, d9 = 2 * a9, d10 = 2 * a10;
  const f6 = a6 * FOLD, f7 = a7 * FOLD, f8 = a8 * FOLD, f9 = a9 * FOLD, f10 = a10 * FOLD,
    f11 = a11 * FOLD;
  out[0] = a0 * a0 + d1 * f11 + d2 * f10 + d3 * f9 + d4 * f8 + d5 * f7 + a6 * f6;
  out[1] = d0 * a1 + d2 * f11 + d3 * f10 + d4 * f9 + d5 * f8 + d6 * f7;
  out[2] = d0 * a2 + a1 * a1 + d3 * f11 + d4 * f10 + d5 * f9 + d6 * f8 + a7 * f7;
  out[3] = d0 * a3 + d1 * a2 + d4 * f11 + d5 * f10 + d6 * f9 + d7 * f8;
  out[4] = d0 * a4 + d1 * a3 + a2 * a2 + d5 * f11 + d6 * f10 + d7 * f9 + a8 * f8;
  out[5] = d0 * a5 + d1 * a4 + d2 * a3 + d6 * f11 + d7 * f10 + d8 * f9;
  out[6] = d0 * a6 + d1 * a5 + d2 * a4 + a3 * a3 + d7 * f11 + d8 * f10 + a9 * f9;
  out[7] = d0 * a7 + d1 * a6 + d2 * a5 + d3 * a4 + d8 * f11 + d9 * f10;
  out[8] = d0 * a8 + d1 * a7 + d2 * a6 + d3 * a5 + a4 * a4 + d9 * f11 + a10 * f10;
  out[9] = d0 * a9 + d1 * a8 + d2 * a7 + d3 * a6 + d4 * a5 + d10 * f11;
  out[10] = d0 * a10 + d1 * a9 + d2 * a8 + d3 * a7 + d4 * a6 + a5 * a5 + a11 * f11;
  out[11] = d0 * a11 + d1 * a10 + d2 * a9 + d3 * a8 + d4 * a7 + d5 * a6;
  carry(out);
}

/** Reduces in place; |limb k| may be up to 2^(AT[k] + 52). Four chains of carries run side by side. */
// prettier-ignore
export function carry(x: Field): void {
  let x0 = x[0] ?? 0, x1 = x[1] ?? 0, x2 = x[2] ?? 0, x3 = x[3] ?? 0, x4 = x[4] ?? 0, x5 = x[5] ?? 0,
    x6 = x[6] ?? 0, x7 = x[7] ?? 0, x8 = x[8] ?? 0, x9 = x[9] ?? 0, x10 = x[10] ?? 0, x11 = x[11] ?? 0;
  let p = x0 + ROUND_0 - ROUND_0, q = x3 + ROUND_3 - ROUND_3, r = x6 + ROUND_6 - ROUND_6, s = x9 + ROUND_9 - ROUND_9;
  x0 -= p; x1 += p; x3 -= q; x4 += q; x6 -= r; x7 += r; x9 -= s; x10 += s;
  p = x1 + ROUND_1 - ROUND_1; q = x4 + ROUND_4 - ROUND_4; r = x7 + ROUND_7 - ROUND_7; s = x10 + ROUND_10 - ROUND_10;
  x1 -= p; x2 += p; x4 -= q; x5 += q; x7 -= r; x8 += r; x10 -= s; x11 += s;
  p = x2 + ROUND_2 - ROUND_2; q = x5 + ROUND_5 - ROUND_5; r = x8 + ROUND_8 - ROUND_8; s = x11 + ROUND_11 - ROUND_11;
  x2 -= p; x3 += p; x5 -= q; x6 += q; x8 -= r; x9 += r; x11 -= s; x0 += s * FOLD;
  p = x0 + ROUND_0 - ROUND_0; q = x3 + ROUND_3 - ROUND_3; r = x6 + ROUND_6 - ROUND_6; s = x9 + ROUND_9 - ROUND_9;
  x[0] = x0 - p; x[1] = x1 + p; x[2] = x2; x[3] = x3 - q; x[4] = x4 + q; x[5] = x5;
  x[6] = x6 - r; x[7] = x7 + r; x[8] = x8; x[9] = x9 - s; x[10] = x10 + s; x[11] = x11;
}

/** out = a + b, not reduced. */
export function add(out: Field, a: Field, b: Field): void {
  for (let i = 0; i < LIMBS; i++) out[i] = (a[i] ?? 0) + (b[i] ?? 0);
}

/** out = a - b, not reduced. */
export function subtract(out: Field, a: Field, b: Field): void {
  for (let i = 0; i < LIMBS; i++) out[i] = (a[i] ?? 0) - (b[i] ?? 0);
}

/** out = bit ? b : a, for reduced a and b and bit 0 or 1, by arithmetic. */
export function select(out: Field, a: Field, b: Field, bit: number): void {
  for (let i = 0; i < LIMBS; i++) out[i] = (a[i] ?? 0) * (1 - bit) + (b[i] ?? 0) * bit;
}

/** out = a^(2^n) */
function squareTimes(out: Field, a: Field, n: number): void {
  square(out, a);
  for (let i = 1; i < n; i++) square(out, out);
}

// Scratch of the functions below: allocating a typed array costs as much as 30 products. Nothing here is reentrant,
// and nothing needs to be, because no function calls back or waits.
const TEMPORARY = field();
const RUN = field();
const LOW = field();
const ELEVEN = field();
const DIGITS: Int32Array = new Int32Array(LIMBS);

/** RUN = RUN^(2^n + 1): turns z^(2^n - 1) into z^(2^2n - 1). */
function doubleRun(n: number): void {
  squareTimes(TEMPORARY, RUN, n);
  multiply(RUN, TEMPORARY, RUN);
}

/** Sets LOW to z^(2^250 - 1) and ELEVEN to z^11, which both exponents below share. */
function powerChain(z: Field): void {
  square(RUN, z); // 2
  squareTimes(TEMPORARY, RUN, 2); // 8
  multiply(TEMPORARY, TEMPORARY, z); // 9
  multiply(ELEVEN, TEMPORARY, RUN); // 11
  square(RUN, ELEVEN); // 22
  multiply(RUN, RUN, TEMPORARY); // 31 = 2^5 - 1
  doubleRun(5); // 2^10 - 1
  LOW.set(RUN);
  doubleRun(10); // 2^20 - 1
  doubleRun(20); // 2^40 - 1
  squareTimes(TEMPORARY, RUN, 10);
  multiply(RUN, TEMPORARY, LOW); // 2^50 - 1
  LOW.set(RUN);
  doubleRun(50); // 2^100 - 1
  doubleRun(100); // 2^200 - 1
  squareTimes(TEMPORARY, RUN, 50);
  multiply(LOW, TEMPORARY, LOW); // 2^250 - 1
}

/** out = z^((p - 5) / 8) = z^(2^252 - 3) */
export function powerP58(out: Field, z: Field): void {
  powerChain(z);
  squareTimes(LOW, LOW, 2);
  multiply(out, LOW, z);
}

/** out = 1 / z, or 0 for 0: z^(p - 2) = z^(2^255 - 21) */
export function invert(out: Field, z: Field): void {
  powerChain(z);
  squareTimes(LOW, LOW, 5);
  multiply(out, LOW, ELEVEN);
}

/** DIGITS = the canonical representative of a reduced element: digit k has WIDTH[k] bits. */
function digits(x: Field): void {
  for (let k = 0; k < LIMBS; k++) DIGITS[k] = (x[k] ?? 0) * (UNIT[k] ?? 0);
  // floor(x / p), in -1..1, is floor((x + 19 x / 2^255 + 1/2) / 2^255); the top limb stands for x in the small term
  let quotient = (19 * (DIGITS[LIMBS - 1] ?? 0) + (1 << 20)) >> 21;
  for (let k = 0; k < LIMBS; k++) quotient = ((DIGITS[k] ?? 0) + quotient) >> (WIDTH[k] ?? 0);
  let over = 19 * quotient;
  for (let k = 0; k < LIMBS; k++) {
    const digit = (DIGITS[k] ?? 0) + over;
    over = digit >> (WIDTH[k] ?? 0);
    DIGITS[k] = digit - (over << (WIDTH[k] ?? 0));
  }
}

/** Writes the 32 canonical little-endian bytes of a reduced element at `at`. */
export function toBytes(out: Uint8Array, at: number, x: Field): void {
  digits(x);
  let pending = 0;
  let bits = 0;
  let place = at;
  for (let k = 0; k < LIMBS; k++) {
    pending |= (DIGITS[k] ?? 0) << bits;
    for (bits += WIDTH[k] ?? 0; bits >= 8; bits -= 8) {
      out[place++] = pending & 255;
      pending >>>= 8;
    }
  }
  out[place] = pending;
}

/** Bit 0 of the canonical representative of a reduced element: sgn0 of RFC 9380, section 4.1. */
export function parity(x: Field): number {
  digits(x);
  return (DIGITS[0] ?? 0) & 1;
}

/** 1 if two reduced elements are equal, else 0. */
export function equal(a: Field, b: Field): number {
  subtract(TEMPORARY, a, b);
  carry(TEMPORARY);
  digits(TEMPORARY);
  let any = 0;
  for (let k = 0; k < LIMBS; k++) any |= DIGITS[k] ?? 0;
  return ((any | -any) >>> 31) ^ 1;
}

/** The limb that byte i of a little-endian number belongs to; bytes from 32 on fold: 2^256 = 38 mod p. */
const LIMB_OF_BYTE: readonly number[] = Array.from({ length: 32 }, (_, i) =>
  AT.findLastIndex((bit) => bit <= 8 * i),
);

/** Reads bytes `from`..`to - 1`, at most 64, as a big-endian number and reduces it (RFC 9380 section 5.2). */
export function fromBigEndian(out: Field, bytes: Uint8Array, from: number, to: number): void {
  out.fill(0);
  let weight = 1;
  for (let i = 0; i < to - from; i++, weight *= 256) {
    if (i === 32) weight = 38;
    const limb = LIMB_OF_BYTE[i & 31] ?? 0;
    out[limb] = (out[limb] ?? 0) + (bytes[to - 1 - i] ?? 0) * weight;
  }
  carry(out);
}
