/**
 * Property: the field functions of each native back end against BigInt, on limbs at the bounds that the headers state,
 * which random elements never reach; every result must stay within the bound that the next operation relies on. Fixed
 * seed. The programs are enclave/native/check/field-check.c.
 */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { UniformSource } from '../../src/rng.ts';
import { seededRng } from '../support/test-rng.ts';
import { backends, build, skipReason } from './native-support.ts';

const P = 2n ** 255n - 19n;
const mod = (value: bigint): bigint => ((value % P) + P) % P;
type Limbs = readonly bigint[];

interface Bounds {
  /** Smallest and largest limb of an element. */
  readonly fe: readonly [bigint, bigint];
  /** The same of what multiplications leave; others leave elements. */
  readonly product: readonly [bigint, bigint];
  /** Of limbs 1 to 4 only this many low bits count and the others are anything; the bounds are those of limb 0. */
  readonly counted?: number;
}
const IFMA = [0n, 2n ** 51n + 2n ** 44n - 1n] as const;
const FMA = [-(2n ** 50n + 2n ** 9n), 2n ** 50n + 2n ** 9n] as const;
const BOUNDS: Readonly<Record<string, Bounds>> = {
  'native-ifma': { fe: IFMA, product: [0n, 2n ** 51n + 2n ** 17n - 1n], counted: 52 },
  'native-fma': { fe: FMA, product: FMA },
  'native-scalar': { fe: [0n, 2n ** 54n - 1n], product: [0n, 2n ** 51n + 2n ** 13n - 1n] },
};

const value = (limbs: Limbs, counted = 64): bigint =>
  limbs.reduce((sum, limb, i) => {
    const counts = i > 0 && counted < 64 ? BigInt.asUintN(counted, limb) : limb;
    return sum + (counts << BigInt(51 * i));
  }, 0n);

const PAIRS = 1000;

function pairs({ fe: [low, high], counted }: Bounds): (readonly [Limbs, Limbs])[] {
  const uniform = new UniformSource(seededRng('native field'));
  const common = [0n, 1n, 2n ** 50n, 2n ** 51n - 1n, 2n ** 51n - 19n];
  const bounded = [low, high, ...common, low + 1n, high - 1n];
  const usable = bounded.filter((limb) => limb >= low && limb <= high);
  // where some bits count: their ends, each also below other bits
  const free = [2n ** 51n, 2n ** 52n - 2n, 2n ** 52n - 1n, ...common].flatMap((limb) => [
    limb,
    limb | -(2n ** 52n),
    limb | (2n ** 52n),
  ]);
  const choices = (at: number): readonly bigint[] =>
    at > 0 && counted !== undefined ? free : usable;
  const pick = (at: number): bigint => choices(at)[uniform.below(choices(at).length)]!;
  const highest = (at: number): bigint => (at > 0 && counted !== undefined ? -1n : high);
  const of = (limb: (at: number) => bigint): Limbs => [0, 1, 2, 3, 4].map(limb);
  const single = (at: number): Limbs => of((i) => (i === at ? highest(at) : 0n));
  const out: (readonly [Limbs, Limbs])[] = [
    [of(highest), of(highest)],
    [of(() => low), of(highest)],
    [of(highest), of(() => low)],
    [of(() => low), of(() => low)],
  ];
  for (let i = 0; i < 5; i++) for (let j = 0; j < 5; j++) out.push([single(i), single(j)]);
  // p - 1, p, p + 1 and p + 18 = 2^255 - 1 in canonical limbs, where they are limbs of an element
  for (const n of [P - 1n, P, P + 1n, P + 18n]) {
    const limbs = [0n, 51n, 102n, 153n, 204n].map((bit) => (n >> bit) & (2n ** 51n - 1n));
    if (limbs.every((limb) => limb <= high)) out.push([limbs, limbs]);
  }
  while (out.length < PAIRS) out.push([of(pick), of(pick)]);
  return out;
}

describe.skipIf(skipReason !== undefined)(`native field (${skipReason ?? 'compiled'})`, () => {
  it.each(backends)('%s is right and within its bounds on extreme limbs', (name) => {
    const bounds = BOUNDS[name]!;
    const { fe, product, counted } = bounds;
    const backend = name.replace('native-', '');
    const program = build(`field-${backend}`, '--check', 'field-check', '--backend', backend);
    const cases = pairs(bounds);
    const input = BigInt64Array.from(cases.flat(2));
    const output = execFileSync(program, {
      input: new Uint8Array(input.buffer),
      maxBuffer: 1 << 26,
    });
    const got = new BigInt64Array(
      output.buffer.slice(output.byteOffset, output.byteOffset + output.length),
    );
    expect(got).toHaveLength(cases.length * 45);
    const wrong: string[] = [];
    cases.forEach(([x, y], i) => {
      const a = value(x, counted);
      const b = value(y, counted);
      const [ab, aa] = [a * b, a * a];
      const wanted = [ab, aa, ab + aa, ab - aa, aa - ab, aa + 486662n ** 2n * b, a + b, a - b];
      for (let r = 0; r < 9; r++) {
        const limbs = [...got.subarray(45 * i + 5 * r, 45 * i + 5 * r + 5)];
        const canonical = r === 8; // not only congruent
        const isRight = canonical
          ? value(limbs) === mod(a)
          : mod(value(limbs, counted)) === mod(wanted[r]!);
        const [low, high] = canonical ? [0n, 2n ** 51n - 1n] : r < 2 ? product : fe;
        const bounded = canonical || counted === undefined ? limbs : limbs.slice(0, 1);
        const isBounded = bounded.every((limb) => limb >= low && limb <= high);
        if (!isRight || !isBounded) wrong.push(`result ${r} of (${x.join()}) (${y.join()})`);
      }
    });
    expect(wrong).toEqual([]);
  });
});
