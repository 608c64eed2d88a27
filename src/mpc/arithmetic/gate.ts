/**
 * A gate is one step of arithmetic on shares that needs the peer: oblivious transfers whose outcome the OT sender
 * corrects with one message. What it costs is public and the same on both sides; src/mpc/arithmetic/exchange.ts runs it.
 * @module
 */
import type { Bits, Words } from './words.ts';

export interface Gate {
  /** Bytes of the pads, a multiple of 8. */
  readonly padBytes: number;
  /** Transfers per row in each direction. */
  readonly transfers: number;
  /** Bits per row that the OT sender sends afterwards. */
  readonly correctionBits: number;
  /** Only the dealer is OT sender; otherwise each party is once, with its own shares. */
  readonly oneWay: boolean;
  /** As OT receiver: transfers x rows choices, transfer t of row i at bit t * rows + i. */
  choices(registers: Registers): Bits;
  /** As OT sender: adds the own part to the outputs and returns the correction. */
  correct(registers: Registers, zeros: Int32Array, ones: Int32Array): Uint8Array;
  /** As OT receiver: adds the own part to the outputs. */
  finish(registers: Registers, pads: Int32Array, correction: Uint8Array): void;
}

/** One party's shares of every intermediate vector of one block of rows; a register starts at 0. */
export class Registers {
  /** A multiple of 8, so that vectors of bits can be joined as bytes. Rows added for that share 0. */
  readonly rows: number;
  private readonly vectors: (Words | Bits | undefined)[] = [];

  constructor(rows: number) {
    this.rows = rows + (-rows & 7);
  }

  words(register: number): Words {
    const held = this.vectors[register];
    if (held instanceof Int32Array) return held;
    const fresh = new Int32Array(2 * this.rows);
    this.vectors[register] = fresh;
    return fresh;
  }

  bits(register: number): Bits {
    const held = this.vectors[register];
    if (held instanceof Uint8Array) return held;
    const fresh = new Uint8Array(this.rows >> 3);
    this.vectors[register] = fresh;
    return fresh;
  }

  wipe(): void {
    for (const vector of this.vectors) vector?.fill(0);
    this.vectors.length = 0;
  }
}
