/**
 * What is checked about a received column of group elements before any arithmetic touches it (docs/specification.md
 * section 8.5). The peer is not trusted here: X25519 implementations mask the high bit, reduce non-canonical values
 * and disagree about low order, and one low-order point would spoil a whole batch inversion.
 * @module
 */
import { wordsOf } from '../bytes.ts';
import { DpcaError } from '../errors.ts';
import { fromHex } from '../encoding.ts';
import { type Rng, UniformSource } from '../rng.ts';
import { anyEqual } from './repetition.ts';
import { ELEMENT_BYTES } from './suite.ts';

/** The two canonical u of order 8 (RFC 7748 section 7, list of cr.yp.to/ecdh.html), little endian. */
const ORDER_8 = [
  fromHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'),
  fromHex('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157'),
] as const;
/** The lowest bytes of the two. */
const LOW_A = 0xe0;
const LOW_B = 0x5f;

/**
 * Requires every element to be canonical (bit 255 clear, u < 2^255 - 19) and not of low order (ERR_MATCH_POINT); the
 * five low-order values are 0, 1, p - 1 and the two of order 8. Works on any whole number of elements.
 */
export function assertPoints(points: Uint8Array): void {
  if (points.length % ELEMENT_BYTES !== 0) {
    throw new DpcaError('ERR_WIRE_LENGTH', 'expected a whole number of 32-byte elements');
  }
  const words = wordsOf(points);
  for (let i = 0; i < words.length; i += 8) {
    const low = (words[i] ?? 0) & 0xff;
    const high = (words[i + 7] ?? 0) >>> 24;
    // most are settled by their lowest and highest byte
    if (high > 0 && high < 0x7f && low !== LOW_A && low !== LOW_B) continue;
    if (isRefused(points, 4 * i)) {
      throw new DpcaError(
        'ERR_MATCH_POINT',
        'expected canonical elements of large order, got another value',
      );
    }
  }
}

/** Is the element at `at` not canonical or of low order? */
function isRefused(points: Uint8Array, at: number): boolean {
  const low = points[at] ?? 0;
  const high = points[at + 31] ?? 0;
  // p - 1 = ec ff .. ff 7f, and every non-canonical value is above it
  return (
    high > 0x7f ||
    (high === 0x7f && low >= 0xec && middleIs(points, at, 0xff)) ||
    (high === 0 && low <= 1 && middleIs(points, at, 0)) ||
    (low === LOW_A && elementIs(points, at, ORDER_8[0])) ||
    (low === LOW_B && elementIs(points, at, ORDER_8[1]))
  );
}

/** {@link assertPoints}, `count` elements exactly (ERR_MATCH_COUNT), none twice (ERR_MATCH_DUPLICATE). */
export function assertPointColumn(points: Uint8Array, count: number, rng: Rng): void {
  assertPoints(points);
  if (points.length !== count * ELEMENT_BYTES) {
    throw new DpcaError('ERR_MATCH_COUNT', 'expected as many elements as announced');
  }
  if (hasRepetition(points, rng)) {
    throw new DpcaError('ERR_MATCH_DUPLICATE', 'expected different elements in one column');
  }
}

/** 16-bit parts of an element. */
const PARTS = ELEMENT_BYTES / 2;
/** The largest prime below 2^32; sums of PARTS products stay below 2^53, so that doubles are exact. */
const PRIME = 4_294_967_291;

/**
 * Is an element there twice? Received points are chosen by the peer, so their keys are a fresh secret hash that is
 * universal: the sum of their parts times random factors modulo a prime (Carter and Wegman, 1979). Of *any* set of
 * different points few pairs share a key then, so the time is linear.
 */
export function hasRepetition(points: Uint8Array, rng: Rng): boolean {
  const words = wordsOf(points);
  const uniform = new UniformSource(rng);
  const factors = Float64Array.from({ length: PARTS }, () => uniform.below(PRIME));
  const keys = new Uint32Array(words.length / 8);
  for (let i = 0; i < keys.length; i++) {
    let even = 0;
    let odd = 0;
    for (let w = 0; w < 8; w++) {
      const word = words[8 * i + w] ?? 0;
      even += (word & 0xffff) * (factors[2 * w] ?? 0);
      odd += (word >>> 16) * (factors[2 * w + 1] ?? 0);
    }
    const sum = even + odd;
    const rest = sum - Math.floor(sum / PRIME) * PRIME;
    keys[i] = rest < 0 ? rest + PRIME : rest;
  }
  return anyEqual(keys, (i, j) => {
    let w = 0;
    while (w < 7 && words[8 * i + w] === words[8 * j + w]) w += 1;
    return (words[8 * i + w] ?? 0) - (words[8 * j + w] ?? 0);
  });
}

function elementIs(points: Uint8Array, at: number, value: Uint8Array): boolean {
  for (let i = 0; i < ELEMENT_BYTES; i++) if (points[at + i] !== value[i]) return false;
  return true;
}

/** Are bytes 1..30 of the element at `at` all `value`? */
function middleIs(points: Uint8Array, at: number, value: number): boolean {
  for (let i = 1; i < 31; i++) if (points[at + i] !== value) return false;
  return true;
}
