/**
 * The receipt of a run: one document that both enclaves build alone, find equal, and sign with their per-boot keys
 * (docs/auditing.md section 2). It holds everything an auditor needs to derive every verdict of the run again, and
 * nothing that differential privacy protects: inputs and release are salted commitments.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fixed } from '../src/bytes.ts';
import { fromHex, fromUtf8, toHex, utf8 } from '../src/encoding.ts';
import { canonicalJson, type JsonObject, parseJson } from '../src/json.ts';
import { type Manifest, manifestBytes, manifestHash, type Role } from '../src/run/manifest.ts';
import type { MaskCommitments } from '../src/run/receipt.ts';
import type { HandshakeRecord } from '../src/session/handshake-types.ts';
import type { Role as SessionRole } from '../src/session/messages.ts';
import type { TranscriptInputs } from '../src/session/transcript.ts';
import { MAX_NOTE_BYTES } from '../src/wire/limits.ts';
import { toBase64 } from './base64.ts';
import { type Ed25519, nobleEd25519 } from './checkpoint.ts';
import { type Form, hexForm } from './form.ts';
import type { SigningKey } from './ledger-session.ts';

/** One side's account: what only its own enclave knows. */
export type Statement = {
  /** Version of the software, whose measurement is in the document. */
  readonly build: string;
  /** EAR (JWS) of this side's verdict on the other side's document, signed by this side's enclave key. */
  readonly ear: string;
  /** Per-boot key; its SHA-256 is in this side's document. */
  readonly enclaveKey: string;
  /** The last checkpoint of the *other* side's log that this side holds, or null. */
  readonly held: string | null;
  /** Salted commitment to this side's table. */
  readonly input: string;
  /** Curve arithmetic in use. */
  readonly kernel: string;
};

/** One side's evidence in the handshake. */
export type EvidenceRecord = {
  /** The attestation document, base64. */
  readonly document: string;
  /** By the organisation's identity key, over T and the document. */
  readonly signature: string;
};

/** One party's charge, with what both enclaves and both log keys signed of it. */
export type LedgerEntry = {
  readonly record: JsonObject;
  /** The ledger's checkpoint, cosigned by the other party. */
  readonly checkpoint: string;
  /** Of the record in that checkpoint. */
  readonly inclusion: readonly string[];
  /** Slot signatures of the owner's enclave and of the peer's. */
  readonly owner: string;
  readonly peer: string;
};

/** T and everything it is made of; byte strings in hex. */
export type HandshakeFields = {
  readonly versions: readonly number[];
  readonly suites: readonly number[];
  readonly version: number;
  readonly suite: number;
  readonly nonces: Readonly<Record<SessionRole, string>>;
  readonly policyHashes: Readonly<Record<SessionRole, string>>;
  readonly ephemerals: Readonly<Record<SessionRole, string>>;
  readonly statics: Readonly<Record<SessionRole, string>>;
  readonly h: string;
  readonly transcript: string;
};

export type ReceiptBody = {
  readonly version: 1;
  readonly session: string;
  readonly run: number;
  /** Which party's enclave was the initiator of the session. */
  readonly initiator: Role;
  readonly manifest: JsonObject;
  readonly manifestHash: string;
  readonly handshake: HandshakeFields;
  readonly evidence: Readonly<Record<Role, EvidenceRecord>>;
  readonly accounts: Readonly<Record<Role, Statement>>;
  readonly commitments: Readonly<
    Record<Role, { readonly seed: string; readonly mix: string; readonly coins: string }>
  >;
  readonly ledgers: Readonly<Record<Role, LedgerEntry>>;
  /** Salted commitment to the release. */
  readonly release: string;
};

const HEX32 = hexForm(32);
const HEX64 = hexForm(64);
const NOTE = new RegExp(`^[\\n -~\u2014]{1,${MAX_NOTE_BYTES}}$`);
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const sides = (form: Form): Form => ({ members: { a: form, b: form } });
const roles = (form: Form): Form => ({ members: { init: form, resp: form } });
const offer: Form = { list: [1, 65_535], max: 8 };

export const STATEMENT_FORM: Form = {
  members: {
    build: /^[\w.+-]{1,64}$/,
    ear: TOKEN,
    enclaveKey: HEX32,
    held: { nullable: NOTE },
    input: HEX32,
    kernel: /^[\w. +()/-]{1,64}$/,
  },
};

export const NOTE_FORM: Form = NOTE;
export const EVIDENCE_FORM: Form = {
  members: { document: /^[A-Za-z0-9+/]{1,21848}={0,2}$/, signature: HEX64 },
};
export const PROOF_FORM: Form = { list: HEX32, max: 64 };

