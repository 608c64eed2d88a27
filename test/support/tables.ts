/**
 * Tables of tests: text cells to packed columns, and random pairs with gaps and partial overlap.
 * @module
 */
import { utf8 } from '../../src/encoding.ts';
import type { Table } from '../../src/matching/table.ts';
import { pack } from '../../src/packed.ts';
import type { UniformSource } from '../../src/rng.ts';

export type Cells = readonly (readonly (string | null)[])[];

/** Rows of k cells, null for an empty cell. */
export function tableOf(rows: Cells, k: number): Table {
  const columns = Array.from({ length: k }, (_, j) => pack(rows.map((row) => utf8(row[j] ?? ''))));
  return { rows: rows.length, columns, values: [] };
}

/** A random table pair: identifiers unique per column and side, drawn from one pool so that they meet. */
export function randomPair(uniform: UniformSource, k: number, maxRows: number): [Cells, Cells] {
  const sizeA = 1 + uniform.below(maxRows);
  const sizeB = uniform.below(4) === 0 ? 1 : 1 + uniform.below(maxRows);
  const pool = 1 + uniform.below(2 * maxRows);
  const gaps = uniform.below(60);
  const side = (n: number): Cells => {
    const columns = Array.from({ length: k }, (_, j) => {
      const order = uniform.permutation(Math.max(n, pool));
      return Array.from({ length: n }, (__, i) =>
        uniform.below(100) < gaps ? null : `c${j}-${order[i] ?? 0}`,
      );
    });
    return Array.from({ length: n }, (_, i) => columns.map((column) => column[i] ?? null));
  };
  return [side(sizeA), side(sizeB)];
}
