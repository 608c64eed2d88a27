/**
 * SHA-512 (FIPS 180-4 section 6.4) of two messages at a time, and expand_message_xmd to 96 bytes (RFC 9380 section
 * 5.3.1) over it. A vector holds one word of each message. Time and addresses depend on the lengths of messages only.
 * @module
 */
import {
  type Code,
  add,
  get,
  i32,
  load,
  repeat,
  set,
  shiftLeft,
  shiftRight,
  store64,
  sub,
  widen,
} from '../../assembler.ts';
import { range } from './field.ts';
import {
  type Place,
  VECTOR_WORDS,
  addressOf,
  copyBytes,
  equal,
  fillBytes,
  i64,
  lessThan,
  loadSplat64,
  loopWhile,
  plus,
  reverseBytes,
  storeLane64,
  via,
  when,
} from './instructions.ts';
import type { Callee, Program } from './program.ts';

const BLOCK_BYTES = 128;
const HASH_BYTES = 64;
const ROUNDS = 80;
const ALL_ONES = 2n ** 64n - 1n;

const PRIMES: readonly bigint[] = range(410)
  .filter((n) => n > 1 && range(n).every((d) => d < 2 || n % d !== 0))
  .map(BigInt);
/** Constants of FIPS 180-4, sections 4.2.3 and 5.3.5: the first 64 bits of the fractions of roots of primes. */
const ROUND_CONSTANTS = PRIMES.slice(0, ROUNDS).map((prime) => root(prime << 192n, 3n) & ALL_ONES);
const INITIAL = PRIMES.slice(0, 8).map((prime) => root(prime << 128n, 2n) & ALL_ONES);

/** The integer part of the square or cube root, by Newton's method from above. */
function root(value: bigint, degree: 2n | 3n): bigint {
  let guess = 1n << 80n;
  for (;;) {
    const next = ((degree - 1n) * guess + value / guess ** (degree - 1n)) / degree;
    if (next >= guess) return guess;
    guess = next;
  }
}

export interface Expander {
  /**
   * `expand(message0, length0, message1, length1, buffer)` leaves b_1 || b_2 of both messages in `uniform`, 16 vectors.
   * `buffer` has room for both messages and {@link BUFFER_EXTRA} bytes.
   */
  readonly expand: Callee;
  readonly uniform: Place;
  /** To run once after the tables are written. */
  readonly start: Code;
}

/** Longest suffix and padding of two messages, in whole blocks. */
export const BUFFER_EXTRA: number = 2 * 4 * BLOCK_BYTES;

const {
  add: plus64,
  and: both,
  or: either,
  xor,
  shiftLeft: left,
  shiftRight: right,
} = VECTOR_WORDS;
const sum = (...parts: readonly Code[]): Code => parts.reduce((total, part) => plus64(total, part));
const rotated = (value: Code, bits: number): Code =>
  xor(right(value, bits), left(value, 64 - bits));

