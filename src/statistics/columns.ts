/**
 * What a party's own rows decide alone, computed by its enclave before anything is shared: offsets, squares, own
 * conditions and group membership. A row that fails a condition, and every dummy row, is 0 in every column, so that it
 * counts nowhere; rows are nulled and never dropped. Secret.
 * @module
 */
import { DpcaError } from '../errors.ts';
import type { InputColumn, PartyName } from '../mpc/program.ts';
import type { Condition, ManifestValue } from './definition.ts';
import type { Factor } from './moments.ts';

/** The product of the factors (1 if there is none) in rows that meet all conditions, else 0; all of one party. */
export interface OwnTerm {
  readonly factors: readonly Factor[];
  readonly where: readonly Condition[];
}

/** A column and what its owner puts there: term i at bit i, so more than one only if each is 0 or 1. */
export interface OwnColumn extends InputColumn {
  readonly terms: readonly OwnTerm[];
}

/** A party's validated rows; values clipped, one array per value of this party in the manifest's order. */
export interface OwnRows {
  readonly rows: number;
  readonly values: readonly BigInt64Array[];
}

type RowTerm = (row: number) => bigint;

function evaluator(
  term: OwnTerm,
  valuesOf: (name: string) => BigInt64Array,
  bounds: (name: string) => ManifestValue,
): RowTerm {
  const cell = (values: BigInt64Array, row: number): bigint => values[row] ?? 0n;
  const factors = term.factors.map(({ value, offset }) => ({
    values: valuesOf(value.name),
    offset: BigInt(offset),
  }));
  const conditions = term.where.map((condition) => {
    const point = 'equals' in condition;
    return {
      values: valuesOf(bounds(condition.value).name),
      from: BigInt(point ? condition.equals : condition.from),
      to: BigInt(point ? condition.equals : condition.to),
    };
  });
  return (row) => {
    for (const { values, from, to } of conditions) {
      const x = cell(values, row);
      if (x < from || x > to) return 0n;
    }
    return factors.reduce((all, { values, offset }) => all * (cell(values, row) - offset), 1n);
  };
}

/**
 * Words of the input columns of one party, in the order of `columns`: position p holds row order[p] of its table, or 0 where
 * order[p] is the index of a dummy row.
 */
export function ownColumns(
  columns: readonly OwnColumn[],
  values: readonly ManifestValue[],
  party: PartyName,
  own: OwnRows,
  order: Uint32Array,
): BigUint64Array[] {
  const mine = values.filter(({ owner }) => owner === party);
  const at = new Map(mine.map((value, i) => [value.name, i]));
  const fits = own.values.length === mine.length && own.values.every((v) => v.length === own.rows);
  if (!fits) throw new DpcaError('ERR_INTERNAL', 'the values do not fit the table');
  const index = (name: string): number => {
    const i = at.get(name);
    if (i === undefined) throw new DpcaError('ERR_INTERNAL', 'a column of the other party');
    return i;
  };
  return columns
    .filter(({ owner }) => owner === party)
    .map(({ bits, terms }) => {
      const evaluators = terms.map((term) =>
        evaluator(
          term,
          (name) => own.values[index(name)] as BigInt64Array,
          (name) => mine[index(name)] as ManifestValue,
        ),
      );
      const words = new BigUint64Array(order.length);
      order.forEach((row, p) => {
        if (row >= own.rows) return;
        let word = 0n;
        evaluators.forEach((term, bit) => {
          word |= BigInt.asUintN(bits, term(row)) << BigInt(bit);
        });
        words[p] = word;
      });
      return words;
    });
}
