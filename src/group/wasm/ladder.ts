/**
 * X25519 without its final inversion (RFC 7748 section 5), for clamped scalars: bit 254 set, bits 255 and 0..2 clear.
 * Secret input: the scalar. Its bits become masks; no branch and no address depends on them.
 * @module
 */
import {
  type Code,
  add,
  and,
  get,
  i32,
  load8,
  set,
  shiftRight,
  sub,
  widen,
} from '../../assembler.ts';
import { type Field, type Inline, constantElement, elementBytes } from './field.ts';
import { type Place, addressOf, loopWhile, moreThan, plus, splat64, via } from './instructions.ts';
import type { Callee, Program } from './program.ts';

/** out = mask ? b : a, the mask being all ones or zero in each lane. */
export function select(field: Field, out: Place, mask: Code, a: Place, b: Place): Code {
  const { words, widths } = field;
  return widths.map((_, k) => {
    const [to, no, yes] = [out, a, b].map((place) => plus(place, k * words.bytes)) as [
      Place,
      Place,
      Place,
    ];
    const change = words.xor(words.load(no), words.load(yes));
    return words.store(to, words.xor(words.load(no), words.and(mask, change)));
  });
}

/** Places for {@link doubling}. */
export interface DoublingPlaces {
  readonly e: Place;
  readonly aa: Place;
  readonly bb: Place;
  readonly t: Place;
}
export function doublingPlaces(program: Program, field: Field): DoublingPlaces {
  const place = (): Place => program.place(elementBytes(field));
  return { e: place(), aa: place(), bb: place(), t: place() };
}

/** (r, s) = 2 P as x, z from x + z, x - z: AA BB and E (AA + 121665 E), with AA, BB their squares and E = AA - BB. */
export function doubling(f: Inline, at: DoublingPlaces, sum: Place, difference: Place): Code {
  const { e, aa, bb, t } = at;
  return [
    f.square('r', sum),
    f.square('s', difference),
    f.finishDifference(e),
    f.finish(aa, 'r'),
    f.finish(bb, 's'),
    f.finishScaled(t, e),
    f.mul('r', aa, bb),
    f.mul('s', e, t),
  ];
}

/**
 * Defines `ladder(x, z)`: x / z = [scalar] u. The pair (R0, R1) of the RFC is kept as (doubled, added): after a step
 * with bit b, `doubled` is R_b and `added` the other. So instead of swapping twice, a step chooses which of the two it
 * doubles, and their sum needs no choice. Each is kept as x + z and x - z, which is what the next step takes.
 */
export function defineLadder(program: Program, field: Field, scalar: Place, u: Place): Callee {
  const place = (): Place => program.place(elementBytes(field));
  const pair = (): { sum: Place; difference: Place } => ({ sum: place(), difference: place() });
  const [doubled, added, chosen, da] = [pair(), pair(), pair(), pair()];
  const square = place();
  const twice = doublingPlaces(program, field);
  const one = constantElement(program, field, 1n);
  const locals = { i: 'i32', bit: 'i32', previous: 'i32', mask: field.words.type } as const;

  return program.define('ladder', ['x', 'z'], locals, field.workspace, (v, first) => {
    const f = field.inline(first);
    const lanes = (word: Code): Code => (field.words.type === 'v128' ? splat64(word) : word);
    const choose = (bit: Code): Code => [
      set(v.mask, lanes([0x42, 0, widen(bit), 0x7d])),
      select(field, chosen.sum, get(v.mask), doubled.sum, added.sum),
      select(field, chosen.difference, get(v.mask), doubled.difference, added.difference),
    ];
    const byte = load8(add(addressOf(scalar), shiftRight(get(v.i), i32(3))));
    return [
      f.start,
      // after bit 254: R0 = P, R1 = 2 P
      f.add(added.sum, u, one),
      f.sub(added.difference, u, one),
      doubling(f, twice, added.sum, added.difference),
      f.finishBoth(doubled.sum, doubled.difference),
      set(v.previous, i32(1)),
      set(v.i, i32(253)),
      loopWhile(
        [
          set(v.bit, and(shiftRight(byte, and(get(v.i), i32(7))), i32(1))),
          choose([get(v.bit), get(v.previous), 0x73]),
          set(v.previous, get(v.bit)),
          f.mul('r', added.difference, doubled.sum),
          f.mul('s', added.sum, doubled.difference),
          f.finishBoth(da.sum, da.difference),
          f.square('r', da.difference),
          f.finish(square, 'r'),
          f.mul('s', square, u),
          f.square('r', da.sum),
          f.finishBoth(added.sum, added.difference),
          doubling(f, twice, chosen.sum, chosen.difference),
          f.finishBoth(doubled.sum, doubled.difference),
          set(v.i, sub(get(v.i), i32(1))),
        ],
        moreThan(get(v.i), i32(2)),
      ),
      choose(get(v.previous)),
      set(v.i, i32(3)),
      loopWhile(
        [
          doubling(f, twice, chosen.sum, chosen.difference),
          f.finishBoth(chosen.sum, chosen.difference),
          set(v.i, sub(get(v.i), i32(1))),
        ],
        get(v.i),
      ),
      f.finish(via(v.x), 'r'),
      f.finish(via(v.z), 's'),
    ];
  });
}
