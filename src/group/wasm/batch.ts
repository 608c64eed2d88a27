/**
 * The whole module: batches of up to {@link BATCH} records in its memory. Exports `multiply(n)` and `hash(n, messages,
 * buffer)`, which leave a status, and every function below them, which tests call on limbs of their own.
 * @module
 */
import { type Code, add, get, i32, load32, load64, set, shiftLeft, sub } from '../../assembler.ts';
import { type Field, constantElement, elementBytes, range } from './field.ts';
import { fmaField } from './field-fma.ts';
import { scalarField } from './field-scalar.ts';
import {
  type Place,
  addressOf,
  choose,
  i64,
  leave,
  lessThan,
  loadLanes64,
  loopWhile,
  plus,
  storeLane64,
  via,
  when,
} from './instructions.ts';
import { defineIntegers } from './integers.ts';
import { defineLadder } from './ladder.ts';
import { defineMap } from './map.ts';
import { definePowers } from './powers.ts';
import { Program } from './program.ts';
import { defineExpander } from './sha512.ts';

export type Variant = 'wasm-fma' | 'wasm-scalar';

/** Records that share one inversion per lane. */
export const BATCH = 128;
const RECORD_BYTES = 32;

/** What `multiply` and `hash` leave at `status`. */
export const STATUS = { done: 0, refusedPoint: 1, neutralElement: 2 } as const;

/** Byte addresses in the module's memory. */
export interface Layout {
  readonly status: number;
  readonly scalar: number;
  readonly points: number;
  readonly out: number;
  /** BATCH + 1 numbers of 32 bits: where messages start, from `messages` on. */
  readonly offsets: number;
  /** Numerators and denominators, `elementBytes` apart, of `lanes` records each. */
  readonly xs: number;
  readonly zs: number;
  readonly elementBytes: number;
}

export interface Emitted {
  readonly bytes: Uint8Array;
  readonly layout: Layout;
  readonly field: Field;
}

