/**
 * Registration of a lineage and its extension, by the data's owner: the only records that no enclave writes
 * (docs/ledger.md sections 2 and 8). Their checkpoint is signed with the organisation's log key.
 * @module
 */
import { randomBytes } from 'node:crypto';
import {
  type OpenedCheckpoint,
  openCheckpoint,
  signCheckpoint,
} from '../../attestation/checkpoint.ts';
import { cosignerName } from '../../attestation/ledger-session.ts';
import {
  LINEAGE_NAME,
  planRecord,
  recordBytes,
  ZERO_HASH,
} from '../../attestation/ledger-record.ts';
import { Ledger } from '../../attestation/ledger.ts';
import { fixed } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { certifyManifest, type Manifest, type Role } from '../../src/run/manifest.ts';
import type { Party } from '../config/party.ts';
import type { KeyPair } from '../keys/keys.ts';
import { pinnedPeers } from '../keys/peers.ts';
import { lockLedger } from './lock.ts';
import { LedgerStore } from './store.ts';

export interface Owner {
  readonly manifest: Manifest;
  readonly role: Role;
  readonly log: KeyPair;
  readonly signal: AbortSignal;
}

/** The ledger in a folder (ERR_BUDGET_UNREGISTERED, ERR_BUDGET_LEDGER). */
export function openLedger(store: LedgerStore): Ledger {
  return new Ledger(store.records());
}

/** The stored own checkpoint, opened with the keys of this party and its pinned peers (ERR_LOG_*). */
export function openOwnCheckpoint(
  party: Party,
  ledger: Ledger,
  note: Uint8Array,
): OpenedCheckpoint {
  const own = { name: ledger.checkpoint.origin, publicKey: party.keys.log.publicKey };
  const cosigners = pinnedPeers(party.config.peers).map(({ log }) => ({
    name: cosignerName(log),
    publicKey: fromHex(log),
  }));
  return openCheckpoint(note, own, cosigners);
}

/** The stored own checkpoint, if there is one of the present log key; a new key starts anew. */
function ownCheckpoint(
  party: Party,
  store: LedgerStore,
  ledger: Ledger,
): OpenedCheckpoint | undefined {
  const note = store.checkpoint();
  if (note === undefined) return undefined;
  try {
    return openOwnCheckpoint(party, ledger, note);
  } catch (error) {
    const isForeign =
      error instanceof DpcaError && ['ERR_LOG_NOTE', 'ERR_LOG_SIGNATURE'].includes(error.code);
    if (isForeign) return undefined;
    throw error;
  }
}

/**
 * Refuses records that an older copy has replaced: the signed checkpoint and the evidence beside them know of more
 * (ERR_BUDGET_ROLLBACK). A folder restored as a whole is for the peers' memory to find.
 */
export function assertContinues(party: Party, store: LedgerStore, ledger: Ledger): void {
  const signed = ownCheckpoint(party, store, ledger);
  const last = store.lastEvidence();
  if (
    (signed !== undefined && ledger.compare(signed) !== 'prefix') ||
    (last !== undefined && last >= ledger.tree.size)
  ) {
    throw new DpcaError(
      'ERR_BUDGET_ROLLBACK',
      `${store.folder}: the records do not continue what was signed or proved here before; restore the newest copy`,
    );
  }
}

/** Refuses a run that the own ledger would refuse, before the peer is spoken to; the enclave checks again. */
export function assertFits(party: Party): void {
  const store = new LedgerStore(party.config.ledger);
  const ledger = openLedger(store);
  assertContinues(party, store, ledger);
  ledger.fit(party.manifest, party.role);
}

const salt = () => fixed(new Uint8Array(randomBytes(32)), 32, 'salt');

function publish(store: LedgerStore, ledger: Ledger, log: KeyPair): void {
  const { checkpoint } = ledger;
  const { publicKey, privateKey } = log;
  const signer = { name: checkpoint.origin, publicKey, secretKey: privateKey };
  store.saveCheckpoint(signCheckpoint(checkpoint, signer));
}

/** Registers the manifest's plan as a new lineage (ERR_CONFIG_EXISTS, ERR_MANIFEST_PLAN, ERR_USAGE). */
export async function registerLineage(
  store: LedgerStore,
  { manifest, role, log, signal }: Owner,
  given: { readonly name: string; readonly perPeer?: number },
): Promise<Ledger> {
  const { runs, epsilon, delta } = manifest.privacy;
  const perPeer = given.perPeer ?? runs;
  if (!LINEAGE_NAME.test(given.name)) {
    throw new DpcaError(
      'ERR_USAGE',
      "--name: expected 1 to 64 letters, digits, spaces or & ' . , ( ) _ -",
    );
  }
  if (perPeer > runs) {
    throw new DpcaError('ERR_USAGE', `--per-peer: expected at most ${runs}, the manifest's runs`);
  }
  certifyManifest(manifest);
  const lock = await lockLedger(store.folder, signal);
  try {
    if (store.records().length > 0) {
      throw new DpcaError(
        'ERR_CONFIG_EXISTS',
        `${store.folder}: a lineage is registered here already; dpca ledger show tells which`,
      );
    }
    const { rowsMax } = manifest.parties[role];
    const record = planRecord(manifest, {
      ...{ name: given.name, rowsMax, perPeer, epsilon, delta, salt: salt() },
      lineage: toHex(randomBytes(16)),
      prev: ZERO_HASH,
    });
    const ledger = new Ledger([recordBytes(record)]);
    store.append(0, recordBytes(record));
    publish(store, ledger, log);
    return ledger;
  } finally {
    lock.release();
  }
}

/**
 * Registers the manifest's plan on top of what is there, under a claim that covers everything (ERR_USAGE when the
 * claim is not kept or is lower than before).
 */
export async function extendLineage(
  store: LedgerStore,
  { manifest, log, signal }: Owner,
  given: { readonly epsilon: string; readonly delta: string; readonly perPeer?: number },
): Promise<Ledger> {
  certifyManifest(manifest);
  const lock = await lockLedger(store.folder, signal);
  try {
    const records = store.records();
    const before = new Ledger(records);
    const { lineage, name, rowsMax, perPeer } = before.registration;
    const record = planRecord(manifest, {
      ...{ lineage, name, rowsMax, epsilon: given.epsilon, delta: given.delta, salt: salt() },
      // as many more for each peer as the extension adds, or no peer could use them
      perPeer: given.perPeer ?? perPeer + manifest.privacy.runs,
      prev: before.head,
    });
    let after: Ledger;
    try {
      after = new Ledger([...records, recordBytes(record)]);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : '';
      throw new DpcaError('ERR_USAGE', `the extension is not acceptable: ${reason}`, { cause });
    }
    store.append(before.tree.size, recordBytes(record));
    publish(store, after, log);
    return after;
  } finally {
    lock.release();
  }
}
