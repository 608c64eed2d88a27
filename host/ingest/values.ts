/**
 * Value columns: cells to signed 64-bit whole numbers, exactly or not at all (docs/normalisation.md, "Values"). With
 * `decimals` a cell is a fixed-point number and the value its multiple of 10^-decimals; no floating point anywhere.
 * @module
 */
import { refusal, type Refusal } from './refusal.ts';
import type { ValueColumn, ValueSource } from './table.ts';

/** 10^18 is the largest power of ten below 2^63. */
export const DECIMALS_MAX = 18;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** Digits of 2^63, the most that a value has. */
const INT64_DIGITS = 19;
const RANGE = 'expected a number within signed 64 bits';

export function fitsInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX;
}

/** The value of a text cell: an optional sign, ASCII digits, and up to `decimals` more after a point. */
export function parseValue(text: string, decimals: number): bigint | Refusal {
  const match = /^([+-]?)([0-9]+)(?:\.([0-9]+))?$/.exec(text);
  if (match === null) {
    return refusal('expected digits with an optional sign, without white space or separators');
  }
  const [, sign, whole = '', fraction = ''] = match;
  if (fraction.length > decimals) return tooPrecise(decimals);
  const digits = (whole + fraction.padEnd(decimals, '0')).replace(/^0+/, '');
  if (digits.length > INT64_DIGITS) return refusal(RANGE);
  const magnitude = BigInt(digits); // BigInt('') is 0n
  const value = sign === '-' ? -magnitude : magnitude;
  return fitsInt64(value) ? value : refusal(RANGE);
}

/** The value of `cell * 10^-scale`, as Parquet stores decimals and times. */
export function scaleValue(cell: bigint, scale: number, decimals: number): bigint | Refusal {
  if (scale > decimals) {
    const unit = 10n ** BigInt(scale - decimals);
    if (cell % unit !== 0n) return tooPrecise(decimals);
    cell /= unit;
  } else if (scale < decimals) cell *= 10n ** BigInt(decimals - scale);
  return fitsInt64(cell) ? cell : refusal(RANGE);
}

function tooPrecise(decimals: number): Refusal {
  return refusal(
    decimals === 0
      ? 'expected a whole number (for fixed-point numbers state "decimals")'
      : `expected at most ${decimals} decimals`,
  );
}

/** A value column while it is read. */
export class ValueBuilder {
  #cells = new BigInt64Array(1 << 12);
  #rows = 0;
  #empties = 0;

  append(value: bigint): void {
    if (this.#rows === this.#cells.length) {
      const wider = new BigInt64Array(2 * this.#rows);
      wider.set(this.#cells);
      this.#cells = wider;
    }
    this.#cells[this.#rows] = value;
    this.#rows += 1;
  }

  appendEmpty(): void {
    this.append(0n);
    this.#empties += 1;
  }

  /** The column at exactly its size; the builder is of no use afterwards. */
  finish(name: string): ValueColumn {
    const cells = this.#cells.slice(0, this.#rows);
    this.#cells = new BigInt64Array(0);
    return { name, cells, empties: this.#empties };
  }
}

/** How many cells the enclave will clip to the agreed bounds; it does so itself, whatever is counted here. */
export function outOfBounds(
  { cells }: ValueColumn,
  { low, high }: ValueSource,
): { readonly below: number; readonly above: number } {
  let below = 0;
  let above = 0;
  for (const value of cells) {
    if (value < low) below += 1;
    else if (value > high) above += 1;
  }
  return { below, above };
}
