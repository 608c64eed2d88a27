/**
 * Shares plain columns, lets two parties evaluate a program over ideal transfers, and puts kept shares together again.
 * @module
 */
import { type Evaluation, evaluate, type KeptShare } from '../../src/mpc/evaluate.ts';
import { directions } from '../../src/mpc/arithmetic/traffic.ts';
import type { Instruction, PartyName, Program } from '../../src/mpc/program.ts';
import { idealOt } from '../support/ideal-ot.ts';
import { type PairOptions, runProtocols } from '../support/protocol-pair.ts';
import type { Rng } from '../../src/rng.ts';
import { seededRng } from '../support/test-rng.ts';

export const LEAST: bigint = -(1n << 63n);
export const MOST: bigint = (1n << 63n) - 1n;

export interface Run {
  readonly a: Evaluation;
  readonly b: Evaluation;
  readonly sent: { readonly a: number; readonly b: number };
  /** Per kept vector one value per row: words unsigned below 2^64, bits 0 or 1. */
  readonly kept: readonly (readonly bigint[])[];
}

export interface RunOptions extends PairOptions {
  readonly coinsA?: readonly number[];
  readonly coinsB?: readonly number[];
  /** Party a's shares of each column instead of random ones. */
  readonly sharesOfA?: readonly (readonly bigint[])[];
}

/** Random shares, of which three in four are 0, the value and 2^64 - 1 where there are many rows. */
function sharesOf(values: readonly bigint[], rng: Rng): bigint[] {
  const random = [...new BigUint64Array(rng(8 * values.length).slice().buffer)];
  if (values.length <= 8) return random;
  return random.map((share, i) => [0n, values[i]!, ~0n, share][i % 4]!);
}

/** Both parties' shares of one value per row. */
function shareColumn(
  values: readonly bigint[],
  sharing: 'additive' | 'boolean',
  ofA: readonly bigint[],
): readonly [BigUint64Array, BigUint64Array] {
  const left = BigUint64Array.from(ofA, (share) => BigInt.asUintN(64, share));
  const right = BigUint64Array.from(values, (value, i) =>
    sharing === 'additive'
      ? BigInt.asUintN(64, value - left[i]!)
      : BigInt.asUintN(64, value ^ left[i]!),
  );
  return [left, right];
}

export function reconstruct(a: KeptShare, b: KeptShare): bigint[] {
  if ('words' in a && 'words' in b) {
    return [...a.words].map((share, i) => BigInt.asUintN(64, share + b.words[i]!));
  }
  if ('bits' in a && 'bits' in b) return [...a.bits].map((share, i) => BigInt(share ^ b.bits[i]!));
  throw new Error('the parties kept different kinds');
}

export function runPair(
  program: Program,
  columns: readonly (readonly bigint[])[],
  rows: number,
  seed: string | number,
  options: RunOptions = {},
): Run {
  const rng = seededRng(`${seed} shares`);
  const shares = program.columns.map(({ sharing }, c) =>
    shareColumn(columns[c]!, sharing, options.sharesOfA?.[c] ?? sharesOf(columns[c]!, rng)),
  );
  const bits = program.moments.reduce((sum, { noise }) => sum + noise.length, 0);
  const zeros = new Array<number>(bits).fill(0);
  const used = directions(program);
  const ots = { a: idealOt(`${seed} a sends`), b: idealOt(`${seed} b sends`) };
  const side = (party: PartyName) => {
    const peer = party === 'a' ? 'b' : 'a';
    return evaluate({
      program,
      party,
      rows,
      inputs: shares.map((pair) => pair[party === 'a' ? 0 : 1]),
      coins: Uint8Array.from((party === 'a' ? options.coinsA : options.coinsB) ?? zeros),
      sender: used[party] ? ots[party].sender : undefined,
      receiver: used[peer] ? ots[peer].receiver : undefined,
    });
  };
  const { a, b, sent } = runProtocols(side('a'), side('b'), options);
  return { a, b, sent, kept: a.kept.map((share, k) => reconstruct(share, b.kept[k]!)) };
}

/** A program without moments that keeps what its last `keep` instructions give. */
export function keeping(
  columns: Program['columns'],
  instructions: readonly Instruction[],
  keep = 1,
): Program {
  const kept = instructions.map((_, i) => i).slice(-keep);
  return { columns, instructions, moments: [], kept };
}
