/**
 * The frames of the handshake: `u8 type || body`, one encoder and one strict decoder each (docs/specification.md
 * sections 2.1 and 2.2). Everything decoded here comes from a peer that is not authenticated yet.
 * @module
 */
import { type Bytes, concat, fixed } from '../bytes.ts';
import { fromUtf8, lengthPrefixed, u16be, u8, utf8 } from '../encoding.ts';
import { DpcaError, type ErrorCode, isErrorCode } from '../errors.ts';
import { Reader } from '../wire/reader.ts';

/** First byte of a handshake frame; disjoint from the frame types of the open channel, which has other keys anyway. */
export const HANDSHAKE_FRAME = {
  /** Noise XX messages 1 to 3 */
  hello: 0xa1,
  reply: 0xa2,
  static: 0xa3,
  /** sealed under the Noise traffic keys */
  evidence: 0xa4,
  finish: 0xa5,
  alert: 0xa6,
  /** not sealed: sent by a side that has no keys yet; a diagnostic, never evidence of anything */
  clearAlert: 0xa7,
} as const;

/** An NSM document has at most 16 KiB (docs/verifying.md step 0). */
export const MAX_DOCUMENT_BYTES = 16_384;
export const SIGNATURE_BYTES = 64;
/** type, length, largest document, signature, tag: no handshake frame is longer. */
export const MAX_HANDSHAKE_FRAME_BYTES: number = 1 + 4 + MAX_DOCUMENT_BYTES + SIGNATURE_BYTES + 16;
/** Versions or suites in one offer; N and N-1 are what is needed. */
export const MAX_OFFERS = 8;

/** Initiator and responder: the order of messages, no privilege. The text appears in signed bytes. */
export type Role = 'init' | 'resp';

export function otherRole(role: Role): Role {
  return role === 'init' ? 'resp' : 'init';
}

const ROLE_BYTE = { init: 1, resp: 2 } as const;

/** Payload of Noise message 1. */
export interface Hello {
  readonly versions: readonly number[];
  readonly suites: readonly number[];
  readonly nonce: Bytes<32>;
  readonly policyHash: Bytes<32>;
}

/** Payload of Noise message 2: what the responder chose, and its own contributions. */
export interface Reply {
  readonly version: number;
  readonly suite: number;
  readonly nonce: Bytes<32>;
  readonly policyHash: Bytes<32>;
}

export interface Evidence {
  readonly document: Uint8Array;
  readonly signature: Bytes<64>;
}

/** `u8 count || count * u16`, ascending; also the form in which offers enter the transcript. */
export function encodeOffer(offer: readonly number[]): Uint8Array {
  return concat(u8(offer.length), ...offer.map(u16be));
}

/** Ascending without repetition, 1..65535, one to eight of them. */
export function isOffer(offer: readonly number[]): boolean {
  return (
    offer.length >= 1 &&
    offer.length <= MAX_OFFERS &&
    offer.every((id, i) => Number.isInteger(id) && id <= 0xffff && id > (offer[i - 1] ?? 0))
  );
}

function readOffer(reader: Reader, what: string): readonly number[] {
  const offer = Array.from({ length: reader.u8() }, () => reader.u16());
  if (isOffer(offer)) return offer;
  throw new DpcaError('ERR_WIRE_VALUE', `${what}: expected 1 to ${MAX_OFFERS} ascending numbers`);
}

const take32 = (reader: Reader, what: string): Bytes<32> =>
  fixed(reader.take(32).slice(), 32, what);

/** A hello that carries the receiver's own role is the receiver's own hello, or that of a second initiator. */
function readRole(reader: Reader, expected: Role): void {
  const role = reader.u8();
  if (role === ROLE_BYTE[expected]) return;
  if (role === ROLE_BYTE[otherRole(expected)]) {
    throw new DpcaError('ERR_SESSION_REFLECTION', `expected role ${expected}, got our own`);
  }
  throw new DpcaError('ERR_WIRE_VALUE', `expected role ${expected}`);
}

export function encodeHello(hello: Hello): Uint8Array {
  return concat(
    encodeOffer(hello.versions),
    encodeOffer(hello.suites),
    hello.nonce,
    hello.policyHash,
    u8(ROLE_BYTE.init),
  );
}

export function decodeHello(bytes: Uint8Array): Hello {
  const reader = new Reader(bytes);
  const hello = {
    versions: readOffer(reader, 'versions'),
    suites: readOffer(reader, 'suites'),
    nonce: take32(reader, 'nonce'),
    policyHash: take32(reader, 'policy hash'),
  };
  readRole(reader, 'init');
  reader.finish();
  return hello;
}

export function encodeReply(reply: Reply): Uint8Array {
  return concat(
    u16be(reply.version),
    u16be(reply.suite),
    reply.nonce,
    reply.policyHash,
    u8(ROLE_BYTE.resp),
  );
}

export function decodeReply(bytes: Uint8Array): Reply {
  const reader = new Reader(bytes);
  const reply = {
    version: reader.u16(),
    suite: reader.u16(),
    nonce: take32(reader, 'nonce'),
    policyHash: take32(reader, 'policy hash'),
  };
  readRole(reader, 'resp');
  reader.finish();
  return reply;
}

export function encodeEvidence(evidence: Evidence): Uint8Array {
  return concat(lengthPrefixed(evidence.document), evidence.signature);
}

export function decodeEvidence(bytes: Uint8Array): Evidence {
  const reader = new Reader(bytes);
  const length = reader.u32();
  if (length < 1 || length > MAX_DOCUMENT_BYTES) {
    throw new DpcaError('ERR_WIRE_LENGTH', `document: expected 1 to ${MAX_DOCUMENT_BYTES} bytes`);
  }
  const document = reader.take(length).slice();
  const signature = fixed(reader.take(SIGNATURE_BYTES).slice(), SIGNATURE_BYTES, 'signature');
  reader.finish();
  return { document, signature };
}

/** An alert is the code in ASCII and nothing else. */
export function encodeAlert(code: ErrorCode): Uint8Array {
  return utf8(code);
}

export function decodeAlert(bytes: Uint8Array): ErrorCode {
  const printable = bytes.length <= 64 && bytes.every((byte) => byte >= 0x30 && byte <= 0x5f);
  const code = printable ? fromUtf8(bytes) : '';
  if (!isErrorCode(code)) throw new DpcaError('ERR_WIRE_VALUE', 'alert: expected a known code');
  return code;
}
