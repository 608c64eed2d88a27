/**
 * The records of an organisation's log, canonical JSON (docs/auditing.md section 2), and what is kept beside a run's
 * record once both sides have cosigned: its release, and the proof that the other log has it too.
 * @module
 */
import { fromHex, toHex, utf8 } from '../src/encoding.ts';
import type { ErrorCode } from '../src/errors.ts';
import { canonicalJson, type JsonObject } from '../src/json.ts';
import type { Role } from '../src/run/manifest.ts';
import type { Role as SessionRole } from '../src/session/messages.ts';
import { assertForm, type Form, hexForm, parseCanonical } from './form.ts';
import {
  EVIDENCE_FORM,
  type EvidenceRecord,
  NOTE_FORM,
  PROOF_FORM,
  RECEIPT_FORM,
  type ReceiptBody,
} from './receipt.ts';

/** Name of an organisation's log: origin of its checkpoints. @param log its log key, hex */
export function logOrigin(log: string): string {
  return `dpca-enclave/log/${log}`;
}

/** What every record holds. */
export type Envelope = {
  /** 0, 1, 2, ... */
  readonly seq: number;
  /** Leaf hash of the record before; zeros in the first. */
  readonly prev: string;
  /** Milliseconds since 1970, of the clock named. */
  readonly time: number;
  readonly clock: 'nsm' | 'host';
};

export type LogEntry =
  /** First record: whose log this is, and the last checkpoint of the log that it continues under a new key. */
  | {
      readonly type: 'open';
      readonly party: { readonly name: string; readonly identity: string; readonly log: string };
      readonly previous: string | null;
    }
  /** The appraisal policy in force from here on. */
  | { readonly type: 'policy'; readonly policy: JsonObject; readonly hash: string }
  | {
      readonly type: 'run';
      readonly receipt: ReceiptBody;
      /** Of both enclaves' per-boot keys. */
      readonly signatures: Readonly<Record<Role, string>>;
    }
  | {
      readonly type: 'reattest';
      readonly session: string;
      readonly epoch: number;
      /** T of the handshake. */
      readonly transcript: string;
      readonly nonces: Readonly<Record<SessionRole, string>>;
      readonly evidence: Readonly<Record<SessionRole, EvidenceRecord>>;
    }
  /** Attestation or identity was refused, by this side or by the other. */
  | {
      readonly type: 'refusal';
      readonly session: string | null;
      readonly peer: string;
      readonly by: 'own' | 'peer';
      readonly code: string;
      /** The document refused here, base64, if it came that far. */
      readonly document: string | null;
    }
  | {
      readonly type: 'abort';
      readonly session: string | null;
      readonly peer: string;
      readonly phase: string;
      readonly code: string;
      /** The slot that was spent, if one was. */
      readonly charged: { readonly lineage: string; readonly slot: number } | null;
    };

export type LogRecord = { readonly version: 1 } & Envelope & LogEntry;
export type RunRecord = Extract<LogRecord, { type: 'run' }>;

const HEX32 = hexForm(32);
const HEX64 = hexForm(64);
const CODE = /^[A-Z][A-Z0-9_]{1,63}$/;
const DOCUMENT = /^[A-Za-z0-9+/]{1,21848}={0,2}$/;
const MOST = Number.MAX_SAFE_INTEGER;
const MOMENT = /^(0|-?[1-9][0-9]{0,38})$/;

const ENVELOPE: Readonly<Record<string, Form>> = {
  seq: [0, MOST],
  prev: HEX32,
  time: [1, MOST],
  clock: /^(nsm|host)$/,
};
const SESSION: Form = { nullable: HEX32 };

