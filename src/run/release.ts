/**
 * What leaves the enclaves at the end of a run: the masked sizes and the statistics, with the claim they were
 * released under. Both enclaves build it alone and open it only after they saw that they built the same
 * (docs/specification.md section 9). Whole numbers and decimal text only.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fixed } from '../bytes.ts';
import { type CountEstimate, releaseCount } from '../dp/count.ts';
import { toHex, utf8 } from '../encoding.ts';
import { canonicalJson, type JsonObject } from '../json.ts';
import { type Manifest, manifestHash } from './manifest.ts';

function estimateJson(estimate: CountEstimate): JsonObject {
  return {
    value: estimate.estimate,
    standardDeviation: estimate.standardDeviation,
    interval: { level: '0.95', low: estimate.low, high: estimate.high },
  };
}

/** The release of one run. `rows` are the public table lengths, dummies not counted; ERR_MATCH_SIZE if sizes cannot be. */
export function buildRelease(
  manifest: Manifest,
  sessionId: Bytes<32>,
  rows: { readonly a: number; readonly b: number },
  sizes: readonly number[],
): JsonObject {
  const { privacy } = manifest;
  const count = releaseCount(privacy.mask, sizes, rows.a, rows.b);
  return {
    version: 1,
    session: toHex(sessionId),
    manifest: toHex(manifestHash(manifest)),
    rows: { a: rows.a, b: rows.b },
    maskedSizes: sizes,
    statistics: [
      {
        kind: 'count',
        ...estimateJson(count.total),
        columns: count.columns.map((estimate, j) => ({
          column: manifest.columns[j]?.name ?? '',
          ...estimateJson(estimate),
        })),
      },
    ],
    privacy: {
      adjacency: privacy.adjacency,
      epsilon: privacy.epsilon,
      delta: privacy.delta,
      runs: privacy.runs,
    },
  };
}

/** SHA-256("dpca/v1/release" || canonical JSON). */
export function releaseHash(release: JsonObject): Bytes<32> {
  return fixed(
    sha256(concat(utf8('dpca/v1/release'), utf8(canonicalJson(release)))),
    32,
    'release',
  );
}
