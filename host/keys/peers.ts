/**
 * What organisations exchange before the first run: public keys and, for tests of the whole path, the simulated
 * root. A file can be replaced on its way, so people compare its fingerprint over another channel; only then is it
 * pinned in the peers folder, and only pinned identities are ever spoken to.
 * @module
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex, toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { canonicalJson, type Json, type JsonObject } from '../../src/json.ts';
import { createPublicFile, parseObject, prettyJson, readTextFile } from './files.ts';
import { checkName, type Keys } from './keys.ts';

const KIND = 'dpca/v1/peer';

/** The public part of a simulated root: never acceptable to a production policy. */
export type SimulatedRoot = {
  /** SHA-256 of the DER certificate, 64 lower-case hex digits. */
  readonly fingerprint: string;
  /** DER certificate, lower-case hex. */
  readonly certificate: string;
};

export type Peer = {
  readonly kind: typeof KIND;
  readonly name: string;
  /** Ed25519 public keys, 64 lower-case hex digits. */
  readonly identity: string;
  readonly log: string;
  readonly simulatedRoot: SimulatedRoot | null;
};

/**
 * The first 160 bits of a SHA-256 as ten groups of four hex digits, to be read aloud: enough that nobody finds a
 * second file with the same fingerprint.
 */
export function spokenFingerprint(digest: Uint8Array): string {
  return (toHex(digest.subarray(0, 20)).match(/.{4}/g) ?? []).join(' ');
}

/** Fingerprint of one public key, over the key's 32 bytes. */
export function keyFingerprint(publicKey: Uint8Array): string {
  return spokenFingerprint(createHash('sha256').update('dpca/v1/key').update(publicKey).digest());
}

/** Fingerprint of everything that a peer file pins: name, both keys and the simulated root. */
export function peerFingerprint(peer: Peer): string {
  return spokenFingerprint(createHash('sha256').update(KIND).update(canonicalJson(peer)).digest());
}

/** Compares what a person typed or pasted; spaces, colons and case do not matter. */
export function sameFingerprint(given: string, expected: string): boolean {
  const plain = (text: string): string => text.replace(/[\s:-]/g, '').toLowerCase();
  return plain(given) === plain(expected);
}

export function peerOf(keys: Keys, simulatedRoot: SimulatedRoot | null): Peer {
  return {
    kind: KIND,
    name: keys.name,
    identity: toHex(keys.identity.publicKey),
    log: toHex(keys.log.publicKey),
    simulatedRoot,
  };
}

/** The public part of a simulated root. @param certificate DER */
export function simulatedRootOf(certificate: Uint8Array): SimulatedRoot {
  const fingerprint = createHash('sha256').update(certificate).digest('hex');
  return { fingerprint, certificate: toHex(certificate) };
}

function parseRoot(value: Json, path: string): SimulatedRoot | null {
  if (value === null) return null;
  if (typeof value === 'object' && !Array.isArray(value)) {
    const { certificate } = value as JsonObject;
    if (typeof certificate === 'string' && /^([0-9a-f]{2})+$/.test(certificate)) {
      const root = simulatedRootOf(fromHex(certificate));
      if (canonicalJson(root) === canonicalJson(value)) return root;
    }
  }
  throw new DpcaError(
    'ERR_KEY_FORMAT',
    `${path}: expected simulatedRoot to be null or a DER certificate in hex with its SHA-256`,
  );
}

/** Reads a peer file (ERR_CONFIG_FILE, ERR_KEY_FORMAT). */
export function readPeer(path: string): Peer {
  const given = parseObject(readTextFile(path), path, 'ERR_KEY_FORMAT');
  const { kind, name, identity, log, simulatedRoot } = given;
  const isKey = (value: unknown): value is string =>
    typeof value === 'string' &&
    /^[0-9a-f]{64}$/.test(value) &&
    fromHex(value).some((b) => b !== 0);
  if (
    kind !== KIND ||
    typeof name !== 'string' ||
    !isKey(identity) ||
    !isKey(log) ||
    identity === log ||
    simulatedRoot === undefined ||
    Object.keys(given).length !== 5
  ) {
    throw new DpcaError(
      'ERR_KEY_FORMAT',
      `${path}: expected a peer file {kind: "${KIND}", name, identity, log, simulatedRoot} with two different keys`,
    );
  }
  return {
    kind,
    name: checkName(name),
    identity,
    log,
    simulatedRoot: parseRoot(simulatedRoot, path),
  };
}

/** Writes a peer file (ERR_CONFIG_EXISTS). */
export function writePeer(path: string, peer: Peer): void {
  createPublicFile(path, prettyJson(peer));
}

const pinnedPath = (folder: string, identity: string): string =>
  join(folder, `${identity.slice(0, 16)}.peer.json`);

/** Pins a peer and returns the file's path (ERR_CONFIG_EXISTS when this identity is pinned already). */
export function pinPeer(folder: string, peer: Peer): string {
  const path = pinnedPath(folder, peer.identity);
  writePeer(path, peer);
  return path;
}

/** The pinned peers of a folder; a folder that does not exist holds none. */
export function pinnedPeers(folder: string): readonly Peer[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.peer.json'))
    .sort()
    .map((name) => readPeer(join(folder, name)));
}

/** The pinned peer with this identity key (64 hex digits), or ERR_CONFIG: nobody else is spoken to. */
export function pinnedPeer(folder: string, identity: string): Peer {
  const found = pinnedPeers(folder).find((peer) => peer.identity === identity);
  if (found === undefined) {
    throw new DpcaError(
      'ERR_CONFIG',
      `${folder}: the other party of the manifest is not pinned here; add it with dpca peers add`,
    );
  }
  return found;
}
