/**
 * The part of reading that CSV and Parquet share: cells are normalised into packed columns or parsed into values,
 * problems collected with their positions, and the finished table merged if asked for and checked for rows and
 * duplicates.
 * @module
 */
import { DpcaError } from '../../src/errors.ts';
import { MAX_MANIFEST_ROWS } from '../../src/run/manifest.ts';
import { findDuplicates } from './duplicates.ts';
import { filled, mergeEntities } from './entities.ts';
import { normaliser, type Normaliser } from './normalise.ts';
import { Positions } from './positions.ts';
import { Problems } from './problems.ts';
import type { Refusal } from './refusal.ts';
import {
  ColumnBuilder,
  IDENTIFIER_BYTES_MAX,
  type ColumnSource,
  type IngestedTable,
  type ValueSource,
} from './table.ts';
import { parseValue, scaleValue, ValueBuilder } from './values.ts';

export interface Progress {
  /** rows read so far */
  readonly rows: number;
  /** share of the input read, 0..1, or null when its length is unknown (standard input) */
  readonly fraction: number | null;
}

export interface ReadOptions {
  /** ISO 3166 code for telephone numbers in national format; null refuses those */
  readonly defaultCountry: string | null;
  /** of the table, after merging */
  readonly rowsMax: number;
  /** value columns of the own party, in the manifest's order */
  readonly values: readonly ValueSource[];
  /** whether equal identifiers end the reading or make rows one entity */
  readonly onDuplicate: 'refuse' | 'entity';
  readonly onProgress?: (progress: Progress) => void;
}

interface KeyColumn {
  readonly builder: ColumnBuilder;
  readonly normalise: Normaliser;
}

interface ValueCells {
  readonly builder: ValueBuilder;
  readonly source: ValueSource;
}

export class TableReader {
  /** Key columns, then value columns. */
  readonly sources: readonly (ColumnSource | ValueSource)[];
  readonly problems: Problems = new Problems();
  readonly positions: Positions = new Positions();
  readonly #options: ReadOptions;
  readonly #rowsMax: number;
  readonly #keys: readonly KeyColumn[];
  readonly #values: readonly ValueCells[];

