/**
 * Arithmetic of the base transfers: ristretto255 (RFC 9496) on the wire, secret multiplications by the platform's X25519
 * ladder. With an exponent that is a multiple of 8, the ladder from the u coordinate of *any* point that represents an
 * element gives the same u, because the representatives differ by points of order 4 at most. It does not see signs, so
 * a point and its negative are one there. What is left in BigInt has public operands, but for the sum that hides a
 * choice. docs/values.md, "Base transfers".
 * @module
 */
import { ed25519, ristretto255 } from '@noble/curves/ed25519.js';
import { FpInvertBatch } from '@noble/curves/abstract/modular.js';
import { bytesToNumberLE } from '@noble/curves/utils.js';
import { fixed, wipe } from '../../bytes.ts';
import { DpcaError } from '../../errors.ts';
import type { Rng } from '../../rng.ts';
import type { Ciphers, Ladder } from '../ciphers.ts';

/** A point of edwards25519 that represents an element of ristretto255. */
export type Point = InstanceType<typeof ed25519.Point>;
const Edwards = ed25519.Point;
const { Fp, Fn } = Edwards;
const Ristretto = ristretto255.Point;

export const POINT_BYTES = 32;
const SCALAR_BYTES = 32;

/** A secret exponent e, uniform mod l, as sign and clamped scalar: e = sign x scalar. */
export interface Exponent {
  readonly ladder: Ladder;
  /** e times the generator. */
  readonly point: Point;
  /** e mod l. */
  readonly value: bigint;
}

/**
 * The clamped scalars are 8 m for m from 2^251 to 2^252 - 1; with both signs that is every residue mod l once, but for
 * fewer than 2^126 that come twice or never, so e is uniform up to 2^-125.
 */
export function randomExponent(ciphers: Ciphers, rng: Rng): Exponent {
  const scalar = fixed(rng(SCALAR_BYTES), SCALAR_BYTES, 'scalar');
  const top = scalar[31] ?? 0;
  scalar[0] = (scalar[0] ?? 0) & 0xf8;
  scalar[31] = (top & 0x7f) | 0x40;
  const ladder = ciphers.ladder(scalar);
  const clamped = bytesToNumberLE(scalar);
  // the neighbour tells the two points with this u apart; below 2^255 but for one scalar in 2^251
  addEight(scalar);
  const point = recover(ladder.base, ciphers.ladder(scalar).base);
  wipe(scalar);
  const sign = top >> 7;
  return {
    ladder,
    point: [point, point.negate()][sign] ?? point,
    value: Fn.create([clamped, -clamped][sign] ?? clamped),
  };
}

function addEight(scalar: Uint8Array): void {
  let carry = 8;
  scalar.forEach((byte, i) => {
    carry += byte;
    scalar[i] = carry;
    carry >>= 8;
  });
}

/** RFC 9496 decoding refuses what is not canonical; the identity is refused too, an honest peer never sends it. */
export function decodePoint(bytes: Uint8Array): Point {
  let point: Point;
  try {
    // decoding gives Z = 1
    point = Edwards.fromAffine(Ristretto.fromBytes(bytes).toAffine(1n));
  } catch {
    throw new DpcaError('ERR_MPC_POINT', 'expected a canonical ristretto255 element');
  }
  if (isIdentity(point)) {
    throw new DpcaError('ERR_MPC_POINT', 'expected a ristretto255 element other than the identity');
  }
  return point;
}

export function encodePoint(point: Point): Uint8Array {
  return new Ristretto(point).toBytes();
}

/** Whether two points represent the same element. */
export function sameElement(a: Point, b: Point): boolean {
  return new Ristretto(a).equals(new Ristretto(b));
}

function isIdentity(point: Point): boolean {
  return sameElement(point, Edwards.ZERO);
}

/** The u coordinates of points none of which represents the identity: (1 + y) / (1 - y). */
export function coordinates(points: readonly Point[]): Uint8Array[] {
  const inverses = FpInvertBatch(
    Fp,
    points.map(({ Y, Z }) => Fp.sub(Z, Y)),
    true,
  );
  return points.map(({ Y, Z }, i) => Fp.toBytes(Fp.mul(Fp.add(Z, Y), inverses[i] ?? 0n)));
}

/**
 * The curve in Montgomery's form with w = u / x in place of v: -(A + 2) w^2 = u^3 + A u^2 + u, A = 486662. From the u of
 * Q and of Q + P for a known P, Okeya and Sakurai (CHES 2001) give the w of Q; here P is eight times the generator.
 */
const A = 486_662n;
const KNOWN: { readonly u: bigint; readonly scale: bigint } = (() => {
  const { x, y } = Edwards.BASE.double().double().double().toAffine();
  const u = Fp.div(1n + y, Fp.create(1n - y));
  // 2 B w, B = -(A + 2)
  return { u, scale: Fp.inv(Fp.create(-2n * (A + 2n) * Fp.div(u, x))) };
})();

function recover(own: Uint8Array, next: Uint8Array): Point {
  const u = bytesToNumberLE(own);
  const difference = KNOWN.u - u;
  const sum = (KNOWN.u * u + 1n) * Fp.create(KNOWN.u + u + 2n * A) - 2n * A;
  const apart = Fp.create(difference * difference) * bytesToNumberLE(next);
  const w = Fp.mul(Fp.create(sum - apart), KNOWN.scale);
  // x = u / w, y = (u - 1) / (u + 1), extended: x = X / Z, y = Y / Z, T = X Y / Z
  const below = u - 1n;
  const above = u + 1n;
  return new Edwards(
    ...([Fp.create(u * above), Fp.create(below * w), Fp.create(w * above)] as const),
    Fp.create(u * below),
  );
}
