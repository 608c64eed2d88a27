/**
 * `--on-duplicate entity` against a naive reference: what is merged, kept, combined, counted and refused; and that
 * the result is what the privacy claim needs (docs/privacy.md section 2). Fixed seeds.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inputReport } from '../../host/ingest/report.ts';
import {
  COMBINATIONS,
  type Combination,
  type IngestedTable,
  type ValueSource,
} from '../../host/ingest/table.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { DpcaError } from '../../src/errors.ts';
import { plainWaterfall } from '../support/plain-waterfall.ts';
import { columns, messageOf, readText, rowsOf, valueSource } from './support.ts';

type Row = readonly (string | null)[];

interface Plain {
  readonly rows: readonly Row[];
  readonly values: readonly (readonly bigint[])[];
}

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

/** k key columns c1.. and the value columns that `combine` names, v1.., through a CSV file. */
function read(
  { rows, values }: Plain,
  combine: readonly Combination[],
  rowsMax = 1_000_000,
): Promise<IngestedTable> {
  const k = rows[0]?.length ?? 0;
  const keys = columns(
    ...Array.from({ length: k }, (_, j): [string, 'none', number] => [`c${j + 1}`, 'none', j + 1]),
  );
  const sources = combine.map((how, i) =>
    valueSource(`v${i + 1}`, { from: k + 1 + i, combine: how }),
  );
  // a last column keeps a record of empty cells from being an empty line
  const lines = rows.map((row, i) =>
    [...row.map((cell) => cell ?? ''), ...values.map((column) => String(column[i])), 'x'].join(),
  );
  const how = { values: sources, onDuplicate: 'entity', rowsMax } as const;
  return readText(`${lines.join('\n')}\n`, keys, { header: false }, how);
}

/** Entities by merging sets until nothing changes: quadratic, and plainly right. */
function reference(
  { rows, values }: Plain,
  combine: readonly Combination[],
): Plain & { readonly groups: readonly (readonly number[])[]; readonly surplus: number[] } {
  let groups = rows.map((_, i) => [i]);
  const shares = (a: readonly number[], b: readonly number[]): boolean =>
    a.some((x) =>
      b.some((y) => (rows[x] ?? []).some((cell, j) => cell !== null && cell === rows[y]?.[j])),
    );
  for (let again = true; again;) {
    again = false;
    for (let i = 0; i < groups.length && !again; i++) {
      for (let j = i + 1; j < groups.length && !again; j++) {
        if (!shares(groups[i] ?? [], groups[j] ?? [])) continue;
        const merged = [...(groups[i] ?? []), ...(groups[j] ?? [])].sort((a, b) => a - b);
        groups = [...groups.filter((_, at) => at !== i && at !== j), merged];
        again = true;
      }
    }
  }
  groups.sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
  const k = rows[0]?.length ?? 0;
  const of = (group: readonly number[], j: number): string[] =>
    group.map((row) => rows[row]?.[j] ?? null).filter((cell) => cell !== null);
  return {
    groups,
    rows: groups.map((group) => Array.from({ length: k }, (_, j) => of(group, j)[0] ?? null)),
    values: combine.map((how, i) =>
      groups.map((group) => {
        const cells = group.map((row) => values[i]?.[row] ?? 0n);
        return cells.reduce((x, y) => (how === 'sum' ? x + y : x > y === (how === 'max') ? x : y));
      }),
    ),
    surplus: Array.from({ length: k }, (_, j) =>
      groups.reduce((sum, group) => sum + Math.max(0, new Set(of(group, j)).size - 1), 0),
    ),
  };
}

/** Tables with repeated identifiers, chains and gaps; values mostly small, sometimes at the ends of 64 bits. */
const plainTable = (k: number, valueColumns: number, maxRows = 12): fc.Arbitrary<Plain> =>
  fc.integer({ min: 1, max: maxRows }).chain((n) => {
    const cell = fc.oneof(
      { weight: 2, arbitrary: fc.constant(null) },
      { weight: 5, arbitrary: fc.nat(maxRows).map(String) },
    );
    const value = fc.oneof(
      { weight: 6, arbitrary: fc.bigInt({ min: -9n, max: 9n }) },
      { weight: 1, arbitrary: fc.constantFrom(MIN, MAX, MIN + 1n, MAX - 1n) },
    );
    const exactly = { minLength: n, maxLength: n };
    return fc.record({
      rows: fc.array(fc.array(cell, { minLength: k, maxLength: k }), exactly),
      values: fc.tuple(...Array.from({ length: valueColumns }, () => fc.array(value, exactly))),
    });
  });

