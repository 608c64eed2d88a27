/**
 * Sensitivity of the waterfall (docs/privacy.md section 2), on a plain-text reference: null-a-row moves the k sizes by
 * alternating +1 and -1 with partial sums in {0, 1}; replacing a row by at most [1, 2, 2, ...]. Fixed seeds.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shared } from './support.ts';

type Cell = number | undefined;
type Table = readonly (readonly Cell[])[];

/** Sizes of the k columns: matched rows leave; an empty cell never matches. */
function waterfall(a: Table, b: Table, k: number): number[] {
  let [left, right] = [[...a], [...b]];
  return Array.from({ length: k }, (_, j) => {
    const ids = new Set(right.map((row) => row[j]));
    const matched = new Set(
      left.map((row) => row[j]).filter((id) => id !== undefined && ids.has(id)),
    );
    left = left.filter((row) => !matched.has(row[j]));
    right = right.filter((row) => !matched.has(row[j]));
    return matched.size;
  });
}

/** Tables with distinct non-empty identifiers per column, drawn from a domain small enough to collide across sides. */
function validTable(k: number, domain: number): fc.Arbitrary<Table> {
  return fc.integer({ min: 1, max: domain }).chain((rows) =>
    fc
      .array(
        fc.shuffledSubarray(
          Array.from({ length: domain }, (_, i) => i),
          { minLength: rows, maxLength: rows },
        ),
        { minLength: k, maxLength: k },
      )
      .chain((columns) =>
        fc
          .array(fc.array(fc.integer({ min: 0, max: 4 }), { minLength: k, maxLength: k }), {
            minLength: rows,
            maxLength: rows,
          })
          .map((gaps) =>
            gaps.map((row, i) => row.map((gap, j) => (gap === 0 ? undefined : columns[j]?.[i]))),
          ),
      ),
  );
}

const pairs = (k: number) =>
  fc.tuple(validTable(k, 7), validTable(k, 7), fc.nat(), validTable(k, 7));
const nulled = (table: Table, at: number): Table =>
  table.map((row, i) => (i === at % table.length ? row.map(() => undefined) : row));

/** v alternates + - + from either sign, and all partial sums lie in {0, 1} (or {-1, 0}). */
function alternates(v: readonly number[]): boolean {
  let sum = 0;
  const sums = v.map((x) => (sum += x));
  const first = v.find((x) => x !== 0) ?? 1;
  return v.every((x) => Math.abs(x) <= 1) && sums.every((s) => s === 0 || s === first);
}

describe('null one row', () => {
  it.each([1, 2, 3, 4])('k = %i: differences alternate, partial sums in {0, 1}', (k) => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(pairs(k), ([a, b, at]) => {
        const before = waterfall(a, b, k);
        const check = (after: readonly number[]): void => {
          const v = before.map((s, j) => s - (after[j] ?? 0));
          seen.add(v.join());
          expect(alternates(v)).toBe(true);
        };
        check(waterfall(nulled(a, at), b, k));
        check(waterfall(a, nulled(b, at), k));
      }),
      { seed: 4 + k, numRuns: 4_000 },
    );
    // the property is not vacuous: sizes really move
    expect(seen.size).toBeGreaterThanOrEqual(Math.min(2 * k, 6));
  });

  it('the list of k = 3 is what alternation allows', () => {
    const list: number[][] = [];
    for (let code = 0; code < 27; code++) {
      const v = [code % 3, Math.floor(code / 3) % 3, Math.floor(code / 9)].map((x) => x - 1);
      if (alternates(v) && v.find((x) => x !== 0) === 1) list.push(v);
    }
    expect(list).toHaveLength(7);
    const key = (vectors: readonly (readonly number[])[]) => vectors.map(String).sort();
    const given = shared?.sensitivity.alternating_vectors_k3;
    if (given !== undefined) expect(key(list)).toEqual(key(given));
  });
});

describe('replace one row', () => {
  it.each([1, 2, 3])('k = %i: the first size moves by at most 1, later ones by at most 2', (k) => {
    let most = 0;
    fc.assert(
      fc.property(pairs(k), ([a, b, at, other]) => {
        // the row at `at` is replaced by a row of `other`, where that keeps identifiers distinct
        const row = other[at % other.length] ?? [];
        const i = at % a.length;
        const clash = a.some(
          (r, p) => p !== i && r.some((id, j) => id !== undefined && id === row[j]),
        );
        fc.pre(!clash);
        const before = waterfall(a, b, k);
        const after = waterfall(
          a.map((r, p) => (p === i ? row : r)),
          b,
          k,
        );
        before.forEach((s, j) => {
          const moved = Math.abs(s - (after[j] ?? 0));
          most = Math.max(most, moved);
          expect(moved).toBeLessThanOrEqual(j === 0 ? 1 : 2);
        });
      }),
      { seed: 40 + k, numRuns: 4_000 },
    );
    expect(most).toBe(k === 1 ? 1 : 2);
  });
});

describe('duplicates', () => {
  it('break the bound, which is why tables with them are refused', () => {
    const a: Table = [[1], [1], [1]];
    const sizeByRows = a.filter((row) => [[1]].some((other) => other[0] === row[0])).length;
    expect(sizeByRows).toBe(3);
  });
});
