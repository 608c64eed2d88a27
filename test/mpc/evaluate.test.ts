/**
 * Whole programs: random ones against the oracle, noise, bounds, refusals, cost to the byte, and changed bytes.
 * Every random value comes from a fixed seed, so a statistical test cannot fail by chance once it has passed; with
 * fresh seeds each would reject wrongly with probability 1e-6.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCiphers } from '../../enclave/ciphers.ts';
import { utf8 } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { blockRows, directions, traffic } from '../../src/mpc/arithmetic/traffic.ts';
import { schedule } from '../../src/mpc/arithmetic/schedule.ts';
import { evaluate } from '../../src/mpc/evaluate.ts';
import type { InputColumn, Instruction, Moment, Program } from '../../src/mpc/program.ts';
import {
  otReceiver,
  otSender,
  otSetupBytes,
  otTransferBytes,
} from '../../src/mpc/ot/soft-spoken.ts';
import type { OtReceiver, OtSender } from '../../src/mpc/random-ot.ts';
import { chiSquareTest } from '../statistical/chi-square.ts';
import { IDEAL_BYTES, idealOt } from '../support/ideal-ot.ts';
import { runPlain } from '../support/plain-program.ts';
import { runProtocols } from '../support/protocol-pair.ts';
import { seededRng } from '../support/test-rng.ts';
import { LEAST, MOST, reconstruct, runPair } from './evaluate-pair.ts';
import { type Case, randomCase } from './random-program.ts';

const WORDS_A: InputColumn = { owner: 'a', sharing: 'additive', bits: 64 };
const WORDS_B: InputColumn = { owner: 'b', sharing: 'additive', bits: 64 };
const BITS_B: InputColumn = { owner: 'b', sharing: 'boolean', bits: 40 };

function expectPlain({ program, columns, rows, coinsA, coinsB, seed }: Case): void {
  const run = runPair(program, columns, rows, seed, { coinsA, coinsB });
  const coins = coinsA.map((coin, i) => coin ^ coinsB[i]!);
  const plain = runPlain(program, columns, rows, coins);
  expect(run.a.moments).toEqual(plain.moments);
  expect(run.b.moments).toEqual(plain.moments);
  program.kept.forEach((index, k) => expect(run.kept[k]).toEqual(plain.vectors[index]));
  const { a, b } = traffic(program, rows, IDEAL_BYTES);
  expect(run.sent).toEqual({ a, b });
}

describe('programs', () => {
  it('random ones give what plain arithmetic gives, for the bytes foretold', () => {
    fc.assert(fc.property(randomCase, expectPlain), { seed: 5, numRuns: 300 });
  });

  it('several blocks of rows', () => {
    const rows = 1000;
    const factors = 54;
    const instructions: Instruction[] = [
      { op: 'word', column: 0 },
      ...Array.from({ length: factors }, (_, f): Instruction => {
        return { op: 'multiply', column: 2 + f, signed: true, word: 0 };
      }),
      { op: 'within', word: 0, low: -5n, high: 1n << 40n, width: 42 },
      { op: 'word', column: 1 },
      { op: 'select', bit: factors + 1, word: factors + 2 },
    ];
    const program: Program = {
      columns: [WORDS_A, WORDS_B, ...new Array<InputColumn>(factors).fill(BITS_B)],
      instructions,
      moments: [{ word: factors + 3, noise: [], low: LEAST, high: MOST }],
      kept: [1, factors, factors + 1, factors + 3],
    };
    expect(blockRows(schedule(program))).toBeLessThan(rows);
    const rng = seededRng('several blocks');
    const columns = program.columns.map((_, c) =>
      [...new BigUint64Array(rng(8 * rows).slice().buffer)].map((w) => (c === 0 ? w >> 23n : w)),
    );
    expectPlain({ program, columns, rows, coinsA: [], coinsB: [], seed: 'several blocks' });
  });

  it('a histogram of many groups costs one batch each way, whose transfers its two words share', () => {
    const groups = Array.from({ length: 20 }, (_, bit): Instruction => ({
      op: 'bit',
      column: 2,
      bit,
    }));
    const program: Program = {
      columns: [WORDS_A, WORDS_A, BITS_B],
      instructions: [
        { op: 'word', column: 0 },
        { op: 'word', column: 1 },
        ...groups,
        ...groups.flatMap((_, g): Instruction[] => [
          { op: 'select', bit: g + 2, word: 0 },
          { op: 'select', bit: g + 2, word: 1 },
        ]),
      ],
      moments: [],
      kept: [],
    };
    expect(traffic(program, 80, IDEAL_BYTES)).toMatchObject({ batches: 2, transfers: 2 * 20 * 80 });
    // 17 words by one bit: 16 share, and the last one has pads of another length
    const many: Program = {
      ...program,
      instructions: [
        ...Array.from({ length: 17 }, (): Instruction => ({ op: 'word', column: 0 })),
        { op: 'bit', column: 2, bit: 0 },
        ...Array.from({ length: 17 }, (_, word): Instruction => ({ op: 'select', bit: 17, word })),
      ],
      kept: [18, 33, 34],
    };
    expect(traffic(many, 80, IDEAL_BYTES)).toMatchObject({ batches: 4, transfers: 2 * 2 * 80 });
    const columns = [
      [5n, 6n],
      [0n, 0n],
      [1n, 0n],
    ];
    expectPlain({ program: many, columns, rows: 2, coinsA: [], coinsB: [], seed: 'many' });
  });

  it('groups under one filter share its transfers, and a range takes the logarithm of its digits', () => {
    const groups = Array.from({ length: 20 }, (_, bit): Instruction => ({
      op: 'bit',
      column: 1,
      bit,
    }));
    const filtered: Program = {
      columns: [WORDS_A, BITS_B],
      instructions: [
        ...groups,
        ...groups.slice(1).map((_, g): Instruction => ({ op: 'and', left: g + 1, right: 0 })),
      ],
      moments: [],
      kept: [],
    };
    expect(traffic(filtered, 8, IDEAL_BYTES)).toMatchObject({ batches: 2, transfers: 2 * 8 });
    // a pad has 32 bits to give
    const wide: Program = {
      columns: [WORDS_A, BITS_B],
      instructions: [
        ...Array.from({ length: 34 }, (_, bit): Instruction => ({ op: 'bit', column: 1, bit })),
        ...Array.from({ length: 33 }, (_, g): Instruction => ({
          op: 'and',
          left: g + 1,
          right: 0,
        })),
      ],
      moments: [],
      kept: [34, 65, 66],
    };
    expect(traffic(wide, 8, IDEAL_BYTES)).toMatchObject({ batches: 2, transfers: 2 * 2 * 8 });
    const columns = [
      [0n, 0n, 0n],
      [~0n, (1n << 33n) + 1n, 1n << 33n],
    ];
    expectPlain({ program: wide, columns, rows: 3, coinsA: [], coinsB: [], seed: 'wide' });
    for (const [width, rounds] of [
      [4, 1],
      [8, 2],
      [16, 3],
      [32, 4],
      [62, 5],
    ] as const) {
      const range: Program = {
        columns: [WORDS_A],
        instructions: [
          { op: 'word', column: 0 },
          { op: 'within', word: 0, low: 0n, high: 0n, width },
        ],
        moments: [],
        kept: [1],
      };
      expect(schedule(range).rounds).toHaveLength(1 + rounds);
    }
  });

  it('asks only for the directions it uses', () => {
    const sums = (column: InputColumn, noise: bigint[]): Program => ({
      columns: [column],
      instructions: [{ op: 'word', column: 0 }],
      moments: [{ word: 0, noise, low: LEAST, high: MOST }],
      kept: [],
    });
    expect(directions(sums(WORDS_A, []))).toEqual({ a: false, b: false });
    expect(directions(sums(WORDS_A, [1n]))).toEqual({ a: true, b: false });
    expect(directions(sums(WORDS_B, [1n]))).toEqual({ a: false, b: true });
  });
});

describe('over the OT extension', () => {
  it('a program of every instruction, for the bytes foretold', () => {
    const rows = 300;
    const program: Program = {
      columns: [WORDS_A, WORDS_B, { ...BITS_B, bits: 5 }],
      instructions: [
        { op: 'word', column: 0 },
        { op: 'word', column: 1 },
        { op: 'subtract', left: 0, right: 1 },
        { op: 'within', word: 2, low: 0n, high: 99n, width: 12 },
        { op: 'bit', column: 2, bit: 4 },
        { op: 'and', left: 3, right: 4 },
        { op: 'select', bit: 5, word: 0 },
        { op: 'select', bit: 5, word: 1 },
        { op: 'multiply', column: 2, signed: true, word: 0 },
      ],
      moments: [6, 7, 8].map((word) => ({ word, noise: [3n, 5n], low: LEAST, high: MOST })),
      kept: [5, 8],
    };
    const small = seededRng('extension values');
    const columns = program.columns.map(() =>
      Array.from(new Uint16Array(small(2 * rows).slice().buffer), (word) => BigInt(word & 1023)),
    );
    const coins = Uint8Array.of(1, 0, 1, 1, 0, 0);
    const side = function* (party: 'a' | 'b'): ReturnType<typeof evaluate> {
      const rng = seededRng(`extension ${party}`);
      const [first, second] = [utf8('a sends'), utf8('b sends')];
      const isA = party === 'a';
      const one = isA
        ? yield* otSender(first, nodeCiphers, rng)
        : yield* otReceiver(first, nodeCiphers, rng);
      const two = isA
        ? yield* otReceiver(second, nodeCiphers, rng)
        : yield* otSender(second, nodeCiphers, rng);
      // shares: the whole value at its owner
      const inputs = program.columns.map(({ owner }, c) =>
        owner === party ? BigUint64Array.from(columns[c]!) : new BigUint64Array(rows),
      );
      const [sender, receiver] = (isA ? [one, two] : [two, one]) as [OtSender, OtReceiver];
      const own = isA ? coins : coins.map(() => 1);
      return yield* evaluate({ program, party, rows, inputs, coins: own, sender, receiver });
    };
    const run = runProtocols(side('a'), side('b'));
    const plain = runPlain(program, columns, rows, [...coins.map((coin) => 1 - coin)]);
    expect(run.a.moments).toEqual(plain.moments);
    expect(run.b.moments).toEqual(plain.moments);
    program.kept.forEach((index, k) =>
      expect(reconstruct(run.a.kept[k]!, run.b.kept[k]!)).toEqual(plain.vectors[index]),
    );
    const setup = otSetupBytes();
    const { a, b } = traffic(program, rows, otTransferBytes);
    const both = setup.fromSender + setup.fromReceiver;
    expect(run.sent).toEqual({ a: a + both, b: b + both });
  });
});

describe('noise', () => {
  const noisy = (column: InputColumn, noise: readonly bigint[]): Program => ({
    columns: [column],
    instructions: [{ op: 'word', column: 0 }],
    moments: [
      { word: 0, noise, low: LEAST, high: MOST },
      { word: 0, noise: [1n << 62n], low: LEAST, high: MOST },
    ],
    kept: [],
  });

  it.each([WORDS_A, WORDS_B])('is the sum over the XOR of both coins ($owner deals)', (column) => {
    const values = [1n, 7n, 1n << 40n];
    for (let all = 0; all < 64; all++) {
      const bit = (i: number): number => (all >> i) & 1;
      const run = runPair(noisy(column, values), [[40n, 2n]], 2, `noise ${all}`, {
        coinsA: [bit(0), bit(1), bit(2), 1],
        coinsB: [bit(3), bit(4), bit(5), all & 1],
      });
      const noise = values.reduce((sum, v, i) => sum + v * BigInt(bit(i) ^ bit(i + 3)), 0n);
      const last = all % 2 === 0 ? 1n << 62n : 0n;
      expect(run.a.moments).toEqual([42n + noise, 42n + last]);
      expect(run.b.moments).toEqual(run.a.moments);
    }
  });

  it.each([
    ['both honest', 'a', undefined, undefined],
    ['a always 1', 'a', 1, undefined],
    ['b always 1', 'a', undefined, 1],
    ['a always 0', 'b', 0, undefined],
  ] as const)('has its law: %s, %s deals', (_, owner, fixedA, fixedB) => {
    const values = [1n, 1n, 2n, 3n, 8n];
    const law = new Array<number>(16).fill(0);
    for (let all = 0; all < 32; all++) {
      const sum = values.reduce((n, v, i) => n + Number(v) * ((all >> i) & 1), 0);
      law[sum]! += 1 / 32;
    }
    const rng = seededRng(`law ${owner} ${fixedA} ${fixedB}`);
    const coins = (fixed: number | undefined): number[] =>
      [...rng(6)].map((byte) => fixed ?? byte & 1);
    const cells = new Array<number>(16).fill(0);
    const program = noisy(owner === 'a' ? WORDS_A : WORDS_B, values);
    for (let run = 0; run < 1500; run++) {
      const { a } = runPair(program, [[]], 0, `law ${run}`, {
        coinsA: coins(fixedA),
        coinsB: coins(fixedB),
      });
      cells[Number(a.moments[0]!)]! += 1;
    }
    expect(chiSquareTest(cells, law)).toBeGreaterThan(1e-6);
  });
});

describe('bounds of moments', () => {
  const sum = (moment: Omit<Moment, 'word' | 'noise'>): Program => ({
    columns: [WORDS_A],
    instructions: [{ op: 'word', column: 0 }],
    moments: [{ word: 0, noise: [], ...moment }],
    kept: [],
  });

  it.each([LEAST, LEAST + 1n, -1n, 0n, 1n, MOST - 1n, MOST])(
    '%s opens between its neighbours only',
    (value) => {
      const opened = (low: bigint, high: bigint): readonly bigint[] =>
        runPair(sum({ low, high }), [[value]], 1, 'bounds').b.moments;
      expect(opened(value, value)).toEqual([value]);
      expect(opened(LEAST, MOST)).toEqual([value]);
      if (value > LEAST) expect(() => opened(LEAST, value - 1n)).toThrowCode('ERR_VALUES_RANGE');
      if (value < MOST) expect(() => opened(value + 1n, MOST)).toThrowCode('ERR_VALUES_RANGE');
    },
  );
});

describe('what is not a program', () => {
  const columns = [WORDS_A, BITS_B];
  const word: Instruction = { op: 'word', column: 0 };
  const bit: Instruction = { op: 'bit', column: 1, bit: 0 };
  const range = { op: 'within', word: 0, low: 0n, high: 1n, width: 8 } as const;
  const moment: Moment = { word: 0, noise: [], low: 0n, high: 1n };
  const wide: InputColumn = { owner: 'a', sharing: 'boolean', bits: 41 };

  it.each<[string, Partial<Program>]>([
    ['a column that is not there', { instructions: [{ op: 'word', column: 2 }] }],
    ['a negative column', { instructions: [{ op: 'word', column: -1 }] }],
    ['a boolean column as words', { instructions: [{ op: 'word', column: 1 }] }],
    ['an additive column as bits', { instructions: [{ op: 'bit', column: 0, bit: 0 }] }],
    ['a bit above its column', { instructions: [{ op: 'bit', column: 1, bit: 40 }] }],
    ['half a bit', { instructions: [{ op: 'bit', column: 1, bit: 0.5 }] }],
    ['itself as operand', { instructions: [{ op: 'subtract', left: 0, right: 0 }] }],
    ['a later operand', { instructions: [word, { op: 'subtract', left: 0, right: 2 }, word] }],
    ['bits as words', { instructions: [bit, { op: 'subtract', left: 0, right: 0 }] }],
    ['words as bits', { instructions: [word, { op: 'and', left: 0, right: 0 }] }],
    ['words as the bit of a select', { instructions: [word, { op: 'select', bit: 0, word: 0 }] }],
    [
      'an additive factor',
      { instructions: [word, { op: 'multiply', column: 0, signed: true, word: 0 }] },
    ],
    [
      'a factor of 41 bits',
      {
        columns: [WORDS_A, wide],
        instructions: [word, { op: 'multiply', column: 1, signed: true, word: 0 }],
      },
    ],
    ['no width', { instructions: [word, { ...range, width: 0 }] }],
    ['width 63', { instructions: [word, { ...range, width: 63 }] }],
    ['an empty range', { instructions: [word, { ...range, low: 2n }] }],
    ['a bound above the width', { instructions: [word, { ...range, high: 128n }] }],
    ['a bound below the width', { instructions: [word, { ...range, low: -129n }] }],
    ['an additive column of 63 bits', { columns: [{ ...WORDS_A, bits: 63 }] }],
    ['a boolean column of 65 bits', { columns: [{ ...BITS_B, bits: 65 }] }],
    ['a boolean column of no bits', { columns: [{ ...BITS_B, bits: 0 }] }],
    ['a moment of bits', { instructions: [bit], moments: [moment] }],
    ['a moment of nothing', { instructions: [], moments: [moment] }],
    ['empty bounds', { instructions: [word], moments: [{ ...moment, low: 2n }] }],
    ['bounds below 64 bits', { instructions: [word], moments: [{ ...moment, low: LEAST - 1n }] }],
    ['bounds above 64 bits', { instructions: [word], moments: [{ ...moment, high: MOST + 1n }] }],
    ['a zero noise value', { instructions: [word], moments: [{ ...moment, noise: [0n] }] }],
    [
      'a huge noise value',
      { instructions: [word], moments: [{ ...moment, noise: [(1n << 62n) + 1n] }] },
    ],
    ['a kept vector that is not there', { instructions: [word], kept: [1] }],
  ])('%s', (_, part) => {
    const program: Program = { columns, instructions: [], moments: [], kept: [], ...part };
    expect(() => schedule(program)).toThrowCode('ERR_INTERNAL');
  });

  it('inputs that do not fit it, or transfers that are not there', () => {
    const program: Program = {
      columns: [WORDS_A],
      instructions: [word],
      moments: [{ ...moment, noise: [3n] }],
      kept: [],
    };
    const run = (part: Partial<Parameters<typeof evaluate>[0]>): unknown =>
      evaluate({
        program,
        party: 'a',
        rows: 2,
        inputs: [new BigUint64Array(2)],
        coins: new Uint8Array(1),
        sender: idealOt('none').sender,
        receiver: undefined,
        ...part,
      }).next();
    expect(run({})).toMatchObject({ done: false });
    for (const part of [
      { rows: 3 },
      { inputs: [] },
      { inputs: [new BigUint64Array(2), new BigUint64Array(2)] },
      { coins: new Uint8Array(2) },
      { coins: Uint8Array.of(2) },
      { sender: undefined },
      { party: 'b' as const },
    ]) {
      expect(() => run(part)).toThrowCode('ERR_INTERNAL');
    }
  });
});

describe('changed bytes', () => {
  it('end within the bounds or with the code, and never hang', () => {
    const low = -1000n;
    const high = 1000n;
    const program: Program = {
      columns: [WORDS_A, WORDS_B, { owner: 'b', sharing: 'boolean', bits: 3 }],
      instructions: [
        { op: 'word', column: 0 },
        { op: 'word', column: 1 },
        { op: 'within', word: 0, low: 0n, high: 9n, width: 5 },
        { op: 'bit', column: 2, bit: 0 },
        { op: 'and', left: 2, right: 3 },
        { op: 'select', bit: 4, word: 1 },
        { op: 'multiply', column: 2, signed: true, word: 0 },
      ],
      moments: [5, 6].map((word) => ({ word, noise: [1n, 2n], low, high })),
      kept: [],
    };
    const columns = [
      [3n, 12n],
      [100n, 7n],
      [1n, 7n],
    ];
    const outcome = { same: 0, other: 0, refused: 0 };
    const clean = runPair(program, columns, 2, 'changed');
    for (const side of ['a', 'b'] as const) {
      for (let target = 0; target < clean.sent[side]; target++) {
        const tamper = (from: string, bytes: Uint8Array, offset: number): void => {
          if (from !== side || target < offset || target >= offset + bytes.length) return;
          bytes[target - offset]! ^= 1 << (target % 8);
        };
        try {
          const { a, b } = runPair(program, columns, 2, 'changed', { tamper });
          for (const value of [...a.moments, ...b.moments]) {
            expect(value >= low && value <= high).toBe(true);
          }
          const same = a.moments.every((value, m) => value === clean.a.moments[m]);
          outcome[same && a.moments.join() === b.moments.join() ? 'same' : 'other'] += 1;
        } catch (error) {
          if (!(error instanceof DpcaError)) throw error;
          expect(error.code).toBe('ERR_VALUES_RANGE');
          outcome.refused += 1;
        }
      }
    }
    // most bytes are those of the ideal transfers, which nobody reads; all three outcomes occur
    expect(Math.min(outcome.same, outcome.other, outcome.refused)).toBeGreaterThan(20);
  });

  it('a message that never comes does not end in a result', () => {
    const program: Program = {
      columns: [WORDS_A],
      instructions: [{ op: 'word', column: 0 }],
      moments: [{ word: 0, noise: [], low: LEAST, high: MOST }],
      kept: [],
    };
    const side = (party: 'a' | 'b', rows: number) =>
      evaluate({
        program,
        party,
        rows,
        inputs: [new BigUint64Array(rows)],
        coins: new Uint8Array(0),
        sender: undefined,
        receiver: undefined,
      });
    const silent = (function* (): ReturnType<typeof evaluate> {
      yield { pause: true };
      return { moments: [], kept: [] };
    })();
    expect(() => runProtocols(side('a', 1), silent)).toThrow('never come');
    expect(runProtocols(side('a', 1), side('b', 1)).a.moments).toEqual([0n]);
  });
});
