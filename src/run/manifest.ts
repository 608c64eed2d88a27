/**
 * The manifest: what two organisations agreed to compute and at which privacy cost (docs/specification.md section 6). Both
 * enclaves hash its canonical form; a difference ends the run before anything is charged. Everything in it is
 * public to both parties. Parsing checks shape and ranges; {@link certifyManifest} checks that the noise keeps the
 * claimed epsilon and delta, and must have passed before a run.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, fixed, type Bytes } from '../bytes.ts';
import { fromUtf8, utf8 } from '../encoding.ts';
import { canonicalJson, parseJson, type Json, type JsonObject } from '../json.ts';
import { certifyPlan, type Certificate, type Claim } from '../dp/certify.ts';
import { parseDecimal } from '../dp/decimal.ts';
import { SUITE_ID } from '../group/suite.ts';
import { HEX_32, integer, key, object, oneOf, prose, refuse, text } from '../shape.ts';
import type { Compiled } from '../statistics/compile.ts';
import { MAX_MANIFEST_BYTES } from '../wire/limits.ts';
import {
  compileFields,
  FIELDS,
  MAX_MANIFEST_ROWS,
  outputCharge,
  privacyDocument,
  type PrivacyFields,
  readPrivacyFields,
} from './privacy-fields.ts';

export {
  type ManifestColumn,
  type ManifestPrivacy,
  MAX_MANIFEST_ROWS,
  type Normalisation,
  NORMALISATIONS,
} from './privacy-fields.ts';
export type { ManifestValue, Statistic } from '../statistics/definition.ts';

export type Role = 'a' | 'b';

export type ManifestParty = {
  readonly name: string;
  /** Ed25519 public key of the organisation, 64 lower-case hex digits. */
  readonly identity: string;
  /** Ed25519 public key that signs the organisation's log checkpoints, 64 lower-case hex digits. */
  readonly log: string;
  /** Most rows (dummies not counted) that this party's table may have. */
  readonly rowsMax: number;
};

/** A validated manifest; made only by the parsers of this file. */
export type Manifest = PrivacyFields & {
  readonly version: 1;
  readonly suite: typeof SUITE_ID;
  readonly purpose: string;
  readonly parties: { readonly a: ManifestParty; readonly b: ManifestParty };
  readonly normalisation: { readonly ruleSet: string; readonly defaultCountry: string | null };
};

const COUNTRY = /^[A-Z]{2}$/;

function party(value: Json, path: string): ManifestParty {
  const given = object(value, path, ['name', 'identity', 'log', 'rowsMax']);
  return {
    name: prose(given.name, `${path}/name`, 64),
    identity: key(given.identity, `${path}/identity`),
    log: key(given.log, `${path}/log`),
    rowsMax: integer(given.rowsMax, `${path}/rowsMax`, MAX_MANIFEST_ROWS),
  };
}

/** Checks an already parsed document (ERR_MANIFEST, the member's path in the message). */
export function manifestFromJson(value: Json): Manifest {
  const given = object(
    value,
    '',
    [...(['version', 'suite', 'purpose', 'parties', 'normalisation'] as const), ...FIELDS.required],
    FIELDS.optional,
  );
  const version = oneOf(given.version, '/version', [1]);
  const parties = object(given.parties, '/parties', ['a', 'b']);
  const a = party(parties.a, '/parties/a');
  const b = party(parties.b, '/parties/b');
  if (new Set([a.identity, a.log, b.identity, b.log]).size !== 4) {
    refuse('/parties', 'expected four different keys: identity and log of each party');
  }
  const privacyFields = readPrivacyFields(given);
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
    ...privacyFields,
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
  return canonicalJson(manifestDocument(manifest)) === document
    ? manifest
    : refuse('', 'expected the canonical form (RFC 8785), got another layout');
}

/** The members of the canonical document: `values` is left out when there are none. */
export function manifestDocument(manifest: Manifest): JsonObject {
  const { values, ...rest } = manifest;
  return values.length === 0 ? rest : manifest;
}

/** The canonical bytes: wire form and hash input (ERR_MANIFEST above 64 KiB). */
export function manifestBytes(manifest: Manifest): Uint8Array {
  const bytes = utf8(canonicalJson(manifestDocument(manifest)));
  return bytes.length <= MAX_MANIFEST_BYTES
    ? bytes
    : refuse('', `expected at most ${MAX_MANIFEST_BYTES} bytes, got ${bytes.length}`);
}

/** The program for the manifest's statistics, with noise on every moment (ERR_MANIFEST_PLAN if a sum could overflow). */
export function compileManifest(manifest: Manifest): Compiled {
  const { a, b } = manifest.parties;
  return compileFields(manifest, Math.min(a.rowsMax, b.rowsMax));
}

/** Whether the host of `party` is given the release. */
export function isGiven({ release }: Manifest, party: Role): boolean {
  return release === 'both' || release === party;
}

/** What the manifest claims, and what it opens: the input of certificate and planner. */
export function claimOf(manifest: Manifest): Claim {
  const { columns, parties, privacy: claim } = manifest;
  const outputs = outputCharge(compileManifest(manifest));
  return {
    k: columns.length,
    runs: claim.runs,
    epsilon: parseDecimal(claim.epsilon),
    delta: parseDecimal(claim.delta),
    rowsMax: Math.max(parties.a.rowsMax, parties.b.rowsMax),
    ...(outputs === undefined ? {} : { outputs }),
  };
}

/** Refuses (ERR_MANIFEST_PLAN) unless mask and output noise provably keep epsilon and delta over all runs. */
export function certifyManifest(manifest: Manifest): Certificate {
  return certifyPlan(manifest.privacy.mask, claimOf(manifest));
}

/** SHA-256("dpca/v1/manifest" || canonical bytes); stands in each attestation document. */
export function manifestHash(manifest: Manifest): Bytes<32> {
  return fixed(sha256(concat(utf8('dpca/v1/manifest'), manifestBytes(manifest))), 32, 'hash');
}

/** SHA-256("dpca/v1/privacy" || canonical bytes of {@link privacyDocument}). */
export function privacyHash(manifest: Manifest): Bytes<32> {
  const fields = utf8(canonicalJson(privacyDocument(manifest)));
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
  return walk(manifestDocument(a), manifestDocument(b), '');
}
