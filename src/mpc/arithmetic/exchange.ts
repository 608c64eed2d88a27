/**
 * One round: all gates' transfers in one direction, corrected by one run of messages, then the other direction. The
 * transfers of one direction with equally long pads are one batch. Direction `a` is the one in which party a is OT
 * sender; it comes first, and in each direction one side only sends corrections and the other only receives them, so
 * that no buffering can make both wait.
 * @module
 */
import { concat, wipe } from '../../bytes.ts';
import { DpcaError } from '../../errors.ts';
import type { PartyName } from '../program.ts';
import { pause, type Protocol, receive, send } from '../protocol.ts';
import type { OtReceiver, OtSender } from '../random-ot.ts';
import type { Gate, Registers } from './gate.ts';
import { wordsOf } from '../ot/words.ts';

export const DIRECTIONS: readonly PartyName[] = ['a', 'b'];

/** One party's side. */
export interface Side {
  readonly party: PartyName;
  readonly dealer: PartyName;
  /** Absent where `directions` of the program does not ask for it. */
  readonly sender: OtSender | undefined;
  readonly receiver: OtReceiver | undefined;
}

export interface Batch {
  readonly padBytes: number;
  readonly gates: readonly Gate[];
  /** Transfers per row. */
  readonly transfers: number;
}

/** The batches of a round in one direction, shortest pads first. */
export function batches(
  gates: readonly Gate[],
  direction: PartyName,
  dealer: PartyName,
): readonly Batch[] {
  const active = gates.filter(({ oneWay }) => !oneWay || direction === dealer);
  const lengths = [...new Set(active.map(({ padBytes }) => padBytes))].sort((a, b) => a - b);
  return lengths.map((padBytes) => {
    const members = active.filter((gate) => gate.padBytes === padBytes);
    const transfers = members.reduce((sum, gate) => sum + gate.transfers, 0);
    return { padBytes, gates: members, transfers };
  });
}

export function* exchange(
  gates: readonly Gate[],
  registers: Registers,
  side: Side,
): Protocol<void> {
  for (const direction of DIRECTIONS) {
    const list = batches(gates, direction, side.dealer);
    if (direction === side.party) yield* correctAll(list, registers, side.sender);
    else yield* finishAll(list, registers, side.receiver);
  }
}

function* correctAll(
  list: readonly Batch[],
  registers: Registers,
  sender: OtSender | undefined,
): Protocol<void> {
  const { rows } = registers;
  const drawn: { batch: Batch; zeros: Uint8Array; ones: Uint8Array }[] = [];
  for (const batch of list) {
    if (sender === undefined) throw missing();
    const { zeros, ones } = yield* sender.transfer(batch.transfers * rows, batch.padBytes);
    drawn.push({ batch, zeros, ones });
  }
  for (const { batch, zeros, ones } of drawn) {
    let at = 0;
    for (const gate of batch.gates) {
      const end = at + gate.transfers * rows * batch.padBytes;
      const [zero, one] = [wordsOf(zeros.subarray(at, end)), wordsOf(ones.subarray(at, end))];
      yield* send(gate.correct(registers, zero, one));
      yield* pause();
      at = end;
    }
    wipe(zeros, ones);
  }
}

function* finishAll(
  list: readonly Batch[],
  registers: Registers,
  receiver: OtReceiver | undefined,
): Protocol<void> {
  const { rows } = registers;
  const drawn: { batch: Batch; pads: Uint8Array }[] = [];
  for (const batch of list) {
    if (receiver === undefined) throw missing();
    const choices = concat(...batch.gates.map((gate) => gate.choices(registers)));
    const count = batch.transfers * rows;
    drawn.push({ batch, pads: yield* receiver.transfer(count, batch.padBytes, choices) });
    wipe(choices);
  }
  for (const { batch, pads } of drawn) {
    let at = 0;
    for (const gate of batch.gates) {
      const end = at + gate.transfers * rows * batch.padBytes;
      const correction = yield* receive((gate.correctionBits * rows) / 8);
      gate.finish(registers, wordsOf(pads.subarray(at, end)), correction);
      yield* pause();
      at = end;
    }
    wipe(pads);
  }
}

function missing(): DpcaError {
  return new DpcaError('ERR_INTERNAL', 'the program needs transfers in a direction without any');
}
