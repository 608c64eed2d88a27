/**
 * The result of reading an input: one packed column of normalised identifiers per key column, and one of whole numbers
 * per value column. README.md.
 * Runs in the host, on its own party's rows: trusted for that party's input and nothing else.
 * No object is kept per row; a key column costs its bytes plus four per row, a value column eight per row.
 * @module
 */
import { DpcaError } from '../../src/errors.ts';
import type { RuleName } from './normalise.ts';

/** Longest identifier after normalisation, in bytes of UTF-8. */
export const IDENTIFIER_BYTES_MAX = 1024;

/** Cell i is `bytes.subarray(offsets[i], offsets[i + 1])`; an empty cell has length zero. */
export interface IdentifierColumn {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** rows + 1 ascending offsets, the first 0, the last `bytes.length` */
  readonly offsets: Uint32Array;
}

/** Whole numbers in the units of the manifest's bounds, not yet clipped to them. */
export interface ValueColumn {
  readonly name: string;
  readonly cells: BigInt64Array;
  /** empty cells of the file that were taken as zero */
  readonly empties: number;
}

/** What `--on-duplicate entity` did. */
export interface MergeReport {
  /** of the file; the table's rows are the entities */
  readonly rowsRead: number;
  /** rows that are in one entity with another row */
  readonly mergedRows: number;
  /** rows of the largest entity */
  readonly largestEntity: number;
  /** per key column, distinct identifiers that were left out because their entity kept another one */
  readonly surplusIdentifiers: readonly number[];
}

export interface IngestedTable {
  readonly rows: number;
  /** in the order in which they were asked for; identifiers are unique within each */
  readonly columns: readonly IdentifierColumn[];
  /** empty cells per key column */
  readonly empties: readonly number[];
  /** in the order in which they were asked for */
  readonly values: readonly ValueColumn[];
  /** null when equal identifiers are refused */
  readonly merge: MergeReport | null;
}

/** Where a table is. `format: 'auto'` goes by extension (a directory is Parquet); `-` is standard input. */
export interface TableSource {
  readonly path: string;
  readonly format: 'auto' | 'csv' | 'parquet';
  /** CSV only: whether the first record names the columns */
  readonly header: boolean;
  /** CSV only: one printable ASCII character or tab; comma when absent */
  readonly delimiter?: string;
}

/** One key column: `from` is a column name of the file (exact), or a position from 1. */
export interface ColumnSource {
  readonly name: string;
  readonly normalisation: RuleName;
  readonly from: string | number;
}

export const COMBINATIONS = ['sum', 'max', 'min'] as const;
export type Combination = (typeof COMBINATIONS)[number];

/** One value column. */
export interface ValueSource {
  readonly name: string;
  readonly from: string | number;
  /** The value is the cell times 10^decimals, 0..18. */
  readonly decimals: number;
  /** Whether an empty cell counts as zero; it is refused otherwise. */
  readonly emptyIsZero: boolean;
  /** How the rows of one entity are combined; needed when rows are merged. */
  readonly combine?: Combination;
  /** The manifest's bounds, which the enclave clips to. */
  readonly low: bigint;
  readonly high: bigint;
}

const COLUMN_BYTES_MAX = 0xffff_ffff;

/** A column while it is read; capacity doubles, so appending is linear. */
export class ColumnBuilder {
  #bytes: Buffer = Buffer.alloc(1 << 16);
  #offsets = new Uint32Array(1 << 12);
  #length = 0;
  #rows = 0;
  #empties = 0;

  get empties(): number {
    return this.#empties;
  }

  /** Appends one well-formed text; false, with an empty cell appended, when it is longer than the limit. */
  append(text: string): boolean {
    // A longer text is cut at the end of the buffer, still above the limit.
    if (this.#length + 3 * IDENTIFIER_BYTES_MAX > this.#bytes.length) this.#grow();
    const written = this.#bytes.write(text, this.#length);
    const fits = written <= IDENTIFIER_BYTES_MAX;
    if (fits) this.#length += written;
    if (fits && written === 0) this.#empties += 1;
    this.#rows += 1;
    if (this.#rows === this.#offsets.length) {
      const wider = new Uint32Array(2 * this.#offsets.length);
      wider.set(this.#offsets);
      this.#offsets = wider;
    }
    this.#offsets[this.#rows] = this.#length;
    return fits;
  }

  #grow(): void {
    if (this.#bytes.length >= COLUMN_BYTES_MAX) {
      throw new DpcaError('ERR_INPUT_ROWS', 'a column holds more than 4 GiB of identifiers');
    }
    const wider = Buffer.alloc(Math.min(2 * this.#bytes.length, COLUMN_BYTES_MAX));
    this.#bytes.copy(wider, 0, 0, this.#length);
    this.#bytes = wider;
  }

  /** The column, in buffers of exactly its size; the builder is of no use afterwards. */
  finish(name: string): IdentifierColumn {
    const bytes = new Uint8Array(this.#bytes.subarray(0, this.#length));
    this.#bytes = Buffer.alloc(0);
    return { name, bytes, offsets: this.#offsets.slice(0, this.#rows + 1) };
  }
}