export const RECEIPT_FORM: Form = {
  members: {
    version: [1, 1],
    session: HEX32,
    run: [1, 2 ** 32],
    initiator: /^[ab]$/,
    manifest: 'object',
    manifestHash: HEX32,
    handshake: {
      members: {
        versions: offer,
        suites: offer,
        version: [1, 65_535],
        suite: [1, 65_535],
        nonces: roles(HEX32),
        policyHashes: roles(HEX32),
        ephemerals: roles(HEX32),
        statics: roles(HEX32),
        h: HEX32,
        transcript: hexForm(48),
      },
    },
    evidence: sides(EVIDENCE_FORM),
    accounts: sides(STATEMENT_FORM),
    commitments: sides({ members: { seed: HEX32, mix: HEX32, coins: HEX32 } }),
    ledgers: sides({
      members: {
        record: 'object',
        checkpoint: NOTE,
        inclusion: PROOF_FORM,
        owner: HEX64,
        peer: HEX64,
      },
    }),
    release: HEX32,
  },
};

function hexes(pair: Readonly<Record<SessionRole, Uint8Array>>): Record<SessionRole, string> {
  return { init: toHex(pair.init), resp: toHex(pair.resp) };
}

export function handshakeFields(inputs: TranscriptInputs, transcript: Uint8Array): HandshakeFields {
  const { versions, suites, version, suite } = inputs;
  return {
    ...{ versions, suites, version, suite },
    nonces: hexes(inputs.nonces),
    policyHashes: hexes(inputs.policyHashes),
    ephemerals: hexes(inputs.ephemerals),
    statics: hexes(inputs.statics),
    h: toHex(inputs.h),
    transcript: toHex(transcript),
  };
}

/** The inputs of T as {@link handshakeFields} wrote them. */
export function transcriptInputs(fields: HandshakeFields): TranscriptInputs {
  const { versions, suites, version, suite } = fields;
  const bytes = (hex: string): Bytes<32> => fixed(fromHex(hex), 32, 'transcript input');
  const pair = (given: Readonly<Record<SessionRole, string>>) => ({
    init: bytes(given.init),
    resp: bytes(given.resp),
  });
  return {
    ...{ versions, suites, version, suite },
    nonces: pair(fields.nonces),
    policyHashes: pair(fields.policyHashes),
    ephemerals: pair(fields.ephemerals),
    statics: pair(fields.statics),
    h: bytes(fields.h),
  };
}

/** What one side knows when both know the same release. */
export interface ReceiptParts {
  readonly manifest: Manifest;
  readonly party: Role;
  readonly opened: HandshakeRecord;
  readonly accounts: Readonly<Record<Role, Statement>>;
  readonly commitments: Readonly<Record<Role, MaskCommitments>>;
  readonly ledgers: Readonly<Record<Role, LedgerEntry>>;
  readonly release: Bytes<32>;
  readonly run: number;
}

export function buildReceipt(parts: ReceiptParts): ReceiptBody {
  const { manifest, party, opened, accounts, commitments, ledgers, release, run } = parts;
  const { role, sessionId, transcript, inputs, own, peer } = opened;
  const other = party === 'a' ? 'b' : 'a';
  const evidence = ({
    document,
    signature,
  }: {
    readonly document: Uint8Array;
    readonly signature: Uint8Array;
  }): EvidenceRecord => ({ document: toBase64(document), signature: toHex(signature) });
  const hidden = ({ seed, mix, coins }: MaskCommitments) => ({
    ...{ seed: toHex(seed), mix: toHex(mix), coins: toHex(coins) },
  });
  const [atOwn, atPeer] = [evidence(own), evidence(peer)];
  return {
    version: 1,
    session: toHex(sessionId),
    run,
    initiator: role === 'init' ? party : other,
    manifest: parseJson(fromUtf8(manifestBytes(manifest)), 'manifest') as JsonObject,
    manifestHash: toHex(manifestHash(manifest)),
    handshake: handshakeFields(inputs, transcript),
    evidence: party === 'a' ? { a: atOwn, b: atPeer } : { a: atPeer, b: atOwn },
    accounts,
    commitments: { a: hidden(commitments.a), b: hidden(commitments.b) },
    ledgers,
    release: toHex(release),
  };
}

/** The bytes that are hashed and signed. */
export function receiptBytes(body: ReceiptBody | JsonObject): Uint8Array {
  return utf8(canonicalJson(body));
}

/** Names a receipt in both logs and on stdout: SHA-256("dpca/v1/receipt" || canonical bytes). */
export function receiptId(body: ReceiptBody | JsonObject): Bytes<32> {
  return fixed(sha256(concat(utf8('dpca/v1/receipt'), receiptBytes(body))), 32, 'receipt id');
}

/** What an enclave signs: as which party, and the receipt's id. */
export function receiptStatement(as: Role, id: Uint8Array): Uint8Array {
  return concat(utf8(`dpca/v1/receipt-signature ${as}`), id);
}

export function signReceipt(
  as: Role,
  id: Uint8Array,
  key: SigningKey,
  { sign }: Ed25519 = nobleEd25519,
): Bytes<64> {
  return fixed(sign(receiptStatement(as, id), key), 64, 'signature');
}

/** The session role of a party. */
export function sessionRole(body: ReceiptBody, party: Role): SessionRole {
  return body.initiator === party ? 'init' : 'resp';
}
