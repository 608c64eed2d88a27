/**
 * A manifest and a configuration from command-line values. Privacy parameters have no defaults: whoever starts a
 * manifest says what it costs (README.md).
 * @module
 */
import { isAbsolute, relative, resolve } from 'node:path';
import type { NoisePlan } from '../../src/dp/planner.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Json } from '../../src/json.ts';
import {
  manifestFromJson,
  NORMALISATIONS,
  type Manifest,
  type Role,
} from '../../src/run/manifest.ts';
import { compileStatistics } from '../../src/statistics/compile.ts';
import { statisticsFromJson, valuesFromJson } from '../../src/statistics/definition.ts';
import { ruleSetDigest } from '../ingest/rule-set.ts';
import type { Peer } from '../keys/peers.ts';

export interface ManifestTemplate {
  readonly role: Role;
  readonly own: Peer;
  readonly other: Peer;
  readonly purpose: string;
  /** `NAME:RULE`, in priority order. */
  readonly columns: readonly string[];
  readonly country: string | null;
  readonly epsilon: string;
  readonly delta: string;
  readonly runs: number;
  readonly rows: number;
  readonly otherRows: number;
  readonly values: readonly Json[];
  readonly statistics: readonly Json[];
  readonly threshold: number | undefined;
  readonly release: string;
}

/** Splits `NAME:RULE` (ERR_USAGE). */
export function parseColumn(text: string): {
  readonly name: string;
  readonly normalisation: string;
} {
  const [name, rule, ...rest] = text.split(':');
  if (name === undefined || rule === undefined || rest.length > 0) {
    throw new DpcaError(
      'ERR_USAGE',
      `--column: expected NAME:RULE with a rule of ${NORMALISATIONS.join(', ')}, got "${text}"`,
    );
  }
  return { name, normalisation: rule };
}

/** Moments of one run that a changed row can move, which is what the noise must cover (ERR_MANIFEST, ERR_MANIFEST_PLAN). */
export function slotsOf({ columns, rows, otherRows, ...template }: ManifestTemplate): number {
  const names = columns.map((column) => parseColumn(column).name);
  const values = valuesFromJson(template.values, '/values', names);
  const statistics = statisticsFromJson(template.statistics, '/statistics', values);
  const threshold = template.threshold === undefined ? {} : { threshold: template.threshold };
  const design = { columns, values, statistics, privacy: {}, ...threshold };
  return compileStatistics(design, Math.min(rows, otherRows)).slots;
}

/** Fills the manifest and validates it (ERR_USAGE, ERR_MANIFEST); `noise` is what the claim and the rest ask for. */
export function makeManifest(template: ManifestTemplate, { mask, noise }: NoisePlan): Manifest {
  const entry = (peer: Peer, rowsMax: number): Json => ({
    name: peer.name,
    identity: peer.identity,
    log: peer.log,
    rowsMax,
  });
  const own = entry(template.own, template.rows);
  const other = entry(template.other, template.otherRows);
  return manifestFromJson({
    version: 1,
    suite: 'x25519-ell2-ro',
    purpose: template.purpose,
    parties: template.role === 'a' ? { a: own, b: other } : { a: other, b: own },
    columns: template.columns.map(parseColumn),
    normalisation: { ruleSet: ruleSetDigest(), defaultCountry: template.country },
    values: template.values,
    statistics: template.statistics,
    privacy: {
      adjacency: 'null-a-row',
      epsilon: template.epsilon,
      delta: template.delta,
      runs: template.runs,
      mask: { kind: mask.kind, columns: mask.columns },
      ...(noise === undefined ? {} : { noise }),
    },
    ...(template.threshold === undefined ? {} : { threshold: template.threshold }),
    release: template.release,
  });
}

export interface ConfigTemplate {
  readonly role: Role;
  readonly manifest: Manifest;
  /** Paths as they are to stand in the file; see {@link near}. */
  readonly keys: string;
  readonly peers: string;
  readonly policy: string;
  readonly ledger: string;
  readonly root: string;
  readonly data: string;
  readonly format: string;
  readonly header: boolean;
  readonly delimiter?: string;
  /** `NAME=PLACE`: a column name of the file, or a position from 1. */
  readonly map: readonly string[];
  readonly allowShares?: boolean;
  readonly peerUrl?: string;
  readonly listen?: { readonly host: string; readonly port: number };
}

type Places = Record<string, string | number>;

/** The places of key columns and of own value columns; without --map by name, or by position in this order. */
function places({ manifest, role, header, map }: ConfigTemplate): { keys: Places; values: Places } {
  const keys = manifest.columns.map(({ name }) => name);
  const own = manifest.values.filter(({ owner }) => owner === role).map(({ name }) => name);
  const names = [...keys, ...own];
  const out: Places = {};
  names.forEach((name, i) => {
    out[name] = header ? name : i + 1;
  });
  for (const entry of map) {
    const at = entry.indexOf('=');
    const [name, place] = [entry.slice(0, Math.max(at, 0)), entry.slice(at + 1)];
    if (!names.includes(name) || place === '') {
      throw new DpcaError(
        'ERR_USAGE',
        `--map: expected NAME=PLACE with a NAME of ${names.join(', ')}, got "${entry}"`,
      );
    }
    out[name] = /^[1-9][0-9]{0,4}$/.test(place) ? Number(place) : place;
  }
  const pick = (list: readonly string[]): Places =>
    Object.fromEntries(list.map((name) => [name, out[name] ?? name]));
  return { keys: pick(keys), values: pick(own) };
}

/** A path as given on the command line, as it stands in a configuration of `folder`. */
export function near(folder: string, path: string): string {
  if (path === '-' || isAbsolute(path)) return path;
  return relative(folder, resolve(path)).replaceAll('\\', '/');
}

/** The document of dpca.json; loadConfig validates it when it is read. */
export function makeConfig(template: ConfigTemplate): Json {
  const { delimiter, allowShares, peerUrl, listen } = template;
  const { keys: columns, values } = places(template);
  return {
    version: 1,
    party: template.role,
    manifest: 'manifest.json',
    keys: template.keys,
    peers: template.peers,
    policy: template.policy,
    ledger: template.ledger,
    data: {
      path: template.data,
      format: template.format,
      header: template.header,
      ...(delimiter === undefined ? {} : { delimiter }),
      columns,
      ...(Object.keys(values).length === 0 ? {} : { values }),
    },
    ...(allowShares === true ? { allowShares } : {}),
    ...(peerUrl === undefined ? {} : { peer: { url: peerUrl } }),
    ...(listen === undefined ? {} : { listen }),
    enclave: { kind: 'simulated', root: template.root },
  };
}