describe('merging', () => {
  it('equals the naive reference on 500 random tables', async () => {
    const seen = { merged: 0, chains: 0, overflows: 0, surplus: 0 };
    const shape = fc.record({
      k: fc.integer({ min: 1, max: 4 }),
      combine: fc.array(fc.constantFrom(...COMBINATIONS), { maxLength: 3 }),
    });
    const table = shape.chain(({ k, combine }) =>
      plainTable(k, combine.length).map((plain) => ({ plain, combine })),
    );
    await fc.assert(
      fc.asyncProperty(table, async ({ plain, combine }) => {
        const expected = reference(plain, combine);
        const overflows = expected.values.flat().some((value) => value < MIN || value > MAX);
        const promise = read(plain, combine);
        if (overflows) {
          seen.overflows += 1;
          await expect(promise).rejects.toThrowCode('ERR_INPUT_VALUE');
          return;
        }
        const got = await promise;
        expect(rowsOf(got)).toEqual(expected.rows);
        expect(got.values.map(({ cells }) => [...cells])).toEqual(expected.values);
        const sizes = expected.groups.map((group) => group.length);
        expect(got.rows).toBe(sizes.length);
        expect(got.merge).toEqual({
          rowsRead: plain.rows.length,
          mergedRows: sizes.filter((size) => size > 1).reduce((sum, size) => sum + size, 0),
          largestEntity: Math.max(...sizes),
          surplusIdentifiers: expected.surplus,
        });
        expect(got.empties).toEqual(
          (plain.rows[0] ?? []).map(
            (_, j) => expected.rows.filter((row) => row[j] === null).length,
          ),
        );
        if (Math.max(...sizes) > 1) seen.merged += 1;
        if (Math.max(...sizes) > 3) seen.chains += 1;
        if (expected.surplus.some((count) => count > 0)) seen.surplus += 1;
      }),
      { seed: 41, numRuns: 500 },
    );
    // not vacuous: each kind of table really occurs
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(25);
  });

  it('gives tables that keep the sensitivity statement', async () => {
    let moved = 0;
    const pair = fc
      .integer({ min: 1, max: 3 })
      .chain((k) => fc.tuple(plainTable(k, 0, 9), plainTable(k, 0, 9), fc.nat(), fc.constant(k)));
    await fc.assert(
      fc.asyncProperty(pair, async ([a, b, at, k]) => {
        const [left, right] = [rowsOf(await read(a, [])), rowsOf(await read(b, []))];
        const before = plainWaterfall(left, right, k).sizes; // throws if an identifier is left twice
        const nulled = left.map((row, i) => (i === at % left.length ? row.map(() => null) : row));
        const after = plainWaterfall(nulled, right, k).sizes;
        const moves = before.map((size, j) => size - (after[j] ?? 0)).filter((x) => x !== 0);
        // + - + ...: an entity of A that leaves can only free what it had taken
        expect(moves).toEqual(moves.map((_, i) => (i % 2 === 0 ? 1 : -1)));
        if (moves.length > 0) moved += 1;
      }),
      { seed: 42, numRuns: 300 },
    );
    expect(moved).toBeGreaterThan(50);
  });

  it('follows chains across columns, in any order of rows', async () => {
    const n = 5_000;
    const link = (i: number): Row => [`a${i >> 1}`, `b${(i + 1) >> 1}`];
    const ones = Array.from({ length: n }, () => 1n);
    for (const order of [
      (i: number) => i,
      (i: number) => n - 1 - i,
      (i: number) => (i * 2_999) % n,
    ]) {
      const rows = Array.from({ length: n }, (_, i) => link(order(i)));
      const table = await read({ rows, values: [ones] }, ['sum']);
      expect(rowsOf(table)).toEqual([rows[0]]);
      expect(table.values[0]?.cells).toEqual(BigInt64Array.of(BigInt(n)));
    }
  });

  it('comes after normalisation, and does not mix up columns', async () => {
    const keys = columns(['email', 'email', 'e'], ['id', 'none', 'i']);
    const text = 'e,i\nAda@Example.com,1\n ada@example.com,2\nbo@x,ada@example.com\n,3\n,3\n,\n,\n';
    const table = await readText(text, keys, {}, { onDuplicate: 'entity' });
    expect(rowsOf(table)).toEqual([
      ['ada@example.com', '1'],
      ['bo@x', 'ada@example.com'],
      [null, '3'],
      [null, null],
      [null, null],
    ]);
    expect(table.merge).toEqual({
      ...{ rowsRead: 7, mergedRows: 4, largestEntity: 2 },
      surplusIdentifiers: [0, 1],
    });
  });

  it('sums exactly, whatever the partial sums, and refuses what does not fit with its place', async () => {
    const rows = [['x'], ['y'], ['x'], ['x']];
    const fits = { rows, values: [[MAX, 5n, MAX, -MAX]] };
    expect([...((await read(fits, ['sum'])).values[0]?.cells ?? [])]).toEqual([MAX, 5n]);
    const over = read({ rows, values: [[1n, MAX, MAX, 0n]] }, ['sum']);
    expect(await messageOf(over)).toMatch(
      /line 1, column v1 \(position 2, whole numbers\): .*entity/,
    );
    await expect(over).rejects.toThrowCode('ERR_INPUT_VALUE');
  });
});

