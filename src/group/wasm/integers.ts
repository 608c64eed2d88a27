/**
 * Between elements and integers: 64-bit words to limbs, the canonical value, its parity, comparison with zero. The
 * same text for every field; masks instead of branches.
 * @module
 */
import { type Code, get, set } from '../../assembler.ts';
import { type Field, elementBytes, range } from './field.ts';
import { type Place, type Words, addressOf, plus, via } from './instructions.ts';
import type { Program } from './program.ts';

const WORD_BITS = 64;

/** Bits `from` .. `from + width - 1` of little-endian words. */
function bits(words: Words, word: (i: number) => Code, from: number, width: number): Code {
  const i = Math.floor(from / WORD_BITS);
  const shift = from % WORD_BITS;
  const low = shift === 0 ? word(i) : words.shiftRight(word(i), shift);
  const crosses = shift + width > WORD_BITS;
  const all = crosses ? words.or(low, words.shiftLeft(word(i + 1), WORD_BITS - shift)) : low;
  return words.and(all, words.constant(2n ** BigInt(width) - 1n));
}

/** Where limb k begins. */
const positions = (field: Field): number[] =>
  field.widths.map((_, k) => field.widths.slice(0, k).reduce((sum, width) => sum + width, 0));

const times19 = ({ add, shiftLeft }: Words, value: Code): Code =>
  add(add(shiftLeft(value, 4), shiftLeft(value, 1)), value);

export interface Integers {
  /** out = the integer of four little-endian words, bit 255 being clear */
  fromWords(out: Place, words: Place): Code;
  /** out = the integer of six words modulo p (RFC 9380 section 5.2, 48 bytes) */
  fromWide(out: Place, words: Place): Code;
  /** words = the four words of the canonical value */
  toWords(words: Place, a: Place): Code;
  /** mask = all ones in the lanes where a is 0 modulo p, else zero */
  zeroMask(mask: Place, a: Place): Code;
  /** mask = all ones where the canonical value is odd (sgn0 of RFC 9380 section 4.1), else zero */
  oddMask(mask: Place, a: Place): Code;
}

export function defineIntegers(program: Program, field: Field): Integers {
  const { words, widths } = field;
  const starts = positions(field);
  const canonical = program.place(elementBytes(field));
  const limb = (k: number): Code => words.load(plus(canonical, k * words.bytes));
  const load = (from: Place) => (i: number) => words.load(plus(from, i * words.bytes));
  const lowLimbs = (from: Place): Code[] =>
    widths.map((width, k) => bits(words, load(from), starts[k] ?? 0, width));

  const fromWords = program.define(
    'fromWords',
    ['out', 'words'],
    {},
    field.workspace,
    (v, first) => {
      const f = field.inline(first);
      return [f.start, f.fromLimbs(via(v.out), lowLimbs(via(v.words)))];
    },
  );

  // bits from 255 on count 19 times: a limb is then at most 20 times its width
  const wide = { high: words.type } as const;
  const folded = program.place(elementBytes(field));
  const fromWide = program.define(
    'fromWide',
    ['out', 'words'],
    wide,
    field.workspace,
    (v, first) => {
      const f = field.inline(first);
      const from = via(v.words);
      const store = lowLimbs(from).map((low, k) => {
        const start = 255 + (starts[k] ?? 0);
        const width = Math.min(widths[k] ?? 0, 384 - start);
        const place = plus(folded, k * words.bytes);
        if (width <= 0) return words.store(place, low);
        return [
          set(v.high, bits(words, load(from), start, width)),
          words.store(place, words.add(low, times19(words, get(v.high)))),
        ];
      });
      return [f.start, store, f.fromLimbs(via(v.out), range(widths.length).map(load(folded)))];
    },
  );

  const names = Object.fromEntries(widths.map((_, k) => [`l${k}`, words.type]));
  /**
   * Two carries around the ring leave limbs below 2^width: integerLimb gives limbs below 2^(width + 4), so the first
   * leaves limb 0 below 2^width + 19 * 2^5, and if the second wraps, what is left is small. Then p is subtracted if the
   * value is at least p, that is, if value + 19 reaches 2^255.
   */
  const reduce = program.define(
    'canonical',
    ['a'],
    { q: words.type },
    Object.values(names),
    (v, first) => {
      const l = (k: number): number => first + (k % widths.length);
      const width = (k: number): number => widths[k] ?? 0;
      const mask = (k: number): Code => words.constant(2n ** BigInt(width(k)) - 1n);
      const carryFrom = (k: number): Code => [
        set(v.q, words.shiftRight(get(l(k)), width(k))),
        set(l(k), words.and(get(l(k)), mask(k))),
      ];
      const inner = range(widths.length - 1).map((k) => [
        carryFrom(k),
        set(l(k + 1), words.add(get(l(k + 1)), get(v.q))),
      ]);
      const top = widths.length - 1;
      const addTimes19 = set(l(0), words.add(get(l(0)), times19(words, get(v.q))));
      const ring = [inner, carryFrom(top), addTimes19];
      return [
        range(widths.length).map((k) => set(l(k), field.integerLimb(via(v.a), k))),
        [ring, ring],
        set(v.q, words.constant(19n)),
        range(widths.length).map((k) =>
          set(v.q, words.shiftRight(words.add(get(l(k)), get(v.q)), width(k))),
        ),
        [addTimes19, inner, carryFrom(top)],
        range(widths.length).map((k) => words.store(plus(canonical, k * words.bytes), get(l(k)))),
      ];
    },
  );

  const toWords = program.define('toWords', ['words', 'a'], {}, [], (v) => [
    reduce(get(v.a)),
    range(4).map((w) => {
      const parts = starts.flatMap((start, k) => {
        const shift = start - WORD_BITS * w;
        if (shift >= WORD_BITS || shift + (widths[k] ?? 0) <= 0) return [];
        return [shift < 0 ? words.shiftRight(limb(k), -shift) : words.shiftLeft(limb(k), shift)];
      });
      const word = parts.reduce((sum, part) => words.or(sum, part));
      return words.store(plus(via(v.words), w * words.bytes), word);
    }),
  ]);

  const zeroMask = program.define('zeroMask', ['mask', 'a'], { any: words.type }, [], (v) => {
    const either = range(widths.length)
      .map(limb)
      .reduce((sum, part) => words.or(sum, part));
    const negative = words.sub(words.constant(0n), get(v.any));
    const isNot = words.shiftRight(words.or(get(v.any), negative), 63);
    return [
      reduce(get(v.a)),
      set(v.any, either),
      words.store(via(v.mask), words.sub(isNot, words.constant(1n))),
    ];
  });

  const oddMask = program.define('oddMask', ['mask', 'a'], {}, [], (v) => [
    reduce(get(v.a)),
    words.store(via(v.mask), words.sub(words.constant(0n), words.and(limb(0), words.constant(1n)))),
  ]);

  const two =
    (callee: typeof toWords) =>
    (a: Place, b: Place): Code =>
      callee(addressOf(a), addressOf(b));
  return {
    fromWords: two(fromWords),
    fromWide: two(fromWide),
    toWords: two(toWords),
    zeroMask: two(zeroMask),
    oddMask: two(oddMask),
  };
}
