/**
 * The instructions of the curve module beyond those of the assembler: 64-bit words, vectors of two of them, vectors of
 * two doubles, calls and places in memory (WebAssembly core specification 3.0, chapter 5.4).
 * @module
 */
import { type Code, add, get, i32, load, load64, store, store64 } from '../../assembler.ts';

/** A byte address: `base`, an i32, plus a constant. */
export interface Place {
  readonly base: Code;
  readonly offset: number;
}
export const at = (address: number): Place => ({ base: i32(0), offset: address });
/** Relative to the address in a local. */
export const via = (local: number, offset = 0): Place => ({ base: get(local), offset });
export const plus = ({ base, offset }: Place, bytes: number): Place => ({
  base,
  offset: offset + bytes,
});
export const addressOf = ({ base, offset }: Place): Code =>
  offset === 0 ? base : add(base, i32(offset));

const op = (opcode: number): Code =>
  opcode < 0x80 ? [0xfd, opcode] : [0xfd, (opcode & 0x7f) | 0x80, opcode >> 7];

/** A 64-bit constant, modulo 2^64. */
export function i64(value: bigint): Code {
  const out: number[] = [0x42];
  let rest = BigInt.asIntN(64, value);
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const last = rest === ((low & 0x40) === 0 ? 0n : -1n);
    out.push(last ? low : low | 0x80);
    if (last) return out;
  }
}

export const fma = (a: Code, b: Code, c: Code): Code => [a, b, c, op(0x107)];
export const addDoubles = (a: Code, b: Code): Code => [a, b, op(0xf0)];
export const subDoubles = (a: Code, b: Code): Code => [a, b, op(0xf1)];
export const splat64 = (a: Code): Code => [a, op(0x12)];
export const loadSplat64 = ({ base, offset }: Place): Code => [base, op(0x0a), [0, leb(offset)]];
/** Both lanes from two places. */
export const loadLanes64 = (low: Place, high: Place): Code => [
  [high.base, loadSplat64(low), op(0x57), [0, leb(high.offset), 1]],
];
export const storeLane64 = ({ base, offset }: Place, value: Code, lane: number): Code => [
  [base, value, op(0x5b), [0, leb(offset), lane]],
];
/** The bytes of each 64-bit lane in reverse order. */
export const reverseBytes = (a: Code): Code => [
  [a, a, op(0x0d)],
  [7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8],
];

export const loadVector = (from: Place): Code => load(from.base, from.offset);
export const storeVector = (to: Place, value: Code): Code => store(to.base, value, to.offset);

export const multiply64 = (a: Code, b: Code): Code => [a, b, 0x7e];
export const shiftRightSigned64 = (a: Code, bits: bigint): Code => [a, i64(bits), 0x87];
export const shiftLeft64 = (a: Code, bits: bigint): Code => [a, i64(bits), 0x86];

export const lessThan = (a: Code, b: Code): Code => [a, b, 0x49];
export const moreThan = (a: Code, b: Code): Code => [a, b, 0x4b];
export const equal = (a: Code, b: Code): Code => [a, b, 0x46];
export const choose = (condition: Code, yes: Code, no: Code): Code => [yes, no, condition, 0x1b];
export const when = (condition: Code, body: Code): Code => [condition, 0x04, 0x40, body, 0x0b];
/** Repeats `body` as long as `condition` holds after it. */
export const loopWhile = (body: Code, condition: Code): Code => [
  [0x03, 0x40, body],
  [condition, 0x0d, 0, 0x0b],
];
export const copyBytes = (to: Code, from: Code, count: Code): Code => [
  [to, from, count, 0xfc],
  [0x0a, 0, 0],
];
export const fillBytes = (to: Code, value: Code, count: Code): Code => [
  [to, value, count, 0xfc],
  [0x0b, 0],
];
export const leave: Code = [0x0f];

/** Lanes of a word type: what field-independent code needs of one 64-bit integer per element. */
export interface Words {
  readonly type: 'i64' | 'v128';
  readonly bytes: 8 | 16;
  readonly load: (from: Place) => Code;
  readonly store: (to: Place, value: Code) => Code;
  readonly constant: (value: bigint) => Code;
  readonly add: (a: Code, b: Code) => Code;
  readonly sub: (a: Code, b: Code) => Code;
  readonly and: (a: Code, b: Code) => Code;
  readonly or: (a: Code, b: Code) => Code;
  readonly xor: (a: Code, b: Code) => Code;
  readonly shiftLeft: (a: Code, bits: number) => Code;
  /** Logical. */
  readonly shiftRight: (a: Code, bits: number) => Code;
}

export const SCALAR_WORDS: Words = {
  type: 'i64',
  bytes: 8,
  load: (from) => load64(from.base, from.offset),
  store: (to, value) => store64(to.base, value, to.offset),
  constant: i64,
  add: (a, b) => [a, b, 0x7c],
  sub: (a, b) => [a, b, 0x7d],
  and: (a, b) => [a, b, 0x83],
  or: (a, b) => [a, b, 0x84],
  xor: (a, b) => [a, b, 0x85],
  shiftLeft: (a, bits) => [a, i64(BigInt(bits)), 0x86],
  shiftRight: (a, bits) => [a, i64(BigInt(bits)), 0x88],
};

export const VECTOR_WORDS: Words = {
  type: 'v128',
  bytes: 16,
  load: loadVector,
  store: storeVector,
  constant: (value) => splat64(i64(value)),
  add: (a, b) => [a, b, op(206)],
  sub: (a, b) => [a, b, op(209)],
  and: (a, b) => [a, b, op(78)],
  or: (a, b) => [a, b, op(80)],
  xor: (a, b) => [a, b, op(81)],
  shiftLeft: (a, bits) => [a, i32(bits), op(203)],
  shiftRight: (a, bits) => [a, i32(bits), op(205)],
};

/** LEB128 of a non-negative integer. */
function leb(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, leb(value >>> 7)];
}
