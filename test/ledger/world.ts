/**
 * Two organisations with keys, one certified manifest, and a ledger each, in memory: the production session logic on
 * both sides, with the steps of a charge exposed one by one.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import {
  LedgerSession,
  type LedgerSetup,
  type PeerMemory,
  type SigningKey,
} from '../../attestation/ledger-session.ts';
import { planRecord, recordBytes, ZERO_HASH } from '../../attestation/ledger-record.ts';
import { Ledger } from '../../attestation/ledger.ts';
import { type Bytes, fixed } from '../../src/bytes.ts';
import { toHex } from '../../src/encoding.ts';
import type { JsonObject } from '../../src/json.ts';
import type { Rng } from '../../src/rng.ts';
import { type Manifest, manifestFromJson, type Role } from '../../src/run/manifest.ts';
import { EXAMPLE_WEIGHTS, testManifest } from '../support/manifests.ts';

export const ROLES = ['a', 'b'] as const;
export const OTHER = { a: 'b', b: 'a' } as const;

export function newKey(rng: Rng): SigningKey {
  const secretKey = fixed(rng(32), 32, 'key');
  return { secretKey, publicKey: fixed(ed25519.getPublicKey(secretKey), 32, 'key') };
}

export interface Organisations {
  readonly manifest: Manifest;
  readonly log: Readonly<Record<Role, SigningKey>>;
  readonly enclave: Readonly<Record<Role, SigningKey>>;
  readonly rng: Rng;
}

/** A mask for one column and few runs; the ledger's logic does not depend on its size. */
export function privacy(runs: number, change: JsonObject = {}): JsonObject {
  const mask = { kind: 'xor', columns: [EXAMPLE_WEIGHTS] };
  return { adjacency: 'null-a-row', epsilon: '2', delta: '0.0001', runs, mask, ...change };
}

export function organisations(rng: Rng, runs: number): Organisations {
  const log = { a: newKey(rng), b: newKey(rng) };
  const base = JSON.parse(
    JSON.stringify(testManifest(1, EXAMPLE_WEIGHTS, { privacy: privacy(runs) })),
  ) as { parties: Record<Role, { log: string }> };
  for (const role of ROLES) base.parties[role].log = toHex(log[role].publicKey);
  return {
    manifest: manifestFromJson(base),
    ...{ log, rng, enclave: { a: newKey(rng), b: newKey(rng) } },
  };
}

/** Records of a fresh lineage for the manifest. */
export function registration(
  manifest: Manifest,
  role: Role,
  rng: Rng,
  perPeer: number = manifest.privacy.runs,
): Uint8Array[] {
  const { epsilon, delta } = manifest.privacy;
  const record = planRecord(manifest, {
    ...{ name: `rows of ${role}`, rowsMax: 1000, perPeer, epsilon, delta, prev: ZERO_HASH },
    lineage: toHex(rng(16)),
    salt: fixed(rng(32), 32, 'salt'),
  });
  return [recordBytes(record)];
}

/** One side of a session over `records`; `change` replaces parts of its setup. */
export function side(
  at: Organisations,
  party: Role,
  records: readonly Uint8Array[],
  memory: readonly PeerMemory[],
  sessionId: Bytes<32>,
  change: Partial<LedgerSetup> = {},
): LedgerSession {
  const peerKey = at.enclave[OTHER[party]].publicKey;
  return new LedgerSession({
    ...{ ledger: new Ledger(records), manifest: at.manifest, party, sessionId, run: 1, memory },
    ...{ log: at.log[party], enclave: at.enclave[party], rng: at.rng },
    peerEnclaveKeyHash: fixed(sha256(peerKey), 32, 'hash'),
    peerEnclave: { document: '55'.repeat(32), pcr0: '66'.repeat(48) },
    ...change,
  });
}

export interface Side {
  records: Uint8Array[];
  memory: PeerMemory[];
}

export function remember(memory: readonly PeerMemory[], seen: PeerMemory): PeerMemory[] {
  return [...memory.filter(({ lineage }) => lineage !== seen.lineage), seen];
}

/** A whole charge on both sides; the sides are changed as the hosts' disks would be. */
export function chargeBoth(at: Organisations, sides: Record<Role, Side>): void {
  const sessionId = fixed(at.rng(32), 32, 'session');
  const open = (role: Role) => side(at, role, sides[role].records, sides[role].memory, sessionId);
  const sessions = { a: open('a'), b: open('b') };
  const heads = {
    a: sessions.a.present(sessions.b.held()),
    b: sessions.b.present(sessions.a.held()),
  };
  for (const role of ROLES) sessions[role].examine(heads[OTHER[role]]);
  const charge = (role: Role) => {
    sides[role].records.push(sessions[role].slot().record);
    return sessions[role].charged();
  };
  const charges = { a: charge('a'), b: charge('b') };
  for (const role of ROLES) {
    const seen = sessions[role].adopt(charges[OTHER[role]]);
    sides[role].memory = remember(sides[role].memory, seen);
  }
  const cosigned = {
    a: sessions.a.cosigned(1_800_000_000n),
    b: sessions.b.cosigned(1_800_000_001n),
  };
  for (const role of ROLES) sessions[role].complete(cosigned[OTHER[role]]);
}
