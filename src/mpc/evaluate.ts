/**
 * Runs a program on shares: block by block of rows, round by round, then adds noise that neither party knows and opens
 * the moments, and nothing else. docs/values.md, section "Arithmetic"; DESIGN 4.7.
 *
 * Trust: both sides run this code (attested); a party that reads its own memory sees uniform shares, its own coins and
 * the opened moments. A party that deviates can shift any moment, and as it may wait for the peer's share of one before
 * it sends its own, choose it: no commitment is exchanged first, because whoever deviates can choose results anyway by
 * wrong corrections. What then comes out lies within the moment's bounds, or ends the run.
 * @module
 */
import { wipe } from '../bytes.ts';
import { DpcaError } from '../errors.ts';
import { exchange, type Side } from './arithmetic/exchange.ts';
import { Registers } from './arithmetic/gate.ts';
import { noiseBits, noiseShares } from './arithmetic/noise.ts';
import { type Schedule, schedule } from './arithmetic/schedule.ts';
import { blockRows } from './arithmetic/traffic.ts';
import { addAt, inputBlock, LITTLE_ENDIAN, maskAt } from './arithmetic/words.ts';
import { bytesOf, wordsOf } from './ot/words.ts';
import type { PartyName, Program } from './program.ts';
import { pause, type Protocol, receive, send } from './protocol.ts';
import type { OtReceiver, OtSender } from './random-ot.ts';

export interface EvaluationInput {
  readonly program: Program;
  readonly party: PartyName;
  /** Matched rows. */
  readonly rows: number;
  /** Own share of each input column, one word per row: additive, or in the low bits. Stays the caller's to wipe. */
  readonly inputs: readonly BigUint64Array[];
  /** Own coins as bytes 0 or 1, one per noise bit, the moments in their order. Stays the caller's to wipe. */
  readonly coins: Uint8Array;
  /** For the direction in which this party sends, and the other; undefined where `directions` says it is not used. */
  readonly sender: OtSender | undefined;
  readonly receiver: OtReceiver | undefined;
}

/** Own share of a kept vector: words mod 2^64, or bits as bytes 0 or 1. */
export type KeptShare = { readonly words: BigUint64Array } | { readonly bits: Uint8Array };

export interface Evaluation {
  /** Signed, noise included, within their bounds. */
  readonly moments: readonly bigint[];
  readonly kept: readonly KeptShare[];
}

/** Both parties run it on the same program and rows. ERR_INTERNAL for a bad program, ERR_VALUES_RANGE for a moment. */
export function* evaluate(input: EvaluationInput): Protocol<Evaluation> {
  const { program, party, rows, sender, receiver } = input;
  const plan = schedule(program);
  assertFits(input);
  const side: Side = { party, dealer: plan.dealer, sender, receiver };
  const shares = yield* noiseShares(program, input.coins, side);
  const kept = program.kept.map((index): KeptShare =>
    plan.results[index]?.kind === 'words'
      ? { words: new BigUint64Array(rows) }
      : { bits: new Uint8Array(rows) },
  );
  const most = blockRows(plan);
  for (let start = 0; start < rows; start += most) {
    const count = Math.min(most, rows - start);
    const registers = new Registers(count);
    const inputs = input.inputs.map((column) => inputBlock(column, start, count));
    try {
      for (const { gates, locals } of plan.rounds) {
        yield* exchange(gates, registers, side);
        for (const local of locals) local(registers, (c) => inputs[c] ?? new Int32Array(0));
        yield* pause();
      }
      addSums(program, plan, registers, shares);
      keep(program, plan, registers, { start, count }, kept);
    } finally {
      registers.wipe();
      for (const block of inputs) block.fill(0);
    }
  }
  return { moments: yield* open(program, shares), kept };
}

function assertFits({ program, rows, inputs, coins }: EvaluationInput): void {
  if (
    !LITTLE_ENDIAN ||
    inputs.length !== program.columns.length ||
    inputs.some((column) => column.length !== rows) ||
    coins.length !== noiseBits(program) ||
    coins.some((coin) => coin > 1)
  ) {
    throw new DpcaError('ERR_INTERNAL', 'rows, columns or coins do not fit the program');
  }
}

/** Rows that only fill the block share 0 in every word, and add nothing. */
function addSums(program: Program, plan: Schedule, registers: Registers, shares: Int32Array): void {
  program.moments.forEach(({ word }, m) => {
    const words = registers.words(plan.results[word]?.index ?? -1);
    for (let at = 0; at < words.length; at += 2) {
      addAt(shares, 2 * m, words[at] ?? 0, words[at + 1] ?? 0);
    }
  });
}

function keep(
  program: Program,
  plan: Schedule,
  registers: Registers,
  { start, count }: { readonly start: number; readonly count: number },
  kept: readonly KeptShare[],
): void {
  program.kept.forEach((instruction, k) => {
    const index = plan.results[instruction]?.index ?? -1;
    const out = kept[k];
    if (out === undefined) return;
    if ('words' in out) {
      const target = new Int32Array(out.words.buffer, 8 * start, 2 * count);
      target.set(registers.words(index).subarray(0, 2 * count));
    } else {
      const bits = registers.bits(index);
      for (let i = 0; i < count; i++) out.bits[start + i] = -maskAt(bits, i);
    }
  });
}

/** Both send their shares, then both add them up. */
function* open(program: Program, shares: Int32Array): Protocol<bigint[]> {
  yield* send(bytesOf(shares).slice());
  const theirs = yield* receive(shares.byteLength);
  const sums = shares.slice();
  wordsOf(theirs).forEach((half, at, all) => {
    if (at % 2 === 0) addAt(sums, at, half, all[at + 1] ?? 0);
  });
  const opened = [...new BigInt64Array(sums.buffer)];
  wipe(bytesOf(shares));
  program.moments.forEach(({ low, high }, m) => {
    const value = opened[m] ?? low - 1n;
    if (value < low || value > high) {
      throw new DpcaError('ERR_VALUES_RANGE', `expected moment ${m} within its bounds, got more`);
    }
  });
  return opened;
}
