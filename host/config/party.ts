/**
 * Everything one party brings to a run, loaded and cross-checked: configuration, manifest, own keys, pinned peer.
 * A run starts only when the manifest names exactly these keys (docs/specification.md section 6).
 * @module
 */
import { toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import {
  certifyManifest,
  parseManifest,
  type Manifest,
  type ManifestParty,
  type Normalisation,
  type Role,
} from '../../src/run/manifest.ts';
import type { ValueSource } from '../ingest/table.ts';
import { ruleSetDigest } from '../ingest/rule-set.ts';
import { readTextFile } from '../keys/files.ts';
import { loadKeys, type Keys } from '../keys/keys.ts';
import { pinnedPeer, type Peer } from '../keys/peers.ts';
import type { Config } from './config.ts';

export interface Party {
  readonly role: Role;
  readonly config: Config;
  readonly manifest: Manifest;
  /** The manifest's entries. */
  readonly own: ManifestParty;
  readonly other: ManifestParty;
  readonly keys: Keys;
  readonly peer: Peer;
}

/** Reads a manifest file laid out in any way (ERR_CONFIG_FILE, ERR_JSON_*, ERR_MANIFEST). */
export function readManifest(path: string): Manifest {
  return parseManifest(readTextFile(path));
}

/** The manifest's columns with their places in the own file; both must name the same set (ERR_CONFIG). */
export function columnSources(
  config: Config,
  manifest: Manifest,
): readonly { name: string; normalisation: Normalisation; from: string | number }[] {
  const places = config.data.columns;
  for (const name of Object.keys(places)) {
    if (!manifest.columns.some((column) => column.name === name)) {
      throw new DpcaError('ERR_CONFIG', `/data/columns/${name}: the manifest has no such column`);
    }
  }
  return manifest.columns.map(({ name, normalisation }) => {
    const from = places[name];
    if (from === undefined) {
      throw new DpcaError(
        'ERR_CONFIG',
        `/data/columns/${name}: missing, the manifest names this column`,
      );
    }
    return { name, normalisation, from };
  });
}

/**
 * The own party's value columns of the manifest with their places in the own file, in the manifest's order; the
 * configuration must place exactly these, and say how each is combined when rows are merged (ERR_CONFIG).
 */
export function valueSources({ party, data }: Config, manifest: Manifest): readonly ValueSource[] {
  const own = manifest.values.filter(({ owner }) => owner === party);
  const places = data.values ?? {};
  for (const name of Object.keys(places)) {
    if (!own.some((value) => value.name === name)) {
      throw new DpcaError(
        'ERR_CONFIG',
        `/data/values/${name}: the manifest has no such value column of party ${party}`,
      );
    }
  }
  return own.map(({ name, low, high }) => {
    const given = places[name];
    if (given === undefined) {
      throw new DpcaError(
        'ERR_CONFIG',
        `/data/values/${name}: missing, the manifest names this value column of party ${party}`,
      );
    }
    const { from, decimals, empty, combine } = typeof given === 'object' ? given : { from: given };
    if (combine === undefined && data.onDuplicate === 'entity') {
      throw new DpcaError(
        'ERR_CONFIG',
        `/data/values/${name}/combine: missing; say sum, max or min, because rows are merged`,
      );
    }
    return {
      ...{ name, from, decimals: decimals ?? 0, emptyIsZero: empty === 'zero' },
      ...(combine === undefined ? {} : { combine }),
      ...{ low: BigInt(low), high: BigInt(high) },
    };
  });
}

/** Loads what the configuration names and refuses any disagreement with the manifest (ERR_CONFIG). */
export function loadParty(config: Config): Party {
  const role = config.party;
  const manifest = readManifest(config.manifest);
  const own = manifest.parties[role];
  const other = manifest.parties[role === 'a' ? 'b' : 'a'];
  columnSources(config, manifest);
  valueSources(config, manifest);
  if (manifest.normalisation.ruleSet !== ruleSetDigest()) {
    throw new DpcaError(
      'ERR_MANIFEST',
      'manifest /normalisation/ruleSet: other rules than those of this version of dpca; both parties must run the same',
    );
  }
  certifyManifest(manifest); // the enclaves do it again; here it is before anybody is called
  const keys = loadKeys(config.keys);
  for (const use of ['identity', 'log'] as const) {
    if (toHex(keys[use].publicKey) !== own[use]) {
      throw new DpcaError(
        'ERR_CONFIG',
        `${config.keys}: the ${use} key is not the one of party ${role} in the manifest`,
      );
    }
  }
  const peer = pinnedPeer(config.peers, other.identity);
  if (peer.log !== other.log) {
    throw new DpcaError(
      'ERR_CONFIG',
      `${config.peers}: the peer's pinned log key differs from the manifest`,
    );
  }
  return { role, config, manifest, own, other, keys, peer };
}
