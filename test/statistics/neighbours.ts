/**
 * Neighbouring inputs for the sensitivity of moments: small tables with distinct identifiers, one row nulled or
 * replaced, and what the sums of a compiled design are on their common rows.
 * @module
 */
import type { PlainRow } from '../support/plain-waterfall.ts';
import { plainWaterfall } from '../support/plain-waterfall.ts';
import type { MomentFamily, Term } from '../../src/statistics/moments.ts';
import type { ManifestValue } from '../../src/statistics/definition.ts';
import type { Row } from './plain.ts';

export interface Side {
  readonly identifiers: readonly PlainRow[];
  readonly values: readonly Readonly<Record<string, bigint>>[];
}

export type Choose = (from: number, to: number) => number;

function shuffled(choose: Choose, n: number): number[] {
  const all = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = choose(0, i);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}

/** Values at the ends of their bounds half of the time: that is where sums move most. */
function cell(choose: Choose, { low, high }: ManifestValue): bigint {
  const kind = choose(0, 3);
  return BigInt(kind === 0 ? low : kind === 1 ? high : choose(low, high));
}

export function randomSide(
  choose: Choose,
  k: number,
  domain: number,
  values: readonly ManifestValue[],
): Side {
  const rows = choose(1, domain);
  const columns = Array.from({ length: k }, () => shuffled(choose, domain));
  return {
    identifiers: Array.from({ length: rows }, (_, i) =>
      columns.map((column) => (choose(0, 4) === 0 ? null : String(column[i]))),
    ),
    values: Array.from({ length: rows }, () =>
      Object.fromEntries(values.map((value) => [value.name, cell(choose, value)])),
    ),
  };
}

/** The side with row `at` nulled, or replaced by a row of `other` that keeps identifiers distinct. */
export function nulled(side: Side, at: number): Side {
  const identifiers = side.identifiers.map((row, i) => (i === at ? row.map(() => null) : row));
  return { ...side, identifiers };
}

export function replaced(side: Side, at: number, other: Side, from: number): Side {
  const taken = (j: number, id: string | null): boolean =>
    side.identifiers.some((row, i) => i !== at && row[j] === id);
  const fresh = other.identifiers[from]!.map((id, j) => (id !== null && taken(j, id) ? null : id));
  return {
    identifiers: side.identifiers.map((row, i) => (i === at ? fresh : row)),
    values: side.values.map((row, i) => (i === at ? other.values[from]! : row)),
  };
}

export function commonOf(a: Side, b: Side, k: number): Row[] {
  const { pairs } = plainWaterfall(a.identifiers, b.identifiers, k);
  return pairs.map((pair) => ({ ...a.values[pair.a], ...b.values[pair.b] }));
}

function adds(term: Term, row: Row, group: number | undefined): bigint {
  for (const condition of term.where) {
    const x = row[condition.value]!;
    const [from, to] =
      'equals' in condition ? [condition.equals, condition.equals] : [condition.from, condition.to];
    if (x < BigInt(from) || x > BigInt(to)) return 0n;
  }
  if (group !== undefined && row[term.groups!.value.name] !== BigInt(group)) return 0n;
  if (term.window !== undefined) {
    const { conversion, exposure, from, to } = term.window;
    const gap = row[conversion.name]! - row[exposure.name]!;
    if (gap < BigInt(from) || gap > BigInt(to)) return 0n;
  }
  return term.factors.reduce(
    (product, { value, offset }) => product * (row[value.name]! - BigInt(offset)),
    1n,
  );
}

/** The true sums of a family. */
export function sumsOf({ term }: MomentFamily, rows: readonly Row[]): bigint[] {
  const groups = term.groups?.members ?? [undefined];
  return groups.map((group) => rows.reduce((sum, row) => sum + adds(term, row, group), 0n));
}

export interface Movement {
  /** How many sums of the family moved, and the furthest move. */
  readonly moved: number;
  readonly furthest: bigint;
}

export function movement(
  family: MomentFamily,
  before: readonly Row[],
  after: readonly Row[],
): Movement {
  const [x, y] = [sumsOf(family, before), sumsOf(family, after)];
  const moves = x.map((sum, i) => {
    const d = sum - y[i]!;
    return d < 0n ? -d : d;
  });
  return {
    moved: moves.filter((d) => d > 0n).length,
    furthest: moves.reduce((most, d) => (d > most ? d : most), 0n),
  };
}
