/**
 * The part of a manifest that says what a run costs and reveals: columns, values, statistics, noise, threshold and
 * release. Ledgers register it and know it by its hash (docs/ledger.md); parties, purpose, row bounds and rule-set
 * digests are not in it, so that changing them cannot make spent slots look unspent.
 * @module
 */
import type { OutputCharge } from '../dp/output-noise.ts';
import { type MaskPlan, PLAN_LIMITS } from '../dp/plan.ts';
import { DpcaError } from '../errors.ts';
import type { Json, JsonObject } from '../json.ts';
import type { PartyName } from '../mpc/program.ts';
import { array, integer, object, oneOf, refuse, text } from '../shape.ts';
import { type Compiled, compileStatistics } from '../statistics/compile.ts';
import {
  COLUMN_NAME,
  COLUMN_NAME_TEXT,
  isNoised,
  type ManifestValue,
  type Statistic,
  statisticsFromJson,
  valuesFromJson,
} from '../statistics/definition.ts';
import { MAX_COLUMNS } from '../wire/limits.ts';

/** Rules of host/ingest that turn a cell into the identifier that is matched; `none` takes the cell as it is. */
export const NORMALISATIONS = [
  'email',
  'email-sha256',
  'phone',
  'lowercase',
  'sha256-hex',
  'none',
] as const;
export type Normalisation = (typeof NORMALISATIONS)[number];

export type ManifestColumn = { readonly name: string; readonly normalisation: Normalisation };

export type ManifestPrivacy = {
  readonly adjacency: 'null-a-row';
  /** Decimal text, exact: the claim for all `runs` runs together. */
  readonly epsilon: string;
  readonly delta: string;
  readonly runs: number;
  /** Per identifier column, in column order: block weights (xor), or tau (intersect). */
  readonly mask: MaskPlan;
  /**
   * Weights of the output noise, largest first: with Z = sum_i w_i Bernoulli(1/2), a moment of sensitivity C carries
   * D Z + U with D = 2^ceil(log2 C) and U uniform on 0..D-1. Present if and only if a moment is opened.
   */
  readonly noise?: readonly number[];
};

/** What each run costs and reveals. */
export type PrivacyFields = {
  readonly columns: readonly ManifestColumn[];
  /** Empty, too, when the document has no such member. */
  readonly values: readonly ManifestValue[];
  readonly statistics: readonly Statistic[];
  readonly privacy: ManifestPrivacy;
  /** A figure whose noised count is below it is suppressed. */
  readonly threshold?: number;
  /** Whose host is given the release. */
  readonly release: 'both' | PartyName;
};

/** Names of the members. */
export const FIELDS = {
  required: ['columns', 'statistics', 'privacy', 'release'],
  optional: ['values', 'threshold'],
} as const;

/** A column of 32-byte elements stays within 2 GiB. The other caps are those of the wire and of the mask plan. */
export const MAX_MANIFEST_ROWS = 67_108_864;

/** Above 50 the bound e^epsilon says nothing; 18 places keep every value exact in 64-bit fixed point. */
const EPSILON = /^((0|[1-9]|[1-4][0-9])(\.[0-9]{0,17}[1-9])?|50)$/;
const DELTA = /^0\.[0-9]{0,29}[1-9]$/;

function column(value: Json, path: string): ManifestColumn {
  const given = object(value, path, ['name', 'normalisation']);
  return {
    name: text(given.name, `${path}/name`, COLUMN_NAME, COLUMN_NAME_TEXT),
    normalisation: oneOf(given.normalisation, `${path}/normalisation`, NORMALISATIONS),
  };
}

function weights(value: Json, path: string): readonly number[] {
  const max = PLAN_LIMITS.rows;
  const list = array(value, path, PLAN_LIMITS.blocks, (w, at) => integer(w, at, max));
  list.forEach((weight, i) => {
    if (weight > (list[i - 1] ?? max)) refuse(`${path}/${i}`, 'expected the largest weight first');
  });
  const total = list.reduce((sum, w) => sum + w, 0);
  return total <= max ? list : refuse(path, `expected a sum of at most ${max}, got ${total}`);
}

