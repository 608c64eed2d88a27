/**
 * Where each row of the table came from, as a person would look it up: "line 17" of a CSV file (the line on which
 * its record begins, the header being line 1) or "row 17" of a Parquet file (from 1). Rows that follow each other
 * share one entry, so that the memory goes with quoted line breaks and files, not with rows.
 * @module
 */

interface Run {
  readonly row: number;
  readonly file: string;
  readonly unit: 'line' | 'row';
  readonly number: number;
}

export class Positions {
  readonly #runs: Run[] = [];

  /** Row `row` of the table (from 0, ascending over the calls) is `number` in `file`. */
  mark(row: number, file: string, unit: 'line' | 'row', number: number): void {
    const last = this.#runs.at(-1);
    if (last?.file === file && number - last.number === row - last.row) return;
    if (last?.row === row) this.#runs.pop();
    this.#runs.push({ row, file, unit, number });
  }

  /** "customers.csv, line 17" */
  where(row: number): string {
    const { file, unit, number } = this.#find(row);
    return `${file}, ${unit} ${number}`;
  }

  /** "customers.csv, lines 3 and 17", or two full positions when the files differ */
  whereBoth(first: number, second: number): string {
    const a = this.#find(first);
    const b = this.#find(second);
    if (a.file !== b.file) return `${this.where(first)} and ${this.where(second)}`;
    return `${a.file}, ${a.unit}s ${a.number} and ${b.number}`;
  }

  #find(row: number): Run {
    let low = 0;
    let high = this.#runs.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle]?.row ?? Infinity) <= row) low = middle;
      else high = middle;
    }
    const run = this.#runs[low];
    if (run === undefined) return { row, file: 'the input', unit: 'row', number: row + 1 };
    return { ...run, number: run.number + row - run.row };
  }
}
