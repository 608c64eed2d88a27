/**
 * The two fixed powers: 1 / x = x^(p - 2) and x^((p - 5) / 8). Exponents are public; 0 gives 0.
 * @module
 */
import { type Code, i32, repeat } from '../../assembler.ts';
import { type Field, elementBytes, range } from './field.ts';
import { type Place, addressOf, via } from './instructions.ts';
import type { Program } from './program.ts';

export interface Powers {
  /** out = 1 / x; `out` may be x */
  invert(out: Place, x: Place): Code;
  /** Two independent elements side by side, because one chain of squarings waits for itself. */
  powerP58(outs: readonly [Place, Place], xs: readonly [Place, Place]): Code;
}

export function definePowers(program: Program, field: Field): Powers {
  const { mul, square, words, widths } = field;
  const places = (): readonly Place[] => range(2).map(() => program.place(elementBytes(field)));
  const [t, t11, t5, t10, t50] = [places(), places(), places(), places(), places()];
  const nowhere: Place = { base: [], offset: 0 };
  const nth = (list: readonly Place[], j: number): Place => list[j] ?? nowhere;

  /** places = places^(2^times), in step */
  const squarings = range(2).map((j) => {
    const params = range(j + 1).map((i) => `p${i}`);
    return program.define(
      `squareTimes${j + 1}`,
      [...params, 'times'],
      {},
      field.workspace,
      (_, first) => {
        const f = field.inline(first);
        const one = (p: number): Code => [f.square('r', via(p)), f.finish(via(p), 'r')];
        return [f.start, repeat(j + 1, range(j + 1).map(one))];
      },
    );
  });
  const copy = (to: Place, from: Place): Code =>
    range(widths.length).map((k) => {
      const shift = (place: Place): Place => ({ ...place, offset: place.offset + k * words.bytes });
      return words.store(shift(to), words.load(shift(from)));
    });

  /** outs = xs^(2^250 - 1) and t11 = xs^11, by the usual chain of 249 squarings and 11 multiplications. */
  const power250 = (outs: readonly Place[], xs: readonly Place[]): Code => {
    const each = (body: (j: number) => Code): Code => range(xs.length).map(body);
    const times = (n: number): Code =>
      squarings[xs.length - 1]?.(...range(xs.length).map((j) => addressOf(nth(t, j))), i32(n)) ??
      [];
    const climb = (
      to: readonly Place[],
      from: readonly Place[],
      n: number,
      by: readonly Place[],
    ) => [
      each((j) => copy(nth(t, j), nth(from, j))),
      times(n),
      each((j) => mul(nth(to, j), nth(t, j), nth(by, j))),
    ];
    return [
      each((j) => [
        square(nth(t5, j), nth(xs, j)), // 2
        square(nth(t, j), nth(t5, j)),
        square(nth(t, j), nth(t, j)), // 8
        mul(nth(t, j), nth(t, j), nth(xs, j)), // 9
        mul(nth(t11, j), nth(t, j), nth(t5, j)), // 11
        square(nth(t10, j), nth(t11, j)), // 22
        mul(nth(t5, j), nth(t10, j), nth(t, j)), // 31 = 2^5 - 1
      ]),
      climb(t10, t5, 5, t5),
      climb(outs, t10, 10, t10), // 2^20 - 1
      climb(outs, outs, 20, outs), // 2^40 - 1
      climb(t50, outs, 10, t10), // 2^50 - 1
      climb(outs, t50, 50, t50), // 2^100 - 1
      climb(outs, outs, 100, outs), // 2^200 - 1
      climb(outs, outs, 50, t50), // 2^250 - 1
      each((j) => copy(nth(t, j), nth(outs, j))),
    ];
  };
  const after = (count: number, times: number): Code =>
    squarings[count - 1]?.(...range(count).map((j) => addressOf(nth(t, j))), i32(times)) ?? [];

  // in places of their own, since x may be out
  const base = places();
  const high = places();
  const [x0, h0] = [nth(base, 0), nth(high, 0)];
  const invert = program.define('invert', ['out', 'x'], {}, [], (v) => [
    copy(x0, via(v.x)),
    power250([h0], [x0]),
    after(1, 5), // 2^255 - 32
    mul(via(v.out), nth(t, 0), nth(t11, 0)), // 2^255 - 21
  ]);
  const power58 = program.define('powerP58', ['out0', 'out1', 'x0', 'x1'], {}, [], (v) => [
    [copy(nth(base, 0), via(v.x0)), copy(nth(base, 1), via(v.x1))],
    power250(high, base),
    after(2, 2), // 2^252 - 4
    [v.out0, v.out1].map((out, j) => mul(via(out), nth(t, j), nth(base, j))), // 2^252 - 3
  ]);
  return {
    invert: (out, x) => invert(addressOf(out), addressOf(x)),
    powerP58: (outs, xs) => power58(...[...outs, ...xs].map(addressOf)),
  };
}
