/**
 * Each instruction against plain arithmetic: edges, extreme shares, block sizes; uniformity of what a party sees.
 * Every random value comes from a fixed seed, so a statistical test cannot fail by chance once it has passed; with
 * fresh seeds each would reject wrongly with probability 1e-6.
 */
import { describe, expect, it } from 'vitest';
import type { InputColumn, Instruction, Program } from '../../src/mpc/program.ts';
import { chiSquareTest } from '../statistical/chi-square.ts';
import { runPlain } from '../support/plain-program.ts';
import { seededRng } from '../support/test-rng.ts';
import { keeping, runPair } from './evaluate-pair.ts';

const SIZES = [0, 1, 2, 33, 1000];
const EDGES = [0n, 1n, -1n, 1n << 63n, (1n << 63n) - 1n, (1n << 32n) - 1n, 1n << 32n, 1n << 31n];

const words = (owner: 'a' | 'b'): InputColumn => ({ owner, sharing: 'additive', bits: 64 });
const bits = (owner: 'a' | 'b', n: number): InputColumn => ({ owner, sharing: 'boolean', bits: n });

/** Edges first, then uniform words. */
function randomWords(n: number, seed: string): bigint[] {
  const drawn = new BigUint64Array(seededRng(seed)(8 * n).slice().buffer);
  return [...drawn].map((value, i) => BigInt.asUintN(64, EDGES[i] ?? value));
}

/** Runs and compares every kept vector with the oracle. */
function expectPlain(
  program: Program,
  columns: readonly (readonly bigint[])[],
  rows: number,
  seed: string,
): void {
  const { kept } = runPair(program, columns, rows, seed);
  const { vectors } = runPlain(program, columns, rows, []);
  program.kept.forEach((index, k) => expect(kept[k]).toEqual(vectors[index]));
}

describe.each(['a', 'b'] as const)('instructions, values of party %s', (owner) => {
  it.each(SIZES)('subtract, and, select over %i rows', (rows) => {
    const program = keeping(
      [words(owner), words('b'), bits(owner, 64)],
      [
        { op: 'word', column: 0 },
        { op: 'word', column: 1 },
        { op: 'bit', column: 2, bit: 0 },
        { op: 'bit', column: 2, bit: 63 },
        { op: 'subtract', left: 0, right: 1 },
        { op: 'and', left: 2, right: 3 },
        { op: 'and', left: 3, right: 3 },
        { op: 'select', bit: 2, word: 4 },
        { op: 'select', bit: 2, word: 0 },
        { op: 'select', bit: 5, word: 4 },
        { op: 'and', left: 6, right: 5 },
      ],
      11,
    );
    const columns = [0, 1, 2].map((c) => randomWords(rows, `plain ${rows} ${c}`).reverse());
    expectPlain(program, columns, rows, `basic ${owner} ${rows}`);
  });

  it.each(SIZES)('multiply by 1, 2, 7, 33 and 40 bits over %i rows', (rows) => {
    for (const n of rows > 100 ? [40] : [1, 2, 7, 33, 40]) {
      const program = keeping(
        [words(owner), bits(owner, n), words('b')],
        [
          { op: 'word', column: 0 },
          { op: 'word', column: 2 },
          { op: 'multiply', column: 1, signed: true, word: 0 },
          { op: 'multiply', column: 1, signed: true, word: 1 },
          { op: 'multiply', column: 1, signed: false, word: 0 },
        ],
        3,
      );
      // bits above the column are not part of the value
      const columns = [0, 1, 2].map((c) => randomWords(rows, `factor ${n} ${c}`).reverse());
      expectPlain(program, columns, rows, `multiply ${owner} ${rows} ${n}`);
    }
  });

  it.each(SIZES)('within at its edges over %i rows', (rows) => {
    for (const width of rows > 100 ? [33] : [1, 2, 3, 4, 5, 8, 13, 32, 33, 60, 61, 62]) {
      const half = 1n << BigInt(width - 1);
      const draw = randomWords(64, `bounds ${width}`).map((w) => BigInt.asIntN(width, w));
      const [low, high] = [draw[20]!, draw[21]!].sort((x, y) => (x < y ? -1 : 1)) as [
        bigint,
        bigint,
      ];
      const ranges = [
        [low, high],
        [-half, half - 1n],
        [-half, -half],
        [half - 1n, half - 1n],
        [0n, half - 1n],
        [-half, -1n],
        [high, high],
      ] as const;
      const edges = [low, high, -half, half - 1n, 0n, -1n]
        .flatMap((value) => [value - 1n, value, value + 1n])
        .filter((value) => value >= -half && value < half);
      const values = Array.from({ length: rows }, (_, i) =>
        i < 2 * edges.length ? edges[i % edges.length]! : BigInt.asIntN(width, draw[i % 64]!),
      );
      const program = keeping(
        [words(owner)],
        [
          { op: 'word', column: 0 },
          ...ranges.map(([from, to]): Instruction => {
            return { op: 'within', word: 0, low: from, high: to, width };
          }),
        ],
        ranges.length,
      );
      expectPlain(program, [values], rows, `within ${owner} ${rows} ${width}`);
    }
  });
});

