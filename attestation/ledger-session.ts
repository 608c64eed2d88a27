/**
 * One party's side of the charge (docs/ledger.md section 4): what its enclave says and demands about ledgers before
 * anything that depends on a table leaves. Pure; the enclave's port adds the host's durable storage between
 * {@link LedgerSession.slot} and {@link LedgerSession.charged}.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, equalConstantTime, fixed } from '../src/bytes.ts';
import { fromHex, fromUtf8, toHex } from '../src/encoding.ts';
import { DpcaError, type ErrorCode } from '../src/errors.ts';
import { type JsonObject, parseJson } from '../src/json.ts';
import type { Rng } from '../src/rng.ts';
import { type Manifest, type ManifestParty, privacyHash, type Role } from '../src/run/manifest.ts';
import type { Charged, Cosigned, Head } from '../src/wire/ledger-messages.ts';
import {
  assertCosignature,
  type Checkpoint,
  cosign,
  type Ed25519,
  nobleEd25519,
  type NoteKey,
  type NoteSigner,
  openCheckpoint,
  parseNote,
  signCheckpoint,
  withCosignature,
} from './checkpoint.ts';
import { parseRecord, type SlotPeer, type SlotRecord, slotStatement } from './ledger-record.ts';
import { type Ledger, ledgerOrigin } from './ledger.ts';
import { assertConsistency, assertInclusion, leafHash } from './merkle.ts';
import type { LedgerEntry } from './receipt.ts';

export interface SigningKey {
  /** Ed25519 seed. */
  readonly secretKey: Bytes<32>;
  readonly publicKey: Bytes<32>;
}

/** What the own host remembers of one lineage of the peer. */
export interface PeerMemory {
  /** 32 hex digits. */
  readonly lineage: string;
  /** The last checkpoint seen, or undefined for a lineage that was accepted and not seen yet. */
  readonly note: Uint8Array | undefined;
}

export interface LedgerSetup {
  readonly ledger: Ledger;
  readonly manifest: Manifest;
  readonly party: Role;
  readonly sessionId: Bytes<32>;
  readonly run: number;
  /** The own organisation's log key. */
  readonly log: SigningKey;
  /** This boot's enclave key; its hash is in the own attestation document. */
  readonly enclave: SigningKey;
  /** SHA-256 of the peer's enclave key, from its attestation document. */
  readonly peerEnclaveKeyHash: Bytes<32>;
  /** Of the peer's enclave, as appraised. */
  readonly peerEnclave: Omit<SlotPeer, 'identity'>;
  readonly memory: readonly PeerMemory[];
  readonly rng: Rng;
  /** The oracle when absent. */
  readonly ed25519?: Ed25519;
}

/** Name under which an organisation cosigns. @param log its log key, hex */
export function cosignerName(log: string): string {
  return `dpca-enclave/party/${log.slice(0, 16)}`;
}

/** The key with which an organisation cosigns. */
export function cosigner({ log }: Pick<ManifestParty, 'log'>): NoteKey {
  return { name: cosignerName(log), publicKey: fromHex(log) };
}

/** Opens a checkpoint of a lineage whose id stands in the note itself. */
function openLineage(
  note: Uint8Array,
  log: string,
  cosigners: readonly NoteKey[],
  { verify }: Ed25519,
): Checkpoint & { readonly lineage: string } {
  const [origin = ''] = parseNote(note).text.split('\n');
  const lineage = origin.slice(ledgerOrigin('').length);
  if (origin !== ledgerOrigin(lineage) || !/^[0-9a-f]{32}$/.test(lineage)) {
    throw new DpcaError('ERR_LOG_NOTE', 'checkpoint: expected the origin of a ledger');
  }
  const key = { name: origin, publicKey: fromHex(log) };
  return { ...openCheckpoint(note, key, cosigners, verify), lineage };
}

/** Gives whatever goes wrong in `action` one code, with the reason in its message. */
export function recode<T>(code: ErrorCode, what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'malformed';
    throw new DpcaError(code, `${what}: ${reason}`, { cause });
  }
}

