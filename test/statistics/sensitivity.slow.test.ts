/**
 * 24,000 random neighbours for each k: no moment moves further, and no more of them, than is charged; and the search has
 * power, as it reaches what is charged for a nulled row in most terms. Fixed seeds.
 */
import { expect, it } from 'vitest';
import { searchWorst } from './sensitivity.ts';

it.each([1, 2, 3, 4])('sensitivity of all kinds of moments, k = %i', { timeout: 600_000 }, (k) => {
  const { excess, shares } = searchWorst(k, 24_000, 'slow');
  expect(excess).toEqual([]);
  const reached = [...shares.values()].filter(
    ({ share, moved, slots }) => share === 1 && moved === slots,
  );
  expect(reached.length / shares.size).toBeGreaterThan(k < 3 ? 0.9 : 0.45);
});
