/**
 * What a program costs, before it runs and to the byte: the schedule is public, so blocks, batches and corrections are.
 * @module
 */
import type { PartyName, Program } from '../program.ts';
import { batches, DIRECTIONS } from './exchange.ts';
import type { Gate } from './gate.ts';
import { NOISE_GATE, noiseBits } from './noise.ts';
import { schedule } from './schedule.ts';

/** Bytes of one `transfer` of the OT layer, by role in it. */
export type TransferBytes = (
  count: number,
  padBytes: number,
) => { readonly fromSender: number; readonly fromReceiver: number };

export interface Traffic {
  /** Bytes that party a sends, and party b. */
  readonly a: number;
  readonly b: number;
  /** Calls of `transfer`, both directions. */
  readonly batches: number;
  /** Oblivious transfers, both directions. */
  readonly transfers: number;
}

const MOST_ROWS = 65_536;
/** One pad of each transfer in the heaviest round of a block, in one direction; the OT sender holds two. */
const PAD_BYTES_PER_BLOCK = 1 << 24;

/** The part of a schedule that decides what is sent. */
export interface Rounds {
  readonly dealer: PartyName;
  readonly rounds: readonly { readonly gates: readonly Gate[] }[];
}

/** Rows of a block, a multiple of 8: what one party holds at a time does not grow with the rows. */
export function blockRows({ rounds, dealer }: Rounds): number {
  const heaviest = Math.max(
    1,
    ...rounds.map(({ gates }) =>
      batches(gates, dealer, dealer).reduce(
        (sum, { padBytes, transfers }) => sum + padBytes * transfers,
        0,
      ),
    ),
  );
  const rows = Math.min(MOST_ROWS, Math.floor(PAD_BYTES_PER_BLOCK / heaviest));
  return Math.max(8, rows - (rows % 8));
}

/** The directions (named by their OT sender) in which `evaluate` makes transfers. */
export function directions(program: Program): Readonly<Record<PartyName, boolean>> {
  const { rounds, dealer } = schedule(program);
  const gates = rounds.flatMap((round) => round.gates);
  if (noiseBits(program) > 0) gates.push(NOISE_GATE);
  const used = (direction: PartyName): boolean => batches(gates, direction, dealer).length > 0;
  return { a: used('a'), b: used('b') };
}

/** Exact bytes, batches and transfers of `evaluate` for a valid program over `rows` rows. */
export function traffic(program: Program, rows: number, transferBytes: TransferBytes): Traffic {
  const plan = schedule(program);
  const noise = { dealer: plan.dealer, rounds: [{ gates: [NOISE_GATE] }] };
  const blocks = blocksTraffic(plan, rows, blockRows(plan), transferBytes);
  const coins = blocksTraffic(noise, noiseBits(program), Infinity, transferBytes);
  const opening = 8 * program.moments.length;
  return {
    ...{ a: blocks.a + coins.a + opening, b: blocks.b + coins.b + opening },
    batches: blocks.batches + coins.batches,
    transfers: blocks.transfers + coins.transfers,
  };
}

/** Those of all rounds over blocks of `most` rows, the last one filled up to a multiple of 8. */
export function blocksTraffic(
  { rounds, dealer }: Rounds,
  rows: number,
  most: number,
  transferBytes: TransferBytes,
): Traffic {
  const sum = { a: 0, b: 0, batches: 0, transfers: 0 };
  const add = (gates: readonly Gate[], count: number, times: number): void => {
    for (const direction of DIRECTIONS) {
      const peer: PartyName = direction === 'a' ? 'b' : 'a';
      for (const batch of batches(gates, direction, dealer)) {
        const { fromSender, fromReceiver } = transferBytes(batch.transfers * count, batch.padBytes);
        const corrections = batch.gates.reduce((bits, gate) => bits + gate.correctionBits, 0);
        sum[peer] += times * fromReceiver;
        sum[direction] += times * (fromSender + (corrections * count) / 8);
        sum.batches += times;
        sum.transfers += times * batch.transfers * count;
      }
    }
  };
  const full = Math.floor(rows / most);
  const rest = rows % most;
  for (const { gates } of rounds) {
    if (full > 0) add(gates, most, full);
    if (rest > 0) add(gates, rest + (-rest & 7), 1);
  }
  return sum;
}