describe('limits and refusals', () => {
  const keys = columns(['id', 'none', 'id']);
  const text = 'id,v\na,1\nb,2\na,3\nc,4\n';
  const refused = async (
    code: ErrorCode,
    how: { combine?: Combination; onDuplicate?: 'refuse' | 'entity'; rowsMax?: number },
    ...parts: string[]
  ): Promise<void> => {
    const { combine, ...options } = how;
    const values = [valueSource('v', combine === undefined ? {} : { combine })];
    const promise = readText(text, keys, {}, { values, ...options });
    const message = await messageOf(promise);
    for (const part of parts) expect(message).toContain(part);
    await expect(promise).rejects.toThrowCode(code);
  };

  it('without it a repeated identifier is refused, both rows named', async () => {
    await refused('ERR_INPUT_DUPLICATE', { combine: 'sum' }, 'lines 2 and 4, column id');
  });

  it('a value column must say how it is combined', async () => {
    await refused('ERR_CONFIG', { onDuplicate: 'entity' }, 'column v: expected sum, max or min');
  });

  it('the agreed rows are those after merging', async () => {
    const how = { combine: 'max', onDuplicate: 'entity' } as const;
    await refused('ERR_INPUT_ROWS', { ...how, rowsMax: 2 }, 'at most 2 rows after merging');
    const values = [valueSource('v', { combine: 'max' })];
    const table = await readText(text, keys, {}, { values, onDuplicate: 'entity', rowsMax: 3 });
    expect([...(table.values[0]?.cells ?? [])]).toEqual([3n, 2n, 4n]);
  });

  it('a refused cell ends it before anything is merged', async () => {
    const email = columns(['email', 'email', 'id']);
    const how = { onDuplicate: 'entity', rowsMax: 1 } as const;
    const bad = readText('id\na@x\na x\nb@x\n', email, {}, how);
    await expect(bad).rejects.toThrowCode('ERR_INPUT_VALUE');
    expect(await messageOf(bad)).not.toContain('after merging');
    await expect(readText('id,v\n', keys, {}, { onDuplicate: 'entity' })).rejects.toSatisfy(
      (error) => error instanceof DpcaError && error.code === 'ERR_INPUT_ROWS',
    );
  });
});

it('the report says what was merged and clipped, by column', async () => {
  const sources: ValueSource[] = [
    valueSource('spend', { combine: 'sum', low: 0n, high: 10n }),
    valueSource('last', { combine: 'max', emptyIsZero: true }),
  ];
  const text = 'email,phone,spend,last\na,1,6,\na,2,6,7\n,2,-30,1\nb,,11,0\n,,5,\n';
  const keys = columns(['email', 'none', 'email'], ['phone', 'none', 'phone']);
  const table = await readText(text, keys, {}, { values: sources, onDuplicate: 'entity' });
  expect(inputReport(table, sources)).toEqual({
    rows: 3,
    empty: { email: 1, phone: 2 },
    values: {
      spend: { clippedToLow: 1, clippedToHigh: 1, emptyAsZero: 0 },
      last: { clippedToLow: 0, clippedToHigh: 0, emptyAsZero: 2 },
    },
    merged: {
      ...{ rowsRead: 5, entities: 3, mergedRows: 3, largestEntity: 3 },
      surplusIdentifiers: { email: 0, phone: 1 },
      combined: { spend: 'sum', last: 'max' },
    },
  });
});