function maskPlan(value: Json, path: string, columns: number): MaskPlan {
  const given = object(value, path, ['kind', 'columns']);
  const kind = oneOf(given.kind, `${path}/kind`, ['xor', 'intersect']);
  const at = `${path}/columns`;
  const counted = <T>(entries: readonly T[]): readonly T[] =>
    entries.length === columns
      ? entries
      : refuse(at, `expected ${columns} entries, one per column, got ${entries.length}`);
  return kind === 'xor'
    ? { kind, columns: counted(array(given.columns, at, MAX_COLUMNS, weights)) }
    : {
        kind,
        columns: counted(
          array(given.columns, at, MAX_COLUMNS, (tau, place) =>
            integer(tau, place, PLAN_LIMITS.tau),
          ),
        ),
      };
}

function privacy(value: Json, path: string, columns: number, noised: boolean): ManifestPrivacy {
  const names = ['adjacency', 'epsilon', 'delta', 'runs', 'mask'] as const;
  const given = object(value, path, names, noised ? ['noise'] : []);
  if (noised && given.noise === undefined) refuse(`${path}/noise`, 'missing');
  const decimal = 'positive decimal text without trailing zeros';
  const epsilon = text(given.epsilon, `${path}/epsilon`, EPSILON, `${decimal}, at most 50`);
  if (epsilon === '0') refuse(`${path}/epsilon`, 'expected more than 0');
  return {
    adjacency: oneOf(given.adjacency, `${path}/adjacency`, ['null-a-row']),
    epsilon,
    delta: text(given.delta, `${path}/delta`, DELTA, `${decimal}, below 1`),
    runs: integer(given.runs, `${path}/runs`, PLAN_LIMITS.runs),
    mask: maskPlan(given.mask, `${path}/mask`, columns),
    ...(given.noise === undefined ? {} : { noise: weights(given.noise, `${path}/noise`) }),
  };
}

/** Reads the members from a document that has them, whatever else it has (ERR_MANIFEST). */
export function readPrivacyFields(
  given: Record<(typeof FIELDS.required)[number], Json> &
    Partial<Record<(typeof FIELDS.optional)[number], Json>>,
): PrivacyFields {
  const columns = array(given.columns, '/columns', MAX_COLUMNS, column);
  const names = columns.map(({ name }) => name);
  if (new Set(names).size !== names.length) refuse('/columns', 'expected distinct names');
  const values = given.values === undefined ? [] : valuesFromJson(given.values, '/values', names);
  const statistics = statisticsFromJson(given.statistics, '/statistics', values);
  return {
    ...{ columns, values, statistics },
    privacy: privacy(given.privacy, '/privacy', columns.length, statistics.some(isNoised)),
    ...(given.threshold === undefined
      ? {}
      : { threshold: integer(given.threshold, '/threshold', MAX_MANIFEST_ROWS) }),
    release: oneOf(given.release, '/release', ['both', 'a', 'b']),
  };
}

/** Checks the fields as a document of their own (ERR_MANIFEST). */
export function privacyFieldsFromJson(value: Json): PrivacyFields {
  return readPrivacyFields(object(value, '', FIELDS.required, FIELDS.optional));
}

/** The fields as a document, the preimage of the privacy hash; `values` and `threshold` only if there are any. */
export function privacyDocument(fields: PrivacyFields): JsonObject {
  const { columns, values, statistics, privacy: claim, threshold, release } = fields;
  return {
    ...{ columns, statistics, privacy: claim, release },
    ...(values.length === 0 ? {} : { values }),
    ...(threshold === undefined ? {} : { threshold }),
  };
}

/**
 * The program for the statistics, with noise on every moment. `rows`: most rows that can be common (ERR_MANIFEST_PLAN if
 * a sum over them could overflow).
 */
export function compileFields(fields: PrivacyFields, rows: number): Compiled {
  const compiled = compileStatistics(fields, rows);
  if (compiled.families.length > 0 && compiled.noise === undefined) {
    throw new DpcaError('ERR_INTERNAL', 'moments without noise');
  }
  return compiled;
}

/** What the moments of one run cost; undefined if there are none. */
export function outputCharge({ slots, replaceSlots, noise }: Compiled): OutputCharge | undefined {
  return noise === undefined ? undefined : { weights: noise.weights, slots, replaceSlots };
}
