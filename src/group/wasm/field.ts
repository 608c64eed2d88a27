/**
 * What the curve code asks of arithmetic modulo p = 2^255 - 19, whichever way limbs are kept. An element is `widths`
 * limbs, one word each; a word holds one 64-bit lane for each of `lanes` independent elements. Results are "reduced" as
 * each field defines it. Nothing branches or computes an address from a value.
 * @module
 */
import type { Code, Local } from '../../assembler.ts';
import { type Place, type Words, addressOf, via } from './instructions.ts';
import type { Program } from './program.ts';

/** Two unfinished results of a field at a time: column sums, or elements that need no more work. */
export type Slot = 'r' | 's';

/**
 * Instructions within one function, over that function's working locals. Operands are reduced, but those of products,
 * and `a` of finishScaled, may also come from finishDifference and finishBoth. All other results are reduced.
 */
export interface Inline {
  /** Once, before the others. */
  readonly start: Code;
  /** slot = a b */
  mul(slot: Slot, a: Place, b: Place): Code;
  /** slot = a^2 */
  square(slot: Slot, a: Place): Code;
  /** out = slot */
  finish(out: Place, slot: Slot): Code;
  /** out = r - s */
  finishDifference(out: Place): Code;
  /** sum = r + s, difference = r - s */
  finishBoth(sum: Place, difference: Place): Code;
  /** out = r + 121665 a */
  finishScaled(out: Place, a: Place): Code;
  add(out: Place, a: Place, b: Place): Code;
  sub(out: Place, a: Place, b: Place): Code;
  /** out = the integer with these non-negative limbs, each below 20 * 2^width */
  fromLimbs(out: Place, limbs: readonly Code[]): Code;
}

export interface Field {
  readonly name: string;
  readonly words: Words;
  readonly lanes: 1 | 2;
  /** Bits of each limb, 255 in all. */
  readonly widths: readonly number[];
  /** Working locals that `inline` needs from the index that it gets. */
  readonly workspace: readonly Local[];
  readonly inline: (first: number) => Inline;
  /** Out of line. */
  readonly mul: (out: Place, a: Place, b: Place) => Code;
  readonly square: (out: Place, a: Place) => Code;
  readonly add: (out: Place, a: Place, b: Place) => Code;
  readonly sub: (out: Place, a: Place, b: Place) => Code;
  /** Limb k of an integer congruent to the element; non-negative and below 2^(width + 4). */
  readonly integerLimb: (a: Place, k: number) => Code;
  /** The word for a limb of a constant, which is signed and at most 2^(width - 1) in absolute value. */
  readonly constantWord: (limb: bigint) => bigint;
}

export const P: bigint = 2n ** 255n - 19n;

export const elementBytes = (field: Field): number => field.widths.length * field.words.bytes;
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** A constant element in memory, the same in every lane; 0 <= value < p. */
export function constantElement(program: Program, field: Field, value: bigint): Place {
  const { widths, lanes } = field;
  let rest = value > P / 2n ? value - P : value;
  const limbs = widths.map((width) => {
    const limb = BigInt.asIntN(width, rest);
    rest = (rest - limb) >> BigInt(width);
    return field.constantWord(limb);
  });
  return program.table(limbs, lanes);
}

/** Defines the four functions of a field over its inline instructions. */
export function outOfLine(
  program: Program,
  workspace: readonly Local[],
  inline: (first: number) => Inline,
): Pick<Field, 'mul' | 'square' | 'add' | 'sub'> {
  const define = (name: string, body: (f: Inline, out: Place, a: Place, b: Place) => Code) => {
    const callee = program.define(name, ['out', 'a', 'b'], {}, workspace, (v, first) => {
      const f = inline(first);
      return [f.start, body(f, via(v.out), via(v.a), via(v.b))];
    });
    return (out: Place, a: Place, b: Place) => callee(addressOf(out), addressOf(a), addressOf(b));
  };
  const square = define('square', (f, out, a) => [f.square('r', a), f.finish(out, 'r')]);
  return {
    mul: define('mul', (f, out, a, b) => [f.mul('r', a, b), f.finish(out, 'r')]),
    square: (out, a) => square(out, a, a),
    add: define('add', (f, out, a, b) => f.add(out, a, b)),
    sub: define('sub', (f, out, a, b) => f.sub(out, a, b)),
  };
}
