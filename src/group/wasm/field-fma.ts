/**
 * Arithmetic modulo p = 2^255 - 19 for two elements at once with fused multiply-add. Limb i has weight 2^(51 i) and is
 * a signed integer held in a double.
 *
 * Let C1 = 1.5 * 2^103 and C2 = 1.5 * 2^52. For integers with |a b| <= 2^102, hi = fma(a, b, C1) rounds a b to q 2^51,
 * for the unit in the last place there is 2^51. C1 + C2 - hi is exact, and lo = fma(a, b, C1 + C2 - hi) is exactly
 * C2 + (a b - q 2^51), with |a b - q 2^51| <= 2^50. In these binades the bit pattern of a double is its value in units
 * of the last place plus a constant: bits(hi) - bits(C1) = q and bits(lo) - bits(C2) is the remainder. So columns add
 * bit patterns as 64-bit integers, modulo 2^64, and subtract the constants once at the end. (The method is that of
 * Emmart, Zheng and Weems, "Faster modular exponentiation using double precision floating point arithmetic on the
 * GPU", ARITH 2018, here with signed limbs.)
 *
 * Carrying a column sum z: w = z + 2^50 + 2^62 is positive, c = w >> 51 exceeds the carry by 2^11, w mod 2^51 exceeds
 * the remainder by 2^50, and putting an integer v < 2^52 into the low bits of 2^52 makes the double 2^52 + v.
 *
 * Bounds (|limb|). R = 2^50 + 2^9 for every reduced element; all operands are reduced.
 *  - products: R^2 < 2^100 + 2^61, twice that where a square doubles an operand: far below 2^102.
 *    |q| <= R^2 / 2^51 + 1/2 < 2^49 + 2^10, doubled below 2^50 + 2^11; |remainder| <= 2^50. A doubled term stands for
 *    two terms of a product and is at most twice one of them, so squares keep the bounds of products.
 *  - columns: column k gets n(k) remainders and n(k - 1) quotients, n = 1 2 3 4 5 4 3 2 1; column k + 5, folded, counts
 *    19 times. In units of 2^50: 1 + 19 (4 + 5/2) = 124.5, 97.5, 70.5, 43.5, and for column 4, whose fold is one
 *    quotient, 5 + 2 + 19/2 = 16.5; each plus less than 2^-30 of itself. finishScaled adds at most 1.1 to r.
 *  - r + s and r - s: 249, 195, 141, 87, 33; so |z| < 2^58 and w > 0. Carries are at most half of that plus 1: 126, 99,
 *    72, 45, 18; limb 0 gets 19 * 18 = 342 < 2^9, the others less. Remainders are in -2^50 .. 2^50 - 1. Hence R.
 *  - w mod 2^51 plus a carry: below 2^51 + 19 (2^11 + 18) < 2^52.
 *  - add and sub: each operand goes through C2's binade alone, then two of R sum to less than 2^52: within the above.
 *  - fromLimbs: limbs below 20 * 2^51 < 2^56 are within the above.
 * test/group/wasm-field.test.ts runs every operation on limbs at +-R and random ones and checks value and bound.
 *
 * `relaxed_madd` may round twice on a machine without FMA: the self-test at load tells.
 * @module
 */
import { type Code, type Local, get, set } from '../../assembler.ts';
import { type Field, type Inline, type Slot, outOfLine, range } from './field.ts';
import {
  type Place,
  VECTOR_WORDS,
  addDoubles,
  fma,
  loadVector,
  plus,
  storeVector,
  subDoubles,
} from './instructions.ts';
import type { Program } from './program.ts';

const LIMBS = 5;
const { add, sub, and, shiftLeft, shiftRight } = VECTOR_WORDS;

const C1_BITS = 0x4668000000000000n;
const C2_BITS = 0x4338000000000000n;
/** C1 + C2, two to the 52, and 121665, as doubles. */
const C12_BITS = 0x4668000000000003n;
const TWO_52_BITS = 0x4330000000000000n;
const A24_BITS = 0x40fdb41000000000n;
/** 2^50 + 2^62, and what it adds to a carry. */
const BIAS = 2n ** 50n + 2n ** 62n;
const CARRY_BIAS = 2n ** 11n;
const MASK_51 = 2n ** 51n - 1n;
/** 2^52 + 2^50 + the neighbour's carry bias, which limb 0 gets 19 times; units of the last place are 1. */
const SURPLUS_0 = TWO_52_BITS + 2n ** 50n + 19n * CARRY_BIAS;
const SURPLUS = TWO_52_BITS + 2n ** 50n + CARRY_BIAS;
/** Limbs of 2 p: 2^52 - 38, 2^52 - 2, .. */
const TWICE_P = [2n ** 52n - 38n, ...range(4).map(() => 2n ** 52n - 2n)];

/** Remainders in each column of a product, and of a square with its doubled terms; quotients go one column higher. */
const PRODUCT_TERMS = [1, 2, 3, 4, 5, 4, 3, 2, 1];
const SQUARE_TERMS = [1, 1, 2, 2, 3, 2, 2, 1, 1];
const SCALED_TERMS = [1, 1, 1, 1, 1, 0, 0, 0, 0];

/** Minus the constants that column k and, 19 times, column k + 5 receive. */
function correction(terms: readonly number[], k: number): bigint {
  const received = (column: number): bigint =>
    BigInt(terms[column] ?? 0) * C2_BITS + BigInt(terms[column - 1] ?? 0) * C1_BITS;
  return -(received(k) + 19n * received(k + LIMBS));
}

