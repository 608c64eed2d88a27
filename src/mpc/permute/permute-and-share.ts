/**
 * Permute-and-share: the owner's columns, in an order that only the permuter knows, become shares of both (Mohassel
 * and Sadeghian, How to Hide Circuits in MPC, EUROCRYPT 2013, with one correction per switch). Secure against a
 * semi-honest peer; the transfers below are checked. All that reaches the owner comes from the transfers, where it is
 * sender: 64 correction columns under pseudo-random streams it cannot predict, and answers of the check under 64 random
 * choices. Which of its rows were selected cannot be seen there, nor from a share: its own are masks it drew itself.
 * docs/values.md, "Permute-and-share".
 * @module
 */
import { wipe } from '../../bytes.ts';
import { DpcaError } from '../../errors.ts';
import type { Rng } from '../../rng.ts';
import { BATCH_TRANSFERS } from '../ot/batch-matrix.ts';
import { otTransferBytes } from '../ot/soft-spoken.ts';
import { bytesOf, wordsOf } from '../ot/words.ts';
import { type Protocol, pause, receive, send } from '../protocol.ts';
import type { PadPair, StreamingReceiver, StreamingSender, Take } from '../random-ot.ts';
import { start } from './ahead.ts';
import { networkLevels, stagesOf, switchCount } from './network.ts';
import { routeSelection } from './routing.ts';
import { type Sharing, Switchboard } from './switchboard.ts';

/** One word of 64 bits per row of the owner's table. */
export interface OwnedColumn {
  readonly sharing: Sharing;
  readonly words: BigUint64Array;
}

/** Rows whose masked values go into one message at the start. */
const CHUNK_ROWS = 1 << 15;

/** Bytes each side sends, setting up the transfers (otSetupBytes) not included. */
export function permuteBytes(
  inputs: number,
  outputs: number,
  columns: number,
): { readonly fromOwner: number; readonly fromPermuter: number } {
  if (outputs === 0 || columns === 0) return { fromOwner: 0, fromPermuter: 0 };
  const switches = switchCount(inputs, outputs);
  const transfer = otTransferBytes(switches);
  return {
    fromOwner: 8 * columns * inputs + 16 * columns * switches + transfer.fromSender,
    fromPermuter: transfer.fromReceiver,
  };
}

/**
 * The owner's side: all columns have the same number of rows, `outputs` of which the permuter selects. Returns its
 * shares, one array of `outputs` words per column.
 */
export function* permuteAsOwner(
  columns: readonly OwnedColumn[],
  outputs: number,
  ot: StreamingSender,
  rng: Rng,
): Protocol<BigUint64Array[]> {
  const inputs = columns[0]?.words.length ?? 0;
  if (columns.some(({ words }) => words.length !== inputs)) {
    throw new DpcaError('ERR_INTERNAL', 'columns of one owner have different lengths');
  }
  if (outputs === 0 || columns.length === 0) return columns.map(() => new BigUint64Array(0));
  assertSelectable(inputs, outputs);

  const sharings = columns.map(({ sharing }) => sharing);
  const board = new Switchboard(inputs, sharings);
  for (const [column, { sharing, words }] of columns.entries()) {
    for (let from = 0; from < inputs; from += CHUNK_ROWS) {
      const values = words.slice(from, from + CHUNK_ROWS);
      const mask = rng(8 * values.length);
      board.wires(column, from, values.length).set(mask);
      yield* send(addMask(sharing, new Int32Array(values.buffer), wordsOf(mask)));
    }
    yield* pause();
  }
  const batch = new BatchCounter(switchCount(inputs, outputs), sharings.length);
  const record = batch.recordBytes;
  let take: Take<PadPair> | undefined;
  for (const stage of stagesOf(networkLevels(inputs, outputs))) {
    const switches = board.begin(stage);
    for (let first = 0; first < switches;) {
      if (batch.left === 0) take = yield* ot.begin(batch.open(), record);
      const count = Math.min(batch.left, switches - first, board.piece);
      const { zeros, ones } = taken(take, count);
      yield* send(board.mask(first, count, zeros, ones));
      batch.take(count);
      first += count;
    }
    board.end();
    yield* pause();
  }
  const shares = sharings.map((sharing, column) =>
    ownerShare(sharing, board.wires(column, 0, outputs).slice()),
  );
  board.wipe();
  return shares;
}

/**
 * The permuter's side: `selection` lists different rows of the owner's `inputs`; share i belongs to row selection[i].
 */
