/**
 * Just enough of a WebAssembly assembler (core specification 2.0, chapter 5, with vector instructions) to write a few
 * straight loops as TypeScript and to unroll them with it. Addresses and counts are i32; the only memory is exported.
 * @module
 */

/** Bytes of instructions; nested lists are flattened. */
export type Code = readonly (number | Code)[];
export type Local = 'i32' | 'i64' | 'v128';

const TYPE: Readonly<Record<Local, number>> = { i32: 0x7f, i64: 0x7e, v128: 0x7b };

export interface Func {
  readonly name: string;
  readonly params: number;
  readonly locals: readonly Local[];
  readonly body: Code;
}

/**
 * A function whose parameters are all i32; `body` gets the index of every parameter and local by its name, and those
 * of `vectors` further v128 locals by their number.
 */
export function func<P extends string, L extends string>(
  name: string,
  params: readonly P[],
  locals: Readonly<Record<L, Local>>,
  body: (index: Readonly<Record<P | L, number>>, vector: (i: number) => number) => Code,
  vectors = 0,
): Func {
  const names = [...params, ...(Object.keys(locals) as L[])];
  const index = Object.fromEntries(names.map((local, i) => [local, i])) as Record<P | L, number>;
  return {
    name,
    params: params.length,
    locals: [...Object.values<Local>(locals), ...new Array<Local>(vectors).fill('v128')],
    body: body(index, (i) => names.length + i),
  };
}

/** LEB128 of a non-negative integer. */
function unsigned(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    out.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return out;
}

/** LEB128 of a 32-bit signed integer. */
function signed(value: number): number[] {
  const out: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const last = rest === (low & 0x40 ? -1 : 0);
    out.push(last ? low : low | 0x80);
    if (last) return out;
  }
}

const vector = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
/** Alignment hint 0: addresses need not be aligned. */
const memory = (offset: number): number[] => [0, ...unsigned(offset)];

export const get = (local: number): Code => [0x20, local];
export const set = (local: number, value: Code): Code => [value, 0x21, local];
export const i32 = (value: number): Code => [0x41, signed(value)];
export const add = (a: Code, b: Code): Code => [a, b, 0x6a];
export const sub = (a: Code, b: Code): Code => [a, b, 0x6b];
export const and = (a: Code, b: Code): Code => [a, b, 0x71];
export const shiftLeft = (a: Code, bits: number): Code => [a, i32(bits), 0x74];
export const shiftRight = (a: Code, b: Code): Code => [a, b, 0x76];
export const load8 = (address: Code, offset = 0): Code => [address, 0x2d, memory(offset)];
export const load32 = (address: Code, offset = 0): Code => [address, 0x28, memory(offset)];

export const widen = (a: Code): Code => [a, 0xad];
export const load64 = (address: Code, offset = 0): Code => [address, 0x29, memory(offset)];
export const store64 = (address: Code, value: Code, offset = 0): Code => [
  [address, value, 0x37],
  memory(offset),
];
export const add64 = (a: Code, b: Code): Code => [a, b, 0x7c];
export const sub64 = (a: Code, b: Code): Code => [a, b, 0x7d];
export const and64 = (a: Code, b: Code): Code => [a, b, 0x83];
export const xor64 = (a: Code, b: Code): Code => [a, b, 0x85];
export const negate64 = (a: Code): Code => [0x42, 0, a, 0x7d];

export const load = (address: Code, offset = 0): Code => [address, vector(0), memory(offset)];
export const store = (address: Code, value: Code, offset = 0): Code => [
  [address, value, vector(11)],
  memory(offset),
];
/** Stores one 32-bit lane. */
export const storeLane32 = (address: Code, value: Code, lane: number, offset: number): Code => [
  [address, value, vector(90)],
  [memory(offset), lane],
];
export const xor = (a: Code, b: Code): Code => [a, b, vector(81)];
export const both = (a: Code, b: Code): Code => [a, b, vector(78)];
export const splat32 = (a: Code): Code => [a, vector(17)];
/** Two 64-bit lanes: the given one and zero. */
export const lowLane64 = (value: Code): Code => [
  [vector(12), new Array<number>(16).fill(0)],
  [value, vector(30), 0],
];
export const shiftLanesLeft = (a: Code, bits: number): Code => [a, i32(bits), vector(171)];
export const shiftLanesRight = (a: Code, bits: number): Code => [a, i32(bits), vector(173)];

/** Repeats `body` `count` times; `count` is a local, at least 1, and is 0 afterwards. */
export function repeat(count: number, body: Code): Code {
  return [
    [0x03, 0x40, body],
    [set(count, sub(get(count), i32(1))), get(count), 0x0d, 0, 0x0b],
  ];
}

export const advance = (local: number, by: Code): Code => set(local, add(get(local), by));

function flatten(code: Code, out: number[] = []): number[] {
  for (const part of code) {
    if (typeof part === 'number') out.push(part);
    else flatten(part, out);
  }
  return out;
}

function section(id: number, items: readonly Code[]): Code {
  const content = flatten([unsigned(items.length), items]);
  return [id, unsigned(content.length), content];
}

const nameBytes = (name: string): Code => [
  unsigned(name.length),
  Array.from(name, (c) => c.charCodeAt(0)),
];

/** The module: every function is exported under its name, the memory (initially one page) as `memory`. */
export function assemble(functions: readonly Func[]): Uint8Array {
  const types = functions.map(({ params }) => [
    [0x60, unsigned(params), new Array<number>(params).fill(TYPE.i32)],
    unsigned(0),
  ]);
  const exports = functions.map(({ name }, i) => [nameBytes(name), 0, unsigned(i)]);
  const bodies = functions.map(({ locals, body }) => {
    const declared = locals.map((local) => [1, TYPE[local]]);
    const bytes = flatten([unsigned(locals.length), declared, body, 0x0b]);
    return [unsigned(bytes.length), bytes];
  });
  return Uint8Array.from(
    flatten([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, types),
      section(
        3,
        functions.map((_, i) => unsigned(i)),
      ),
      section(5, [[0, 1]]),
      section(7, [...exports, [nameBytes('memory'), 2, 0]]),
      section(10, bodies),
    ]),
  );
}
