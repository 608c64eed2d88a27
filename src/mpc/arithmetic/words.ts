/**
 * Vectors of shares as typed arrays, and arithmetic mod 2^64 on 32-bit halves without branches on secrets.
 * @module
 */
import { wordsOf } from '../ot/words.ts';

/** n words mod 2^64: word i is the pair of halves 2i (low) and 2i + 1 (high), the memory of a little-endian u64. */
export type Words = Int32Array;

/** n bits, n a multiple of 8: bit i at byte i >> 3, bit i & 7, as an OT receiver's choices are. */
export type Bits = Uint8Array;

/** Halves of words are read through typed arrays in the machine's byte order, so it must be the wire's. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Bit i as 0 or -1, that is as a mask. */
export function maskAt(bits: Bits, i: number): number {
  return -(((bits[i >> 3] ?? 0) >> (i & 7)) & 1);
}

/** words[at], words[at + 1] += low, high mod 2^64. */
export function addAt(words: Words, at: number, low: number, high: number): void {
  const before = words[at] ?? 0;
  const sum = (before + low) | 0;
  const carry = ((before & low) | ((before | low) & ~sum)) >>> 31;
  words[at] = sum;
  words[at + 1] = (words[at + 1] ?? 0) + high + carry;
}

/** words[at], words[at + 1] -= low, high mod 2^64. Returns the borrow: 1 if the word was smaller, unsigned, else 0. */
export function subtractAt(words: Words, at: number, low: number, high: number): number {
  const difference = (words[at] ?? 0) - low;
  const borrow = borrowOf(words[at] ?? 0, low, difference);
  const above = words[at + 1] ?? 0;
  const top = above - high - borrow;
  words[at] = difference;
  words[at + 1] = top;
  return borrowOf(above, high, top);
}

/** Of a - b (- an incoming borrow) = difference mod 2^32: 1 if it is negative as unsigned integers. */
function borrowOf(a: number, b: number, difference: number): number {
  return ((~a & b) | ((~a | b) & difference)) >>> 31;
}

/** -words in place. */
export function negate(words: Words): void {
  for (let at = 0; at < words.length; at += 2) {
    const low = ~(words[at] ?? 0);
    const high = ~(words[at + 1] ?? 0);
    words[at] = 0;
    words[at + 1] = 0;
    addAt(words, at, low, high);
    addAt(words, at, 1, 0);
  }
}

/** Bit plane `bit` (0..63) of words. */
export function plane(words: Words, bit: number): Bits {
  const half = bit >> 5;
  const out = new Uint8Array(words.length >> 4);
  for (let i = 0; i < words.length >> 1; i++) {
    const value = ((words[2 * i + half] ?? 0) >>> (bit & 31)) & 1;
    out[i >> 3] = (out[i >> 3] ?? 0) | (value << (i & 7));
  }
  return out;
}

/** The low and high half of an integer mod 2^64. */
export function halvesOf(value: bigint): readonly [number, number] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

/** Rows of `column` from `start` on, `rows` of them, as a padded copy of halves, at a multiple of 8 rows. */
export function inputBlock(column: BigUint64Array, start: number, rows: number): Words {
  const padded = new Int32Array(2 * (rows + (-rows & 7)));
  const bytes = new Uint8Array(column.buffer, column.byteOffset + 8 * start, 8 * rows);
  padded.set(wordsOf(bytes));
  return padded;
}
