/**
 * What leaves the enclaves at the end of a run: the masked sizes and the statistics, with the claim they were
 * released under. Both enclaves build it alone and open it only after they saw that they built the same
 * (docs/specification.md section 9). Whole numbers and decimal text only.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fixed } from '../bytes.ts';
import { assertSizes, type CountEstimate, releaseCount } from '../dp/count.ts';
import { toHex, utf8 } from '../encoding.ts';
import { canonicalJson, type JsonObject } from '../json.ts';
import { interpret } from '../statistics/interpret.ts';
import { compileManifest, type Manifest, manifestHash } from './manifest.ts';

function estimateJson(estimate: CountEstimate): JsonObject {
  return {
    value: estimate.estimate,
    standardDeviation: estimate.standardDeviation,
    interval: { level: '0.95', low: estimate.low, high: estimate.high },
  };
}

/** The number of common rows, in total and by the column that they matched in. */
function countJson(
  { privacy, columns }: Manifest,
  rows: { readonly a: number; readonly b: number },
  sizes: readonly number[],
): JsonObject {
  const count = releaseCount(privacy.mask, sizes, rows.a, rows.b);
  return {
    ...estimateJson(count.total),
    columns: count.columns.map((estimate, j) => ({
      column: columns[j]?.name ?? '',
      ...estimateJson(estimate),
    })),
  };
}

/**
 * The release of one run: every statistic's definition with its figures. `rows` are the public table lengths, dummies not
 * counted; `moments` the opened sums of {@link compileManifest}'s program. ERR_MATCH_SIZE if sizes cannot be.
 */
export function buildRelease(
  manifest: Manifest,
  sessionId: Bytes<32>,
  rows: { readonly a: number; readonly b: number },
  sizes: readonly number[],
  moments: readonly bigint[] = [],
): JsonObject {
  const { privacy, statistics, threshold } = manifest;
  assertSizes(privacy.mask, sizes, rows.a, rows.b);
  const total = (): JsonObject => countJson(manifest, rows, sizes);
  const opened = { mask: privacy.mask, sizes, moments, threshold, total };
  const figures = interpret(statistics, compileManifest(manifest), opened);
  return {
    version: 1,
    session: toHex(sessionId),
    manifest: toHex(manifestHash(manifest)),
    rows: { a: rows.a, b: rows.b },
    maskedSizes: sizes,
    statistics: statistics.map((statistic, i) => ({ ...statistic, ...figures[i] })),
    privacy: {
      adjacency: privacy.adjacency,
      epsilon: privacy.epsilon,
      delta: privacy.delta,
      runs: privacy.runs,
    },
  };
}

/** What the host of a party is told to which the manifest does not give the release: what it sees anyway. */
export function withheldRelease(release: JsonObject): JsonObject {
  const seen = Object.entries(release).filter(([name]) => name !== 'statistics');
  return { ...Object.fromEntries(seen), withheld: true };
}

/** SHA-256("dpca/v1/release" || canonical JSON). */
export function releaseHash(release: JsonObject): Bytes<32> {
  return fixed(
    sha256(concat(utf8('dpca/v1/release'), utf8(canonicalJson(release)))),
    32,
    'release',
  );
}
