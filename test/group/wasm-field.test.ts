/**
 * Property, at the bounds: every field operation of the WebAssembly kernels on limbs as large as the comments of
 * src/group/wasm/field-*.ts allow, which random elements never reach, against BigInt; results stay within the bounds
 * that the next operation relies on. The functions are emitted by the same generator as the kernel. Fixed seed.
 */
import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/assembler.ts';
import { type Field, type Inline, P } from '../../src/group/wasm/field.ts';
import { fmaField } from '../../src/group/wasm/field-fma.ts';
import { scalarField } from '../../src/group/wasm/field-scalar.ts';
import { type Place, via } from '../../src/group/wasm/instructions.ts';
import { defineIntegers } from '../../src/group/wasm/integers.ts';
import { definePowers } from '../../src/group/wasm/powers.ts';
import { Program } from '../../src/group/wasm/program.ts';
import { seededRng } from '../support/test-rng.ts';
import {
  type Limbs,
  VARIANTS,
  elements,
  instantiate,
  reducedBound,
  valueOf,
} from './wasm-support.ts';

const rng = seededRng('wasm field');
const modulo = (value: bigint): bigint => ((value % P) + P) % P;
function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, modulo(base)];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}
const random64 = (): bigint => new BigUint64Array(rng(8).buffer)[0]!;

/** `r` and `s` are products of the first two and of the last two operands. */
const INLINE: Readonly<
  Record<string, (f: Inline, out: Place, a: Place, b: Place, c: Place, d: Place) => Code>
> = {
  finishSecond: (f, out, a, b, c, d) => [f.mul('r', a, b), f.mul('s', c, d), f.finish(out, 's')],
  difference: (f, out, a, b, c, d) => [f.mul('r', a, b), f.mul('s', c, d), f.finishDifference(out)],
  sum: (f, out, a, b, c, d) => [f.mul('r', a, b), f.mul('s', c, d), f.finishBoth(out, d)],
  otherDifference: (f, out, a, b, c, d) => [
    f.mul('r', a, b),
    f.mul('s', c, d),
    f.finishBoth(d, out),
  ],
  squares: (f, out, a, _b, c) => [f.square('r', a), f.square('s', c), f.finishDifference(out)],
  scaled: (f, out, a, b, c) => [f.mul('r', a, b), f.finishScaled(out, c)],
};
const EXPECTED: Readonly<Record<string, (a: bigint, b: bigint, c: bigint, d: bigint) => bigint>> = {
  mul: (a, b) => a * b,
  square: (a) => a * a,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  finishSecond: (_a, _b, c, d) => c * d,
  difference: (a, b, c, d) => a * b - c * d,
  sum: (a, b, c, d) => a * b + c * d,
  otherDifference: (a, b, c, d) => a * b - c * d,
  squares: (a, _b, c) => a * a - c * c,
  scaled: (a, b, c) => a * b + 121665n * c,
};
/** Operations whose operands may be sums of two reduced elements in the scalar field, and whose results may be. */
const PRODUCTS = Object.keys(EXPECTED).filter((name) => name !== 'add' && name !== 'sub');
const LAZY = ['difference', 'sum', 'otherDifference', 'squares'];

