/**
 * The manifest: what two organisations agreed to compute and at which privacy cost (docs/specification.md section 6). Both
 * enclaves hash its canonical form; a difference ends the run before anything is charged. Everything in it is
 * public to both parties. Parsing checks shape and ranges; {@link certifyManifest} checks that the mask keeps the
 * claimed epsilon and delta, and must have passed before a run.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, fixed, type Bytes } from '../bytes.ts';
import { fromUtf8, utf8 } from '../encoding.ts';
import { canonicalJson, parseJson, type Json, type JsonObject } from '../json.ts';
import { certifyPlan, type Certificate } from '../dp/certify.ts';
import { parseDecimal } from '../dp/decimal.ts';
import { type MaskPlan, PLAN_LIMITS } from '../dp/plan.ts';
import { SUITE_ID } from '../group/suite.ts';
import { MAX_COLUMNS, MAX_MANIFEST_BYTES } from '../wire/limits.ts';
import { array, integer, key, HEX_32, object, oneOf, prose, refuse, text } from './shape.ts';

export type Role = 'a' | 'b';

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

export type ManifestParty = {
  readonly name: string;
  /** Ed25519 public key of the organisation, 64 lower-case hex digits. */
  readonly identity: string;
  /** Ed25519 public key that signs the organisation's log checkpoints, 64 lower-case hex digits. */
  readonly log: string;
  /** Most rows (dummies not counted) that this party's table may have. */
  readonly rowsMax: number;
};

export type ManifestColumn = { readonly name: string; readonly normalisation: Normalisation };

export type ManifestPrivacy = {
  readonly adjacency: 'null-a-row';
  /** Decimal text, exact: the claim for all `runs` runs together. */
  readonly epsilon: string;
  readonly delta: string;
  readonly runs: number;
  /** Per identifier column, in column order: block weights (xor), or tau (intersect). */
  readonly mask: MaskPlan;
};

/** A validated manifest; made only by the parsers of this file. */
export type Manifest = {
  readonly version: 1;
  readonly suite: typeof SUITE_ID;
  readonly purpose: string;
  readonly parties: { readonly a: ManifestParty; readonly b: ManifestParty };
  readonly columns: readonly ManifestColumn[];
  readonly normalisation: { readonly ruleSet: string; readonly defaultCountry: string | null };
  readonly statistics: readonly { readonly kind: 'count' }[];
  readonly privacy: ManifestPrivacy;
  readonly release: 'both';
};

/** A column of 32-byte elements stays within 2 GiB. The other caps are those of the wire and of the mask plan. */
export const MAX_MANIFEST_ROWS = 67_108_864;

const COLUMN_NAME = /^[a-z][a-z0-9_-]{0,31}$/;
const COUNTRY = /^[A-Z]{2}$/;
/** Above 50 the bound e^epsilon says nothing; 18 places keep every value exact in 64-bit fixed point. */
const EPSILON = /^((0|[1-9]|[1-4][0-9])(\.[0-9]{0,17}[1-9])?|50)$/;
const DELTA = /^0\.[0-9]{0,29}[1-9]$/;

function party(value: Json, path: string): ManifestParty {
  const given = object(value, path, ['name', 'identity', 'log', 'rowsMax']);
  return {
    name: prose(given.name, `${path}/name`, 64),
    identity: key(given.identity, `${path}/identity`),
    log: key(given.log, `${path}/log`),
    rowsMax: integer(given.rowsMax, `${path}/rowsMax`, MAX_MANIFEST_ROWS),
  };
}

