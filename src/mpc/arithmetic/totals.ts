/**
 * Sums of one party's columns over the rows that the other has matched. Where nothing but such sums is opened, no row has
 * to be brought beside a row of the peer, so none has to move: each word is multiplied by a bit that says whether its row
 * is selected. The bit is the selecting party's alone and the words are the owner's alone, so one direction is enough, in
 * which the owner is OT sender: of the choices it learns nothing. docs/values.md, "Totals".
 * @module
 */
import { DpcaError } from '../../errors.ts';
import { otTransferBytes } from '../ot/soft-spoken.ts';
import { pause, type Protocol } from '../protocol.ts';
import type { PartyName, Program } from '../program.ts';
import { exchange, type Side } from './exchange.ts';
import { Registers } from './gate.ts';
import { MOST_WORDS, product } from './product.ts';
import { blockRows, blocksTraffic, type Rounds, type Traffic } from './traffic.ts';
import { addAt, type Bits, inputBlock } from './words.ts';

/** Whether every moment is a sum of an owner's words over the matched rows, and no vector is kept. */
export function opensTotals({ instructions, kept }: Program): boolean {
  return kept.length === 0 && instructions.every(({ op }) => op === 'word');
}

/** The selection is register 0, column c is register 2c + 1 and its product 2c + 2. */
const SELECTED = 0;
const wordAt = (column: number): number => 2 * column + 1;
const outAt = (column: number): number => 2 * column + 2;

/** The products of `columns` columns of `owner` by the selection. */
function planOf(owner: PartyName, columns: number): Rounds {
  const gates = Array.from({ length: Math.ceil(columns / MOST_WORDS) }, (_, g) => {
    const length = Math.min(MOST_WORDS, columns - g * MOST_WORDS);
    const members = Array.from({ length }, (__, i) => g * MOST_WORDS + i);
    return product({
      ...{ bits: [SELECTED], signed: false, oneWay: true },
      ...{ words: members.map(wordAt), outs: members.map(outAt) },
    });
  });
  return { dealer: owner, rounds: [{ gates }] };
}

/** What sharing the totals of `columns` columns of `owner` over `rows` rows costs. */
export function totalsTraffic(owner: PartyName, columns: number, rows: number): Traffic {
  const plan = planOf(owner, columns);
  return blocksTraffic(plan, rows, blockRows(plan), (count) => otTransferBytes(count));
}

/** What a party brings: its words, or which of the owner's rows are selected. Secret. */
export type TotalsInput =
  | { readonly own: readonly BigUint64Array[] }
  | { readonly selection: Uint32Array; readonly columns: number };

/** Own share of the total of each column of `side.dealer` over `rows` rows, as a vector of one row. */
export function* selectedTotals(
  input: TotalsInput,
  rows: number,
  side: Side,
): Protocol<BigUint64Array[]> {
  const own = 'own' in input ? input.own : [];
  const columns = 'own' in input ? input.own.length : input.columns;
  if (own.some(({ length }) => length !== rows)) {
    throw new DpcaError('ERR_INTERNAL', 'columns of one owner have different lengths');
  }
  const selected = 'own' in input ? new Uint8Array(0) : selectedBits(input.selection, rows);
  const plan = planOf(side.dealer, columns);
  const most = blockRows(plan);
  const totals = Array.from({ length: columns }, () => new BigUint64Array(1));
  try {
    for (let start = 0; start < rows; start += most) {
      const count = Math.min(most, rows - start);
      const registers = new Registers(count);
      registers.bits(SELECTED).set(selected.subarray(start >> 3, (start + count + 7) >> 3));
      own.forEach((column, c) => {
        const block = inputBlock(column, start, count);
        registers.words(wordAt(c)).set(block);
        block.fill(0);
      });
      try {
        for (const { gates } of plan.rounds) yield* exchange(gates, registers, side);
        totals.forEach((total, c) => {
          const words = registers.words(outAt(c));
          const sum = new Int32Array(total.buffer);
          for (let at = 0; at < words.length; at += 2) {
            addAt(sum, 0, words[at] ?? 0, words[at + 1] ?? 0);
          }
        });
      } finally {
        registers.wipe();
      }
      yield* pause();
    }
  } finally {
    selected.fill(0);
  }
  return totals;
}

function selectedBits(selection: Uint32Array, rows: number): Bits {
  const bits = new Uint8Array((rows + 7) >> 3);
  for (const row of selection) {
    const byte = bits[row >> 3] ?? 0;
    const bit = 1 << (row & 7);
    if (row >= rows || (byte & bit) !== 0) {
      throw new DpcaError('ERR_INTERNAL', 'a selection is not a list of different rows');
    }
    bits[row >> 3] = byte | bit;
  }
  return bits;
}
