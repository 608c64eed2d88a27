/**
 * The loops of the transfer extension, 16 bytes at a time. Every function works on whole 16-byte blocks, at least one;
 * none branches on data. Addresses are byte addresses in the module's memory.
 * @module
 */
import {
  type Code,
  type Func,
  add,
  advance,
  and,
  and64,
  both,
  func,
  get,
  i32,
  load,
  load64,
  load8,
  lowLane64,
  negate64,
  repeat,
  set,
  shiftLanesLeft,
  shiftLanesRight,
  shiftLeft,
  shiftRight,
  splat32,
  store,
  store64,
  storeLane32,
  sub,
  widen,
  xor,
  xor64,
} from '../../assembler.ts';
import { DEPTH, LEAVES } from '../ot/punctured.ts';

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const xorAll = (parts: readonly Code[]): Code => parts.reduce((sum, part) => xor(sum, part));

/**
 * SoftSpokenOT's small-field construction (Roy, CRYPTO 2022, section 3.1): column b of a block is the XOR of
 * the leaf streams at positions with bit b set. LEAVES streams, `stride` bytes apart, of `count` blocks; DEPTH columns,
 * `columnStride` apart; `correction` = XOR of all streams and of `choices`.
 */
const fold: Func = func(
  'fold',
  ['leaves', 'stride', 'columns', 'columnStride', 'choices', 'correction', 'count'],
  { at: 'i32' },
  (v, leaf) => {
    const readAll = range(LEAVES).map((i) => [
      set(leaf(i), load(get(v.at))),
      advance(v.at, get(v.stride)),
    ]);
    // at each level the odd ones are summed for the column and folded onto the even ones for the next
    const levels = range(DEPTH).map((bit) => {
      const step = 1 << bit;
      const odd = range(LEAVES).filter((i) => i % (2 * step) === step);
      return [
        store(get(v.at), xorAll(odd.map((i) => get(leaf(i))))),
        advance(v.at, get(v.columnStride)),
        odd.map((i) => set(leaf(i - step), xor(get(leaf(i - step)), get(leaf(i))))),
      ];
    });
    return repeat(v.count, [
      set(v.at, get(v.leaves)),
      readAll,
      set(v.at, get(v.columns)),
      levels,
      store(get(v.correction), xor(get(leaf(0)), load(get(v.choices)))),
      [v.leaves, v.columns, v.choices, v.correction].map((local) => advance(local, i32(16))),
    ]);
  },
  LEAVES,
);

/** target ^= source & mask, the mask being 0 or -1. */
const addMasked: Func = func(
  'addMasked',
  ['target', 'source', 'mask', 'count'],
  { wide: 'v128' },
  (v) => [
    set(v.wide, splat32(get(v.mask))),
    repeat(v.count, [
      store(get(v.target), xor(load(get(v.target)), both(load(get(v.source)), get(v.wide)))),
      advance(v.target, i32(16)),
      advance(v.source, i32(16)),
    ]),
  ],
);

/**
 * Transposes 128 columns (bit r of a column at bit r & 7 of byte r >> 3), `stride` bytes apart, to rows of 16 bytes,
 * 128 rows per round: 32 x 32 blocks in each lane by five rounds of masked swaps (Warren, Hacker's Delight, 7-3), once
 * for each 32 columns. `group` is the first of 32 columns, `rows` the address of their 4 bytes in the first row.
 */
const transpose: Func = func(
  'transpose',
  ['group', 'stride', 'rows', 'count'],
  { at: 'i32', swap: 'v128' },
  (v, column) => {
    const rounds: Code[] = [];
    for (let width = 16, mask = 0xffff; width !== 0; width >>>= 1, mask ^= mask << width) {
      for (const k of range(32).filter((i) => (i & width) === 0)) {
        const low = column(k);
        const high = column(k | width);
        rounds.push([
          set(v.swap, both(xor(shiftLanesRight(get(low), width), get(high)), splat32(i32(mask)))),
          set(low, xor(get(low), shiftLanesLeft(get(v.swap), width))),
          set(high, xor(get(high), get(v.swap))),
        ]);
      }
    }
    return repeat(v.count, [
      set(v.at, get(v.group)),
      range(32).map((i) => [set(column(i), load(get(v.at))), advance(v.at, get(v.stride))]),
      rounds,
      range(32).map((i) =>
        range(4).map((lane) =>
          storeLane32(get(v.rows), get(column(i)), lane, (32 * lane + i) * 16),
        ),
      ),
      advance(v.group, i32(16)),
      advance(v.rows, i32(128 * 16)),
    ]);
  },
  32,
);