export class LedgerSession {
  private readonly setup: LedgerSetup;
  private readonly ed25519: Ed25519;
  private readonly own: ManifestParty;
  private readonly other: ManifestParty;
  /** Checkpoints of the peer's lineages, verified. */
  private readonly known: ReadonlyMap<string, Checkpoint | undefined>;
  /** The peer's ledger as of its `head`. */
  private peerHead: (Checkpoint & { readonly lineage: string }) | undefined;
  private pending: Uint8Array | undefined;
  private ownCharge: { readonly record: Uint8Array; readonly charged: Charged } | undefined;
  private peerCharge: { readonly charged: Charged; readonly checkpoint: Checkpoint } | undefined;
  private ownCosigned: Cosigned | undefined;
  private peerCosigned: Cosigned | undefined;

  /** Verifies the memory too (ERR_BUDGET_LEDGER): a host that spoils it locks itself out, and is told so. */
  constructor(setup: LedgerSetup) {
    const { manifest, party, memory } = setup;
    this.setup = setup;
    this.ed25519 = setup.ed25519 ?? nobleEd25519;
    this.own = manifest.parties[party];
    this.other = manifest.parties[party === 'a' ? 'b' : 'a'];
    const known = new Map<string, Checkpoint | undefined>();
    for (const { lineage, note } of memory) {
      known.set(
        lineage,
        recode('ERR_BUDGET_LEDGER', `remembered checkpoint of ${lineage}`, () => {
          if (note === undefined) return undefined;
          const opened = openLineage(note, this.other.log, [cosigner(this.own)], this.ed25519);
          if (opened.lineage === lineage) return opened;
          throw new DpcaError('ERR_LOG_NOTE', 'expected a checkpoint of that lineage');
        }),
      );
    }
    this.known = known;
  }

  /** The checkpoints of the peer's ledgers that are remembered here. */
  held(): readonly Uint8Array[] {
    return this.setup.memory.flatMap(({ note }) => (note === undefined ? [] : [note]));
  }

  /**
   * Compares what the peer holds with the own ledger (ERR_BUDGET_ROLLBACK), and sees whether the run fits.
   * @param held notes as sent by the peer; its own cosignature may be on them
   */
  present(held: readonly Uint8Array[]): Head {
    const { ledger, manifest, party, log } = this.setup;
    const { lineage, name } = ledger.registration;
    let from = 0;
    for (const note of held) {
      const checkpoint = recode('ERR_BUDGET_PROOF', 'checkpoint held by the peer', () =>
        openLineage(note, this.own.log, [cosigner(this.other)], this.ed25519),
      );
      if (checkpoint.lineage !== lineage) continue;
      const relation = ledger.compare(checkpoint);
      if (relation !== 'prefix') {
        throw new DpcaError(
          'ERR_BUDGET_ROLLBACK',
          relation === 'behind'
            ? `the own ledger "${name}" has ${ledger.tree.size} records, the peer holds our signature on ${checkpoint.size}: it was restored from an old copy`
            : `the own ledger "${name}" differs from the first ${checkpoint.size} records that the peer holds our signature on: it was forked`,
        );
      }
      from = Math.max(from, checkpoint.size);
    }
    ledger.fit(manifest, party);
    return {
      note: signCheckpoint(ledger.checkpoint, this.signer(log), this.ed25519),
      proof: ledger.tree.consistency(from),
    };
  }

  /** The peer's ledger before the charge (ERR_BUDGET_LINEAGE, _PEER_ROLLBACK, _PROOF). */
  examine({ note, proof }: Head): void {
    const head = recode('ERR_BUDGET_PROOF', "checkpoint of the peer's ledger", () =>
      openLineage(note, this.other.log, [], this.ed25519),
    );
    if (!this.known.has(head.lineage) && this.known.size > 0) {
      throw new DpcaError(
        'ERR_BUDGET_LINEAGE',
        `"${this.other.name}" shows lineage ${head.lineage}, expected ${[...this.known.keys()].join(' or ')}; see dpca ledger accept`,
      );
    }
    const last = this.known.get(head.lineage);
    if (last !== undefined) {
      if (head.size < last.size) {
        throw new DpcaError(
          'ERR_BUDGET_PEER_ROLLBACK',
          `the ledger of "${this.other.name}" has ${head.size} records, ${last.size} were seen: it was restored from an old copy`,
        );
      }
      recode('ERR_BUDGET_PEER_ROLLBACK', `the ledger of "${this.other.name}" was forked`, () =>
        assertConsistency(last.size, last.root, head.size, head.root, proof),
      );
    } else if (proof.length > 0 || head.size < 1) {
      throw new DpcaError(
        'ERR_BUDGET_PROOF',
        'expected a registered ledger, and no proof from nothing',
      );
    }
    this.peerHead = head;
  }

