/**
 * Messages between an enclave and its own host, on the control socket: `u8 kind || body`, length-framed (framing.ts).
 * The host is trusted for its own party's input only; whatever the other party relies on is checked in the enclave.
 * @module
 */
import { concat } from '../bytes.ts';
import { fromUtf8, u32be, u8, utf8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import { type Json, type JsonObject, canonicalJson, parseJson } from '../json.ts';
import type { Packed } from '../packed.ts';
import { MAX_COLUMNS, MAX_IDENTIFIER_BYTES, MAX_LOCAL_BYTES, MAX_VALUE_COLUMNS } from './limits.ts';
import { Reader } from './reader.ts';

const KIND = {
  ...{ configure: 1, rows: 2, rowsEnd: 3, stop: 4, record: 5, answer: 6, values: 7 },
  ...{ event: 16, request: 17, shares: 18 },
} as const;

/** Consecutive cells of one key column. */
export interface RowsChunk {
  readonly kind: 'rows';
  /** 0-based key column in the manifest's order. */
  readonly column: number;
  readonly cells: Packed;
}

/** Consecutive cells of one value column: big-endian two's complement words of 64 bits. */
export interface ValuesChunk {
  readonly kind: 'values';
  /** 0-based among the own party's value columns, in the manifest's order. */
  readonly column: number;
  readonly cells: BigInt64Array;
}

/** Consecutive shares of one column of the `shares` output (docs/shares.md): big-endian words of 64 bits. */
export interface SharesChunk {
  readonly kind: 'shares';
  /** 0: real bits, as 0 or 1; then the manifest's values, as the statistic names them. */
  readonly column: number;
  readonly cells: BigUint64Array;
}

const VALUE_BYTES = 8;
/** Of one `values` or `shares` message: 512 KiB, half of MAX_LOCAL_BYTES. */
const VALUES_PER_CHUNK = 65_536;

export type LocalMessage =
  /** Host to enclave, once: keys, manifest, policy (enclave/configuration.ts reads it). */
  | { readonly kind: 'configure'; readonly body: JsonObject }
  | RowsChunk
  | ValuesChunk
  | { readonly kind: 'rowsEnd'; readonly rows: number }
  | { readonly kind: 'stop' }
  /** Host to enclave, before `configure`: the records of the own ledger, one by one, in order. */
  | { readonly kind: 'record'; readonly bytes: Uint8Array }
  /** Enclave to host: store something durably; `body.id` is new each time. */
  | { readonly kind: 'request'; readonly body: JsonObject }
  /** Host to enclave, to each request: `{id, code, message}`, code null when it is durable. */
  | { readonly kind: 'answer'; readonly body: JsonObject }
  /** Enclave to host, column after column, before the event of the release. */
  | SharesChunk
  /** Enclave to host: what happened; `body.event` names it. */
  | { readonly kind: 'event'; readonly body: JsonObject };

export function encodeLocal(message: LocalMessage): Uint8Array {
  switch (message.kind) {
    case 'configure':
    case 'event':
    case 'request':
    case 'answer':
      return concat(u8(KIND[message.kind]), utf8(canonicalJson(message.body)));
    case 'rowsEnd':
      return concat(u8(KIND.rowsEnd), u32be(message.rows));
    case 'stop':
      return u8(KIND.stop);
    case 'record':
      return concat(u8(KIND.record), message.bytes);
    case 'rows': {
      const { bytes, offsets } = message.cells;
      const n = offsets.length - 1;
      const lengths = new Uint8Array(2 * n);
      for (let i = 0; i < n; i++) {
        const length = (offsets[i + 1] ?? 0) - (offsets[i] ?? 0);
        lengths[2 * i] = length >>> 8;
        lengths[2 * i + 1] = length;
      }
      return concat(u8(KIND.rows), u8(message.column), u32be(n), lengths, bytes);
    }
    case 'values':
    case 'shares': {
      const { column, cells } = message;
      const bytes = new Uint8Array(2 + VALUE_BYTES * cells.length);
      bytes[0] = KIND[message.kind];
      bytes[1] = column;
      const view = new DataView(bytes.buffer, 2);
      for (let i = 0; i < cells.length; i++) view.setBigInt64(VALUE_BYTES * i, cells[i] ?? 0n);
      return bytes;
    }
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decodeBody(reader: Reader): JsonObject {
  const value = parseJson(fromUtf8(reader.rest()), 'local message');
  if (!isObject(value)) throw new DpcaError('ERR_WIRE_VALUE', 'local message: expected an object');
  return value;
}

function decodeRows(reader: Reader): RowsChunk {
  const column = reader.u8();
  const n = reader.u32();
  if (column >= MAX_COLUMNS || n < 1 || 2 * n > reader.remaining) {
    throw new DpcaError('ERR_WIRE_VALUE', 'rows: column or count out of range');
  }
  const offsets = new Uint32Array(n + 1);
  for (let i = 0; i < n; i++) {
    const length = reader.u16();
    if (length > MAX_IDENTIFIER_BYTES) {
      throw new DpcaError('ERR_WIRE_VALUE', `rows: identifier above ${MAX_IDENTIFIER_BYTES} bytes`);
    }
    offsets[i + 1] = (offsets[i] ?? 0) + length;
  }
  return { kind: 'rows', column, cells: { bytes: reader.take(offsets[n] ?? 0), offsets } };
}

function decodeWords(
  reader: Reader,
  columns: number,
): { readonly column: number; readonly cells: BigUint64Array } {
  const column = reader.u8();
  const n = Math.floor(reader.remaining / VALUE_BYTES);
  if (column >= columns || n < 1) {
    throw new DpcaError('ERR_WIRE_VALUE', 'words: column or count out of range');
  }
  const cells = new BigUint64Array(n);
  for (let i = 0; i < n; i++) cells[i] = reader.u64();
  return { column, cells };
}

function decodeValues(reader: Reader): ValuesChunk {
  const { column, cells } = decodeWords(reader, MAX_VALUE_COLUMNS);
  return { kind: 'values', column, cells: new BigInt64Array(cells.buffer) };
}

export function decodeLocal(frame: Uint8Array): LocalMessage {
  const reader = new Reader(frame);
  const read = (): LocalMessage => {
    switch (reader.u8()) {
      case KIND.configure:
        return { kind: 'configure', body: decodeBody(reader) };
      case KIND.event:
        return { kind: 'event', body: decodeBody(reader) };
      case KIND.rows:
        return decodeRows(reader);
      case KIND.values:
        return decodeValues(reader);
      case KIND.shares:
        return { kind: 'shares', ...decodeWords(reader, 1 + MAX_VALUE_COLUMNS) };
      case KIND.rowsEnd:
        return { kind: 'rowsEnd', rows: reader.u32() };
      case KIND.stop:
        return { kind: 'stop' };
      case KIND.record:
        return { kind: 'record', bytes: reader.rest() };
      case KIND.request:
        return { kind: 'request', body: decodeBody(reader) };
      case KIND.answer:
        return { kind: 'answer', body: decodeBody(reader) };
      default:
        throw new DpcaError('ERR_WIRE_TYPE', 'unknown local message');
    }
  };
  const message = read();
  reader.finish();
  return message;
}

/** Cuts a column into `rows` messages that stay below MAX_LOCAL_BYTES. */
export function* rowsChunks(column: number, cells: Packed): Generator<RowsChunk> {
  const n = cells.offsets.length - 1;
  const budget = MAX_LOCAL_BYTES / 4;
  let first = 0;
  while (first < n) {
    const start = cells.offsets[first] ?? 0;
    let next = first;
    let size = 0;
    while (next < n && size < budget) {
      next += 1;
      size = (cells.offsets[next] ?? 0) - start + 2 * (next - first);
    }
    const offsets = cells.offsets.slice(first, next + 1).map((offset) => offset - start);
    yield {
      kind: 'rows',
      column,
      cells: { bytes: cells.bytes.subarray(start, cells.offsets[next]), offsets },
    };
    first = next;
  }
}

/** Cuts a column into `values` messages that stay below MAX_LOCAL_BYTES. */
export function* valuesChunks(column: number, cells: BigInt64Array): Generator<ValuesChunk> {
  for (let first = 0; first < cells.length; first += VALUES_PER_CHUNK) {
    yield { kind: 'values', column, cells: cells.subarray(first, first + VALUES_PER_CHUNK) };
  }
}

/** Cuts a column into `shares` messages that stay below MAX_LOCAL_BYTES. */
export function* sharesChunks(column: number, cells: BigUint64Array): Generator<SharesChunk> {
  for (let first = 0; first < cells.length; first += VALUES_PER_CHUNK) {
    yield { kind: 'shares', column, cells: cells.subarray(first, first + VALUES_PER_CHUNK) };
  }
}
