/**
 * The strict reader: big-endian integers, never past the end, and nothing left over.
 */
import { expect, it } from 'vitest';
import { fromHex } from '../../src/encoding.ts';
import { Reader } from '../../src/wire/reader.ts';
import { bytesOf } from './annotated.ts';

it('reads fields in order and demands the end', () => {
  const reader = new Reader(
    bytesOf([
      ['01', 'u8'],
      ['0203', 'u16'],
      ['04050607', 'u32'],
      ['08090a0b0c0d0e0f', 'u64'],
      ['aabb', 'two bytes'],
      ['cc', 'the rest'],
    ]),
  );
  expect([reader.u8(), reader.u16(), reader.u32()]).toEqual([1, 0x0203, 0x04050607]);
  expect(reader.u64()).toBe(0x08090a0b0c0d0e0fn);
  expect(reader.take(2)).toEqual(fromHex('aabb'));
  expect(() => reader.finish()).toThrowCode('ERR_WIRE_TRAILING');
  expect(reader.rest()).toEqual(fromHex('cc'));
  reader.finish();
  expect(reader.rest()).toEqual(new Uint8Array(0));
});

it('reads through a view of a larger buffer', () => {
  const reader = new Reader(fromHex('ffff0102ffff').subarray(2, 4));
  expect(reader.u16()).toBe(0x0102);
  expect(() => reader.u8()).toThrowCode('ERR_WIRE_TRUNCATED');
});

it.each([
  ['u8', 0, (r: Reader) => r.u8()],
  ['u16', 1, (r: Reader) => r.u16()],
  ['u32', 3, (r: Reader) => r.u32()],
  ['u64', 7, (r: Reader) => r.u64()],
  ['take', 4, (r: Reader) => r.take(5)],
  ['take a negative number', 4, (r: Reader) => r.take(-1)],
  ['take a fraction', 4, (r: Reader) => r.take(1.5)],
  ['take beyond 2^53', 4, (r: Reader) => r.take(2 ** 53)],
  ['take NaN', 4, (r: Reader) => r.take(Number.NaN)],
])('refuses %s beyond the end and moves nothing', (_what, length, read) => {
  const reader = new Reader(new Uint8Array(length));
  expect(() => read(reader)).toThrowCode('ERR_WIRE_TRUNCATED');
  expect(reader.remaining).toBe(length);
});