  constructor(keys: readonly ColumnSource[], options: ReadOptions) {
    this.sources = [...keys, ...options.values];
    this.#options = options;
    // a file may have more rows than the table made of it
    this.#rowsMax = options.onDuplicate === 'entity' ? MAX_MANIFEST_ROWS : options.rowsMax;
    this.#keys = keys.map((column) => ({
      builder: new ColumnBuilder(),
      normalise: normaliser(column.normalisation, options.defaultCountry),
    }));
    this.#values = options.values.map((source) => ({ builder: new ValueBuilder(), source }));
  }

  progress(rows: number, fraction: number | null): void {
    this.#options.onProgress?.({ rows, fraction });
  }

  /** Refuses a table of `rows` or more rows when that is above the agreed maximum. */
  checkRows(file: string, rows: number): void {
    if (rows > this.#rowsMax) this.#tooMany(file, 'rows', this.#rowsMax);
  }

  /** Appends the cell of table row `row`; call once per row and column, rows ascending. */
  cell(index: number, row: number, text: string): void {
    const key = this.#keys[index];
    if (key === undefined) this.#value(index, row, text);
    else this.#identifier(key, index, row, text);
  }

  /** Appends `mantissa * 10^-scale` to a value column, as {@link cell} does text. */
  number(index: number, row: number, mantissa: bigint, scale: number): void {
    const { builder, source } = this.#valueAt(index);
    this.#append(builder, index, row, scaleValue(mantissa, scale, source.decimals));
  }

  #identifier({ builder, normalise }: KeyColumn, index: number, row: number, text: string): void {
    // U+FFFD stands where bytes were not UTF-8, here or in an earlier conversion: the identifier is lost.
    if (/[\0\uFFFD]/.test(text)) {
      this.#refuse('ERR_INPUT_FORMAT', index, row, 'expected UTF-8 text without NUL or U+FFFD');
      builder.append('');
      return;
    }
    const identifier = normalise(text);
    if (typeof identifier === 'object') {
      this.#refuse('ERR_INPUT_VALUE', index, row, identifier.expected);
      builder.append('');
    } else if (!builder.append(identifier)) {
      const expected = `expected at most ${IDENTIFIER_BYTES_MAX} bytes after normalisation`;
      this.#refuse('ERR_INPUT_VALUE', index, row, expected);
    }
  }

  #value(index: number, row: number, text: string): void {
    const { builder, source } = this.#valueAt(index);
    if (text.trim() !== '') {
      this.#append(builder, index, row, parseValue(text, source.decimals));
      return;
    }
    builder.appendEmpty();
    if (!source.emptyIsZero) {
      const expected = 'expected a number, got nothing (or state "empty": "zero" for the column)';
      this.#refuse('ERR_INPUT_VALUE', index, row, expected);
    }
  }

  #append(builder: ValueBuilder, index: number, row: number, value: bigint | Refusal): void {
    if (typeof value === 'object') this.#refuse('ERR_INPUT_VALUE', index, row, value.expected);
    builder.append(typeof value === 'object' ? 0n : value);
  }

  #valueAt(index: number): ValueCells {
    const value = this.#values[index - this.#keys.length];
    if (value === undefined) throw new DpcaError('ERR_INTERNAL', 'no such column');
    return value;
  }

  #refuse(
    code: 'ERR_INPUT_VALUE' | 'ERR_INPUT_FORMAT',
    index: number,
    row: number,
    expected: string,
  ): void {
    this.problems.add(code, `${this.positions.where(row)}, ${this.#column(index)}: ${expected}`);
  }

  #tooMany(file: string, what: string, most: number): never {
    this.problems.fatal('ERR_INPUT_ROWS', `${file}: expected at most ${most} ${what}, got more`);
  }

  /** The table, after the steps that need all of it (ERR_INPUT_ROWS, ERR_INPUT_DUPLICATE, ERR_INPUT_VALUE). */
  finish(rows: number, file: string): IngestedTable {
    if (rows === 0)
      this.problems.add('ERR_INPUT_ROWS', `${file}: expected at least one row, got none`);
    const columns = this.#keys.map(({ builder }, i) => builder.finish(this.sources[i]?.name ?? ''));
    const values = this.#values.map(({ builder, source }) => builder.finish(source.name));
    const table = { rows, columns, values, merge: null, rowOf: (row: number) => row };
    const made = this.#options.onDuplicate === 'entity' ? this.#merge(table, file) : table;
    // after merging, too, although it cannot find any there: the privacy claim rests on it
    for (const [index, column] of made.columns.entries()) {
      findDuplicates(column, (first, again) => {
        const where = this.positions.whereBoth(made.rowOf(first), made.rowOf(again));
        const text = `${where}, ${this.#column(index)}: expected each identifier once, got one twice`;
        this.problems.add('ERR_INPUT_DUPLICATE', text);
      });
    }
    this.problems.throwIfAny();
    const empties = made.columns.map((column) => made.rows - filled(column));
    return {
      rows: made.rows,
      columns: made.columns,
      empties,
      values: made.values,
      merge: made.merge,
    };
  }

  #merge(table: Finished, file: string): Finished {
    this.problems.throwIfAny(); // a refused cell stands empty, so what would follow from merging may not be true
    const combine = this.#values.map(({ source }) => {
      if (source.combine !== undefined) return source.combine;
      const text = `column ${source.name}: expected sum, max or min, to merge rows`;
      throw new DpcaError('ERR_CONFIG', text);
    });
    const { rows, columns, values } = table;
    const merged = mergeEntities(rows, columns, values, combine, (value, row) => {
      const index = this.#keys.length + value;
      const expected = 'expected the sum over all rows of its entity within signed 64 bits';
      this.#refuse('ERR_INPUT_VALUE', index, row, expected);
    });
    const { firstRows, report } = merged;
    const { rowsMax } = this.#options;
    if (firstRows.length > rowsMax) this.#tooMany(file, 'rows after merging', rowsMax);
    return {
      ...{ columns: merged.columns, values: merged.values, rows: firstRows.length, merge: report },
      rowOf: (entity) => firstRows[entity] ?? 0,
    };
  }

  /** `column email ("user_email", rule email)` */
  #column(index: number): string {
    const source = this.sources[index];
    if (source === undefined) throw new DpcaError('ERR_INTERNAL', 'no such column');
    const from = typeof source.from === 'number' ? `position ${source.from}` : `"${source.from}"`;
    let what: string;
    if ('normalisation' in source) what = `rule ${source.normalisation}`;
    else what = source.decimals === 0 ? 'whole numbers' : `${source.decimals} decimals`;
    return `column ${source.name} (${from}, ${what})`;
  }
}

/** A table before the last check; `rowOf` gives the row of the file that begins a row of it. */
type Finished = Omit<IngestedTable, 'empties'> & { readonly rowOf: (row: number) => number };
