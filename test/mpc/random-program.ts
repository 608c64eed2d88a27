/**
 * Valid programs and matching columns out of lists of small numbers, so that a failing one shrinks.
 * @module
 */
import fc from 'fast-check';
import type { InputColumn, Instruction, Moment, Program } from '../../src/mpc/program.ts';
import { seededRng } from '../support/test-rng.ts';
import { LEAST, MOST } from './evaluate-pair.ts';

export interface Case {
  readonly program: Program;
  readonly columns: readonly (readonly bigint[])[];
  readonly rows: number;
  readonly coinsA: readonly number[];
  readonly coinsB: readonly number[];
  readonly seed: string;
}

/** Words are below 2^bits in magnitude; 64 and more: anything. */
interface Vector {
  readonly index: number;
  readonly kind: 'words' | 'bits';
  readonly bits: number;
}

type Draw = readonly [number, number, number, number];

const at = <T>(list: readonly T[], n: number): T | undefined => list[n % list.length];

/** The instruction that four numbers stand for, if the vectors so far allow one. */
function instruct(
  [kind, p, q, r]: Draw,
  columns: readonly InputColumn[],
  vectors: readonly Vector[],
): { instruction: Instruction; vector: Omit<Vector, 'index'> } | undefined {
  const words = vectors.filter((v) => v.kind === 'words');
  const bits = vectors.filter((v) => v.kind === 'bits');
  const column = p % columns.length;
  const { sharing, bits: width } = columns[column]!;
  const [w1, w2, b1, b2] = [at(words, p), at(words, q), at(bits, q), at(bits, r)];
  switch (kind % 6) {
    case 0:
      return sharing === 'additive'
        ? {
            instruction: { op: 'word', column },
            vector: { kind: 'words', bits: column % 2 === 0 ? 20 : 64 },
          }
        : { instruction: { op: 'bit', column, bit: q % width }, vector: { kind: 'bits', bits: 1 } };
    case 1:
      if (w1 === undefined || w2 === undefined) return undefined;
      return {
        instruction: { op: 'subtract', left: w1.index, right: w2.index },
        vector: { kind: 'words', bits: Math.max(w1.bits, w2.bits) + 1 },
      };
    case 2:
      if (b1 === undefined || b2 === undefined) return undefined;
      return {
        instruction: { op: 'and', left: b1.index, right: b2.index },
        vector: { kind: 'bits', bits: 1 },
      };
    case 3:
      if (w1 === undefined || b1 === undefined) return undefined;
      return {
        instruction: { op: 'select', bit: b1.index, word: w1.index },
        vector: { kind: 'words', bits: w1.bits },
      };
    case 4:
      if (w2 === undefined || sharing !== 'boolean' || width > 40) return undefined;
      return {
        instruction: { op: 'multiply', column, signed: r % 2 === 0, word: w2.index },
        vector: { kind: 'words', bits: w2.bits + width },
      };
    default: {
      if (w1 === undefined || w1.bits > 61) return undefined;
      const width = w1.bits + 1;
      const [x, y] = [q, r].map((n) => BigInt.asIntN(width, BigInt(n) * 0x9e3779b97f4a7c15n));
      const [low, high] = x! < y! ? [x!, y!] : [y!, x!];
      return {
        instruction: { op: 'within', word: w1.index, low, high, width },
        vector: { kind: 'bits', bits: 1 },
      };
    }
  }
}

function build(
  shapes: readonly (readonly [boolean, boolean, number])[],
  draws: readonly Draw[],
  noises: readonly (readonly bigint[])[],
  rows: number,
  seed: number,
): Case {
  const columns = shapes.map(([ownedByA, additive, bits]): InputColumn => {
    const owner = ownedByA ? 'a' : 'b';
    return additive
      ? { owner, sharing: 'additive', bits: 64 }
      : { owner, sharing: 'boolean', bits };
  });
  const instructions: Instruction[] = [];
  const vectors: Vector[] = [];
  for (const draw of draws) {
    const made = columns.length === 0 ? undefined : instruct(draw, columns, vectors);
    if (made === undefined) continue;
    vectors.push({ index: instructions.length, ...made.vector });
    instructions.push(made.instruction);
  }
  const words = vectors.filter(({ kind }) => kind === 'words');
  const moments = noises.flatMap((noise, i): Moment[] => {
    const word = at(words, i * 7 + seed);
    return word === undefined ? [] : [{ word: word.index, noise, low: LEAST, high: MOST }];
  });
  const draw = seededRng(`random program ${seed}`);
  const values = columns.map(({ sharing }, c) =>
    [...new BigUint64Array(draw(8 * rows).slice().buffer)].map((word) =>
      sharing === 'additive' && c % 2 === 0 ? BigInt.asIntN(20, word) : word,
    ),
  );
  const coins = (): number[] =>
    [...draw(moments.reduce((n, m) => n + m.noise.length, 0))].map((x) => x & 1);
  return {
    program: { columns, instructions, moments, kept: instructions.map((_, i) => i) },
    columns: values,
    rows,
    coinsA: coins(),
    coinsB: coins(),
    seed: `random program ${seed}`,
  };
}

export const randomCase: fc.Arbitrary<Case> = fc
  .tuple(
    fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.integer({ min: 1, max: 64 })), {
      maxLength: 6,
    }),
    fc.array(fc.tuple(fc.nat(5), fc.nat(99), fc.nat(99), fc.nat(99)), {
      minLength: 4,
      maxLength: 24,
    }),
    fc.array(fc.array(fc.bigInt({ min: 1n, max: 1n << 62n }), { maxLength: 9 }), { maxLength: 4 }),
    fc.oneof(fc.constantFrom(0, 1, 2), fc.integer({ min: 3, max: 40 })),
    fc.nat(1_000_000),
  )
  .map((parts) => build(...parts));