  /** The record to be appended durably before {@link charged}, and its index. */
  slot(): { readonly index: number; readonly record: Uint8Array } {
    const { ledger, manifest, party, sessionId, run, peerEnclave, rng } = this.setup;
    const { identity } = this.other;
    const record = ledger.nextSlot(manifest, party, {
      session: sessionId,
      run,
      peer: { identity, ...peerEnclave },
      salt: fixed(rng(32), 32, 'salt'),
    });
    this.pending = record;
    return { index: ledger.tree.size, record };
  }

  /** Signs the charge. Only after the host said that the record is durable. */
  charged(): Charged {
    const { ledger, log, enclave } = this.setup;
    const record = this.pending;
    if (record === undefined) throw new DpcaError('ERR_INTERNAL', 'a charge without a slot');
    this.pending = undefined;
    const before = ledger.tree.size;
    ledger.append(record);
    const charged: Charged = {
      note: signCheckpoint(ledger.checkpoint, this.signer(log), this.ed25519),
      record,
      enclaveKey: enclave.publicKey,
      signature: this.sign(slotStatement('owner', record), enclave),
      consistency: ledger.tree.consistency(before),
      inclusion: ledger.tree.inclusion(before),
    };
    this.ownCharge = { record, charged };
    return charged;
  }

  /** What the own host shows of the charge. */
  spent(): JsonObject {
    const { ledger, manifest, party } = this.setup;
    const { lineage, name } = ledger.registration;
    const plan = ledger.plans.find(({ hash }) => hash === toHex(privacyHash(manifest)));
    const identity = manifest.parties[party === 'a' ? 'b' : 'a'].identity;
    return {
      lineage,
      name,
      slot: ledger.spent.length,
      spent: plan?.used ?? 0,
      slots: plan?.slots ?? 0,
      peer: ledger.spentWith(identity),
    };
  }

  /** Verifies the peer's charge (ERR_BUDGET_PROOF); its note must be remembered durably before {@link cosigned}. */
  adopt(charged: Charged): { readonly lineage: string; readonly note: Uint8Array } {
    const { note, record, enclaveKey, signature, consistency, inclusion } = charged;
    const head = this.peerHead;
    if (head === undefined) throw new DpcaError('ERR_INTERNAL', 'a charge before its head');
    const checkpoint = recode('ERR_BUDGET_PROOF', "the peer's charge", () => {
      const next = openLineage(note, this.other.log, [], this.ed25519);
      if (next.lineage !== head.lineage || next.size !== head.size + 1) {
        throw new DpcaError('ERR_LOG_NOTE', 'expected one more record of the same lineage');
      }
      assertConsistency(head.size, head.root, next.size, next.root, consistency);
      assertInclusion(leafHash(record), head.size, next.size, next.root, inclusion);
      return next;
    });
    this.assertSlot(parseRecord(record, 'ERR_BUDGET_PROOF'), head.lineage);
    this.assertEnclave('owner', record, enclaveKey, signature);
    this.peerCharge = { charged, checkpoint };
    return { lineage: head.lineage, note };
  }

  /** Cosigns the adopted charge. @param time of the own security module, seconds since 1970 */
  cosigned(time: bigint): Cosigned {
    const { log, enclave } = this.setup;
    if (this.peerCharge === undefined) throw new DpcaError('ERR_INTERNAL', 'nothing to cosign');
    const { charged, checkpoint } = this.peerCharge;
    this.ownCosigned = {
      cosignature: cosign(checkpoint, { ...cosigner(this.own), ...log }, time, this.ed25519),
      enclaveKey: enclave.publicKey,
      signature: this.sign(slotStatement('peer', charged.record), enclave),
    };
    return this.ownCosigned;
  }

