/**
 * Finds the configured columns among those of a file, by name or by position.
 * @module
 */
import type { TableReader } from './table-reader.ts';
import type { ColumnSource, ValueSource } from './table.ts';

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
  const fail = (source: ColumnSource | ValueSource, expected: string): number => {
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
