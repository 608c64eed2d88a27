/**
 * The four messages that make a receipt, byte by byte (docs/specification.md section 5.4). Statements, notes and
 * envelopes are opaque here; the attestation layer reads them.
 * @module
 */
import { type Bytes, concat, fixed } from '../bytes.ts';
import { u8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import { hashes, lp16, take16 } from './ledger-messages.ts';
import { MAX_ENVELOPE_BYTES, MAX_NOTE_BYTES, MAX_STATEMENT_BYTES } from './limits.ts';
import type { Reader } from './reader.ts';

/** What only the sender knows of its side of the receipt, before anything is charged. */
export interface Account {
  /** Half of the salt that hides the release in the receipt until it is handed out. */
  readonly salt: Bytes<32>;
  /** Canonical JSON. */
  readonly statement: Uint8Array;
}

/** The sender's log with the receipt in it, durably. */
export interface Logged {
  readonly note: Uint8Array;
  /** What the record holds beside the receipt; canonical JSON. */
  readonly envelope: Uint8Array;
  /** From the checkpoint that the receiver holds, and of the record. */
  readonly consistency: readonly Bytes<32>[];
  readonly inclusion: readonly Bytes<32>[];
}

export type ReceiptMessage =
  | ({ readonly kind: 'account' } & Account)
  /** The sender's enclave signs the receipt. */
  | { readonly kind: 'receipt'; readonly signature: Bytes<64> }
  | ({ readonly kind: 'logged' } & Logged)
  /** The receiver's log, verified and remembered durably: u64 seconds since 1970 || Ed25519 signature. */
  | { readonly kind: 'witnessed'; readonly cosignature: Bytes<72> };
export type ReceiptKind = ReceiptMessage['kind'];

export function encodeReceiptMessage(message: ReceiptMessage): Uint8Array {
  switch (message.kind) {
    case 'account':
      return concat(message.salt, message.statement);
    case 'receipt':
      return message.signature;
    case 'logged': {
      const { note, envelope, consistency, inclusion } = message;
      const proofs = [u8(consistency.length), ...consistency, ...inclusion];
      return concat(lp16(note), lp16(envelope), ...proofs);
    }
    case 'witnessed':
      return message.cosignature;
  }
}

/** Reads one body; the caller checks that nothing is left. The result aliases the body. */
export function readReceiptMessage(kind: ReceiptKind, reader: Reader): ReceiptMessage {
  switch (kind) {
    case 'account': {
      const salt = fixed(reader.take(32), 32, 'salt');
      if (reader.remaining < 1 || reader.remaining > MAX_STATEMENT_BYTES) {
        throw new DpcaError(
          'ERR_WIRE_LENGTH',
          `account: expected a statement of 1 to ${MAX_STATEMENT_BYTES} bytes`,
        );
      }
      return { kind, salt, statement: reader.rest() };
    }
    case 'receipt':
      return { kind, signature: fixed(reader.take(64), 64, 'signature') };
    case 'logged': {
      const note = take16(reader, MAX_NOTE_BYTES, 'note');
      const envelope = take16(reader, MAX_ENVELOPE_BYTES, 'envelope');
      const consistency = hashes(reader, reader.u8());
      return {
        kind,
        note,
        envelope,
        consistency,
        inclusion: hashes(reader, reader.remaining / 32),
      };
    }
    case 'witnessed':
      return { kind, cosignature: fixed(reader.take(72), 72, 'cosignature') };
  }
}