/** Emits a variant for a domain separation tag; the same bytes every time. */
export function emitModule(variant: Variant, dst: Uint8Array): Emitted {
  const program = new Program();
  const field = variant === 'wasm-fma' ? fmaField(program) : scalarField(program);
  const { lanes, words, mul } = field;
  const size = elementBytes(field);
  const element = (): Place => program.place(size);
  // a batch of odd length has a last record twice
  const list = (bytes: number): Place => program.place(bytes * (BATCH + 2));
  const fractions = (): Place => program.place((size * (BATCH + 2)) / lanes);

  const [status, scalar] = [program.place(4), program.place(RECORD_BYTES)];
  const [points, out, offsets] = [list(RECORD_BYTES), list(RECORD_BYTES), list(4)];
  const [xs, zs, before] = [fractions(), fractions(), fractions()];
  const [u, r0, r1, product, quotient] = [element(), element(), element(), element(), element()];
  const [four, six, mask] = [4, 6, 1].map((n) => program.place(n * words.bytes)) as [
    Place,
    Place,
    Place,
  ];
  const one = constantElement(program, field, 1n);

  const integers = defineIntegers(program, field);
  const powers = definePowers(program, field);
  const ladder = defineLadder(program, field, scalar, u);
  const mapAndAdd = defineMap(program, field, integers, powers, [r0, r1]);
  const expander = defineExpander(program, dst);

  const setStatus = (value: number): Code => [addressOf(status), i32(value), 0x36, 0, 0];
  const copy = (to: Place, from: Place): Code =>
    range(field.widths.length).map((k) =>
      words.store(plus(to, k * words.bytes), words.load(plus(from, k * words.bytes))),
    );
  const advance = (local: number, bytes: number): Code => set(local, add(get(local), i32(bytes)));
  /** The address of entry i of a list. */
  const entry = (place: Place, i: Code, shift: number): Code =>
    add(addressOf(place), shiftLeft(i, shift));
  /** i or the last record. */
  const within = (i: Code, n: number): Code => choose(lessThan(i, get(n)), i, sub(get(n), i32(1)));
  const ceilGroups = (n: number): Code =>
    lanes === 1 ? get(n) : [add(get(n), i32(1)), i32(1), 0x76];

  // x / z of n records, canonical, with one inversion per lane. A z of 0 would spoil all records of its lane.
  const walk = { left: 'i32', x: 'i32', z: 'i32', b: 'i32', to: 'i32' } as const;
  const divide = program.define('divide', ['n'], walk, [], (v) => {
    const step = (sign: 1 | -1): Code =>
      [v.x, v.z, v.b].map((local) => advance(local, sign * size));
    return [
      copy(product, one),
      set(v.z, addressOf(zs)),
      set(v.b, addressOf(before)),
      set(v.left, ceilGroups(v.n)),
      loopWhile(
        [
          copy(via(v.b), product),
          mul(product, product, via(v.z)),
          step(1),
          set(v.left, sub(get(v.left), i32(1))),
        ],
        get(v.left),
      ),
      integers.zeroMask(mask, product),
      range(lanes).map((lane) =>
        when(load32(addressOf(plus(mask, 8 * lane))), [setStatus(STATUS.neutralElement), leave]),
      ),
      powers.invert(product, product),
      set(v.left, ceilGroups(v.n)),
      // x has come as far as the others
      set(v.x, add(get(v.x), addressOf(xs))),
      set(v.to, entry(out, get(v.left), lanes === 1 ? 5 : 6)),
      loopWhile(
        [
          step(-1),
          advance(v.to, -RECORD_BYTES * lanes),
          mul(quotient, product, via(v.b)),
          mul(quotient, quotient, via(v.x)),
          mul(product, product, via(v.z)),
          integers.toWords(four, quotient),
          range(4).map((w) => {
            const word = words.load(plus(four, w * words.bytes));
            const place = (lane: number): Place => via(v.to, RECORD_BYTES * lane + 8 * w);
            return lanes === 1
              ? words.store(place(0), word)
              : [0, 1].map((lane) => storeLane64(place(lane), word, lane));
          }),
          set(v.left, sub(get(v.left), i32(1))),
        ],
        get(v.left),
      ),
    ];
  });

  /** Canonical, bit 255 clear, and none of the five low-order values (docs/specification.md section 8.5). */
  const w = {
    left: 'i32',
    at: 'i32',
    bad: 'i32',
    w0: 'i64',
    w1: 'i64',
    w2: 'i64',
    w3: 'i64',
  } as const;
  const check = program.define('check', ['n'], w, [], (v) => {
    const all = [v.w0, v.w1, v.w2, v.w3];
    const allOf = (parts: readonly Code[]): Code => parts.reduce((a, b) => [a, b, 0x71]);
    const same = (local: number, value: bigint): Code => [get(local), i64(value), 0x51];
    const top = 2n ** 63n - 1n;
    const refuse = (condition: Code): Code => set(v.bad, [get(v.bad), condition, 0x72]);
    return [
      set(v.at, addressOf(points)),
      set(v.left, get(v.n)),
      loopWhile(
        [
          all.map((local, i) => set(local, load64(get(v.at), 8 * i))),
          refuse([get(v.w3), i64(top), 0x56]),
          // p - 1 = 2^255 - 20 is of low order, what is above it is not canonical
          refuse(
            allOf([
              same(v.w3, top),
              same(v.w2, -1n),
              same(v.w1, -1n),
              [get(v.w0), i64(-20n), 0x5a],
            ]),
          ),
          LOW_ORDER.map((value) =>
            refuse(
              allOf(
                all.map((local, i) => same(local, (value >> BigInt(64 * i)) & 0xffffffffffffffffn)),
              ),
            ),
          ),
          advance(v.at, RECORD_BYTES),
          set(v.left, sub(get(v.left), i32(1))),
        ],
        get(v.left),
      ),
      setStatus(STATUS.done),
      when(get(v.bad), setStatus(STATUS.refusedPoint)),
    ];
  });

  const places = { i: 'i32', x: 'i32', z: 'i32', first: 'i32', second: 'i32' } as const;
  const startGroups = (v: { readonly i: number; readonly x: number; readonly z: number }): Code => [
    set(v.i, i32(0)),
    set(v.x, addressOf(xs)),
    set(v.z, addressOf(zs)),
  ];

  program.define('multiply', ['n'], places, [], (v) => [
    check(get(v.n)),
    when(load32(addressOf(status)), leave),
    startGroups(v),
    loopWhile(
      [
        set(v.first, entry(points, get(v.i), 5)),
        set(v.second, entry(points, within(add(get(v.i), i32(1)), v.n), 5)),
        range(4).map((i) => {
          const low = via(v.first, 8 * i);
          const word = lanes === 1 ? words.load(low) : loadLanes64(low, via(v.second, 8 * i));
          return words.store(plus(four, i * words.bytes), word);
        }),
        integers.fromWords(u, four),
        ladder(get(v.x), get(v.z)),
        [advance(v.x, size), advance(v.z, size), advance(v.i, lanes)],
      ],
      lessThan(get(v.i), get(v.n)),
    ),
    divide(get(v.n)),
  ]);

  program.define('hash', ['n', 'messages', 'buffer'], places, [], (v) => {
    const offset = (local: number, next: 0 | 1): Code =>
      load32(entry(offsets, get(local), 2), 4 * next);
    const message = (local: number): Code[] => [
      add(get(v.messages), offset(local, 0)),
      sub(offset(local, 1), offset(local, 0)),
    ];
    // big-endian integers of six words each; a vector takes both lanes, a scalar one after the other
    const map = (lane: number): Code => [
      [r0, r1].map((r, j) => [
        range(6).map((i) => {
          const word = words.load(plus(expander.uniform, 16 * (6 * j + 5 - i) + 8 * lane));
          return words.store(plus(six, i * words.bytes), word);
        }),
        integers.fromWide(r, six),
      ]),
      mapAndAdd(get(v.x), get(v.z)),
      [advance(v.x, size), advance(v.z, size)],
    ];
    return [
      setStatus(STATUS.done),
      startGroups(v),
      loopWhile(
        [
          set(v.first, get(v.i)),
          set(v.second, within(add(get(v.i), i32(1)), v.n)),
          expander.expand(...message(v.first), ...message(v.second), get(v.buffer)),
          range(2 / lanes).map(map),
          advance(v.i, 2),
        ],
        lessThan(get(v.i), get(v.n)),
      ),
      divide(get(v.n)),
    ];
  });

  return {
    bytes: program.assemble(expander.start),
    field,
    layout: {
      status: status.offset,
      scalar: scalar.offset,
      points: points.offset,
      out: out.offset,
      offsets: offsets.offset,
      xs: xs.offset,
      zs: zs.offset,
      elementBytes: size,
    },
  };
}

/** 0, 1 and the two u of order 8 (RFC 7748 section 7); p - 1 is refused with what is not canonical. */
const LOW_ORDER: readonly bigint[] = [
  0n,
  1n,
  0x00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0n,
  0x57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5fn,
];