  /** Verifies the peer's cosignature; the evidence of this slot for the own host to keep. */
  complete(cosigned: Cosigned): {
    readonly checkpoint: Uint8Array;
    readonly evidence: JsonObject;
  } {
    if (this.ownCharge === undefined)
      throw new DpcaError('ERR_INTERNAL', 'cosigned before charged');
    const { cosignature, enclaveKey, signature } = cosigned;
    const { record, charged } = this.ownCharge;
    const peer = cosigner(this.other);
    recode('ERR_BUDGET_PROOF', "the peer's cosignature", () =>
      assertCosignature(this.setup.ledger.checkpoint, peer, cosignature, this.ed25519.verify),
    );
    this.assertEnclave('peer', record, enclaveKey, signature);
    this.peerCosigned = cosigned;
    const checkpoint = withCosignature(charged.note, peer, cosignature);
    return {
      checkpoint,
      evidence: {
        version: 1,
        owner: { enclaveKey: toHex(charged.enclaveKey), signature: toHex(charged.signature) },
        peer: { enclaveKey: toHex(enclaveKey), signature: toHex(signature) },
      },
    };
  }

  /** Both charges with everything that was signed of them, for the receipt. */
  entries(): Readonly<Record<Role, LedgerEntry>> {
    const { ownCharge, peerCharge, ownCosigned, peerCosigned } = this;
    if (!ownCharge || !peerCharge || !ownCosigned || !peerCosigned) {
      throw new DpcaError('ERR_INTERNAL', 'a receipt before both charges');
    }
    const entry = (charged: Charged, by: ManifestParty, cosigned: Cosigned): LedgerEntry => ({
      record: parseJson(fromUtf8(charged.record), 'slot') as JsonObject,
      checkpoint: fromUtf8(withCosignature(charged.note, cosigner(by), cosigned.cosignature)),
      inclusion: charged.inclusion.map(toHex),
      owner: toHex(charged.signature),
      peer: toHex(cosigned.signature),
    });
    const own = entry(ownCharge.charged, this.other, peerCosigned);
    const peer = entry(peerCharge.charged, this.own, ownCosigned);
    return this.setup.party === 'a' ? { a: own, b: peer } : { a: peer, b: own };
  }

  private sign(message: Uint8Array, key: SigningKey): Bytes<64> {
    return fixed(this.ed25519.sign(message, key), 64, 'signature');
  }

  private signer(key: SigningKey): NoteSigner {
    return { name: ledgerOrigin(this.setup.ledger.registration.lineage), ...key };
  }

  private assertSlot(record: ReturnType<typeof parseRecord>, lineage: string): void {
    const { manifest, sessionId, run } = this.setup;
    const expected: Partial<SlotRecord> = {
      type: 'slot',
      lineage,
      plan: toHex(privacyHash(manifest)),
      session: toHex(sessionId),
      run,
    };
    for (const [name, value] of Object.entries(expected)) {
      if ((record as unknown as JsonObject)[name] !== value) {
        throw new DpcaError('ERR_BUDGET_PROOF', `the peer's slot: expected another ${name}`);
      }
    }
    if (record.type === 'slot' && record.peer.identity !== this.own.identity) {
      throw new DpcaError(
        'ERR_BUDGET_PROOF',
        "the peer's slot: expected this organisation as its peer",
      );
    }
    if (record.type === 'slot' && record.slot > record.of) {
      throw new DpcaError('ERR_BUDGET_PROOF', "the peer's slot: beyond the slots registered");
    }
  }

  private assertEnclave(
    as: 'owner' | 'peer',
    record: Uint8Array,
    key: Uint8Array,
    signature: Uint8Array,
  ): void {
    const attested = equalConstantTime(sha256(key), this.setup.peerEnclaveKeyHash);
    if (!attested || !this.ed25519.verify(slotStatement(as, record), key, signature)) {
      throw new DpcaError(
        'ERR_BUDGET_PROOF',
        "expected the signature of the peer's attested enclave",
      );
    }
  }
}
