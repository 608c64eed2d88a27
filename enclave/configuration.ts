/**
 * What the own host hands to its enclave for one run: keys, manifest, policy. Everything is checked here again,
 * because the other party relies on this enclave and not on its host (DESIGN sections 2 and 4.8).
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { type AppraisalPolicy, parsePolicy } from '../attestation/policy.ts';
import { type Bytes, fixed } from '../src/bytes.ts';
import { fromHex, toHex } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import type { JsonObject } from '../src/json.ts';
import { certifyManifest, type Manifest, parseManifest, type Role } from '../src/run/manifest.ts';
import type { IdentityKeys } from '../src/session/identity.ts';
import type { Role as SessionRole } from '../src/session/messages.ts';

export interface RunConfiguration {
  /** Who speaks first; no privilege hangs on it. */
  readonly role: SessionRole;
  readonly party: Role;
  readonly identity: IdentityKeys;
  readonly peerIdentity: Bytes<32>;
  readonly manifest: Manifest;
  readonly policy: AppraisalPolicy;
}

const MEMBERS = ['role', 'party', 'identityKey', 'manifest', 'policy'];

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

/** Reads a `configure` message; ERR_CONFIG, ERR_KEY_FORMAT, and the codes of manifest, plan and policy. */
export function readConfiguration(body: JsonObject): RunConfiguration {
  for (const name of Object.keys(body)) {
    if (!MEMBERS.includes(name)) throw new DpcaError('ERR_CONFIG', `configure: unknown ${name}`);
  }
  const role = oneOf(body, 'role', ['init', 'resp']);
  const party = oneOf(body, 'party', ['a', 'b']);
  const manifest = parseManifest(text(body, 'manifest'));
  certifyManifest(manifest);
  const { parties } = manifest;
  const policy = parsePolicy(text(body, 'policy'));
  if (policy.mode === 'audit') {
    throw new DpcaError('POLICY_EMPTY', 'an audit policy cannot open a session');
  }
  const seed = fixed(fromHex(text(body, 'identityKey')), 32, 'identity key');
  const publicKey = fixed(ed25519.getPublicKey(seed), 32, 'identity key');
  if (toHex(publicKey) !== parties[party].identity) {
    throw new DpcaError('ERR_KEY_FORMAT', `expected the identity key of party ${party}`);
  }
  const peer = parties[party === 'a' ? 'b' : 'a'];
  return {
    role,
    party,
    identity: { publicKey, secretKey: seed },
    peerIdentity: fixed(fromHex(peer.identity), 32, 'peer identity'),
    manifest,
    policy,
  };
}
