/**
 * Writes the wiring of one stage of a network (src/mpc/permute/network.ts) as lists of i32: pairs for the switches from
 * the front, single wires that just move from the back. Sizes are public, so branches on them are fine.
 * @module
 */
import {
  type Code,
  type Func,
  add,
  advance,
  and,
  func,
  get,
  i32,
  load32,
  repeat,
  set,
  shiftLeft,
  shiftRight,
  sub,
} from '../../assembler.ts';

const store32 = (address: Code, value: Code, offset = 0): Code => [
  ...[address, value],
  ...[0x36, 0, offset],
];
const when = (condition: Code, body: Code): Code => [condition, 0x04, 0x40, body, 0x0b];
/** Repeats `body` as long as `condition` holds before it. */
const whilst = (condition: Code, body: Code): Code => [
  ...[0x03, 0x40],
  [condition, 0x04, 0x40, body, 0x0c, 1, 0x0b],
  0x0b,
];
const less = (a: Code, b: Code): Code => [a, b, 0x48];
const equal = (a: Code, b: Code): Code => [a, b, 0x46];
const or = (a: Code, b: Code): Code => [a, b, 0x72];
const times = (a: Code, b: Code): Code => [a, b, 0x6c];
const least = (a: Code, b: Code): Code => [a, b, less(a, b), 0x1b];
const half = (a: Code): Code => shiftRight(a, i32(1));

const PARAMS = ['sizes', 'needed', 'count', 'from', 'to', 'fromEnd', 'toEnd', 'result'] as const;
const LOCALS = ['n', 'h', 'at', 'left', 'wire', 'even', 'upper', 'lower'] as const;
type Index = Readonly<Record<(typeof PARAMS)[number] | (typeof LOCALS)[number], number>>;
const TYPES = Object.fromEntries(LOCALS.map((name) => [name, 'i32'])) as Readonly<
  Record<(typeof LOCALS)[number], 'i32'>
>;

const move = (v: Index, from: Code, to: Code): Code => [
  [v.fromEnd, v.toEnd].map((end) => advance(end, i32(-4))),
  store32(get(v.fromEnd), from),
  store32(get(v.toEnd), to),
];

/** `left` switches of a subnetwork: its wires 2 i and 2 i + 1 at `pairs`, i and h + i at `halves`. */
const joins = (v: Index, pairs: number, halves: number): Code => [
  set(v.even, get(v.at)),
  set(v.upper, get(v.at)),
  set(v.lower, add(get(v.at), get(v.h))),
  when(
    get(v.left),
    repeat(v.left, [
      store32(get(pairs), get(v.even)),
      store32(get(pairs), add(get(v.even), i32(1)), 4),
      store32(get(halves), get(v.upper)),
      store32(get(halves), get(v.lower), 4),
      [v.from, v.to].map((list) => advance(list, i32(8))),
      advance(v.even, i32(2)),
      [v.upper, v.lower].map((wire) => advance(wire, i32(1))),
    ]),
  ),
];

function stage(name: string, body: (v: Index) => Code): Func {
  return func(name, PARAMS, TYPES, (v) => [
    repeat(v.count, [
      set(v.n, load32(get(v.sizes))),
      set(v.h, half(get(v.n))),
      body(v),
      set(v.at, add(get(v.at), get(v.n))),
      [v.sizes, v.needed].map((list) => advance(list, i32(4))),
    ]),
    store32(get(v.result), get(v.from)),
    store32(get(v.result), get(v.fromEnd), 4),
  ]);
}

const wireInputs: Func = stage('wireInputs', (v) => {
  const last = add(get(v.at), sub(get(v.n), i32(1)));
  return [
    set(v.left, get(v.h)),
    joins(v, v.from, v.to),
    when(and(get(v.n), i32(1)), move(v, last, last)),
  ];
});

const wireOutputs: Func = stage('wireOutputs', (v) => {
  const kept = load32(get(v.needed));
  // without a switch: the last pair of an even network, the last wire of an odd one
  const isLower = or(and(get(v.wire), i32(1)), equal(get(v.wire), shiftLeft(get(v.h), 1)));
  const from = add(get(v.at), add(times(isLower, get(v.h)), half(get(v.wire))));
  return [
    set(v.left, least(half(add(kept, i32(1))), half(sub(get(v.n), i32(1))))),
    set(v.wire, shiftLeft(get(v.left), 1)),
    joins(v, v.to, v.from),
    whilst(less(get(v.wire), kept), [
      move(v, from, add(get(v.at), get(v.wire))),
      advance(v.wire, i32(1)),
    ]),
  ];
});

export const WIRING_CODE: readonly Func[] = [wireInputs, wireOutputs];
