/**
 * One party's side of a receipt (docs/specification.md sections 5.4 and 9.1): what its enclave says and demands until
 * both logs have the receipt and each is cosigned by the other party. Pure; the enclave's port adds the host's storage.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, equalConstantTime, fixed } from '../src/bytes.ts';
import { fromHex, fromUtf8, toHex, utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import { canonicalJson, type JsonObject } from '../src/json.ts';
import { isGiven, type Manifest, type ManifestParty, type Role } from '../src/run/manifest.ts';
import {
  commitRelease,
  type InputCommitment,
  releaseSalt,
  type RunFacts,
} from '../src/run/receipt.ts';
import type { HandshakeRecord } from '../src/session/handshake-types.ts';
import type { Account, Logged } from '../src/wire/receipt-messages.ts';
import { VERIFIER } from './build.ts';
import {
  assertCosignature,
  type Checkpoint,
  cosign,
  type Ed25519,
  nobleEd25519,
  type NoteKey,
  openCheckpoint,
  type OpenedCheckpoint,
  withCosignature,
} from './checkpoint.ts';
import { earExpectation } from './ear-binding.ts';
import { verifyEar } from './ear.ts';
import { parseCanonical } from './form.ts';
import { cosigner, recode, type SigningKey } from './ledger-session.ts';
import {
  type Completion,
  type Envelope,
  envelopeBytes,
  hexes,
  logOrigin,
  logRecordBytes,
  parseEnvelope,
} from './log-record.ts';
import { assertConsistency, assertInclusion, leafHash } from './merkle.ts';
import {
  buildReceipt,
  type LedgerEntry,
  type ReceiptBody,
  receiptId,
  receiptStatement,
  signReceipt,
  type Statement,
  STATEMENT_FORM,
} from './receipt.ts';

export interface ReceiptSetup {
  readonly manifest: Manifest;
  readonly party: Role;
  readonly opened: HandshakeRecord;
  readonly run: number;
  readonly log: SigningKey;
  readonly enclave: SigningKey;
  /** The last checkpoint of the peer's log that the own host remembers. */
  readonly memory: Uint8Array | undefined;
  readonly kernel: string;
  /** Half of the release's salt; fresh. */
  readonly salt: Bytes<32>;
  /** The oracle when absent. */
  readonly ed25519?: Ed25519;
}

/** The own log as its host shows it. */
export interface ShownLog {
  readonly note: Uint8Array;
  readonly consistency: readonly Uint8Array[];
}

/** The receipt as it goes into a log. */
export type SignedReceipt = {
  readonly receipt: ReceiptBody;
  readonly signatures: Readonly<Record<Role, string>>;
};

function logKey({ log }: ManifestParty): NoteKey {
  return { name: logOrigin(log), publicKey: fromHex(log) };
}

function refuse(problem: string): never {
  throw new DpcaError('ERR_RECEIPT', problem);
}

export class ReceiptSession {
  private readonly setup: ReceiptSetup;
  private readonly ed25519: Ed25519;
  private readonly own: ManifestParty;
  private readonly other: ManifestParty;
  private readonly peer: Role;
  /** The peer's log as it is remembered here, and the own log as the peer remembers it. */
  private readonly known: Checkpoint | undefined;
  private held: Checkpoint | undefined;
  private accounts: Partial<Record<Role, Statement>> = {};
  private peerSalt: Bytes<32> | undefined;
  private body:
    | {
        readonly receipt: ReceiptBody;
        readonly id: Bytes<32>;
        /** By the own enclave. */
        readonly signature: Bytes<64>;
        readonly release: JsonObject;
        readonly moments: readonly bigint[];
        readonly salt: Bytes<32>;
      }
    | undefined;
  private signed: SignedReceipt | undefined;
  private ownLog:
    | { readonly note: Uint8Array; readonly checkpoint: Checkpoint; readonly envelope: Envelope }
    | undefined;
  private peerLog:
    | { readonly logged: Logged; readonly checkpoint: Checkpoint; readonly envelope: Envelope }
    | undefined;
  private ownCosignature: Bytes<72> | undefined;

  /** Verifies the memory too (ERR_LOG_RECORD): a host that spoils it locks itself out, and is told so. */
  constructor(setup: ReceiptSetup) {
    const { manifest, party, memory } = setup;
    this.setup = setup;
    this.ed25519 = setup.ed25519 ?? nobleEd25519;
    this.peer = party === 'a' ? 'b' : 'a';
    this.own = manifest.parties[party];
    this.other = manifest.parties[this.peer];
    this.known =
      memory === undefined
        ? undefined
        : recode('ERR_LOG_RECORD', "remembered checkpoint of the peer's log", () =>
            this.open(memory, this.other, [cosigner(this.own)]),
          );
  }