export function* permuteAsPermuter(
  sharings: readonly Sharing[],
  inputs: number,
  selection: Uint32Array,
  ot: StreamingReceiver,
): Protocol<BigUint64Array[]> {
  const outputs = selection.length;
  if (outputs === 0 || sharings.length === 0) return sharings.map(() => new BigUint64Array(0));
  assertSelectable(inputs, outputs);

  const controls = yield* routeSelection(selection, inputs);
  const board = new Switchboard(inputs, sharings);
  for (let column = 0; column < sharings.length; column++) {
    for (let from = 0; from < inputs; from += CHUNK_ROWS) {
      const n = Math.min(CHUNK_ROWS, inputs - from);
      board.wires(column, from, n).set(yield* receive(8 * n));
    }
  }
  const batch = new BatchCounter(switchCount(inputs, outputs), sharings.length);
  const record = batch.recordBytes;
  // a batch's columns leave before the corrections of the batch in front of it are awaited: one round trip, not two
  let ahead = yield* start(batchTransfer(ot, controls, batch));
  let take: Take<Uint8Array> | undefined;
  for (const stage of stagesOf(networkLevels(inputs, outputs))) {
    const switches = board.begin(stage);
    for (let first = 0; first < switches;) {
      if (batch.left === 0) {
        batch.open();
        take = yield* ahead;
        ahead = yield* start(batchTransfer(ot, controls, batch));
      }
      const count = Math.min(batch.left, switches - first, board.piece);
      const own = taken(take, count);
      const at = batch.passed;
      const bits = controls.subarray(at >> 3, (at + count + 7) >> 3);
      const corrections = yield* receive(count * record);
      board.pass(first, count, own, corrections, bits, at & 7);
      batch.take(count);
      first += count;
    }
    board.end();
    yield* pause();
  }
  wipe(controls);
  const shares = sharings.map(
    (_, column) => new BigUint64Array(board.wires(column, 0, outputs).slice().buffer),
  );
  board.wipe();
  return shares;
}

/** The transfers of the batch behind the open one; nothing if there is none. */
function* batchTransfer(
  ot: StreamingReceiver,
  controls: Uint8Array,
  batch: BatchCounter,
): Protocol<Take<Uint8Array> | undefined> {
  const { first, count } = batch.following();
  if (count === 0) return undefined;
  const choices = controls.slice(first / 8, Math.ceil((first + count) / 8));
  const take = yield* ot.begin(count, batch.recordBytes, choices);
  wipe(choices);
  return take;
}

function taken<T>(take: Take<T> | undefined, count: number): T {
  if (take === undefined) throw new DpcaError('ERR_INTERNAL', 'there are more switches than pads');
  return take(count);
}

/** Where the pads of the current batch stand; batches do not care where stages end. */
class BatchCounter {
  /** Switches that have their pads behind them. */
  passed = 0;
  /** Of the current batch: still to come. */
  left = 0;
  /** Of one switch's pad, correction or masked pair: two words per column. */
  readonly recordBytes: number;
  private readonly total: number;

  constructor(switches: number, columns: number) {
    this.total = switches;
    this.recordBytes = 16 * columns;
  }

  /** The batch behind the open one. */
  following(): { readonly first: number; readonly count: number } {
    const first = this.passed + this.left;
    return { first, count: Math.min(BATCH_TRANSFERS, this.total - first) };
  }

  /** Opens the next batch and returns its size. */
  open(): number {
    this.left = this.following().count;
    return this.left;
  }

  take(count: number): void {
    this.passed += count;
    this.left -= count;
  }
}

/** values + mask in place, as bytes. */
function addMask(sharing: Sharing, values: Int32Array, mask: Int32Array): Uint8Array {
  for (let i = 0; i < values.length; i += 2) {
    const low = values[i] ?? 0;
    const high = values[i + 1] ?? 0;
    const maskLow = mask[i] ?? 0;
    const maskHigh = mask[i + 1] ?? 0;
    if (sharing === 'boolean') {
      values[i] = low ^ maskLow;
      values[i + 1] = high ^ maskHigh;
    } else {
      const sum = (low + maskLow) | 0;
      const carry = ((low & maskLow) | ((low | maskLow) & ~sum)) >>> 31;
      values[i] = sum;
      values[i + 1] = high + maskHigh + carry;
    }
  }
  return bytesOf(values);
}

/** -mask mod 2^64, or the mask itself; overwrites `mask`. */
function ownerShare(sharing: Sharing, mask: Uint8Array): BigUint64Array {
  if (sharing === 'additive') {
    const words = wordsOf(mask);
    for (let i = 0; i < words.length; i += 2) {
      const low = words[i] ?? 0;
      words[i] = -low;
      // ~high + 1 only if the low half is zero: bit 31 of ~(low | -low)
      words[i + 1] = ~(words[i + 1] ?? 0) + (~(low | -low) >>> 31);
    }
  }
  return new BigUint64Array(mask.buffer);
}

function assertSelectable(inputs: number, outputs: number): void {
  if (outputs > inputs) {
    throw new DpcaError('ERR_INTERNAL', 'more rows are selected than the owner has');
  }
}
