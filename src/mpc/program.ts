/**
 * What is computed on shares, as data: src/statistics compiles a manifest into a program, src/mpc/evaluate.ts runs it.
 * Nothing here is secret; both parties hold the same program. Rows are the matched rows in the order of their tags.
 * @module
 */
export type PartyName = 'a' | 'b';

/** One private value per row of its owner's table, moved by permute-and-share to the matched rows or summed over them. */
export interface InputColumn {
  readonly owner: PartyName;
  /** additive: one word per row, shared mod 2^64. boolean: the low `bits` bits of a word per row, shared by XOR. */
  readonly sharing: 'additive' | 'boolean';
  /** 1..64; 64 for additive. */
  readonly bits: number;
}

/** A vector over the rows: words are additive shares mod 2^64, bits are XOR shares of 0 or 1. */
export type Instruction =
  /** words: an additive input column. */
  | { readonly op: 'word'; readonly column: number }
  /** bits: bit `bit` of a boolean input column. */
  | { readonly op: 'bit'; readonly column: number; readonly bit: number }
  /** words: left - right mod 2^64. */
  | { readonly op: 'subtract'; readonly left: number; readonly right: number }
  /** bits. */
  | { readonly op: 'and'; readonly left: number; readonly right: number }
  /** words: the word where the bit is 1, else 0. */
  | { readonly op: 'select'; readonly bit: number; readonly word: number }
  /** words: the two's complement (if signed) or unsigned integer in a boolean column of at most 40 bits, times a word. */
  | {
      readonly op: 'multiply';
      readonly column: number;
      readonly signed: boolean;
      readonly word: number;
    }
  /** bits: low <= word <= high. All three lie within -2^(width-1) .. 2^(width-1) - 1; low <= high; width 1..62. */
  | {
      readonly op: 'within';
      readonly word: number;
      readonly low: bigint;
      readonly high: bigint;
      readonly width: number;
    };

/** A sum over all rows that is opened with noise: sum + (noise bits that nobody knows) . noise, mod 2^64. */
export interface Moment {
  /** Index of a words instruction. */
  readonly word: number;
  /** Values of the noise bits, 1..2^62; bit i is the XOR of one coin of each party. Empty only in tests. */
  readonly noise: readonly bigint[];
  /** What an honest opening lies in as a signed integer, noise included; anything else ends the run. */
  readonly low: bigint;
  readonly high: bigint;
}

/** Instruction i may name instructions below i only (index in `instructions`), or input columns. */
export interface Program {
  readonly columns: readonly InputColumn[];
  readonly instructions: readonly Instruction[];
  readonly moments: readonly Moment[];
  /** Words or bits whose shares each party keeps, for the `shares` output; usually empty. */
  readonly kept: readonly number[];
}
