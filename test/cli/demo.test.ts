/**
 * `dpca demo`: the replayed coins explain all noise exactly, and an interval is said to hold the truth if it does. The other
 * two examples need as long again each and are in demo.slow.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { compare, comparisonTable } from '../../host/demo/compare.ts';
import { checkDemo } from './demo-run.ts';

it('dpca demo releases noised figures beside the truth', { timeout: 240_000 }, () =>
  checkDemo('ads'),
);

describe('release beside truth', () => {
  const figure = (value: string, low: number, high: number) => ({
    ...{ value, standardDeviation: '1' },
    interval: { low, high },
  });

  it('tells suppressed, undefined and zero apart, and the truth outside from inside', () => {
    const rows = [
      ...compare({ kind: 'count', suppressed: true }, { kind: 'count', value: 7 }, []),
      ...compare(
        { kind: 'mean', of: 'x', undefined: 'the noised count is not positive' },
        { kind: 'mean', value: 1.5 },
        [],
      ),
      ...compare({ kind: 'sum', of: 'x', ...figure('0', -3, 3) }, { kind: 'sum', value: 4 }, []),
      ...compare(
        {
          ...{ kind: 'histogram', group: 'g', groups: [0, 1], sum: 'x' },
          result: [
            { group: 0, suppressed: true },
            { group: 1, count: figure('5', 4, 6), sum: figure('50', 40, 60) },
          ],
        },
        {
          kind: 'histogram',
          groups: [
            { group: 0, count: 1, sum: 2 },
            { group: 1, count: 4, sum: 61 },
          ],
        },
        [],
      ),
    ];
    expect(rows.map(({ instead, inside }) => instead ?? inside)).toEqual([
      ...['suppressed', 'the noised count is not positive', false],
      ...['suppressed', 'suppressed', true, false],
    ]);
    const table = comparisonTable(rows);
    expect(table[3]).toMatch(/sum of x +0 +-3 to 3 +4 +-100\.0 % +OUTSIDE$/);
    expect(table[6]).toMatch(/g 1: count +5 +4 to 6 +4 +\+25\.0 % +inside$/);
  });

  it('refuses a truth of another kind', () => {
    expect(() => compare({ kind: 'sum', of: 'x' }, { kind: 'mean', value: 1 }, [])).toThrowCode(
      'ERR_INTERNAL',
    );
  });
});
