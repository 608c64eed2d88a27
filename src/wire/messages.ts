/**
 * The messages that two enclaves exchange inside the secure channel, byte by byte (docs/specification.md section 5).
 * The message type is the type of the channel frame that carries it, and so is authenticated with it.
 * @module
 */
import { type Bytes, concat, fixed } from '../bytes.ts';
import { fromUtf8, u32be, u8, utf8 } from '../encoding.ts';
import { DpcaError, type ErrorCode, isErrorCode } from '../errors.ts';
import { encodeLedgerMessage, type LedgerMessage, readLedgerMessage } from './ledger-messages.ts';
import {
  CHUNK_ELEMENTS,
  MAX_ALERT_BYTES,
  MAX_COLUMNS,
  MAX_MANIFEST_BYTES,
  MAX_REATTEST_BYTES,
  MAX_TABLE_ROWS,
} from './limits.ts';
import { Reader } from './reader.ts';
import {
  encodeReceiptMessage,
  readReceiptMessage,
  type ReceiptMessage,
} from './receipt-messages.ts';

export const MESSAGE = {
  heartbeat: 0x01,
  alert: 0x02,
  reattest: 0x03,
  manifest: 0x10,
  table: 0x11,
  commit: 0x12,
  reveal: 0x13,
  held: 0x14,
  head: 0x15,
  charged: 0x16,
  cosigned: 0x17,
  account: 0x18,
  points: 0x20,
  tags: 0x21,
  reblind: 0x22,
  values: 0x24,
  sizes: 0x30,
  release: 0x31,
  receipt: 0x32,
  logged: 0x33,
  witnessed: 0x34,
  bye: 0x3f,
} as const;

/** The three kinds of bulk message: record length in bytes. */
export const RECORD_BYTES = { points: 32, tags: 16, reblind: 32 } as const;
export type ColumnKind = keyof typeof RECORD_BYTES;

/** A run of consecutive records of one column; `first` is the position of the first one. */
export interface ColumnChunk {
  readonly kind: ColumnKind;
  /** 0-based key column. */
  readonly column: number;
  readonly first: number;
  readonly data: Uint8Array;
}

export type Message =
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'bye' }
  | { readonly kind: 'alert'; readonly code: ErrorCode }
  /** A re-attestation message; src/session/reattest.ts reads it. */
  | { readonly kind: 'reattest'; readonly bytes: Uint8Array }
  | { readonly kind: 'manifest'; readonly bytes: Uint8Array }
  | { readonly kind: 'table'; readonly rows: number }
  | {
      readonly kind: 'commit';
      readonly seed: Bytes<32>;
      readonly mix: Bytes<32>;
      readonly coins: Bytes<32>;
    }
  | LedgerMessage
  | ReceiptMessage
  | { readonly kind: 'reveal'; readonly seed: Bytes<32>; readonly mix: Bytes<32> }
  | ColumnChunk
  /** The next bytes of the protocol on shares (src/mpc), which frames itself. */
  | { readonly kind: 'values'; readonly bytes: Uint8Array }
  | { readonly kind: 'sizes'; readonly sizes: readonly number[] }
  | { readonly kind: 'release'; readonly hash: Bytes<32> };

/** The body of a message; its type is `MESSAGE[message.kind]`. */
export function encodeMessage(message: Message): Uint8Array {
  switch (message.kind) {
    case 'heartbeat':
    case 'bye':
      return new Uint8Array(0);
    case 'alert':
      return utf8(message.code);
    case 'manifest':
    case 'reattest':
    case 'values':
      return message.bytes;
    case 'table':
      return u32be(message.rows);
    case 'commit':
      return concat(message.seed, message.mix, message.coins);
    case 'reveal':
      return concat(message.seed, message.mix);
    case 'held':
    case 'head':
    case 'charged':
    case 'cosigned':
      return encodeLedgerMessage(message);
    case 'account':
    case 'receipt':
    case 'logged':
    case 'witnessed':
      return encodeReceiptMessage(message);
    case 'points':
    case 'tags':
    case 'reblind':
      return concat(u8(message.column), u32be(message.first), message.data);
    case 'sizes':
      return concat(...message.sizes.map(u32be));
    case 'release':
      return message.hash;
  }
}

function decodeAlert(body: Uint8Array): Message {
  if (body.length > MAX_ALERT_BYTES) {
    throw new DpcaError('ERR_WIRE_LENGTH', `alert: expected at most ${MAX_ALERT_BYTES} bytes`);
  }
  const code = fromUtf8(body);
  if (!isErrorCode(code)) throw new DpcaError('ERR_WIRE_VALUE', 'alert: expected a known code');
  return { kind: 'alert', code };
}