  /** @param ear the own verdict on the peer's document, signed by the own enclave key */
  account(ear: string, { commitment }: InputCommitment): Account {
    const { enclave, kernel, memory, party, salt } = this.setup;
    const statement: Statement = {
      ...{ build: VERIFIER.build, ear, kernel },
      enclaveKey: toHex(enclave.publicKey),
      held: memory === undefined ? null : fromUtf8(memory),
      input: toHex(commitment),
    };
    this.accounts[party] = statement;
    return { salt, statement: utf8(canonicalJson(statement)) };
  }

  /** Verifies the peer's account (ERR_RECEIPT); returns how many records of the own log the peer holds, 0 for none. */
  async accept({ salt, statement: bytes }: Account): Promise<number> {
    const { opened } = this.setup;
    const statement = parseCanonical(
      bytes,
      STATEMENT_FORM,
      "the peer's account",
      'ERR_RECEIPT',
    ) as Statement;
    const enclaveKey = fromHex(statement.enclaveKey);
    if (!equalConstantTime(sha256(enclaveKey), opened.peer.enclaveKeyHash)) {
      refuse("expected the enclave key of the peer's document");
    }
    const { held } = statement;
    this.held =
      held === null
        ? undefined
        : recode('ERR_RECEIPT', 'checkpoint held by the peer', () =>
            this.open(utf8(held), this.own, [cosigner(this.other)]),
          );
    try {
      const result = await verifyEar(
        statement.ear,
        { alg: 'EdDSA', kid: statement.enclaveKey, publicKey: enclaveKey },
        earExpectation(this.other.identity, this.own.identity, opened.sessionId, statement.ear),
      );
      if (result.claims['jti'] !== toHex(opened.sessionId)) refuse('expected this session');
    } catch (cause) {
      refuse(`the peer's attestation result: ${cause instanceof Error ? cause.message : ''}`);
    }
    this.accounts[this.peer] = statement;
    this.peerSalt = fixed(salt.slice(), 32, 'salt');
    return this.held?.size ?? 0;
  }

  /** Refuses (ERR_LOG_ROLLBACK) when the own log, as its host shows it, does not continue what the peer holds. */
  assertContinues(shown: ShownLog): Checkpoint {
    const head = recode('ERR_LOG_RECORD', 'checkpoint of the own log', () =>
      this.open(shown.note, this.own),
    );
    const { held } = this;
    if (held !== undefined) {
      recode(
        'ERR_LOG_ROLLBACK',
        `the own log has ${head.size} records and does not continue the ${held.size} that the peer holds our signature on`,
        () => assertConsistency(held.size, held.root, head.size, head.root, shown.consistency),
      );
    }
    return head;
  }

  /** The own signature of the receipt, which both sides build alone. */
  agree(
    { commitments, release, moments }: RunFacts,
    ledgers: Readonly<Record<Role, LedgerEntry>>,
  ): Bytes<64> {
    const { manifest, party, opened, run, enclave, salt: own } = this.setup;
    const { a, b } = this.accounts;
    if (a === undefined || b === undefined || this.peerSalt === undefined) {
      throw new DpcaError('ERR_INTERNAL', 'a receipt before both accounts');
    }
    const halves = party === 'a' ? { a: own, b: this.peerSalt } : { a: this.peerSalt, b: own };
    const salt = releaseSalt(halves);
    const receipt = buildReceipt({
      ...{ manifest, party, opened, run, commitments, ledgers },
      accounts: { a, b },
      release: commitRelease(salt, { release, moments }),
    });
    const id = receiptId(receipt);
    const signature = signReceipt(party, id, enclave, this.ed25519);
    this.body = { receipt, id, signature, release, moments, salt };
    return signature;
  }

  /** The receipt's name, hex. */
  get id(): string {
    return toHex(this.agreed().id);
  }

  /** The receipt for the own log, after the peer's signature verified (ERR_RECEIPT: it signed something else). */
  sign(peerSignature: Bytes<64>): SignedReceipt {
    const { receipt, id, signature } = this.agreed();
    const { party } = this.setup;
    const key = fromHex(receipt.accounts[this.peer].enclaveKey);
    if (!this.ed25519.verify(receiptStatement(this.peer, id), key, peerSignature)) {
      refuse("expected the signature of the peer's attested enclave on the same receipt");
    }
    const [own, peer] = [toHex(signature), toHex(peerSignature)];
    this.signed = {
      receipt,
      signatures: party === 'a' ? { a: own, b: peer } : { a: peer, b: own },
    };
    return this.signed;
  }

