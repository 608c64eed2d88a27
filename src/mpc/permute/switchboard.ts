/**
 * The wires of a permutation network in a kernel's memory, stage by stage: the current values of every wire and column,
 * the wiring of one stage, and one piece of records. Both sides use it, with their own loops.
 * @module
 */
import { DpcaError } from '../../errors.ts';
import { padsAtOnce } from '../ot/pad-hash.ts';
import { Kernel } from '../simd/kernel.ts';
import type { Stage } from './network.ts';
import { type StageWiring, Wiring } from './wiring.ts';

/** additive: shares add up mod 2^64. boolean: shares XOR. One word of 64 bits per row. */
export type Sharing = 'additive' | 'boolean';

export class Switchboard {
  /** Switches per piece. */
  readonly piece: number;
  private readonly kernel: Kernel;
  private readonly sharings: readonly Sharing[];
  private readonly record: number;
  private readonly wiring: Wiring;
  private readonly at: {
    readonly zeros: number;
    readonly ones: number;
    readonly corrections: number;
    readonly controls: number;
  };
  private stage: StageWiring | undefined;
  private current: number[];
  private next: number[];

  constructor(wires: number, sharings: readonly Sharing[]) {
    this.sharings = sharings;
    this.record = 16 * sharings.length;
    this.piece = padsAtOnce(this.record);
    const records = this.piece * this.record;
    const columns = new Array<number>(2 * sharings.length).fill(8 * wires);
    this.kernel = new Kernel([
      ...[...Wiring.regions(wires), records, records, records],
      ...[this.piece, ...columns],
    ]);
    this.wiring = new Wiring(this.kernel, wires);
    const region = (bytes: number): number => this.kernel.region(bytes);
    this.at = {
      ...{ zeros: region(records), ones: region(records), corrections: region(records) },
      controls: region(this.piece),
    };
    this.current = sharings.map(() => region(8 * wires));
    this.next = sharings.map(() => region(8 * wires));
  }

  /** Memory of `count` wires of a column from `first` on, 8 bytes each. */
  wires(column: number, first: number, count: number): Uint8Array {
    return this.kernel.bytes(nth(this.current, column) + 8 * first, 8 * count);
  }

  /** Writes the wiring of the next stage, moves the wires that no switch joins, and returns the number of switches. */
  begin(next: Stage): number {
    const stage = this.wiring.write(next);
    this.stage = stage;
    if (stage.moves > 0) {
      for (const [column, wires] of this.current.entries()) {
        const out = nth(this.next, column);
        this.kernel.run.moveWires(stage.movesFrom, stage.movesTo, stage.moves, wires, out);
      }
    }
    return stage.switches;
  }

  end(): void {
    [this.current, this.next] = [this.next, this.current];
  }

  /** The owner's half of switches first .. first + count - 1 of the stage: their corrections. */
  mask(first: number, count: number, zeros: Uint8Array, ones: Uint8Array): Uint8Array {
    const { at, kernel, record } = this;
    const lists = this.lists(first, count);
    kernel.bytes(at.zeros, zeros.length).set(zeros);
    kernel.bytes(at.ones, ones.length).set(ones);
    for (const [column, sharing] of this.sharings.entries()) {
      const loop = sharing === 'additive' ? kernel.run.maskAdditive : kernel.run.maskBoolean;
      loop(
        ...lists,
        ...[nth(this.current, column), nth(this.next, column)],
        ...[at.zeros + 8 * column, at.ones + 8 * column, at.corrections + 8 * column],
        ...[record / 2, record],
      );
    }
    return kernel.bytes(at.corrections, count * record).slice();
  }

  /** The permuter's half; `controls` holds the bit of switch `first` at bit `bit` of its first byte. */
  pass(
    first: number,
    count: number,
    pads: Uint8Array,
    corrections: Uint8Array,
    controls: Uint8Array,
    bit: number,
  ): void {
    const { at, kernel, record } = this;
    const lists = this.lists(first, count);
    kernel.bytes(at.zeros, pads.length).set(pads);
    kernel.bytes(at.corrections, corrections.length).set(corrections);
    kernel.bytes(at.controls, controls.length).set(controls);
    for (const [column, sharing] of this.sharings.entries()) {
      const loop = sharing === 'additive' ? kernel.run.passAdditive : kernel.run.passBoolean;
      loop(
        ...lists,
        ...[nth(this.current, column), nth(this.next, column)],
        ...[at.zeros + 8 * column, at.corrections + 8 * column],
        ...[record / 2, record, at.controls, bit],
      );
    }
  }

  private lists(first: number, count: number): readonly [number, number, number] {
    if (this.stage === undefined) throw new DpcaError('ERR_INTERNAL', 'no stage was begun');
    return [this.stage.from + 8 * first, this.stage.to + 8 * first, count];
  }

  wipe(): void {
    this.kernel.wipe();
  }
}

function nth(addresses: readonly number[], index: number): number {
  const address = addresses[index];
  if (address === undefined) throw new DpcaError('ERR_INTERNAL', 'a column is missing');
  return address;
}
