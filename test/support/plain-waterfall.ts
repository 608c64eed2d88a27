/**
 * The plain-text reference of k-column matching: what the protocol must compute, written so that it is plainly
 * right. docs/specification.md section 8. Columns in priority order; rows that agree in a column match and leave; an empty cell
 * (null) never matches; identifiers are unique within a column of a table.
 * @module
 */

export interface PlainMatch {
  /** matched rows per column */
  readonly sizes: number[];
  /** rows (from 0) of each table that matched, in the order of {@link pairs} */
  readonly matchedA: number[];
  readonly matchedB: number[];
  /** by column, then by row of a */
  readonly pairs: { readonly a: number; readonly b: number; readonly column: number }[];
}

export type PlainRow = readonly (string | null)[];

export function plainWaterfall(
  a: readonly PlainRow[],
  b: readonly PlainRow[],
  k: number,
): PlainMatch {
  const sizes: number[] = [];
  const pairs: { a: number; b: number; column: number }[] = [];
  const leftA = new Set(a.keys());
  const leftB = new Set(b.keys());
  for (let column = 0; column < k; column++) {
    const rowsOfA = rowsByIdentifier(a, column);
    const rowsOfB = rowsByIdentifier(b, column);
    let size = 0;
    for (const [identifier, rowA] of rowsOfA) {
      const rowB = rowsOfB.get(identifier);
      if (rowB === undefined || !leftA.has(rowA) || !leftB.has(rowB)) continue;
      leftA.delete(rowA);
      leftB.delete(rowB);
      pairs.push({ a: rowA, b: rowB, column });
      size += 1;
    }
    sizes.push(size);
  }
  return {
    sizes,
    pairs,
    matchedA: pairs.map((pair) => pair.a),
    matchedB: pairs.map((pair) => pair.b),
  };
}

function rowsByIdentifier(rows: readonly PlainRow[], column: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const [row, cells] of rows.entries()) {
    const identifier = cells[column];
    if (identifier === undefined) throw new Error(`row ${row} has no column ${column}`);
    if (identifier === null) continue;
    if (found.has(identifier)) throw new Error(`column ${column} holds one identifier twice`);
    found.set(identifier, row);
  }
  return found;
}
