/**
 * What a program means, on plain values and with bigint: the oracle of src/mpc/evaluate.ts.
 * @module
 */
import type { Instruction, Program } from '../../src/mpc/program.ts';

export interface PlainResult {
  /** Signed, mod 2^64, without the check of bounds. */
  readonly moments: readonly bigint[];
  /** Per instruction one value per row: words unsigned below 2^64, bits 0 or 1. */
  readonly vectors: readonly (readonly bigint[])[];
}

const word = (value: bigint): bigint => BigInt.asUintN(64, value);

function perRow(
  instruction: Instruction,
  program: Program,
  columns: readonly (readonly bigint[])[],
  vectors: readonly (readonly bigint[])[],
  row: number,
): bigint {
  const vector = (index: number): bigint => vectors[index]![row]!;
  switch (instruction.op) {
    case 'word':
      return word(columns[instruction.column]![row]!);
    case 'bit':
      return (columns[instruction.column]![row]! >> BigInt(instruction.bit)) & 1n;
    case 'subtract':
      return word(vector(instruction.left) - vector(instruction.right));
    case 'and':
      return vector(instruction.left) * vector(instruction.right);
    case 'select':
      return vector(instruction.bit) === 1n ? vector(instruction.word) : 0n;
    case 'multiply': {
      const { bits } = program.columns[instruction.column]!;
      const raw = columns[instruction.column]![row]!;
      const factor = instruction.signed ? BigInt.asIntN(bits, raw) : BigInt.asUintN(bits, raw);
      return word(factor * vector(instruction.word));
    }
    case 'within': {
      const value = BigInt.asIntN(64, vector(instruction.word));
      return value >= instruction.low && value <= instruction.high ? 1n : 0n;
    }
  }
}

/** `coins`: one bit per noise bit of all moments, already the XOR of both parties' coins. */
export function runPlain(
  program: Program,
  columns: readonly (readonly bigint[])[],
  rows: number,
  coins: readonly number[],
): PlainResult {
  const vectors: bigint[][] = [];
  for (const instruction of program.instructions) {
    const values = Array.from({ length: rows }, (_, row) =>
      perRow(instruction, program, columns, vectors, row),
    );
    vectors.push(values);
  }
  let at = 0;
  const moments = program.moments.map(({ word: index, noise }) => {
    const noiseSum = noise.reduce((sum, value) => sum + value * BigInt(coins[at++]!), 0n);
    return BigInt.asIntN(
      64,
      vectors[index]!.reduce((sum, value) => sum + value, noiseSum),
    );
  });
  return { moments, vectors };
}
