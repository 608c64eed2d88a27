/**
 * Integer times word: a mux with one bit, a multiplication with more (Gilboa, CRYPTO 1999, section 4). Correlated OT,
 * one transfer per bit and direction, however many words are multiplied by the same bits.
 *
 * The integer n = sum_j weight_j (x_j xor y_j) with weight_j = 2^j (the top one negative if signed), the word w = u + v
 * mod 2^64; the party that computes this direction holds x and u, the peer y and v.
 *   (x_j xor y_j) = x_j + (1 - 2 x_j) y_j, so n u = sum_j weight_j x_j u + sum_j y_j D_j,  D_j = (1 - 2 x_j) weight_j u.
 * The first sum is local. For the second the OT sender corrects the pads R0, R1 with R0 + D_j - R1; the receiver takes
 * R0 (y_j = 0) or R1 + correction = R0 + D_j (y_j = 1), that is R0 + y_j D_j; the sender takes -R0. The other direction
 * gives shares of n v. A correction is masked by the pad that the receiver lacks, or equals what it may know; what
 * either party holds afterwards is masked by R0.
 * @module
 */
import { concat } from '../../bytes.ts';
import type { Gate } from './gate.ts';
import { bytesOf, wordsOf } from '../ot/words.ts';
import { addAt, maskAt, negate, subtractAt, type Words } from './words.ts';

/** Keeps pads short: beyond this, sharing transfers saves next to nothing. */
export const MOST_WORDS = 16;

export interface ProductSpec {
  /** Bit registers, weight 2^j each. */
  readonly bits: readonly number[];
  /** The top bit weighs -2^j (two's complement). */
  readonly signed: boolean;
  /** Up to {@link MOST_WORDS} word registers, and for each the register of its product. */
  readonly words: readonly number[];
  readonly outs: readonly number[];
  /** The words are the dealer's alone (or public): the peer's registers are not read. */
  readonly oneWay: boolean;
}

export function product({ bits, signed, words, outs, oneWay }: ProductSpec): Gate {
  const width = words.length;

  /** Turns weight_(j-1) u into weight_j u in place. */
  function reweigh(scaled: readonly Words[], j: number): void {
    for (const word of scaled) {
      if (j > 0) {
        for (let at = 0; at < word.length; at += 2) {
          addAt(word, at, word[at] ?? 0, word[at + 1] ?? 0);
        }
      }
      if (signed && j === bits.length - 1) negate(word);
    }
  }

  return {
    padBytes: 8 * width,
    transfers: bits.length,
    correctionBits: 64 * width * bits.length,
    oneWay,

    choices: (registers) => concat(...bits.map((bit) => registers.bits(bit))),

    correct(registers, zeros, ones) {
      const { rows } = registers;
      const scaled = words.map((word) => registers.words(word).slice());
      const sums = outs.map((out) => registers.words(out));
      const correction = new Int32Array(2 * width * bits.length * rows);
      bits.forEach((bit, j) => {
        const share = registers.bits(bit);
        reweigh(scaled, j);
        scaled.forEach((word, t) => {
          const sum = sums[t] ?? new Int32Array(0);
          let at = 2 * (j * rows * width + t);
          for (let i = 0; i < 2 * rows; i += 2, at += 2 * width) {
            const mask = maskAt(share, i >> 1);
            const low = word[i] ?? 0;
            const high = word[i + 1] ?? 0;
            const padLow = zeros[at] ?? 0;
            const padHigh = zeros[at + 1] ?? 0;
            correction[at] = padLow;
            correction[at + 1] = padHigh;
            // -u = ~u + 1
            addAt(correction, at, low ^ mask, high ^ mask);
            addAt(correction, at, -mask, 0);
            subtractAt(correction, at, ones[at] ?? 0, ones[at + 1] ?? 0);
            addAt(sum, i, low & mask, high & mask);
            subtractAt(sum, i, padLow, padHigh);
          }
        });
      });
      for (const word of scaled) word.fill(0);
      return bytesOf(correction);
    },

    finish(registers, pads, correction) {
      const { rows } = registers;
      const corrections = wordsOf(correction);
      bits.forEach((bit, j) => {
        const choice = registers.bits(bit);
        outs.forEach((out, t) => {
          const sum = registers.words(out);
          let at = 2 * (j * rows * width + t);
          for (let i = 0; i < 2 * rows; i += 2, at += 2 * width) {
            const mask = maskAt(choice, i >> 1);
            addAt(sum, i, pads[at] ?? 0, pads[at + 1] ?? 0);
            addAt(sum, i, (corrections[at] ?? 0) & mask, (corrections[at + 1] ?? 0) & mask);
          }
        });
      });
    },
  };
}