const times19 = (local: number): Code =>
  add(add(shiftLeft(get(local), 4), shiftLeft(get(local), 1)), get(local));

export function fmaField(program: Program): Field {
  const constant = (word: bigint): Code => loadVector(program.constant(word));
  const limb = (place: Place, k: number): Code => loadVector(plus(place, 16 * k));
  /** bits(a) in C2's binade: the limb plus C2_BITS. */
  const shifted = (a: Place, k: number): Code => addDoubles(limb(a, k), constant(C2_BITS));

  const inline = (first: number): Inline => {
    const c1 = first;
    const c12 = first + 1;
    const hi = first + 2;
    const operand = first + 3;
    const z = (k: number): number => first + 4 + k;
    const slots = { r: first + 14, s: first + 19 };

    /** Adds to a column; the first time it sets it. */
    const columns = (): ((k: number, value: Code) => Code) => {
      const begun = new Set<number>();
      return (k, value) => {
        const sum = begun.has(k) ? add(get(z(k)), value) : value;
        begun.add(k);
        return set(z(k), sum);
      };
    };
    type Columns = ReturnType<typeof columns>;
    const term = (into: Columns, k: number, a: Code, b: Code): Code => [
      set(hi, fma(a, b, get(c1))),
      into(k + 1, get(hi)),
      into(k, fma(a, b, subDoubles(get(c12), get(hi)))),
    ];
    /** slot = columns modulo 2^255 - 19; r is biased for the carry that follows, s is not. */
    const fold = (slot: Slot, terms: readonly number[]): Code =>
      range(LIMBS).map((k) => {
        const bias = slot === 'r' ? BIAS : 0n;
        const sum = add(get(z(k)), constant(correction(terms, k) + bias));
        return set(slots[slot] + k, add(sum, times19(z(k + LIMBS))));
      });
    /** out = the biased columns in five locals from `w` on, carried. */
    const carry = (out: Place, w: number): Code => [
      set(hi, shiftRight(get(w + 4), 51)),
      range(LIMBS).map((k) => {
        const carried = k === 0 ? times19(hi) : shiftRight(get(w + k - 1), 51);
        const low = add(and(get(w + k), constant(MASK_51)), constant(TWO_52_BITS));
        const surplus = constant(k === 0 ? SURPLUS_0 : SURPLUS);
        return storeVector(plus(out, 16 * k), subDoubles(add(low, carried), surplus));
      }),
    ];
    const both = (combine: (a: Code, b: Code) => Code): Code =>
      range(LIMBS).map((k) => set(z(k), combine(get(slots.r + k), get(slots.s + k))));

    return {
      start: [set(c1, constant(C1_BITS)), set(c12, constant(C12_BITS))],
      mul(slot, a, b) {
        const into = columns();
        return [
          range(LIMBS).map((i) => [
            set(operand, limb(a, i)),
            range(LIMBS).map((j) => term(into, i + j, get(operand), limb(b, j))),
          ]),
          fold(slot, PRODUCT_TERMS),
        ];
      },
      square(slot, a) {
        const into = columns();
        return [
          range(LIMBS).map((i) => [
            set(operand, limb(a, i)),
            term(into, 2 * i, get(operand), get(operand)),
            set(operand, addDoubles(get(operand), get(operand))),
            range(LIMBS - i - 1).map((j) =>
              term(into, 2 * i + j + 1, get(operand), limb(a, i + j + 1)),
            ),
          ]),
          fold(slot, SQUARE_TERMS),
        ];
      },
      finish: (out, slot) => [
        slot === 'r'
          ? []
          : range(LIMBS).map((k) => set(z(k), add(get(slots.s + k), constant(BIAS)))),
        carry(out, slot === 'r' ? slots.r : z(0)),
      ],
      finishDifference: (out) => [both(sub), carry(out, z(0))],
      finishBoth: (sum, difference) => [
        both(add),
        carry(sum, z(0)),
        both(sub),
        carry(difference, z(0)),
      ],
      finishScaled(out, a) {
        const into = columns();
        return [
          range(LIMBS).map((i) => term(into, i, limb(a, i), constant(A24_BITS))),
          range(LIMBS).map((k) => {
            const own = add(get(z(k)), constant(correction(SCALED_TERMS, k)));
            const folded = k === 0 ? add(own, times19(z(LIMBS))) : own;
            return set(z(k), add(folded, get(slots.r + k)));
          }),
          carry(out, z(0)),
        ];
      },
      add: (out, a, b) => [
        range(LIMBS).map((k) =>
          set(z(k), add(add(shifted(a, k), shifted(b, k)), constant(BIAS - 2n * C2_BITS))),
        ),
        carry(out, z(0)),
      ],
      sub: (out, a, b) => [
        range(LIMBS).map((k) => set(z(k), add(sub(shifted(a, k), shifted(b, k)), constant(BIAS)))),
        carry(out, z(0)),
      ],
      fromLimbs: (out, limbs) => [
        limbs.map((value, k) => set(z(k), add(value, constant(BIAS)))),
        carry(out, z(0)),
      ],
    };
  };

  const workspace: readonly Local[] = range(24).map(() => 'v128');
  return {
    name: 'wasm-fma',
    words: VECTOR_WORDS,
    lanes: 2,
    widths: range(LIMBS).map(() => 51),
    workspace,
    inline,
    ...outOfLine(program, workspace, inline),
    integerLimb: (a, k) => add(shifted(a, k), constant((TWICE_P[k] ?? 0n) - C2_BITS)),
    constantWord: (limb) => new BigInt64Array(Float64Array.of(Number(limb)).buffer)[0] ?? 0n,
  };
}
