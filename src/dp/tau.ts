/**
 * The tau calculator of IntersectMask: the smallest tau whose n-fold composition of
 * Hypergeometric(2 tau, tau, tau) keeps (epsilon, delta). Published DPCA-PSI tables are for k = 3 and 1.
 * @module
 */
import { deltaUpper } from './accountant.ts';
import { DpcaError } from '../errors.ts';
import { maskPair } from './loss.ts';

/** Relative distances from the target within which the next, finer value decides; each is an upper bound. */
const STAGES = [
  { tolerance: 0.1, room: 0.06 },
  { tolerance: 1e-2, room: 5e-3 },
  { tolerance: 1e-5, room: 0 },
] as const;
const MAX_TAU = 2 ** 32;

function keeps(tau: number, n: number, epsilon: number, delta: number): boolean {
  const parts = [{ pair: maskPair({ kind: 'intersect', tau }), count: n }];
  for (const { tolerance, room } of STAGES) {
    const upper = deltaUpper(parts, epsilon, { tolerance });
    if (upper <= delta) return true;
    if (upper > delta * (1 + room)) return false;
  }
  return false;
}

/** Smallest tau for n = k T shift-1 compositions; epsilon > 0, 0 < delta < 1 (ERR_MANIFEST_PLAN above 2^32). */
export function tauTight(n: number, epsilon: number, delta: number): number {
  let low = 0;
  let high = 8;
  while (!keeps(high, n, epsilon, delta)) {
    low = high;
    high *= 2;
    if (high > MAX_TAU) {
      throw new DpcaError('ERR_MANIFEST_PLAN', 'no tau up to 2^32 reaches this epsilon and delta');
    }
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (keeps(middle, n, epsilon, delta)) high = middle;
    else low = middle;
  }
  return high;
}

export interface TauEntry {
  readonly k: number;
  readonly rows: number;
  readonly runs: number;
  readonly epsilon: number;
  readonly delta: number;
  readonly tau: number;
}

/** One entry per combination, with delta = 1/(10 rows) as in the published tables. */
export function tauTable(request: {
  readonly k: readonly number[];
  readonly rows: readonly number[];
  readonly runs: readonly number[];
  readonly epsilon: readonly number[];
}): readonly TauEntry[] {
  return request.k.flatMap((k) =>
    request.rows.flatMap((rows) =>
      request.runs.flatMap((runs) =>
        request.epsilon.map((epsilon) => {
          const delta = 1 / (10 * rows);
          return { k, rows, runs, epsilon, delta, tau: tauTight(k * runs, epsilon, delta) };
        }),
      ),
    ),
  );
}

/** The grid of the published DPCA-PSI tables: multi-id (k = 3) and single-id (k = 1). */
export const PUBLISHED_GRID = {
  k: [3, 1],
  rows: [1e3, 1e4, 1e5, 1e6, 1e7],
  runs: [6, 10, 20],
  epsilon: [1, 2, 4, 6, 8],
} as const;
