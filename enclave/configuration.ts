/**
 * What the own host hands to its enclave for one run: keys, manifest, policy. Everything is checked here again,
 * because the other party relies on this enclave and not on its host (README.md).
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import type { PeerMemory, SigningKey } from '../attestation/ledger-session.ts';
import { Ledger } from '../attestation/ledger.ts';
import { type AppraisalPolicy, parsePolicy } from '../attestation/policy.ts';
import { type Bytes, fixed } from '../src/bytes.ts';
import { fromHex, toHex, utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import type { JsonObject } from '../src/json.ts';
import { certifyManifest, type Manifest, parseManifest, type Role } from '../src/run/manifest.ts';
import type { IdentityKeys } from '../src/session/identity.ts';
import { MAX_LINEAGES } from '../src/wire/limits.ts';
import type { Role as SessionRole } from '../src/session/messages.ts';

export interface RunConfiguration {
  /** Who speaks first; no privilege hangs on it. */
  readonly role: SessionRole;
  readonly party: Role;
  readonly identity: IdentityKeys;
  readonly peerIdentity: Bytes<32>;
  readonly manifest: Manifest;
  readonly policy: AppraisalPolicy;
  /** The organisation's log key, which signs the checkpoints of its ledger. */
  readonly log: SigningKey;
  readonly ledger: Ledger;
  /** The peer's ledgers as this host remembers them. */
  readonly memory: readonly PeerMemory[];
  /** The last checkpoint of the peer's log that this host has seen. */
  readonly logMemory: Uint8Array | undefined;
}

/** What the session with the peer needs of it. */
export type SessionConfiguration = Omit<
  RunConfiguration,
  'log' | 'ledger' | 'memory' | 'logMemory'
>;

const MEMBERS = [
  'role',
  'party',
  'identityKey',
  'logKey',
  'manifest',
  'policy',
  'memory',
  'logMemory',
  'allowShares',
];

function text(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== 'string' || value === '') {
    throw new DpcaError('ERR_CONFIG', `configure: expected text in ${name}`);
  }
  return value;
}

function oneOf<const T extends string>(body: JsonObject, name: string, values: readonly T[]): T {
  const found = values.find((value) => value === body[name]);
  if (found === undefined) {
    throw new DpcaError('ERR_CONFIG', `configure: expected ${name} to be ${values.join(' or ')}`);
  }
  return found;
}

function keyOf(body: JsonObject, name: string, expected: string): SigningKey {
  const secretKey = fixed(fromHex(text(body, name)), 32, name);
  const publicKey = fixed(ed25519.getPublicKey(secretKey), 32, name);
  if (toHex(publicKey) !== expected) {
    throw new DpcaError('ERR_KEY_FORMAT', `expected the ${name} of the manifest`);
  }
  return { secretKey, publicKey };
}

function memoryOf(body: JsonObject): readonly PeerMemory[] {
  const given = body['memory'];
  if (!Array.isArray(given) || given.length > MAX_LINEAGES) {
    throw new DpcaError('ERR_CONFIG', `configure: expected at most ${MAX_LINEAGES} lineages`);
  }
  return (given as readonly JsonObject[]).map((entry) => ({
    lineage: text(entry, 'lineage'),
    note: entry['note'] === null ? undefined : utf8(text(entry, 'note')),
  }));
}

/**
 * Reads a `configure` message; ERR_CONFIG, ERR_KEY_FORMAT, and the codes of manifest, plan, policy and ledger.
 * @param records the own ledger, as the host sent it before
 */
export function readConfiguration(
  body: JsonObject,
  records: readonly Uint8Array[],
): RunConfiguration {
  for (const name of Object.keys(body)) {
    if (!MEMBERS.includes(name)) throw new DpcaError('ERR_CONFIG', `configure: unknown ${name}`);
  }
  const role = oneOf(body, 'role', ['init', 'resp']);
  const party = oneOf(body, 'party', ['a', 'b']);
  const manifest = parseManifest(text(body, 'manifest'));
  certifyManifest(manifest);
  if (manifest.statistics.some(({ kind }) => kind === 'shares') && body['allowShares'] !== true) {
    throw new DpcaError('ERR_SHARES_REFUSED', 'expected allowShares in the own configuration');
  }
  const { parties } = manifest;
  const policy = parsePolicy(text(body, 'policy'));
  if (policy.mode === 'audit') {
    throw new DpcaError('POLICY_EMPTY', 'an audit policy cannot open a session');
  }
  const peer = parties[party === 'a' ? 'b' : 'a'];
  return {
    role,
    party,
    identity: keyOf(body, 'identityKey', parties[party].identity),
    peerIdentity: fixed(fromHex(peer.identity), 32, 'peer identity'),
    manifest,
    policy,
    log: keyOf(body, 'logKey', parties[party].log),
    ledger: new Ledger(records),
    memory: memoryOf(body),
    logMemory: body['logMemory'] === null ? undefined : utf8(text(body, 'logMemory')),
  };
}
