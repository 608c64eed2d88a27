/**
 * Arithmetic modulo p = 2^255 - 19 for one element at a time in 64-bit integers: ten signed limbs of 26 and 25 bits in
 * turn, limb k with weight 2^ceil(25.5 k) (Bernstein, "Curve25519: new Diffie-Hellman speed records", 2006). For
 * engines without fused multiply-add.
 *
 * A product of limbs i and j has weight 2^ceil(25.5 (i + j)), and twice that when both are odd; from i + j = 10 on it
 * counts 19 times in limb i + j - 10.
 *
 * Bounds (|limb|). Reduced: 2^25 for even limbs, 2^24 + 2^15 for odd ones. Operands of products may be sums or
 * differences of two reduced elements: E = 2^26 and O = 2^25 + 2^16, so E O and 2 O^2 are below (1 + 2^-8) E^2 / 2.
 *  - sums of products, in units of E^2 = 2^52: column 0 has 1 + 19 (4 + 5/2) = 124.5, column 1 has 1 + 19 * 4 = 77,
 *    later ones fewer of the factor 19; so below 2^59, and carries fit. finishScaled: 121665 E + 2^25 < 2^44.
 *  - carries: rounded, so limbs end within half of their range. First 0 -> 1 and 4 -> 5, and so on along both halves;
 *    limb 4 gets at most 2^34 from limb 3 and passes 2^8 + 1 to limb 5, which was carried before. 9 -> 0 brings at most
 *    19 * 2^35 < 2^40, of which 2^14 + 1 goes on to limb 1. The others are carried last. Hence "reduced".
 * test/group/wasm-field.test.ts runs every operation on limbs at these bounds and checks value and bound.
 * @module
 */
import { type Code, type Local, get, set } from '../../assembler.ts';
import { type Field, type Inline, range } from './field.ts';
import {
  type Place,
  SCALAR_WORDS,
  addressOf,
  i64,
  multiply64,
  plus,
  shiftRightSigned64,
  via,
} from './instructions.ts';
import type { Program } from './program.ts';

const LIMBS = 10;
const WIDTHS = range(LIMBS).map((k) => (k % 2 === 0 ? 26 : 25));
const CARRY_ORDER = [0, 4, 1, 5, 2, 6, 3, 7, 4, 8, 9, 0];

const { add, sub, load, store, shiftLeft } = SCALAR_WORDS;
const sum = (parts: readonly Code[]): Code => parts.reduce((total, part) => add(total, part));

/** Column k of a product from the products of limbs i and j and how often each counts: powers of two, and 19. */
function column(k: number, pairs: readonly (readonly [number, number])[], product: Product): Code {
  const grouped = (target: number): Code[] => {
    const weights = new Map<number, Code[]>();
    for (const [i, j] of pairs.filter(([i, j]) => i + j === target)) {
      const shift = product.shift(i, j) + (i % 2 === 1 && j % 2 === 1 ? 1 : 0);
      weights.set(shift, [...(weights.get(shift) ?? []), product.of(i, j)]);
    }
    return [...weights].map(([shift, parts]) =>
      shift === 0 ? sum(parts) : shiftLeft(sum(parts), shift),
    );
  };
  const high = grouped(k + LIMBS);
  return sum([...grouped(k), ...(high.length === 0 ? [] : [multiply64(sum(high), i64(19n))])]);
}
interface Product {
  of(i: number, j: number): Code;
  /** log2 of how often it counts, besides the weight of odd limbs. */
  shift(i: number, j: number): number;
}

const PAIRS = range(LIMBS).flatMap((i) => range(LIMBS).map((j) => [i, j] as const));

