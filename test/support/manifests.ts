/**
 * Manifests of tests: the shape is production's, and so is every check on it.
 * @module
 */
import { type Manifest, manifestFromJson } from '../../src/run/manifest.ts';
import type { JsonObject } from '../../src/json.ts';

/** k columns named c1.., the plan's weights in every column; `change` overrides top-level members. */
export function testManifest(
  k: number,
  weights: readonly number[],
  change: JsonObject = {},
): Manifest {
  return manifestFromJson({
    version: 1,
    suite: 'x25519-ell2-ro',
    purpose: 'test',
    parties: {
      a: { name: 'alpha', identity: '11'.repeat(32), log: '12'.repeat(32), rowsMax: 1000 },
      b: { name: 'beta', identity: '21'.repeat(32), log: '22'.repeat(32), rowsMax: 1000 },
    },
    columns: Array.from({ length: k }, (_, j) => ({ name: `c${j + 1}`, normalisation: 'none' })),
    normalisation: { ruleSet: '33'.repeat(32), defaultCountry: null },
    statistics: [{ kind: 'count' }],
    privacy: {
      adjacency: 'null-a-row',
      epsilon: '2',
      delta: '0.0001',
      runs: 10,
      mask: { kind: 'xor', columns: Array.from({ length: k }, () => weights) },
    },
    release: 'both',
    ...change,
  });
}

/** docs/privacy.md, k = 3, N = 1e3, T = 10, epsilon = 2: m = 74. */
export const EXAMPLE_WEIGHTS: readonly number[] = [
  13, 11, 7, 6, 4, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1,
];
