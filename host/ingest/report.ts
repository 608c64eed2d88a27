/**
 * What reading an input found and did, for the operator: counts only, no identifier and no value.
 * @module
 */
import type { JsonObject } from '../../src/json.ts';
import type { IngestedTable, ValueSource } from './table.ts';
import { outOfBounds } from './values.ts';

/** @param sources of the table's value columns, in their order */
export function inputReport(table: IngestedTable, sources: readonly ValueSource[]): JsonObject {
  const { rows, columns, empties, values, merge } = table;
  const perColumn = (counts: readonly number[]): JsonObject =>
    Object.fromEntries(columns.map(({ name }, i) => [name, counts[i] ?? 0]));
  const found = sources.map((source, i): [string, JsonObject] => {
    const column = values[i];
    if (column === undefined) return [source.name, {}];
    const { below, above } = outOfBounds(column, source);
    return [
      source.name,
      { clippedToLow: below, clippedToHigh: above, emptyAsZero: column.empties },
    ];
  });
  const report = { rows, empty: perColumn(empties), values: Object.fromEntries(found) };
  if (merge === null) return report;
  const { rowsRead, mergedRows, largestEntity, surplusIdentifiers } = merge;
  return {
    ...report,
    merged: {
      ...{ rowsRead, entities: rows, mergedRows, largestEntity },
      surplusIdentifiers: perColumn(surplusIdentifiers),
      combined: Object.fromEntries(sources.map(({ name, combine }) => [name, combine ?? null])),
    },
  };
}
