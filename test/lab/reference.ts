/**
 * Reference figures of the leakage lab (test/fixtures/lab/reference.json), and how to replay one of their rows.
 * @module
 */
import { readFileSync } from 'node:fs';
import { type ClaimScore, scoreAttack } from '../../host/lab/claims.ts';
import { seededRandom } from '../../host/lab/random.ts';
import { maskedSizes, plainSizes, type SizeMechanism } from '../../host/lab/sizes.ts';
import { baseline, improved } from '../../host/lab/tree-attacks.ts';

/** correct %, wrong %, precision */
type ClaimCell = readonly [number, number, number];

export interface TreeRow {
  readonly victims: number;
  readonly epsilon: number;
  readonly density: number;
  readonly attack: 'baseline' | 'improved';
  readonly plain: ClaimCell;
  readonly intersect: ClaimCell;
  readonly xor: ClaimCell;
}

interface Masks {
  readonly epsilon: number;
  readonly tau: number;
  readonly weights: readonly number[];
}

export interface TargetReference extends Masks {
  readonly n: number;
  /** exact advantage, audit epsilon, TPR at 1 % and at 0.1 % FPR */
  readonly intersect: readonly [number, number, number, number];
  readonly xor: readonly [number, number, number, number];
}

export const reference = JSON.parse(
  readFileSync(new URL('../fixtures/lab/reference.json', import.meta.url), 'utf8'),
) as {
  readonly singleTarget: readonly TargetReference[];
  readonly masks: readonly (Masks & { readonly victims: number })[];
  readonly tree: readonly TreeRow[];
};

export function mechanismsOf({ tau, weights }: Masks): {
  readonly intersect: SizeMechanism;
  readonly xor: SizeMechanism;
} {
  return {
    intersect: maskedSizes({ kind: 'intersect', columns: [tau] }),
    xor: maskedSizes({ kind: 'xor', columns: [weights] }),
  };
}

/** One row of the table of set attacks: 30 queries against masks for n = 30. */
export function replay(
  row: TreeRow,
  repetitions: number,
): Readonly<Record<'plain' | 'intersect' | 'xor', ClaimScore>> {
  const masks = reference.masks.find((m) => m.victims === row.victims && m.epsilon === row.epsilon);
  if (masks === undefined) throw new Error('no mask for this row');
  const { victims, density } = row;
  const setting = { victims, density, calls: 30, repetitions };
  const attack = { baseline, improved }[row.attack];
  const score = (mechanism: SizeMechanism): ClaimScore =>
    scoreAttack(
      attack,
      mechanism,
      setting,
      seededRandom(`${JSON.stringify(row)} ${mechanism.name}`),
    );
  const { intersect, xor } = mechanismsOf(masks);
  return { plain: score(plainSizes()), intersect: score(intersect), xor: score(xor) };
}
