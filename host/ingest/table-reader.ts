/**
 * The part of reading that CSV and Parquet share: cells are normalised into packed columns, problems collected
 * with their positions, and the finished table checked for rows and duplicates.
 * @module
 */
import { DpcaError } from '../../src/errors.ts';
import { findDuplicates } from './duplicates.ts';
import { normaliser, type Normaliser } from './normalise.ts';
import { Positions } from './positions.ts';
import { Problems } from './problems.ts';
import {
  ColumnBuilder,
  IDENTIFIER_BYTES_MAX,
  type ColumnSource,
  type IngestedTable,
} from './table.ts';

export interface Progress {
  /** rows read so far */
  readonly rows: number;
  /** share of the input read, 0..1, or null when its length is unknown (standard input) */
  readonly fraction: number | null;
}

export interface ReadOptions {
  /** ISO 3166 code for telephone numbers in national format; null refuses those */
  readonly defaultCountry: string | null;
  readonly rowsMax: number;
  readonly onProgress?: (progress: Progress) => void;
}

export class TableReader {
  readonly sources: readonly ColumnSource[];
  readonly problems: Problems = new Problems();
  readonly positions: Positions = new Positions();
  readonly #options: ReadOptions;
  readonly #builders: readonly ColumnBuilder[];
  readonly #normalisers: readonly Normaliser[];

  constructor(sources: readonly ColumnSource[], options: ReadOptions) {
    this.sources = sources;
    this.#options = options;
    this.#builders = sources.map(() => new ColumnBuilder());
    this.#normalisers = sources.map((column) =>
      normaliser(column.normalisation, options.defaultCountry),
    );
  }

  progress(rows: number, fraction: number | null): void {
    this.#options.onProgress?.({ rows, fraction });
  }

  /** Refuses a table of `rows` or more rows when that is above the agreed maximum. */
  checkRows(file: string, rows: number): void {
    const { rowsMax } = this.#options;
    if (rows > rowsMax) {
      this.problems.fatal('ERR_INPUT_ROWS', `${file}: expected at most ${rowsMax} rows, got more`);
    }
  }

  /** Appends the cell of table row `row`; call once per row and column, rows ascending. */
  cell(index: number, row: number, text: string): void {
    const builder = this.#builders[index];
    const normalise = this.#normalisers[index];
    if (builder === undefined || normalise === undefined) {
      throw new DpcaError('ERR_INTERNAL', 'no such column');
    }
    // U+FFFD stands where bytes were not UTF-8, here or in an earlier conversion: the identifier is lost.
    if (/[\0\uFFFD]/.test(text)) {
      this.refuse('ERR_INPUT_FORMAT', index, row, 'expected UTF-8 text without NUL or U+FFFD');
      builder.append('');
      return;
    }
    const identifier = normalise(text);
    if (typeof identifier === 'object') {
      this.refuse('ERR_INPUT_VALUE', index, row, identifier.expected);
      builder.append('');
    } else if (!builder.append(identifier)) {
      const expected = `expected at most ${IDENTIFIER_BYTES_MAX} bytes after normalisation`;
      this.refuse('ERR_INPUT_VALUE', index, row, expected);
    }
  }

  refuse(
    code: 'ERR_INPUT_VALUE' | 'ERR_INPUT_FORMAT',
    index: number,
    row: number,
    expected: string,
  ): void {
    this.problems.add(code, `${this.positions.where(row)}, ${this.#column(index)}: ${expected}`);
  }

  /** The table, after the checks that need all of it (ERR_INPUT_ROWS, ERR_INPUT_DUPLICATE). */
  finish(rows: number, file: string): IngestedTable {
    if (rows === 0)
      this.problems.add('ERR_INPUT_ROWS', `${file}: expected at least one row, got none`);
    const empties = this.#builders.map((builder) => builder.empties);
    const columns = this.#builders.map((builder, i) => builder.finish(this.sources[i]?.name ?? ''));
    for (const [index, column] of columns.entries()) {
      findDuplicates(column, (first, again) => {
        const where = this.positions.whereBoth(first, again);
        const text = `${where}, ${this.#column(index)}: expected each identifier once, got one twice`;
        this.problems.add('ERR_INPUT_DUPLICATE', text);
      });
    }
    this.problems.throwIfAny();
    return { rows, columns, empties };
  }

  /** `column email ("user_email", rule email)` */
  #column(index: number): string {
    const source = this.sources[index];
    return `column ${source?.name} (${describeFrom(source?.from)}, rule ${source?.normalisation})`;
  }
}

/** A column of the file as its configuration names it. */
export function describeFrom(from: string | number | undefined): string {
  return typeof from === 'number' ? `position ${from}` : `"${from}"`;
}

/**
 * The index, from 0, of every configured column in the file's columns (ERR_INPUT_COLUMN, all that fail at once).
 * Names of the file are never repeated: a file without header would show identifiers.
 * @param names null when the file has no header
 */
export function resolveColumns(
  reader: TableReader,
  file: string,
  names: readonly string[] | null,
  width: number,
): number[] {
  const { sources, problems } = reader;
  const fail = (source: ColumnSource, expected: string): number => {
    const text = `${file}, column ${source.name}: ${expected}`;
    problems.add('ERR_INPUT_COLUMN', text);
    return 0;
  };
  const indices = sources.map((source) => {
    const { from } = source;
    if (typeof from === 'number') {
      const exists = Number.isInteger(from) && from >= 1 && from <= width;
      return exists
        ? from - 1
        : fail(source, `expected a position from 1 to ${width}, got ${from}`);
    }
    if (names === null) {
      return fail(source, `expected a position, because the file has no header, got "${from}"`);
    }
    const at = names.indexOf(from);
    if (at >= 0 && names.indexOf(from, at + 1) < 0) return at;
    if (at >= 0) return fail(source, `expected one column "${from}", got two`);
    const near = names.findIndex((name) => name.trim().toLowerCase() === from.trim().toLowerCase());
    const hint = near < 0 ? '' : ` (column ${near + 1} differs only in case or white space)`;
    return fail(source, `expected a column "${from}", got none${hint}`);
  });
  problems.throwIfAny();
  return indices;
}
