/**
 * What is checked about a received column of group elements before any arithmetic touches it (docs/specification.md
 * section 8.5). The peer is not trusted here: X25519 implementations mask the high bit, reduce non-canonical values
 * and disagree about low order, and one low-order point would spoil a whole batch inversion.
 * @module
 */
import { DpcaError } from '../errors.ts';
import { fromHex } from '../encoding.ts';
import type { Rng } from '../rng.ts';
import { RecordTable } from './record-table.ts';
import { ELEMENT_BYTES } from './suite.ts';

/** The two canonical u of order 8 (RFC 7748 section 7, list of cr.yp.to/ecdh.html), little endian. */
const ORDER_8 = [
  fromHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'),
  fromHex('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157'),
] as const;

/**
 * Requires every element to be canonical (bit 255 clear, u < 2^255 - 19) and not of low order (ERR_MATCH_POINT); the
 * five low-order values are 0, 1, p - 1 and the two of order 8. Works on any whole number of elements.
 */
export function assertPoints(points: Uint8Array): void {
  if (points.length % ELEMENT_BYTES !== 0) {
    throw new DpcaError('ERR_WIRE_LENGTH', 'expected a whole number of 32-byte elements');
  }
  for (let at = 0; at < points.length; at += ELEMENT_BYTES) {
    const low = points[at] ?? 0;
    const high = points[at + 31] ?? 0;
    // p - 1 = ec ff .. ff 7f, and every non-canonical value is above it
    const refused =
      high > 0x7f ||
      (high === 0x7f && low >= 0xec && middleIs(points, at, 0xff)) ||
      (high === 0 && low <= 1 && middleIs(points, at, 0)) ||
      ORDER_8.some((bad) => low === bad[0] && bad.every((byte, i) => points[at + i] === byte));
    if (refused) {
      throw new DpcaError(
        'ERR_MATCH_POINT',
        'expected canonical elements of large order, got another value',
      );
    }
  }
}

/** {@link assertPoints}, `count` elements exactly (ERR_MATCH_COUNT), none twice (ERR_MATCH_DUPLICATE). */
export function assertPointColumn(points: Uint8Array, count: number, rng: Rng): void {
  assertPoints(points);
  assertRecords(points, ELEMENT_BYTES, count, rng);
}

/** Exactly `count` records of `size` bytes (ERR_MATCH_COUNT), pairwise different (ERR_MATCH_DUPLICATE). */
export function assertRecords(records: Uint8Array, size: number, count: number, rng: Rng): void {
  if (records.length !== count * size) {
    throw new DpcaError('ERR_MATCH_COUNT', 'expected as many elements as announced');
  }
  if (!new RecordTable(records, size, rng).insertAll()) {
    throw new DpcaError('ERR_MATCH_DUPLICATE', 'expected different elements in one column');
  }
}

/** Are bytes 1..30 of the element at `at` all `value`? */
function middleIs(points: Uint8Array, at: number, value: number): boolean {
  for (let i = 1; i < 31; i++) if (points[at + i] !== value) return false;
  return true;
}
