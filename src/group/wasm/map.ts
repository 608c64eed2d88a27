/**
 * From two field elements to a point: map_to_curve_elligator2_curve25519 of each (RFC 9380 appendix G.2.1), their sum,
 * and the cofactor cleared (sections 3 and 7). Secret input: the elements, which derive from identifiers; choices are
 * masks. Numbers in comments are steps of the RFC.
 * @module
 */
import { type Code, i32, repeat, set } from '../../assembler.ts';
import { type Field, P, constantElement, elementBytes } from './field.ts';
import { type Place, addressOf, plus, via } from './instructions.ts';
import type { Integers } from './integers.ts';
import { doubling, doublingPlaces, select } from './ladder.ts';
import type { Powers } from './powers.ts';
import type { Callee, Program } from './program.ts';

const A = 486662n;
/** sqrt(-1) = 2^((p - 1) / 4), and 2^((p + 3) / 8) */
const SQRT_MINUS_1 = 0x2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0n;
const C2 = SQRT_MINUS_1 + 1n;

/** Defines `mapAndAdd(x, z)`: x / z = u(8 (map(r0) + map(r1))) for the elements at `inputs`. */
export function defineMap(
  program: Program,
  field: Field,
  integers: Integers,
  powers: Powers,
  inputs: readonly [Place, Place],
): Callee {
  const { mul, square, add, sub, words } = field;
  const size = elementBytes(field);
  const place = (): Place => program.place(size);
  const constant = (value: bigint): Place => constantElement(program, field, value);
  const [one, a, minusA] = [constant(1n), constant(A), constant(P - A)];
  const [sqrtMinus1, c2, zero] = [constant(SQRT_MINUS_1), constant(C2), constant(0n)];
  const [t, t2] = [place(), place()];
  const [mask, mask2] = [program.place(words.bytes), program.place(words.bytes)];
  const choose = (out: Place, chosen: Place, no: Place, yes: Place): Code =>
    select(field, out, words.load(chosen), no, yes);

  /** What one map keeps: relative to the address of its first field. */
  const NAMES = ['r', 't1', 'gxd', 'gx1', 't3', 'y', 'y2', 'gx2', 'n', 'd', 'v'] as const;
  type State = Readonly<Record<(typeof NAMES)[number], Place>>;
  const state = (base: Place): State =>
    Object.fromEntries(NAMES.map((name, i) => [name, plus(base, i * size)])) as State;
  const bases = [program.place(NAMES.length * size), program.place(NAMES.length * size)] as const;
  const [p, q] = [state(bases[0]), state(bases[1])];

  const begin = program.define('mapBegin', ['state', 'r'], {}, [], (v) => {
    const s = state(via(v.state));
    return [
      add(s.r, via(v.r), zero),
      square(t, s.r),
      add(s.t1, t, t), // 1, 2
      add(s.d, s.t1, one), // 3: not zero, as -1 is a square and 2 is not
      square(t, s.d), // 5
      mul(s.gxd, t, s.d), // 6
      mul(s.gx1, s.t1, a), // 7
      mul(s.gx1, s.gx1, minusA), // 8
      add(s.gx1, s.gx1, t), // 9
      mul(s.gx1, s.gx1, minusA), // 10
      square(t2, s.gxd), // 11
      square(t, t2), // 12
      mul(s.t3, t2, s.gxd), // 13
      mul(s.t3, s.t3, s.gx1), // 14
      mul(s.y, t, s.t3), // 15
    ];
  });

  /** Leaves the one of y and y sqrt(-1) whose square times gxd is gx, if one is; else y sqrt(-1). */
  const chooseRoot = program.define('chooseRoot', ['y', 'gx', 'gxd'], {}, [], (v) => [
    isRoot(mask, via(v.y), via(v.gxd), via(v.gx)),
    mul(t, via(v.y), sqrtMinus1),
    choose(via(v.y), mask, t, via(v.y)),
  ]);
  function isRoot(out: Place, y: Place, gxd: Place, gx: Place): Code {
    return [square(t, y), mul(t, t, gxd), sub(t, t, gx), integers.zeroMask(out, t)];
  }

  const end = program.define('mapEnd', ['state'], {}, [], (v) => {
    const s = state(via(v.state));
    return [
      mul(s.y, s.y, s.t3), // 17
      mul(s.y2, s.y, s.r), // 24
      mul(s.y2, s.y2, c2), // 25
      mul(s.gx2, s.gx1, s.t1), // 27
      chooseRoot(addressOf(s.y), addressOf(s.gx1), addressOf(s.gxd)), // 18-22
      chooseRoot(addressOf(s.y2), addressOf(s.gx2), addressOf(s.gxd)), // 26, 28-31
      isRoot(mask, s.y, s.gxd, s.gx1), // 32-34
      mul(t, s.t1, minusA), // 23
      choose(s.n, mask, t, minusA), // 35
      choose(s.v, mask, s.y2, s.y), // 36
      integers.oddMask(mask2, s.v), // 37
      sub(t, zero, s.v),
      words.store(mask, words.xor(words.load(mask), words.load(mask2))),
      choose(s.v, mask, t, s.v), // 38
    ];
  });

  // The chord law with denominators cleared: with D = d1 d2 and M = n2 d1 - n1 d2,
  // x = (v2 - v1)^2 D^3 - M^2 (A D + n1 d2 + n2 d1) and z = M^2 D. Equal points (probability < 2^-250) give z = 0.
  const [qp, pq, d, m2, sum, difference] = [place(), place(), place(), place(), place(), place()];
  const twice = doublingPlaces(program, field);
  const chord: Code = [
    mul(qp, q.n, p.d),
    mul(pq, p.n, q.d),
    mul(d, p.d, q.d),
    sub(m2, qp, pq),
    square(m2, m2),
    add(qp, qp, pq),
    mul(pq, d, a),
    add(qp, qp, pq),
    mul(qp, qp, m2),
    sub(t, q.v, p.v),
    square(t, t),
    square(t2, d),
    mul(t2, t2, d),
    mul(t, t, t2),
    sub(t, t, qp), // x
    mul(t2, m2, d), // z
  ];

  return program.define('mapAndAdd', ['x', 'z'], { left: 'i32' }, field.workspace, (v, first) => {
    const f = field.inline(first);
    return [
      bases.map((base, j) => begin(addressOf(base), addressOf(inputs[j === 0 ? 0 : 1]))),
      powers.powerP58([p.y, q.y], [p.y, q.y]), // 16
      bases.map((base) => end(addressOf(base))),
      chord,
      f.start,
      f.add(sum, t, t2),
      f.sub(difference, t, t2),
      set(v.left, i32(3)),
      repeat(v.left, [doubling(f, twice, sum, difference), f.finishBoth(sum, difference)]),
      f.finish(via(v.x), 'r'),
      f.finish(via(v.z), 's'),
    ];
  });
}
