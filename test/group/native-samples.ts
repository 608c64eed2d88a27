/**
 * Inputs for comparisons of kernels: canonical points at the ends of the field and of limbs, random ones on curve and
 * twist, and the clamped scalars at the ends of their range.
 * @module
 */
import { concat } from '../../src/bytes.ts';
import { assertPoints } from '../../src/group/points.ts';
import type { Rng } from '../../src/rng.ts';

const P = 2n ** 255n - 19n;

function toBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

/** Every value within 12 of 0 and p, every power of two, and every choice of empty and full 51-bit limbs, near both. */
export function extremePoints(): Uint8Array {
  const values = new Set<bigint>();
  for (let i = 0n; i < 12n; i++) values.add(i).add(P - i);
  for (let bit = 0n; bit < 255n; bit++) {
    const power = 1n << bit;
    for (const near of [power - 1n, power, power + 1n, P - power]) values.add(near);
  }
  for (let choice = 0; choice < 32; choice++) {
    let value = 0n;
    for (let limb = 0; limb < 5; limb++) {
      if (((choice >> limb) & 1) === 1) value += (2n ** 51n - 1n) << BigInt(51 * limb);
    }
    for (const near of [-2n, -1n, 0n, 1n, 2n, 19n]) values.add(value + near);
  }
  const accepted = [...values].filter((value) => value > 1n && value < P - 1n);
  const points = concat(...accepted.map(toBytes));
  assertPoints(points);
  return points;
}

/** Random u below p, on the curve and on its twist. */
export function randomPoints(rng: Rng, n: number): Uint8Array {
  const points = rng(32 * n);
  for (let i = 31; i < points.length; i += 32) points[i]! &= 0x7f;
  assertPoints(points);
  return points;
}

/** Clamped: no other bit, all bits, alternating bits, and each single bit. */
export function extremeScalars(): readonly Uint8Array[] {
  const base = 2n ** 254n;
  const alternating = BigInt(`0x${'5'.repeat(64)}`) & (base - 8n);
  const values = [
    base,
    2n * base - 8n,
    base + alternating,
    base + ((alternating << 1n) & (base - 8n)),
  ];
  for (let bit = 3n; bit < 254n; bit += 10n) values.push(base + (1n << bit));
  return values.map(toBytes);
}
