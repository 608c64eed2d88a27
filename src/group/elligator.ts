/**
 * Hash to Curve25519, `curve25519_XMD:SHA-512_ELL2_RO_` (RFC 9380 sections 5, 6.7.1 and 8.5), over field25519.ts
 * and any SHA-512. Identifiers are secret: selections are arithmetic, never branches.
 * @module
 */
import { DpcaError } from '../errors.ts';
import * as f from './field25519.ts';
import type { Field } from './field25519.ts';
import { ELEMENT_BYTES } from './suite.ts';

export type Sha512 = (data: Uint8Array) => Uint8Array;

const BLOCK_BYTES = 128;
const HASH_BYTES = 64;
/** Bytes per field element (RFC 9380 section 5.1, k = 128); a message takes two. */
const L = 48;
/** Messages that share one inversion. */
const BATCH = 128;

const ONE = f.small(1);
const A = f.small(486662);
const MINUS_A = f.small(-486662);
const A24 = f.small(121665);
const ZERO = f.field();
/** 2^((p + 3) / 8) = 2 * 2^((p - 5) / 8), and sqrt(-1) = 2^((p - 1) / 4) = C2^2 / 2. */
const C2 = f.field();
const SQRT_MINUS_1 = f.field();
const HALF = f.field();
f.powerP58(C2, f.small(2));
f.multiply(C2, C2, f.small(2));
f.invert(HALF, f.small(2));
f.square(SQRT_MINUS_1, C2);
f.multiply(SQRT_MINUS_1, SQRT_MINUS_1, HALF);

/** A point as u = n / d, and v. */
interface Point {
  readonly n: Field;
  readonly d: Field;
  readonly v: Field;
}
const newPoint = (): Point => ({ n: f.field(), d: f.field(), v: f.field() });
const newFields = (): readonly Field[] => Array.from({ length: BATCH }, f.field);

// Scratch, as in field25519.ts: used only between the call of one function below and its return.
const R = f.field();
const T1 = f.field();
const T2 = f.field();
const T3 = f.field();
const GXD = f.field();
const GX1 = f.field();
const GX2 = f.field();
const Y1 = f.field();
const Y2 = f.field();

/** Hashes batches of messages. Holds its scratch memory, so one instance serves one thread. */
export class CurveHasher {
  private readonly sha512: Sha512;
  /** DST || len(DST), and buffers that end in it: Z_pad || message || 00 60 00 || DST', and b_i || i || DST'. */
  private readonly dstPrime: Uint8Array;
  private first: Uint8Array;
  private readonly next: Uint8Array;
  private readonly uniform: Uint8Array = new Uint8Array(2 * HASH_BYTES);
  private readonly p = newPoint();
  private readonly q = newPoint();
  private readonly xs = newFields();
  private readonly zs = newFields();
  private readonly before = newFields();

  constructor(sha512: Sha512, dst: Uint8Array) {
    if (dst.length === 0 || dst.length > 255) {
      throw new DpcaError('ERR_INTERNAL', 'expected a DST of 1 to 255 bytes');
    }
    this.sha512 = sha512;
    this.dstPrime = Uint8Array.of(...dst, dst.length);
    this.first = new Uint8Array(2 * BLOCK_BYTES);
    this.next = Uint8Array.of(...new Uint8Array(HASH_BYTES + 1), ...this.dstPrime);
  }

  /**
   * Hashes messages `from`..`to - 1` of a packed batch and writes their elements at the same positions of `out`.
   * ERR_INTERNAL if one is the neutral element (probability below 2^-249 each).
   */
  hashRange(
    messages: Uint8Array,
    offsets: Uint32Array,
    from: number,
    to: number,
    out: Uint8Array,
  ): void {
    const { xs, zs, uniform, p, q } = this;
    for (let start = from; start < to; start += BATCH) {
      const count = Math.min(to - start, BATCH);
      for (let i = 0; i < count; i++) {
        this.expand(messages, offsets[start + i] ?? 0, offsets[start + i + 1] ?? 0);
        mapToCurve(p, uniform, 0);
        mapToCurve(q, uniform, L);
        const x = xs[i] ?? ZERO;
        const z = zs[i] ?? ZERO;
        addPoints(x, z, p, q);
        for (let doublings = 0; doublings < 3; doublings++) double(x, z); // clears the cofactor 8
      }
      this.divide(count, out, start * ELEMENT_BYTES);
    }
  }

  /** expand_message_xmd to 96 bytes (RFC 9380 section 5.3.1); leaves b_1 || b_2 in `uniform`. */
  private expand(messages: Uint8Array, from: number, to: number): void {
    const { dstPrime, next, uniform } = this;
    const length = BLOCK_BYTES + to - from + 3 + dstPrime.length;
    if (this.first.length < length) this.first = new Uint8Array(2 * length);
    const { first } = this;
    let at = BLOCK_BYTES;
    for (let i = from; i < to; i++) first[at++] = messages[i] ?? 0;
    first[at++] = 0;
    first[at++] = 2 * L;
    first[at++] = 0;
    first.set(dstPrime, at);
    const b0 = this.sha512(first.subarray(0, length));
    next.set(b0);
    next[HASH_BYTES] = 1;
    const b1 = this.sha512(next);
    for (let i = 0; i < HASH_BYTES; i++) next[i] = (b0[i] ?? 0) ^ (b1[i] ?? 0);
    next[HASH_BYTES] = 2;
    uniform.set(b1);
    uniform.set(this.sha512(next), HASH_BYTES);
  }

