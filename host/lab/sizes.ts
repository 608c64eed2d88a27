/**
 * What an attacker sees of one size: the true number of common rows plus noise of a known law. One
 * {@link SizeMechanism} is one way to run the protocol: plain, under an honest mask, or under a mask whose dummies the
 * attacker inserts against the rules (docs/privacy.md).
 * @module
 */
import { maskLaw } from '../../src/dp/loss.ts';
import { columnMasks, type ColumnMask, type MaskPlan, maskRows } from '../../src/dp/plan.ts';
import type { Random } from './random.ts';

/** Noise of one size: law[z] = P(Z = z). */
export interface SizeNoise {
  readonly law: Float64Array;
  readonly mean: number;
  readonly draw: (random: Random) => number;
}

export interface SizeMechanism {
  readonly name: 'plain' | 'intersect' | 'xor';
  /** What the attacker's enclave inserts; anything but `honest` needs broken attestation (M2). */
  readonly dummies: Dummies;
  /** Dummy rows per party and column that the plan asks for. */
  readonly rows: readonly number[];
  /** One per identifier column; plain PSI has one. */
  readonly columns: readonly SizeNoise[];
}

/** `all`: every version of every block, or all 2 tau common identifiers. `none`: no dummy at all. */
export type Dummies = 'honest' | 'all' | 'none';

/** Draws from a law by binary search in its distribution function. */
function sampler(law: Float64Array): (random: Random) => number {
  const upTo = new Float64Array(law.length);
  law.reduce((sum, p, z) => (upTo[z] = sum + p), 0);
  return (random) => {
    const u = random();
    let low = 0;
    let high = law.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((upTo[middle] ?? 1) > u) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

function constant(value: number): SizeNoise {
  const law = new Float64Array(value + 1);
  law[value] = 1;
  return { law, mean: value, draw: () => value };
}

/**
 * One column. Against a party that inserts every version, all of the honest side's dummies meet, whatever its coins:
 * the noise is the constant sum of weights (tau for IntersectMask). Against one that inserts none it is 0. In the real
 * code both are shown by test/statistical/noise.test.ts.
 */
function columnNoise(mask: ColumnMask, dummies: Dummies): SizeNoise {
  if (dummies === 'none') return constant(0);
  const law = maskLaw(mask);
  const most = law.length - 1;
  // every law is symmetric on 0..most
  return dummies === 'all' ? constant(most) : { law, mean: most / 2, draw: sampler(law) };
}

/** PSI that reveals the exact size. */
export function plainSizes(): SizeMechanism {
  return { name: 'plain', dummies: 'honest', rows: [0], columns: [constant(0)] };
}

export function maskedSizes(plan: MaskPlan, dummies: Dummies = 'honest'): SizeMechanism {
  return {
    name: plan.kind,
    dummies,
    rows: maskRows(plan),
    columns: columnMasks(plan).map((mask) => columnNoise(mask, dummies)),
  };
}