/** @param dst domain separation tag of 1 to 255 bytes */
export function defineExpander(program: Program, dst: Uint8Array): Expander {
  const vectors = (n: number): Place => program.place(16 * n);
  const vector = (place: Place, i: number): Place => plus(place, 16 * i);
  const read = (place: Place, i = 0): Code => VECTOR_WORDS.load(vector(place, i));
  const write = (place: Place, i: number, value: Code): Code =>
    VECTOR_WORDS.store(vector(place, i), value);

  const [state, block, active] = [vectors(8), vectors(16), vectors(1)];
  const roundConstants = program.table(ROUND_CONSTANTS, 1);
  const initial = program.table(INITIAL, 2);

  // state += compression of block, in the lanes that are active
  const names = Object.fromEntries(range(24).map((i) => [`x${i}`, 'v128'] as const));
  const locals = { constants: 'i32', left: 'i32', t: 'v128' } as const;
  const compress = program.define('compress', [], locals, Object.values(names), (v, first) => {
    const s = (i: number, t: number): number => first + ((i - t) & 7);
    const w = (i: number): number => first + 8 + (i & 15);
    const round = (t: number): Code => {
      const [a, b, c] = [s(0, t), s(1, t), s(2, t)].map(get) as [Code, Code, Code];
      const [e, f, g] = [s(4, t), s(5, t), s(6, t)].map(get) as [Code, Code, Code];
      const big1 = xor(xor(rotated(e, 14), rotated(e, 18)), rotated(e, 41));
      const big0 = xor(xor(rotated(a, 28), rotated(a, 34)), rotated(a, 39));
      const pick = xor(both(e, xor(f, g)), g);
      const majority = either(both(a, b), both(c, either(a, b)));
      const x = get(w(t + 1));
      const y = get(w(t + 14));
      const small0 = xor(xor(rotated(x, 1), rotated(x, 8)), right(x, 7));
      const small1 = xor(xor(rotated(y, 19), rotated(y, 61)), right(y, 6));
      const constant = loadSplat64(via(v.constants, 8 * t));
      return [
        set(v.t, sum(get(s(7, t)), big1, pick, constant, get(w(t)))),
        set(s(3, t), plus64(get(s(3, t)), get(v.t))),
        set(s(7, t), sum(get(v.t), big0, majority)),
        set(w(t), sum(get(w(t)), small0, get(w(t + 9)), small1)),
      ];
    };
    return [
      range(8).map((i) => set(s(i, 0), read(state, i))),
      range(16).map((i) => set(w(i), read(block, i))),
      set(v.constants, addressOf(roundConstants)),
      set(v.left, i32(ROUNDS / 16)),
      repeat(v.left, [range(16).map(round), set(v.constants, add(get(v.constants), i32(8 * 16)))]),
      range(8).map((i) =>
        write(state, i, plus64(read(state, i), both(get(s(i, 0)), read(active)))),
      ),
    ];
  });
  const copy = (to: Place, from: Place, n: number): Code =>
    range(n).map((i) => write(to, i, read(from, i)));

  // Z_pad is one block of zeros; its state is where every b_0 starts
  const afterZeros = vectors(8);
  const everywhere = write(active, 0, VECTOR_WORDS.constant(ALL_ONES));
  const start: Code = [
    copy(state, initial, 8),
    range(16).map((i) => write(block, i, VECTOR_WORDS.constant(0n))),
    everywhere,
    compress(),
    copy(afterZeros, state, 8),
  ];

  // 00 60 00 || DST || len(DST) || 80: what follows the message in b_0
  const dstPrime = Uint8Array.of(...dst, dst.length);
  const suffix = Uint8Array.of(0, 96, 0, ...dstPrime, 0x80);
  const suffixPlace = program.table(littleEndianWords(suffix), 1);
  /** b_0 || i || DST', padded; b_0 and i come later. */
  const tailBytes = 64 + 1 + dstPrime.length;
  const tailBlocks = Math.ceil((tailBytes + 17) / BLOCK_BYTES);
  const tail = new Uint8Array(BLOCK_BYTES * tailBlocks);
  tail.set([...dstPrime, 0x80], HASH_BYTES + 1);
  tail.set([(8 * tailBytes) >> 8, (8 * tailBytes) & 0xff], tail.length - 2);
  const tailPlace = program.table(bigEndianWords(tail), 2);

  const [first, uniform] = [vectors(8), vectors(16)];
  const next = (i: number): Code => [
    copy(state, initial, 8),
    range(tailBlocks).map((j) => [
      copy(block, vector(tailPlace, 16 * j), 16),
      j > 0
        ? []
        : [
            copy(block, first, 8),
            write(block, 8, either(read(block, 8), VECTOR_WORDS.constant(BigInt(i) << 56n))),
          ],
      compress(),
    ]),
    copy(vector(uniform, 8 * (i - 1)), state, 8),
  ];

  const params = ['message0', 'length0', 'message1', 'length1', 'buffer'] as const;
  const counters = { blocks0: 'i32', blocks1: 'i32', j: 'i32', at0: 'i32', at1: 'i32' } as const;
  const expand = program.define('expand', params, counters, [], (v) => {
    const lanes = [
      { lane: 0, message: v.message0, length: v.length0, blocks: v.blocks0, at: v.at0 },
      { lane: 1, message: v.message1, length: v.length1, blocks: v.blocks1, at: v.at1 },
    ];
    const prepare = lanes.map(({ lane, message, length, blocks, at }) => {
      const behind = add(get(at), get(length));
      const used = add(get(length), i32(suffix.length));
      return [
        set(at, lane === 0 ? get(v.buffer) : add(get(v.at0), shiftLeft(get(v.blocks0), 7))),
        set(blocks, shiftRight(add(used, i32(16 + BLOCK_BYTES - 1)), i32(7))),
        copyBytes(get(at), get(message), get(length)),
        copyBytes(behind, addressOf(suffixPlace), i32(suffix.length)),
        fillBytes(add(get(at), used), i32(0), sub(shiftLeft(get(blocks), 7), used)),
      ];
    });
    const loadBlock = lanes.map(({ lane, length, blocks, at }) => {
      const busy = lessThan(get(v.j), get(blocks));
      const bits = [
        plus64Scalar(widen(get(length)), BigInt(BLOCK_BYTES + suffix.length - 1)),
        [i64(3n), 0x86],
      ];
      return [
        store64(addressOf(plus(active, 8 * lane)), [0x42, 0, widen(busy), 0x7d]),
        when(busy, [
          range(8).map((i) => [
            range(2).map((half) =>
              storeLane64(
                plus(vector(block, 2 * i + half), 8 * lane),
                reverseBytes(load(get(at), 16 * i)),
                half,
              ),
            ),
          ]),
          when(equal(add(get(v.j), i32(1)), get(blocks)), [
            store64(addressOf(plus(vector(block, 15), 8 * lane)), bits),
          ]),
          set(at, add(get(at), i32(BLOCK_BYTES))),
        ]),
      ];
    });
    return [
      prepare,
      copy(state, afterZeros, 8),
      set(v.j, i32(0)),
      loopWhile(
        [loadBlock, compress(), set(v.j, add(get(v.j), i32(1)))],
        [lessThan(get(v.j), get(v.blocks0)), lessThan(get(v.j), get(v.blocks1)), 0x72],
      ),
      copy(first, state, 8),
      everywhere,
      next(1),
      range(8).map((i) => write(first, i, xor(read(first, i), read(state, i)))),
      next(2),
    ];
  });
  return { expand, uniform, start };
}

const plus64Scalar = (a: Code, b: bigint): Code => [a, i64(b), 0x7c];

function bigEndianWords(bytes: Uint8Array): bigint[] {
  return range(bytes.length / 8).map((i) =>
    bytes.subarray(8 * i, 8 * i + 8).reduce((word, byte) => (word << 8n) | BigInt(byte), 0n),
  );
}

function littleEndianWords(bytes: Uint8Array): bigint[] {
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
  padded.set(bytes);
  return bigEndianWords(padded.reverse()).reverse();
}