  /** What the peer is shown of the own log, after the host said that the record is durable. */
  logged(
    shown: ShownLog & { readonly envelope: Envelope; readonly inclusion: readonly Uint8Array[] },
  ): Logged {
    const { note, envelope, inclusion, consistency } = shown;
    const checkpoint = this.assertContinues(shown);
    recode('ERR_LOG_RECORD', 'the own log', () => this.assertIn(checkpoint, envelope, inclusion));
    this.ownLog = { note, checkpoint, envelope };
    const proof = (hashes: readonly Uint8Array[]) => hashes.map((hash) => fixed(hash, 32, 'hash'));
    return {
      note,
      envelope: envelopeBytes(envelope),
      consistency: proof(consistency),
      inclusion: proof(inclusion),
    };
  }

  /** Verifies the peer's log (ERR_RECEIPT, ERR_LOG_PEER_ROLLBACK); the note to be remembered before {@link witnessed}. */
  witness(logged: Logged): Uint8Array {
    const { note, inclusion, consistency } = logged;
    const checkpoint = recode('ERR_RECEIPT', "checkpoint of the peer's log", () =>
      this.open(note, this.other),
    );
    const { known } = this;
    if (known !== undefined) {
      recode(
        'ERR_LOG_PEER_ROLLBACK',
        `the log of "${this.other.name}" has ${checkpoint.size} records and does not continue the ${known.size} that were seen`,
        () =>
          assertConsistency(known.size, known.root, checkpoint.size, checkpoint.root, consistency),
      );
    } else if (consistency.length > 0) refuse('expected no proof from nothing');
    const envelope = parseEnvelope(logged.envelope);
    recode('ERR_RECEIPT', "the peer's log", () => this.assertIn(checkpoint, envelope, inclusion));
    this.peerLog = { logged, checkpoint, envelope };
    return note;
  }

  /** Cosigns the peer's log. @param time of the own security module, seconds since 1970 */
  witnessed(time: bigint): Bytes<72> {
    if (this.peerLog === undefined) throw new DpcaError('ERR_INTERNAL', 'nothing to cosign');
    const signer = { ...cosigner(this.own), ...this.setup.log };
    this.ownCosignature = cosign(this.peerLog.checkpoint, signer, time, this.ed25519);
    return this.ownCosignature;
  }

  /** Verifies the peer's cosignature (ERR_RECEIPT); what the own host keeps beside the record, release included. */
  finish(cosignature: Bytes<72>): Completion {
    const { ownLog, peerLog, ownCosignature } = this;
    if (ownLog === undefined || peerLog === undefined || ownCosignature === undefined) {
      throw new DpcaError('ERR_INTERNAL', 'cosigned before logged');
    }
    const { release, moments, salt } = this.agreed();
    const by = { own: cosigner(this.own), other: cosigner(this.other) };
    recode('ERR_RECEIPT', "the peer's cosignature", () =>
      assertCosignature(ownLog.checkpoint, by.other, cosignature, this.ed25519.verify),
    );
    const { note, inclusion } = peerLog.logged;
    return {
      seq: ownLog.envelope.seq,
      opened: isGiven(this.setup.manifest, this.setup.party)
        ? { salt: toHex(salt), release, moments: moments.map(String) }
        : null,
      checkpoint: fromUtf8(withCosignature(ownLog.note, by.other, cosignature)),
      peer: {
        checkpoint: fromUtf8(withCosignature(note, by.own, ownCosignature)),
        envelope: peerLog.envelope,
        inclusion: hexes(inclusion),
      },
    };
  }

  private open(
    note: Uint8Array,
    owner: ManifestParty,
    cosigners: readonly NoteKey[] = [],
  ): OpenedCheckpoint {
    return openCheckpoint(note, logKey(owner), cosigners, this.ed25519.verify);
  }

  private agreed(): NonNullable<typeof this.body> {
    if (this.body === undefined) throw new DpcaError('ERR_INTERNAL', 'no receipt is agreed');
    return this.body;
  }

  /** The record that a log makes of the signed receipt is in that checkpoint. */
  private assertIn(
    checkpoint: Checkpoint,
    envelope: Envelope,
    inclusion: readonly Uint8Array[],
  ): void {
    const { signed } = this;
    if (signed === undefined) throw new DpcaError('ERR_INTERNAL', 'no receipt is signed');
    const leaf = leafHash(logRecordBytes(envelope, { type: 'run', ...signed }));
    assertInclusion(leaf, envelope.seq, checkpoint.size, checkpoint.root, inclusion);
  }
}
