/**
 * What an auditor can derive again of a release from its own public parts: everything that follows from the manifest,
 * the announced rows, the noised sizes and the opened moments (docs/specification.md section 9). The noise itself
 * cannot be derived.
 * @module
 */
import { type Bytes } from '../bytes.ts';
import { canonicalJson, type Json, type JsonObject } from '../json.ts';
import { compileManifest, type Manifest } from './manifest.ts';
import { buildRelease } from './release.ts';

function whole(value: Json | undefined): number {
  return typeof value === 'number' ? value : NaN;
}

/**
 * Names (JSON pointers) of the members of `release` that do not follow; none for a release that an honest pair of
 * enclaves can have made. Throws ERR_MATCH_SIZE for sizes that no run can have.
 */
export function rederiveRelease(
  manifest: Manifest,
  sessionId: Bytes<32>,
  release: JsonObject,
  moments: readonly bigint[],
): readonly string[] {
  const { rows, maskedSizes } = release;
  const { a, b } = (typeof rows === 'object' && rows !== null ? rows : {}) as JsonObject;
  const sizes = Array.isArray(maskedSizes) ? (maskedSizes as readonly Json[]).map(whole) : [];
  const announced = { a: whole(a), b: whole(b) };
  for (const party of ['a', 'b'] as const) {
    const n = announced[party];
    if (!(n >= 1 && n <= manifest.parties[party].rowsMax)) return [`/rows/${party}`];
  }
  if (moments.length !== compileManifest(manifest).program.moments.length) return ['/moments'];
  const derived = buildRelease(manifest, sessionId, announced, sizes, moments);
  const names = [...new Set([...Object.keys(derived), ...Object.keys(release)])];
  return names
    .filter((name) => canonicalJson(derived[name] ?? null) !== canonicalJson(release[name] ?? null))
    .map((name) => `/${name}`);
}