describe('within, exhaustively', () => {
  /** Every value of `width` bits with every share of it mod 2^width, under each range. */
  function everyShare(width: number, ranges: readonly (readonly [bigint, bigint])[]): void {
    const size = 1 << width;
    const above = randomWords(size * size, `above ${width}`);
    const values = above.map((_, i) => BigInt((i % size) - size / 2));
    const shares = above.map(
      (word, i) => ((word >> BigInt(width)) << BigInt(width)) | BigInt(Math.floor(i / size)),
    );
    const program = keeping(
      [words('a')],
      [
        { op: 'word', column: 0 },
        ...ranges.map(([low, high]): Instruction => ({ op: 'within', word: 0, low, high, width })),
      ],
      ranges.length,
    );
    const { kept } = runPair(program, [values], values.length, `every ${width}`, {
      sharesOfA: [shares],
    });
    const { vectors } = runPlain(program, [values], values.length, []);
    program.kept.forEach((index, k) => expect(kept[k]).toEqual(vectors[index]));
  }

  it('all ranges of 4 bits', () => {
    const ranges: [bigint, bigint][] = [];
    for (let low = -8n; low < 8n; low++) {
      for (let high = low; high < 8n; high++) ranges.push([low, high]);
    }
    expect(ranges).toHaveLength(136);
    everyShare(4, ranges);
  });

  it('some ranges of 8 bits, where carries pass from digit to digit', () => {
    everyShare(8, [
      [-128n, 127n],
      [-1n, 0n],
      [-17n, 31n],
    ]);
  });
});

describe('what one party sees', () => {
  const ROWS = 4096;

  /** p-value of the bytes as uniform ones. */
  function uniform(bytes: Uint8Array): number {
    const cells = new Array<number>(256).fill(0);
    for (const byte of bytes) cells[byte]! += 1;
    return chiSquareTest(cells, new Array<number>(256).fill(1 / 256));
  }

  it.each([0n, 1n])('shares of results are uniform where the bit is %i', (bit) => {
    const program = keeping(
      [words('a'), bits('b', 8)],
      [
        { op: 'word', column: 0 },
        { op: 'bit', column: 1, bit: 0 },
        { op: 'within', word: 0, low: 3n, high: bit === 1n ? 7n : 4n, width: 4 },
        { op: 'and', left: 1, right: 2 },
        { op: 'multiply', column: 1, signed: false, word: 0 },
        { op: 'select', bit: 1, word: 0 },
      ],
      4,
    );
    const columns = [new Array<bigint>(ROWS).fill(5n), new Array<bigint>(ROWS).fill(254n + bit)];
    const run = runPair(program, columns, ROWS, `uniform ${bit}`);
    expect(run.kept.map((vector) => vector[0])).toEqual([
      bit,
      bit,
      BigInt.asUintN(64, (254n + bit) * 5n),
      5n * bit,
    ]);
    for (const { kept } of [run.a, run.b]) {
      for (const share of kept) {
        const p =
          'words' in share
            ? uniform(new Uint8Array(share.words.buffer))
            : uniform(Uint8Array.from({ length: ROWS / 8 }, (_, i) => packed(share.bits, i)));
        expect(p).toBeGreaterThan(1e-6);
      }
    }
  });

  const packed = (bitsOf: Uint8Array, i: number): number =>
    [0, 1, 2, 3, 4, 5, 6, 7].reduce((byte, j) => byte | (bitsOf[8 * i + j]! << j), 0);

  it('corrections are uniform, whatever they correct', () => {
    const program = keeping(
      [words('a'), bits('b', 1)],
      [
        { op: 'word', column: 0 },
        { op: 'bit', column: 1, bit: 0 },
        { op: 'select', bit: 1, word: 0 },
        { op: 'and', left: 1, right: 1 },
        { op: 'within', word: 0, low: 0n, high: 3n, width: 4 },
      ],
    );
    const columns = [new Array<bigint>(ROWS).fill(0n), new Array<bigint>(ROWS).fill(0n)];
    const seen: Uint8Array[] = [];
    const tamper = (_: string, bytes: Uint8Array): void => {
      if (bytes.length === 8 * ROWS) seen.push(bytes.slice());
      if (bytes.length === ROWS / 8) seen.push(bytes.slice());
    };
    runPair(program, columns, ROWS, 'corrections', { tamper });
    // one of the range, two of select, two of AND
    expect(seen).toHaveLength(5);
    // the correction of message 0, the lowest nibble of every eighth byte, is 0
    const [first] = seen.splice(0, 1);
    expect(first!.every((byte, i) => i % 8 > 0 || (byte & 15) === 0)).toBe(true);
    expect(uniform(first!.filter((_, i) => i % 8 > 0))).toBeGreaterThan(1e-6);
    for (const bytes of seen) expect(uniform(bytes)).toBeGreaterThan(1e-6);
  });
});
