/**
 * The COSE_Sign1 envelope of an attestation document (RFC 9052, 4.2), in its one accepted byte form:
 * `84 | 44 a1013822 | a0 | bstr payload | 58 60 signature`. docs/verifying.md steps 0 to 2. Input: hostile.
 * @module
 */
import { concat, equalConstantTime } from '../src/bytes.ts';
import { utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import { cborHead } from './cbor.ts';
import { readHead, scanItem, type ScanRules } from './cbor-scan.ts';
import { isP384Signature } from './p384.ts';

export const MAX_DOCUMENT_BYTES = 16_384;

/** `{1: -35}`: the algorithm header, ES384. */
export const PROTECTED_ES384: Uint8Array = Uint8Array.of(0xa1, 0x01, 0x38, 0x22);

const ENVELOPE_RULES: ScanRules = { maxDepth: 2, indefiniteContainers: false, dataModel: false };

export interface Envelope {
  readonly payload: Uint8Array;
  /** r || s, 96 bytes. */
  readonly signature: Uint8Array;
}

/** Step 0: a private copy, so that the caller cannot change what was verified. */
export function copyDocument(document: Uint8Array): Uint8Array {
  if (
    !(document instanceof Uint8Array) ||
    document.length < 1 ||
    document.length > MAX_DOCUMENT_BYTES
  ) {
    throw new DpcaError('DOC_TOO_LARGE', `expected a document of 1..${MAX_DOCUMENT_BYTES} bytes`);
  }
  return Uint8Array.from(document);
}

/** Step 1: the four items of the array, each as its encoded bytes. */
export function scanEnvelope(document: Uint8Array): readonly Uint8Array[] {
  const end = scanItem(document, 0, ENVELOPE_RULES);
  const head = readHead(document, 0);
  if (head.major !== 4 || head.argument !== 4n) {
    throw new DpcaError('COSE_SHAPE', 'expected an array of four');
  }
  if (end !== document.length) {
    throw new DpcaError('COSE_TRAILING', 'expected the end of the document behind the array');
  }
  const items: Uint8Array[] = [];
  for (let at = head.next; at < end;) {
    const next = scanItem(document, at, { ...ENVELOPE_RULES, maxDepth: 1 });
    items.push(document.subarray(at, next));
    at = next;
  }
  return items;
}

function byteString(item: Uint8Array | undefined): Uint8Array | undefined {
  if (item === undefined) return undefined;
  const head = readHead(item, 0);
  return head.major === 2 ? item.subarray(head.next) : undefined;
}

/** A one-entry map from 1 to something: an algorithm other than ES384, as against any other header. */
function isAlgorithmHeader(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0xa1 || bytes[1] !== 0x01) return false;
  try {
    return scanItem(bytes, 0, { ...ENVELOPE_RULES, dataModel: true }) === bytes.length;
  } catch {
    return false;
  }
}

/** Step 2: the values of the four items. */
export function checkEnvelope(items: readonly Uint8Array[]): Envelope {
  const header = byteString(items[0]);
  if (header === undefined || !equalConstantTime(header, PROTECTED_ES384)) {
    throw header !== undefined && isAlgorithmHeader(header)
      ? new DpcaError('COSE_ALG', 'expected algorithm -35 (ES384)')
      : new DpcaError('COSE_PROTECTED_NOT_EXACT', 'expected the protected header {1: -35}');
  }
  const unprotected = items[1];
  if (unprotected?.length !== 1 || unprotected[0] !== 0xa0) {
    throw new DpcaError('COSE_UNPROTECTED_NOT_EMPTY', 'expected an empty unprotected header');
  }
  const payload = byteString(items[2]);
  if (payload === undefined || payload.length < 1) {
    throw new DpcaError('COSE_SHAPE', 'expected a payload of one byte or more');
  }
  const signature = byteString(items[3]);
  if (signature === undefined || !isP384Signature(signature)) {
    throw new DpcaError('COSE_SIGNATURE_FORMAT', 'expected r || s of 96 bytes, both in 1..n-1');
  }
  return { payload, signature };
}

/** The signed bytes (RFC 9052, 4.4), written by hand from the received payload bytes. */
export function sigStructure(payload: Uint8Array): Uint8Array {
  const context = utf8('Signature1');
  return concat(
    cborHead(4, 4),
    concat(cborHead(3, context.length), context),
    concat(cborHead(2, PROTECTED_ES384.length), PROTECTED_ES384),
    cborHead(2, 0),
    concat(cborHead(2, payload.length), payload),
  );
}

/** The only envelope this project writes or accepts. */
export function encodeEnvelope(payload: Uint8Array, signature: Uint8Array): Uint8Array {
  return concat(
    cborHead(4, 4),
    concat(cborHead(2, PROTECTED_ES384.length), PROTECTED_ES384),
    cborHead(5, 0),
    concat(cborHead(2, payload.length), payload),
    concat(cborHead(2, signature.length), signature),
  );
}