describe.each(VARIANTS)('%s', (variant) => {
  const program = new Program();
  const field: Field = variant === 'wasm-fma' ? fmaField(program) : scalarField(program);
  for (const [name, body] of Object.entries(INLINE)) {
    program.define(name, ['out', 'a', 'b', 'c', 'd'], {}, field.workspace, (v, first) => {
      const f = field.inline(first);
      return [f.start, body(f, via(v.out), via(v.a), via(v.b), via(v.c), via(v.d))];
    });
  }
  defineIntegers(program, field);
  definePowers(program, field);
  const [out, a, b, c, d] = Array.from({ length: 5 }, () => program.place(80).offset) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const { exports, memory } = instantiate(program.assemble([]));
  const { put, take } = elements(field, memory);
  const n = field.widths.length;
  const lazy = field.lanes === 1;
  const bound = (k: number, factor: bigint): bigint => factor * reducedBound(field, k);
  const lanes = (make: () => Limbs): Limbs[] => Array.from({ length: field.lanes }, make);

  /** Sign patterns of limbs at the bound; then random ones, some zero, some at the bound. */
  const PATTERNS = [
    () => 1n,
    () => -1n,
    (k: number) => (k % 2 === 0 ? 1n : -1n),
    (k: number) => (k % 2 === 0 ? -1n : 1n),
    (k: number) => (k < n / 2 ? 1n : -1n),
    (k: number) => (k === 0 ? -1n : 1n),
    (k: number) => (k === n - 1 ? -1n : 1n),
    (k: number) => (k === n - 1 ? 1n : 0n),
    () => 0n,
  ];
  function sample(factor: bigint): Limbs {
    return Array.from({ length: n }, (_, k) => {
      const most = bound(k, factor);
      const [kind = 0] = rng(1);
      if (kind < 100) return kind % 2 === 0 ? most : -most;
      if (kind < 120) return 0n;
      return (random64() % (2n * most + 1n)) - most;
    });
  }
  const pattern = (i: number, factor: bigint): Limbs =>
    Array.from({ length: n }, (_, k) => PATTERNS[i]!(k) * bound(k, factor));

  function check(name: string, operands: readonly Limbs[][]): void {
    [a, b, c, d].forEach((at, i) => put(at, operands[i]!));
    exports[name]!(out, a, b, c, d);
    take(out).forEach((limbs, lane) => {
      const [x, y, z, w] = operands.map((each) => valueOf(field, each[lane]!)) as [
        bigint,
        bigint,
        bigint,
        bigint,
      ];
      const context = `${name} of ${operands.map((each) => each[lane]!.join(' ')).join(' | ')}`;
      const wanted = modulo(EXPECTED[name]!(x, y, z, w));
      if (modulo(valueOf(field, limbs)) !== wanted) expect.fail(context);
      const factor = lazy && LAZY.includes(name) ? 2n : 1n;
      limbs.forEach((limb, k) => {
        if (limb > bound(k, factor) || limb < -bound(k, factor))
          expect.fail(`bound ${k}: ${context}`);
      });
    });
  }

  it.each(Object.keys(EXPECTED))('%s is right and within its bound at extreme limbs', (name) => {
    const factor = lazy && PRODUCTS.includes(name) ? 2n : 1n;
    for (let i = 0; i < PATTERNS.length ** 2; i++) {
      const [x, y] = [
        pattern(Math.floor(i / PATTERNS.length), factor),
        pattern(i % PATTERNS.length, factor),
      ];
      check(name, [lanes(() => x), lanes(() => y), lanes(() => y), lanes(() => x)]);
      check(name, [lanes(() => x), lanes(() => y), lanes(() => x), lanes(() => y)]);
      check(name, [
        lanes(() => x),
        lanes(() => x),
        lanes(() => y.map((limb) => -limb)),
        lanes(() => y),
      ]);
    }
    for (let i = 0; i < 500; i++) {
      check(
        name,
        Array.from({ length: 4 }, () => lanes(() => sample(factor))),
      );
    }
  });

  const words = field.words.bytes / 8;
  const readWords = (at: number, count: number): bigint[] =>
    Array.from({ length: count }, (_, i) => new BigUint64Array(memory.buffer, at)[words * i]!);
  const writeWords = (at: number, values: readonly bigint[]): void =>
    values.forEach((value, i) => {
      for (let lane = 0; lane < words; lane++) {
        new BigUint64Array(memory.buffer, at)[words * i + lane] = value;
      }
    });
  const joined = (values: readonly bigint[]): bigint =>
    values.reduceRight((sum, word) => (sum << 64n) | word, 0n);

  it('gives the canonical value, its parity and whether it is zero, for every form of it', () => {
    const ends = [0n, 1n, 2n, 18n, 19n, 20n, 37n, 38n, P - 1n, P - 19n, P - 20n, (P - 1n) / 2n];
    const zeros = [P, -P, 0n];
    const values = [...ends, ...ends.map((value) => -value), ...zeros, ...zeros.map((z) => z + 1n)];
    const forms: Limbs[] = values.map((value) => {
      let rest = value;
      return Array.from({ length: n }, (_, k) => {
        const limb = k === n - 1 ? rest : BigInt.asIntN(field.widths[k]!, rest);
        rest = (rest - limb) >> BigInt(field.widths[k]!);
        return limb;
      });
    });
    const within = forms.filter((limbs) =>
      limbs.every((limb, k) => limb <= bound(k, 1n) && limb >= -bound(k, 1n)),
    );
    expect(within.length).toBeGreaterThan(15);
    const patterns = PATTERNS.map((_, i) => pattern(i, 1n));
    for (const limbs of [
      ...within,
      ...patterns,
      ...Array.from({ length: 500 }, () => sample(1n)),
    ]) {
      put(
        a,
        lanes(() => limbs),
      );
      const value = modulo(valueOf(field, limbs));
      exports['toWords']!(out, a);
      expect(joined(readWords(out, 4))).toBe(value);
      exports['zeroMask']!(out, a);
      expect(readWords(out, 1)).toEqual([value === 0n ? 2n ** 64n - 1n : 0n]);
      exports['oddMask']!(out, a);
      expect(readWords(out, 1)).toEqual([value % 2n === 1n ? 2n ** 64n - 1n : 0n]);
    }
  });

  it('reads integers of 255 and 384 bits, also with all bits set', () => {
    const all = 2n ** 64n - 1n;
    const cases = [
      ...[0n, 1n, all].map((word) => Array.from({ length: 6 }, () => word)),
      ...Array.from({ length: 6 }, (_, i) =>
        Array.from({ length: 6 }, (_, k) => (i === k ? all : 0n)),
      ),
      ...Array.from({ length: 200 }, () => Array.from({ length: 6 }, random64)),
    ];
    for (const value of cases) {
      writeWords(a, value);
      exports['fromWide']!(out, a);
      const [wide] = take(out);
      expect(modulo(valueOf(field, wide!))).toBe(modulo(joined(value)));
      const low = value.slice(0, 4).with(3, value[3]! & (2n ** 63n - 1n));
      writeWords(a, low);
      exports['fromWords']!(out, a);
      const [narrow] = take(out);
      expect(modulo(valueOf(field, narrow!))).toBe(modulo(joined(low)));
      for (const limbs of [wide!, narrow!]) {
        limbs.forEach((limb, k) =>
          expect(limb <= bound(k, 1n) && -limb <= bound(k, 1n)).toBe(true),
        );
      }
    }
  });

  it('raises to the two fixed powers, also in place and of 0', () => {
    const samples = [
      ...PATTERNS.map((_, i) => pattern(i, 1n)),
      ...Array.from({ length: 20 }, () => sample(1n)),
    ];
    for (const [i, limbs] of samples.entries()) {
      const other = samples[(i + 1) % samples.length]!;
      const [x, y] = [valueOf(field, limbs), valueOf(field, other)];
      put(
        a,
        lanes(() => limbs),
      );
      put(
        b,
        lanes(() => other),
      );
      exports['powerP58']!(c, d, a, b);
      expect(modulo(valueOf(field, take(c)[0]!))).toBe(power(x, (P - 5n) / 8n));
      expect(modulo(valueOf(field, take(d)[0]!))).toBe(power(y, (P - 5n) / 8n));
      exports['invert']!(a, a);
      expect(modulo(valueOf(field, take(a)[0]!))).toBe(power(x, P - 2n));
    }
  });
});