function column(value: Json, path: string): ManifestColumn {
  const given = object(value, path, ['name', 'normalisation']);
  return {
    name: text(
      given.name,
      `${path}/name`,
      COLUMN_NAME,
      'a logical name: a lower-case letter, then up to 31 of a-z 0-9 _ -',
    ),
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
  return total <= max ? list : refuse(path, `expected at most ${max} dummy rows, got ${total}`);
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

function privacy(value: Json, path: string, columns: number): ManifestPrivacy {
  const given = object(value, path, ['adjacency', 'epsilon', 'delta', 'runs', 'mask']);
  const decimal = 'positive decimal text without trailing zeros';
  const epsilon = text(given.epsilon, `${path}/epsilon`, EPSILON, `${decimal}, at most 50`);
  if (epsilon === '0') refuse(`${path}/epsilon`, 'expected more than 0');
  return {
    adjacency: oneOf(given.adjacency, `${path}/adjacency`, ['null-a-row']),
    epsilon,
    delta: text(given.delta, `${path}/delta`, DELTA, `${decimal}, below 1`),
    runs: integer(given.runs, `${path}/runs`, PLAN_LIMITS.runs),
    mask: maskPlan(given.mask, `${path}/mask`, columns),
  };
}

/** Checks an already parsed document (ERR_MANIFEST, the member's path in the message). */
export function manifestFromJson(value: Json): Manifest {
  const given = object(value, '', [
    'version',
    'suite',
    'purpose',
    'parties',
    'columns',
    'normalisation',
    'statistics',
    'privacy',
    'release',
  ]);
  const version = oneOf(given.version, '/version', [1]);
  const parties = object(given.parties, '/parties', ['a', 'b']);
  const a = party(parties.a, '/parties/a');
  const b = party(parties.b, '/parties/b');
  if (new Set([a.identity, a.log, b.identity, b.log]).size !== 4) {
    refuse('/parties', 'expected four different keys: identity and log of each party');
  }
  const columns = array(given.columns, '/columns', MAX_COLUMNS, column);
  if (new Set(columns.map((c) => c.name)).size !== columns.length) {
    refuse('/columns', 'expected distinct names');
  }
  const normalisation = object(given.normalisation, '/normalisation', [
    'ruleSet',
    'defaultCountry',
  ]);
  const country = normalisation.defaultCountry;
  return {
    version,
    suite: oneOf(given.suite, '/suite', [SUITE_ID]),
    purpose: prose(given.purpose, '/purpose', 512),
    parties: { a, b },
    columns,
    normalisation: {
      ruleSet: text(
        normalisation.ruleSet,
        '/normalisation/ruleSet',
        HEX_32,
        'a SHA-256 as 64 lower-case hex digits',
      ),
      defaultCountry:
        country === null
          ? null
          : text(
              country,
              '/normalisation/defaultCountry',
              COUNTRY,
              'null or an ISO 3166-1 code such as "US"',
            ),
    },
    statistics: array(given.statistics, '/statistics', 1, (entry, path) => ({
      kind: oneOf(object(entry, path, ['kind']).kind, `${path}/kind`, ['count']),
    })),
    privacy: privacy(given.privacy, '/privacy', columns.length),
    release: oneOf(given.release, '/release', ['both']),
  };
}

/** Reads a manifest that a person may have laid out freely: member order and white space do not matter. */
export function parseManifest(document: string): Manifest {
  return manifestFromJson(parseJson(document, 'manifest'));
}

/** Reads the wire form: at most 64 KiB and byte-equal to its own canonical form (ERR_MANIFEST). */
export function parseManifestBytes(bytes: Uint8Array): Manifest {
  if (bytes.length > MAX_MANIFEST_BYTES) {
    refuse('', `expected at most ${MAX_MANIFEST_BYTES} bytes, got ${bytes.length}`);
  }
  const document = fromUtf8(bytes);
  const manifest = parseManifest(document);
  return canonicalJson(manifest) === document
    ? manifest
    : refuse('', 'expected the canonical form (RFC 8785), got another layout');
}

/** The canonical bytes: wire form and hash input (ERR_MANIFEST above 64 KiB). */
export function manifestBytes(manifest: Manifest): Uint8Array {
  const bytes = utf8(canonicalJson(manifest));
  return bytes.length <= MAX_MANIFEST_BYTES
    ? bytes
    : refuse('', `expected at most ${MAX_MANIFEST_BYTES} bytes, got ${bytes.length}`);
}

/** Refuses (ERR_MANIFEST_PLAN) unless the mask provably keeps epsilon and delta over all runs. */
export function certifyManifest(manifest: Manifest): Certificate {
  const { columns, parties, privacy: claim } = manifest;
  return certifyPlan(claim.mask, {
    k: columns.length,
    runs: claim.runs,
    epsilon: parseDecimal(claim.epsilon),
    delta: parseDecimal(claim.delta),
    rowsMax: Math.max(parties.a.rowsMax, parties.b.rowsMax),
  });
}

/** SHA-256("dpca/v1/manifest" || canonical bytes); stands in each attestation document. */
export function manifestHash(manifest: Manifest): Bytes<32> {
  return fixed(sha256(concat(utf8('dpca/v1/manifest'), manifestBytes(manifest))), 32, 'hash');
}

/**
 * What a run costs and reveals: columns, statistics, privacy and release. Parties, purpose, row bounds and rule-set
 * digests are left out, so that changing them cannot make spent slots look unspent.
 */
export function privacyFields(manifest: Manifest): JsonObject {
  const { columns, statistics, privacy: claim, release } = manifest;
  return { columns, statistics, privacy: claim, release };
}

/** SHA-256("dpca/v1/privacy" || canonical bytes of {@link privacyFields}). */
export function privacyHash(manifest: Manifest): Bytes<32> {
  const fields = utf8(canonicalJson(privacyFields(manifest)));
  return fixed(sha256(concat(utf8('dpca/v1/privacy'), fields)), 32, 'hash');
}

/** JSON pointers (RFC 6901) of the fields that differ; of lists with different lengths only the list is named. */
export function diffManifests(a: Manifest, b: Manifest): string[] {
  const walk = (left: Json, right: Json, path: string): string[] => {
    if (canonicalJson(left) === canonicalJson(right)) return [];
    if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object') {
      return [path];
    }
    const [x, y] = [left as JsonObject, right as JsonObject];
    const names = Object.keys(x);
    if (names.length !== Object.keys(y).length || !names.every((name) => name in y)) return [path];
    return names.flatMap((name) => walk(x[name] ?? null, y[name] ?? null, `${path}/${name}`));
  };
  return walk(a, b, '');
}
