/**
 * The four messages of the charge, byte by byte (docs/ledger.md section 4). Notes and records are opaque here; the
 * attestation layer reads them.
 * @module
 */
import { type Bytes, concat, fixed } from '../bytes.ts';
import { u16be, u8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import { MAX_LINEAGES, MAX_NOTE_BYTES, MAX_PROOF_HASHES, MAX_RECORD_BYTES } from './limits.ts';
import type { Reader } from './reader.ts';

/** Signed checkpoints of the receiver's ledgers that the sender remembers. */
export interface Held {
  readonly notes: readonly Uint8Array[];
}

/** The sender's ledger before the charge, and its consistency proof from the checkpoint held, if any. */
export interface Head {
  readonly note: Uint8Array;
  readonly proof: readonly Bytes<32>[];
}

/** One slot of the sender's ledger, durably charged. */
export interface Charged {
  readonly note: Uint8Array;
  readonly record: Uint8Array;
  readonly enclaveKey: Bytes<32>;
  readonly signature: Bytes<64>;
  /** From the tree of `head`, and of the record. */
  readonly consistency: readonly Bytes<32>[];
  readonly inclusion: readonly Bytes<32>[];
}

/** The receiver's charge, verified, remembered durably, and countersigned. */
export interface Cosigned {
  /** u64 seconds since 1970 || Ed25519 signature. */
  readonly cosignature: Bytes<72>;
  readonly enclaveKey: Bytes<32>;
  readonly signature: Bytes<64>;
}

export type LedgerMessage =
  | ({ readonly kind: 'held' } & Held)
  | ({ readonly kind: 'head' } & Head)
  | ({ readonly kind: 'charged' } & Charged)
  | ({ readonly kind: 'cosigned' } & Cosigned);
export type LedgerKind = LedgerMessage['kind'];

/** u16 length || bytes. */
export function lp16(bytes: Uint8Array): Uint8Array {
  return concat(u16be(bytes.length), bytes);
}

export function encodeLedgerMessage(message: LedgerMessage): Uint8Array {
  switch (message.kind) {
    case 'held':
      return concat(...message.notes.map(lp16));
    case 'head':
      return concat(lp16(message.note), ...message.proof);
    case 'charged': {
      const { note, record, enclaveKey, signature, consistency, inclusion } = message;
      const proofs = [u8(consistency.length), ...consistency, ...inclusion];
      return concat(lp16(note), lp16(record), enclaveKey, signature, ...proofs);
    }
    case 'cosigned':
      return concat(message.cosignature, message.enclaveKey, message.signature);
  }
}

/** Reads what {@link lp16} writes: 1 to `max` bytes (ERR_WIRE_LENGTH). */
export function take16(reader: Reader, max: number, what: string): Uint8Array {
  const length = reader.u16();
  if (length < 1 || length > max) {
    throw new DpcaError('ERR_WIRE_LENGTH', `${what}: expected 1 to ${max} bytes`);
  }
  return reader.take(length);
}

/** `count` hashes of a Merkle proof (ERR_WIRE_LENGTH for a fraction or more than 64). */
export function hashes(reader: Reader, count: number): readonly Bytes<32>[] {
  if (!Number.isInteger(count) || count > MAX_PROOF_HASHES) {
    throw new DpcaError('ERR_WIRE_LENGTH', `proof: expected at most ${MAX_PROOF_HASHES} hashes`);
  }
  return Array.from({ length: count }, () => fixed(reader.take(32), 32, 'hash'));
}

/** Reads one body; the caller checks that nothing is left. The result aliases the body. */
export function readLedgerMessage(kind: LedgerKind, reader: Reader): LedgerMessage {
  switch (kind) {
    case 'held': {
      const notes: Uint8Array[] = [];
      while (reader.remaining > 0) {
        if (notes.length === MAX_LINEAGES) {
          throw new DpcaError('ERR_WIRE_LENGTH', `held: expected at most ${MAX_LINEAGES} notes`);
        }
        notes.push(take16(reader, MAX_NOTE_BYTES, 'note'));
      }
      return { kind, notes };
    }
    case 'head': {
      const note = take16(reader, MAX_NOTE_BYTES, 'note');
      return { kind, note, proof: hashes(reader, reader.remaining / 32) };
    }
    case 'charged': {
      const note = take16(reader, MAX_NOTE_BYTES, 'note');
      const record = take16(reader, MAX_RECORD_BYTES, 'record');
      const enclaveKey = fixed(reader.take(32), 32, 'enclave key');
      const signature = fixed(reader.take(64), 64, 'signature');
      const consistency = hashes(reader, reader.u8());
      const inclusion = hashes(reader, reader.remaining / 32);
      return { kind, note, record, enclaveKey, signature, consistency, inclusion };
    }
    case 'cosigned':
      return {
        kind,
        cosignature: fixed(reader.take(72), 72, 'cosignature'),
        enclaveKey: fixed(reader.take(32), 32, 'enclave key'),
        signature: fixed(reader.take(64), 64, 'signature'),
      };
  }
}