const ENTRIES: Readonly<Record<LogEntry['type'], Readonly<Record<string, Form>>>> = {
  open: {
    party: { members: { name: /^[^\p{C}]{1,64}$/u, identity: HEX32, log: HEX32 } },
    previous: { nullable: NOTE_FORM },
  },
  policy: { policy: 'object', hash: HEX32 },
  run: { receipt: RECEIPT_FORM, signatures: { members: { a: HEX64, b: HEX64 } } },
  reattest: {
    session: HEX32,
    epoch: [1, 2 ** 32 - 1],
    transcript: hexForm(48),
    nonces: { members: { init: HEX32, resp: HEX32 } },
    evidence: { members: { init: EVIDENCE_FORM, resp: EVIDENCE_FORM } },
  },
  refusal: {
    session: SESSION,
    peer: HEX32,
    by: /^(own|peer)$/,
    code: CODE,
    document: { nullable: DOCUMENT },
  },
  abort: {
    session: SESSION,
    peer: HEX32,
    phase: /^[a-z]{1,16}$/,
    code: CODE,
    charged: { nullable: { members: { lineage: hexForm(16), slot: [1, 2 ** 31] } } },
  },
};

/** Bytes of a record: what is stored and hashed. */
export function logRecordBytes(envelope: Envelope, entry: LogEntry): Uint8Array {
  return utf8(canonicalJson({ version: 1, ...envelope, ...entry }));
}

/** Reads one record (`code` for anything but the canonical bytes of one). */
export function parseLogRecord(bytes: Uint8Array, what: string, code: ErrorCode): LogRecord {
  const value = parseCanonical(bytes, 'object', what, code);
  const types = Object.keys(ENTRIES) as LogEntry['type'][];
  const type = types.find((name) => name === value['type']);
  const form = (members: Readonly<Record<string, Form>>): Form => ({
    members: { version: [1, 1], type: /^[a-z]+$/, ...ENVELOPE, ...members },
  });
  const unknown: Form = { members: { type: new RegExp(`^(${types.join('|')})$`) } };
  assertForm(value, type === undefined ? unknown : form(ENTRIES[type]), what, code);
  // the form has just been checked, member by member
  return value as unknown as LogRecord;
}

export const ENVELOPE_FORM: Form = { members: ENVELOPE };

/** Beside a run's record, once the other side has cosigned: what makes it complete. */
export type Completion = {
  /** Of the run's record. */
  readonly seq: number;
  /** The release with its opened moments, and the salt of the receipt's commitment; null for a party not given it. */
  readonly opened: {
    readonly salt: string;
    readonly release: JsonObject;
    /** Whole numbers, decimal text. */
    readonly moments: readonly string[];
  } | null;
  /** A checkpoint of the own log that has the record, cosigned by the other party. */
  readonly checkpoint: string;
  /** The other party's log has the same receipt: its checkpoint, cosigned by this party, and the proof. */
  readonly peer: {
    readonly checkpoint: string;
    readonly envelope: Envelope;
    readonly inclusion: readonly string[];
  };
};

const COMPLETION_FORM: Form = {
  members: {
    seq: [0, MOST],
    opened: {
      nullable: {
        members: { salt: HEX32, release: 'object', moments: { list: MOMENT, max: 65_536 } },
      },
    },
    checkpoint: NOTE_FORM,
    peer: {
      members: { checkpoint: NOTE_FORM, envelope: ENVELOPE_FORM, inclusion: PROOF_FORM },
    },
  },
};

export function completionBytes(completion: Completion): Uint8Array {
  return utf8(canonicalJson(completion));
}

export function parseCompletion(bytes: Uint8Array, what: string, code: ErrorCode): Completion {
  return parseCanonical(bytes, COMPLETION_FORM, what, code) as unknown as Completion;
}

export function envelopeBytes(envelope: Envelope): Uint8Array {
  return utf8(canonicalJson(envelope));
}

/** Reads the envelope that a peer sent (ERR_RECEIPT). */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  return parseCanonical(bytes, ENVELOPE_FORM, 'envelope', 'ERR_RECEIPT') as unknown as Envelope;
}

/** Hashes of a proof, to and from hex. */
export function hexes(hashes: readonly Uint8Array[]): readonly string[] {
  return hashes.map(toHex);
}
export function unhexes(hashes: readonly string[]): readonly Uint8Array[] {
  return hashes.map((hash) => fromHex(hash));
}