export function scalarField(program: Program): Field {
  const limb = (a: Place, k: number): Place => plus(a, 8 * k);
  // workspace: the limbs of two operands, ten columns and a carry
  const workspace: readonly Local[] = range(31).map(() => 'i64');
  const f = (first: number, k: number): number => first + k;
  const g = (first: number, k: number): number => first + LIMBS + k;
  const h = (first: number, k: number): number => first + 2 * LIMBS + k;

  /** Carries the columns and stores them. */
  const finish = (out: Place, first: number): Code => {
    const carry = first + 3 * LIMBS;
    return [
      CARRY_ORDER.map((k) => {
        const width = WIDTHS[k] ?? 0;
        const next = h(first, (k + 1) % LIMBS);
        const half = i64(2n ** BigInt(width - 1));
        const passed = k === 9 ? multiply64(get(carry), i64(19n)) : get(carry);
        return [
          set(carry, shiftRightSigned64(add(get(h(first, k)), half), BigInt(width))),
          set(next, add(get(next), passed)),
          set(h(first, k), sub(get(h(first, k)), shiftLeft(get(carry), width))),
        ];
      }),
      range(LIMBS).map((k) => store(limb(out, k), get(h(first, k)))),
    ];
  };
  const columns = (first: number, value: (k: number) => Code): Code =>
    range(LIMBS).map((k) => set(h(first, k), value(k)));

  const mulFunction = program.define('mul', ['out', 'a', 'b'], {}, workspace, (v, first) => [
    range(LIMBS).map((k) => [
      set(f(first, k), load(limb(via(v.a), k))),
      set(g(first, k), load(limb(via(v.b), k))),
    ]),
    columns(first, (k) =>
      column(k, PAIRS, {
        of: (i, j) => multiply64(get(f(first, i)), get(g(first, j))),
        shift: () => 0,
      }),
    ),
    finish(via(v.out), first),
  ]);
  const squareFunction = program.define('square', ['out', 'a'], {}, workspace, (v, first) => [
    range(LIMBS).map((k) => set(f(first, k), load(limb(via(v.a), k)))),
    columns(first, (k) =>
      column(
        k,
        PAIRS.filter(([i, j]) => i <= j),
        {
          of: (i, j) => multiply64(get(f(first, i)), get(f(first, j))),
          shift: (i, j) => (i < j ? 1 : 0),
        },
      ),
    ),
    finish(via(v.out), first),
  ]);
  const combined = (name: string, combine: (a: Code, b: Code) => Code) => {
    const callee = program.define(name, ['out', 'a', 'b'], {}, workspace, (v, first) => [
      columns(first, (k) => combine(load(limb(via(v.a), k)), load(limb(via(v.b), k)))),
      finish(via(v.out), first),
    ]);
    return (out: Place, a: Place, b: Place) => callee(addressOf(out), addressOf(a), addressOf(b));
  };
  const mul = (out: Place, a: Place, b: Place): Code =>
    mulFunction(addressOf(out), addressOf(a), addressOf(b));
  const square = (out: Place, a: Place): Code => squareFunction(addressOf(out), addressOf(a));
  const [addReduced, subReduced] = [combined('add', add), combined('sub', sub)];

  // slots are elements in memory: nothing is left to do but to move them
  const slots = { r: program.place(8 * LIMBS), s: program.place(8 * LIMBS) };
  const move = (out: Place, value: (k: number) => Code): Code =>
    range(LIMBS).map((k) => store(limb(out, k), value(k)));
  const r = (k: number): Code => load(limb(slots.r, k));
  const s = (k: number): Code => load(limb(slots.s, k));

  const inline = (first: number): Inline => ({
    start: [],
    mul: (slot, a, b) => mul(slots[slot], a, b),
    square: (slot, a) => square(slots[slot], a),
    finish: (out, slot) => move(out, slot === 'r' ? r : s),
    finishDifference: (out) => move(out, (k) => sub(r(k), s(k))),
    finishBoth: (both, difference) => [
      move(both, (k) => add(r(k), s(k))),
      move(difference, (k) => sub(r(k), s(k))),
    ],
    finishScaled: (out, a) => [
      columns(first, (k) => add(r(k), multiply64(load(limb(a, k)), i64(121665n)))),
      finish(out, first),
    ],
    add: addReduced,
    sub: subReduced,
    fromLimbs: (out, limbs) => [columns(first, (k) => limbs[k] ?? []), finish(out, first)],
  });

  return {
    name: 'wasm-scalar',
    words: SCALAR_WORDS,
    lanes: 1,
    widths: WIDTHS,
    workspace,
    inline,
    ...{ mul, square, add: addReduced, sub: subReduced },
    // plus 2 p, whose limbs are 2^27 - 38 and 2^(width + 1) - 2
    integerLimb: (a, k) =>
      add(load(limb(a, k)), i64(2n ** BigInt((WIDTHS[k] ?? 0) + 1) - (k === 0 ? 38n : 2n))),
    constantWord: (value) => value,
  };
}