function decodeColumn(kind: ColumnKind, reader: Reader): Message {
  const column = reader.u8();
  const first = reader.u32();
  const data = reader.rest();
  const records = data.length / RECORD_BYTES[kind];
  if (!Number.isInteger(records) || records < 1 || records > CHUNK_ELEMENTS) {
    throw new DpcaError(
      'ERR_WIRE_LENGTH',
      `${kind}: expected 1 to ${CHUNK_ELEMENTS} records of ${RECORD_BYTES[kind]} bytes`,
    );
  }
  if (column >= MAX_COLUMNS) {
    throw new DpcaError('ERR_WIRE_VALUE', `${kind}: expected a column below ${MAX_COLUMNS}`);
  }
  return { kind, column, first, data };
}

/** Decodes the body of a frame of type `type`; consumes every byte. The result may alias `body`. */
export function decodeMessage(type: number, body: Uint8Array): Message {
  const reader = new Reader(body);
  const read = (): Message => {
    switch (type) {
      case MESSAGE.heartbeat:
        return { kind: 'heartbeat' };
      case MESSAGE.bye:
        return { kind: 'bye' };
      case MESSAGE.alert:
        return decodeAlert(reader.rest());
      case MESSAGE.reattest:
        if (body.length === 0 || body.length > MAX_REATTEST_BYTES) {
          throw new DpcaError(
            'ERR_WIRE_LENGTH',
            `reattest: expected 1 to ${MAX_REATTEST_BYTES} bytes`,
          );
        }
        return { kind: 'reattest', bytes: reader.rest() };
      case MESSAGE.manifest:
        if (body.length === 0 || body.length > MAX_MANIFEST_BYTES) {
          throw new DpcaError(
            'ERR_WIRE_LENGTH',
            `manifest: expected 1 to ${MAX_MANIFEST_BYTES} bytes`,
          );
        }
        return { kind: 'manifest', bytes: reader.rest() };
      case MESSAGE.table: {
        const rows = reader.u32();
        if (rows < 1 || rows > MAX_TABLE_ROWS) {
          throw new DpcaError('ERR_WIRE_VALUE', `table: expected 1 to ${MAX_TABLE_ROWS} rows`);
        }
        return { kind: 'table', rows };
      }
      case MESSAGE.commit:
        return {
          kind: 'commit',
          seed: fixed(reader.take(32), 32, 'seed commitment'),
          mix: fixed(reader.take(32), 32, 'mix commitment'),
          coins: fixed(reader.take(32), 32, 'coin commitment'),
        };
      case MESSAGE.reveal:
        return {
          kind: 'reveal',
          seed: fixed(reader.take(32), 32, 'seed share'),
          mix: fixed(reader.take(32), 32, 'coin contribution'),
        };
      case MESSAGE.held:
        return readLedgerMessage('held', reader);
      case MESSAGE.head:
        return readLedgerMessage('head', reader);
      case MESSAGE.charged:
        return readLedgerMessage('charged', reader);
      case MESSAGE.cosigned:
        return readLedgerMessage('cosigned', reader);
      case MESSAGE.account:
        return readReceiptMessage('account', reader);
      case MESSAGE.points:
        return decodeColumn('points', reader);
      case MESSAGE.tags:
        return decodeColumn('tags', reader);
      case MESSAGE.reblind:
        return decodeColumn('reblind', reader);
      case MESSAGE.values:
        if (body.length === 0) {
          throw new DpcaError('ERR_WIRE_LENGTH', 'values: expected at least 1 byte');
        }
        return { kind: 'values', bytes: reader.rest() };
      case MESSAGE.sizes: {
        if (body.length === 0 || body.length % 4 !== 0 || body.length > 4 * MAX_COLUMNS) {
          throw new DpcaError('ERR_WIRE_LENGTH', `sizes: expected 1 to ${MAX_COLUMNS} integers`);
        }
        const sizes: number[] = [];
        while (reader.remaining > 0) sizes.push(reader.u32());
        return { kind: 'sizes', sizes };
      }
      case MESSAGE.release:
        return { kind: 'release', hash: fixed(reader.take(32), 32, 'release hash') };
      case MESSAGE.receipt:
        return readReceiptMessage('receipt', reader);
      case MESSAGE.logged:
        return readReceiptMessage('logged', reader);
      case MESSAGE.witnessed:
        return readReceiptMessage('witnessed', reader);
      default:
        throw new DpcaError('ERR_WIRE_TYPE', `unknown message type ${type}`);
    }
  };
  const message = read();
  reader.finish();
  return message;
}

/** Cuts records `first` .. of a column into messages; nothing is copied before the message is encoded. */
export function* columnChunks(
  kind: ColumnKind,
  column: number,
  first: number,
  data: Uint8Array,
): Generator<ColumnChunk> {
  const bytes = RECORD_BYTES[kind];
  for (let at = 0; at * bytes < data.length; at += CHUNK_ELEMENTS) {
    yield {
      kind,
      column,
      first: first + at,
      data: data.subarray(at * bytes, (at + CHUNK_ELEMENTS) * bytes),
    };
  }
}