  /** Writes xs[i] / zs[i], canonical, with one inversion (Montgomery's trick). */
  private divide(count: number, out: Uint8Array, at: number): void {
    const { xs, zs, before } = this;
    T1.set(ONE);
    for (let i = 0; i < count; i++) {
      before[i]?.set(T1);
      f.multiply(T1, T1, zs[i] ?? ZERO);
    }
    if (f.equal(T1, ZERO) === 1) {
      throw new DpcaError('ERR_INTERNAL', 'a message hashed to the neutral element');
    }
    f.invert(T1, T1);
    for (let i = count - 1; i >= 0; i--) {
      f.multiply(T2, T1, before[i] ?? ZERO);
      f.multiply(T2, T2, xs[i] ?? ZERO);
      f.toBytes(out, at + i * ELEMENT_BYTES, T2);
      f.multiply(T1, T1, zs[i] ?? ZERO);
    }
  }
}

/**
 * RFC 9380 appendix G.2.1, map_to_curve_elligator2_curve25519, of the 48 bytes at `at`; with the RFC's step numbers.
 */
function mapToCurve(out: Point, uniform: Uint8Array, at: number): void {
  const { n, d, v } = out;
  f.fromBigEndian(R, uniform, at, at + L);
  f.square(T1, R);
  f.add(T1, T1, T1);
  f.carry(T1); // 2
  f.add(d, T1, ONE); // 3: never zero, since -1 is a square and 2 is not
  f.carry(d);
  f.square(T2, d); // 5
  f.multiply(GXD, T2, d); // 6
  f.multiply(GX1, T1, A); // 7
  f.multiply(GX1, GX1, MINUS_A); // 8
  f.add(GX1, GX1, T2); // 9
  f.multiply(GX1, GX1, MINUS_A); // 10
  f.square(T3, GXD); // 11
  f.square(T2, T3); // 12
  f.multiply(T3, T3, GXD); // 13
  f.multiply(T3, T3, GX1); // 14
  f.multiply(T2, T2, T3); // 15
  f.powerP58(Y1, T2); // 16
  f.multiply(Y1, Y1, T3); // 17
  f.multiply(Y2, Y1, R); // 24
  f.multiply(Y2, Y2, C2); // 25
  f.multiply(GX2, GX1, T1); // 27
  chooseRoot(Y1, GX1); // 18-22
  chooseRoot(Y2, GX2); // 26, 28-31
  f.square(T2, Y1); // 32
  f.multiply(T2, T2, GXD); // 33
  const e3 = f.equal(T2, GX1); // 34
  f.multiply(T1, T1, MINUS_A); // 23
  f.select(n, T1, MINUS_A, e3); // 35
  f.select(T1, Y2, Y1, e3); // 36
  f.subtract(T2, ZERO, T1);
  f.select(v, T1, T2, e3 ^ f.parity(T1)); // 37, 38
}

/** Leaves the one of y and y * sqrt(-1) whose square times GXD is gx, if one is; else y * sqrt(-1). */
function chooseRoot(y: Field, gx: Field): void {
  f.square(T2, y);
  f.multiply(T2, T2, GXD);
  const isRoot = f.equal(T2, gx);
  f.multiply(T3, y, SQRT_MINUS_1);
  f.select(y, T3, y, isRoot);
}

/**
 * u(P + Q) as x / z by the chord law on v^2 = u^3 + A u^2 + u with denominators cleared. With D = d1 d2 and
 * M = n2 d1 - n1 d2: x = (v2 - v1)^2 D^3 - M^2 (A D + n1 d2 + n2 d1), z = M^2 D.
 */
function addPoints(x: Field, z: Field, p: Point, q: Point): void {
  f.multiply(T1, q.n, p.d);
  f.multiply(T2, p.n, q.d);
  f.multiply(R, p.d, q.d);
  f.subtract(T3, T1, T2);
  f.square(T3, T3);
  f.multiply(z, T3, R);
  f.add(T1, T1, T2);
  f.multiply(T2, A, R);
  f.add(T1, T1, T2);
  f.carry(T1);
  f.multiply(T1, T1, T3);
  f.subtract(T3, q.v, p.v);
  f.square(T3, T3);
  f.multiply(T3, T3, R);
  f.square(R, R);
  f.multiply(T3, T3, R);
  f.subtract(x, T3, T1);
  f.carry(x);
}

/** Doubles x / z in place (RFC 7748 section 5): x' = (x+z)^2 (x-z)^2, z' = E ((x+z)^2 + 121665 E). */
function double(x: Field, z: Field): void {
  f.add(T1, x, z);
  f.subtract(T2, x, z);
  f.square(T1, T1);
  f.square(T2, T2);
  f.multiply(x, T1, T2);
  f.subtract(T2, T1, T2);
  f.carry(T2);
  f.multiply(T3, T2, A24);
  f.add(T3, T3, T1);
  f.multiply(z, T3, T2);
}
