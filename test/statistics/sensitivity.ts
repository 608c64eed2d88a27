/**
 * The search for a pair of neighbours that moves a moment further, or more moments, than is charged; shared by the quick
 * and the slow test.
 * @module
 */
import { compileStatistics } from '../../src/statistics/compile.ts';
import type { ManifestValue } from '../../src/statistics/definition.ts';
import { seededRng } from '../support/test-rng.ts';
import { chooser, design, ROWS } from './cases.ts';
import { commonOf, movement, nulled, randomSide, replaced, type Side } from './neighbours.ts';

const VALUES: readonly ManifestValue[] = [
  { name: 'v', owner: 'a', low: -3, high: 5 },
  { name: 'u', owner: 'a', low: 4, high: 9 },
  { name: 'g', owner: 'a', low: 0, high: 3 },
  { name: 'w', owner: 'b', low: -2, high: 6 },
  { name: 'h', owner: 'b', low: 0, high: 3 },
];
const ours = [{ value: 'g', from: 0, to: 1 }];
const theirs = [{ value: 'h', from: 0, to: 1 }];
const both = [...ours, ...theirs];
const groups = [0, 1, 2, 3];
const window = { from: -3, to: 3 };

/** Every kind of moment: of one side's row, of a pair's, in groups, in windows, with and without conditions. */
const STATISTICS = [
  ...[ours, theirs, both].map((where) => ({ kind: 'count', where })),
  ...['v', 'u', 'w'].map((of) => ({ kind: 'sum', of })),
  ...[ours, theirs, both].map((where) => ({ kind: 'sum', of: 'v', where })),
  { kind: 'variance', of: 'v' },
  { kind: 'correlation', of: ['v', 'w'] },
  { kind: 'covariance', of: ['u', 'w'], where: both },
  { kind: 'histogram', group: 'g', groups, sum: 'v' },
  { kind: 'histogram', group: 'g', groups, sum: 'w' },
  { kind: 'histogram', group: 'g', groups: [0, 1], sum: 'u', where: theirs },
  { kind: 'attributed', conversion: 'w', exposure: 'v', window, sum: 'w' },
];

export interface Worst {
  /** Per term: the largest share of its sensitivity that a null moved it by, and the most sums that moved. */
  readonly shares: Map<string, { share: number; moved: number; slots: number }>;
  /** Movements that exceed what is charged. */
  readonly excess: string[];
}

export function searchWorst(k: number, instances: number, seed: string): Worst {
  const { families } = compileStatistics(design(k, VALUES, STATISTICS), ROWS);
  const choose = chooser(seededRng(`${seed} ${k}`));
  const [mine, peers] = (['a', 'b'] as const).map((p) => VALUES.filter((v) => v.owner === p));
  const worst: Worst = { shares: new Map(), excess: [] };
  for (let instance = 0; instance < instances; instance++) {
    const domain = choose(2, 6);
    const a = randomSide(choose, k, domain, mine!);
    const b = randomSide(choose, k, domain, peers!);
    const touchesA = choose(0, 1) === 0;
    const side = touchesA ? a : b;
    const at = choose(0, side.identifiers.length - 1);
    const rows = (changed: Side) => commonOf(touchesA ? changed : a, touchesA ? b : changed, k);
    const other = randomSide(choose, k, domain, touchesA ? mine! : peers!);
    const before = rows(side);
    const without = rows(nulled(side, at));
    const instead = rows(replaced(side, at, other, choose(0, other.identifiers.length - 1)));
    for (const family of families) {
      const { shift, slots, replaceSlots, term } = family;
      const name = `${JSON.stringify(term)}, k = ${k}, instance ${instance} of ${seed}`;
      const one = movement(family, before, without);
      if (one.moved > slots || one.furthest > shift) worst.excess.push(`null: ${name}`);
      const two = movement(family, before, instead);
      if (two.moved > replaceSlots || two.furthest > 2n * shift) {
        worst.excess.push(`replace: ${name}`);
      }
      const key = JSON.stringify(term);
      const known = worst.shares.get(key) ?? { share: 0, moved: 0, slots };
      worst.shares.set(key, {
        share: Math.max(known.share, Number(one.furthest) / Number(shift)),
        moved: Math.max(known.moved, one.moved),
        slots,
      });
    }
  }
  return worst;
}
