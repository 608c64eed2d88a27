/**
 * The two halves of a switch (kernels of src/mpc/permute), for shares mod 2^64 and for XOR shares from one text.
 * Control bits select by mask; wiring is public. A record holds 4 words per column: first output, second output.
 * @module
 */
import {
  type Code,
  type Func,
  add,
  add64,
  advance,
  and,
  and64,
  func,
  get,
  i32,
  load32,
  load64,
  load8,
  negate64,
  repeat,
  set,
  shiftLeft,
  shiftRight,
  store64,
  sub64,
  widen,
  xor64,
} from '../../assembler.ts';

type Binary = (a: Code, b: Code) => Code;

/**
 * The owner's half: y_p = x_a + R0, y_q = x_b + R0' and the correction (y_p - x_b, y_q - x_a) - (R1, R1'), for `count`
 * switches whose wires stand at `from` and `to` (pairs of i32). `half`: bytes from first to second output in a record
 * (zeros, ones, corrections alike); `record`: bytes per record. `masks` and `out` are columns of u64.
 */
function maskSwitches(name: string, plus: Binary, minus: Binary): Func {
  return func(
    name,
    ['from', 'to', 'count', 'masks', 'out', 'zeros', 'ones', 'corrections', 'half', 'record'],
    { a: 'i64', b: 'i64', p: 'i64', q: 'i64' },
    (v) => {
      const wire = (base: number, list: number, offset: number): Code =>
        add(get(base), shiftLeft(load32(get(list), offset), 3));
      const second = (base: number): Code => add(get(base), get(v.half));
      return repeat(v.count, [
        set(v.a, load64(wire(v.masks, v.from, 0))),
        set(v.b, load64(wire(v.masks, v.from, 4))),
        set(v.p, plus(get(v.a), load64(get(v.zeros)))),
        set(v.q, plus(get(v.b), load64(second(v.zeros)))),
        store64(wire(v.out, v.to, 0), get(v.p)),
        store64(wire(v.out, v.to, 4), get(v.q)),
        store64(get(v.corrections), minus(minus(get(v.p), get(v.b)), load64(get(v.ones)))),
        store64(second(v.corrections), minus(minus(get(v.q), get(v.a)), load64(second(v.ones)))),
        [v.from, v.to].map((local) => advance(local, i32(8))),
        [v.zeros, v.ones, v.corrections].map((local) => advance(local, get(v.record))),
      ]);
    },
  );
}

/** The permuter's half: swaps where the control bit is 1, adds its pad and, there, the correction. */
function passSwitches(name: string, plus: Binary): Func {
  return func(
    name,
    [
      ...(['from', 'to', 'count', 'wires', 'out', 'pads', 'corrections'] as const),
      ...(['half', 'record', 'controls', 'bit'] as const),
    ],
    { a: 'i64', swap: 'i64', mask: 'i64' },
    (v) => {
      const wire = (base: number, list: number, offset: number): Code =>
        add(get(base), shiftLeft(load32(get(list), offset), 3));
      const second = (base: number): Code => add(get(base), get(v.half));
      const control = load8(add(get(v.controls), [get(v.bit), i32(3), 0x76]));
      return repeat(v.count, [
        set(v.mask, negate64(widen(and(shiftRight(control, and(get(v.bit), i32(7))), i32(1))))),
        set(v.a, load64(wire(v.wires, v.from, 0))),
        set(v.swap, load64(wire(v.wires, v.from, 4))),
        // swap: what changes a into the other wire, and back, where the bit is 1
        set(v.swap, xor64(get(v.a), get(v.swap))),
        store64(
          wire(v.out, v.to, 0),
          plus(
            plus(xor64(get(v.a), and64(get(v.swap), get(v.mask))), load64(get(v.pads))),
            and64(load64(get(v.corrections)), get(v.mask)),
          ),
        ),
        // b ^ (swap & mask) = a ^ swap ^ (swap & mask)
        store64(
          wire(v.out, v.to, 4),
          plus(
            plus(
              xor64(get(v.a), xor64(get(v.swap), and64(get(v.swap), get(v.mask)))),
              load64(second(v.pads)),
            ),
            and64(load64(second(v.corrections)), get(v.mask)),
          ),
        ),
        [v.from, v.to].map((local) => advance(local, i32(8))),
        [v.pads, v.corrections].map((local) => advance(local, get(v.record))),
        advance(v.bit, i32(1)),
      ]);
    },
  );
}

/** Wires that no switch joins, at least one. */
const moveWires: Func = func('moveWires', ['from', 'to', 'count', 'wires', 'out'], {}, (v) =>
  repeat(v.count, [
    store64(
      add(get(v.out), shiftLeft(load32(get(v.to)), 3)),
      load64(add(get(v.wires), shiftLeft(load32(get(v.from)), 3))),
    ),
    [v.from, v.to].map((local) => advance(local, i32(4))),
  ]),
);

export const SWITCH_CODE: readonly Func[] = [
  maskSwitches('maskAdditive', add64, sub64),
  maskSwitches('maskBoolean', xor64, xor64),
  passSwitches('passAdditive', add64),
  passSwitches('passBoolean', xor64),
  moveWires,
];