/** Adds each row to the slot that each of its eight weight bytes names: table p at 4096 p, slot s at 16 s in it. */
const collect: Func = func(
  'collect',
  ['rows', 'weights', 'tables', 'count'],
  { row: 'v128', slot: 'i32' },
  (v) =>
    repeat(v.count, [
      set(v.row, load(get(v.rows))),
      range(8).map((p) => [
        set(v.slot, add(get(v.tables), shiftLeft(load8(get(v.weights), p), 4))),
        store(get(v.slot), xor(load(get(v.slot), 4096 * p), get(v.row)), 4096 * p),
      ]),
      advance(v.rows, i32(16)),
      advance(v.weights, i32(8)),
    ]),
);

/**
 * Adds to the word at `sum` the 8 weight bytes of each row whose choice bit is 1: 8 rows per byte of choices, `count`
 * such bytes.
 */
const collectBits: Func = func(
  'collectBits',
  ['choices', 'weights', 'sum', 'count'],
  { bits: 'i32', total: 'i64' },
  (v) => [
    set(v.total, load64(get(v.sum))),
    repeat(v.count, [
      set(v.bits, load8(get(v.choices))),
      range(8).map((i) => {
        const mask = negate64(widen(and(shiftRight(get(v.bits), i32(i)), i32(1))));
        return set(v.total, xor64(get(v.total), and64(mask, load64(get(v.weights), 8 * i))));
      }),
      advance(v.choices, i32(1)),
      advance(v.weights, i32(64)),
    ]),
    store64(get(v.sum), get(v.total)),
  ],
);

/** target = source ^ shift, the shift being the block at that address. */
const shiftRows: Func = func(
  'shiftRows',
  ['target', 'source', 'shift', 'count'],
  { value: 'v128' },
  (v) => [
    set(v.value, load(get(v.shift))),
    repeat(v.count, [
      store(get(v.target), xor(load(get(v.source)), get(v.value))),
      advance(v.target, i32(16)),
      advance(v.source, i32(16)),
    ]),
  ],
);

/** For each block of `inner`, `blocks` copies, each XOR the next tweak: a 64-bit counter that starts at low, high. */
const tweak: Func = func(
  'tweak',
  ['target', 'inner', 'blocks', 'low', 'high', 'count'],
  { counter: 'i64', value: 'v128', left: 'i32' },
  (v) => [
    // (high << 32) + low
    set(v.counter, [
      [get(v.high), 0xad, 0x42, 32, 0x86],
      [get(v.low), 0xad, 0x7c],
    ]),
    repeat(v.count, [
      set(v.value, load(get(v.inner))),
      set(v.left, get(v.blocks)),
      repeat(v.left, [
        store(get(v.target), xor(get(v.value), lowLane64(get(v.counter)))),
        set(v.counter, [get(v.counter), 0x42, 1, 0x7c]),
        advance(v.target, i32(16)),
      ]),
      advance(v.inner, i32(16)),
    ]),
  ],
);

/**
 * Pads: outer ^ inner, one inner block for `blocks` outer ones; consecutive pads overlap by `overlap` bytes, 8 if only
 * half of the last block is kept. Target and outer may be the same; up to 8 bytes behind the last pad are overwritten.
 */
const finish: Func = func(
  'finish',
  ['target', 'outer', 'inner', 'blocks', 'overlap', 'count'],
  { value: 'v128', left: 'i32' },
  (v) =>
    repeat(v.count, [
      set(v.value, load(get(v.inner))),
      set(v.left, get(v.blocks)),
      repeat(v.left, [
        store(get(v.target), xor(load(get(v.outer)), get(v.value))),
        advance(v.target, i32(16)),
        advance(v.outer, i32(16)),
      ]),
      set(v.target, sub(get(v.target), get(v.overlap))),
      advance(v.inner, i32(16)),
    ]),
);

export const TRANSFER_CODE: readonly Func[] = [
  ...[fold, addMasked, transpose, collect, collectBits, shiftRows, tweak, finish],
];
