/**
 * The CBOR gate: a strict well-formedness scan (RFC 8949) over the exact bytes, before any library sees them. Minimal
 * heads, no tags, no chunked strings, lengths checked before use, bounded depth; in payload mode also no duplicate
 * keys, no floats or simple values but null, and UTF-8. docs/verifying.md steps 1 and 3. Input: hostile.
 * @module
 */
import { DpcaError, type AttestationCode } from '../src/errors.ts';
import { fromUtf8, toHex } from '../src/encoding.ts';

export interface ScanRules {
  /** Containers may nest this deep; the outermost counts as 1. */
  readonly maxDepth: number;
  /** Accept `9f..ff` and `bf..ff`; NSM documents since 2025 have an indefinite payload map. */
  readonly indefiniteContainers: boolean;
  /** Refuse duplicate keys, simple values and floats other than null, and malformed UTF-8. */
  readonly dataModel: boolean;
  /** With `dataModel`: accept false and true too (answers of the NSM have them, documents do not). */
  readonly booleans?: boolean;
}

export interface Head {
  /** Major type 0..7. */
  readonly major: number;
  /** Argument: value, length, count, tag number or simple value; undefined for an indefinite length and for `ff`. */
  readonly argument: bigint | undefined;
  /** The five low bits of the initial byte. */
  readonly info: number;
  /** Offset behind the head. */
  readonly next: number;
}

function refuse(code: AttestationCode, problem: string, at: number): never {
  throw new DpcaError(code, `CBOR, byte ${at}: ${problem}`);
}

/** Reads one head and refuses reserved, cut and non-minimal ones. */
export function readHead(bytes: Uint8Array, at: number): Head {
  const initial = bytes[at];
  if (initial === undefined) refuse('CBOR_TRUNCATED', 'expected a data item, got the end', at);
  const major = initial >> 5;
  const info = initial & 31;
  if (info < 24) return { major, info, argument: BigInt(info), next: at + 1 };
  if (info === 31) {
    if (major === 0 || major === 1 || major === 6) refuse('CBOR_RESERVED', 'reserved head', at);
    return { major, info, argument: undefined, next: at + 1 };
  }
  if (info > 27) refuse('CBOR_RESERVED', 'reserved head', at);
  const size = 1 << (info - 24);
  const next = at + 1 + size;
  if (next > bytes.length) refuse('CBOR_TRUNCATED', 'a head is cut', at);
  let argument = 0n;
  for (let i = at + 1; i < next; i++) argument = (argument << 8n) | BigInt(bytes[i] ?? 0);
  // Floats have no shorter head to prefer; a two-byte simple value starts at 32 (RFC 8949, 3.3).
  const least =
    major !== 7 ? [24n, 1n << 8n, 1n << 16n, 1n << 32n][info - 24] : size === 1 ? 32n : 0n;
  if (argument < (least ?? 0n)) refuse('CBOR_NON_MINIMAL', 'a head is longer than needed', at);
  return { major, info, argument, next };
}

/** Checks the data item at `start` and returns the offset behind it; throws one of the CBOR codes. */
export function scanItem(bytes: Uint8Array, start: number, rules: ScanRules): number {
  return item(bytes, start, rules, 0);
}

function isBreak(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xff;
}

function item(bytes: Uint8Array, at: number, rules: ScanRules, depth: number): number {
  const head = readHead(bytes, at);
  switch (head.major) {
    case 0:
    case 1:
      return head.next;
    case 2:
    case 3:
      return string(bytes, at, head, rules);
    case 4:
    case 5:
      if (depth >= rules.maxDepth) refuse('CBOR_DEPTH', `expected depth <= ${rules.maxDepth}`, at);
      return container(bytes, at, head, rules, depth + 1);
    case 6:
      return refuse(
        depth === 0 && head.argument === 18n ? 'COSE_TAGGED' : 'CBOR_TAG_FORBIDDEN',
        'expected no tag',
        at,
      );
    default:
      if (head.argument === undefined) refuse('CBOR_RESERVED', 'a break outside a container', at);
      if (
        rules.dataModel &&
        head.info !== 22 &&
        !(rules.booleans === true && head.info >> 1 === 10)
      ) {
        refuse('CBOR_FORBIDDEN_SIMPLE', 'expected no simple value but null', at);
      }
      return head.next;
  }
}

function string(bytes: Uint8Array, at: number, head: Head, rules: ScanRules): number {
  if (head.argument === undefined)
    refuse('CBOR_INDEFINITE_STRING', 'expected a definite string', at);
  if (head.argument > BigInt(bytes.length)) refuse('CBOR_LENGTH', 'a length exceeds the input', at);
  const end = head.next + Number(head.argument);
  if (end > bytes.length) refuse('CBOR_TRUNCATED', 'a string is cut', at);
  if (rules.dataModel && head.major === 3) {
    try {
      fromUtf8(bytes.subarray(head.next, end));
    } catch {
      refuse('CBOR_UTF8', 'text is not UTF-8', at);
    }
  }
  return end;
}

function container(
  bytes: Uint8Array,
  at: number,
  head: Head,
  rules: ScanRules,
  depth: number,
): number {
  const isMap = head.major === 5;
  if (head.argument === undefined && !rules.indefiniteContainers) {
    refuse('CBOR_INDEFINITE_CONTAINER', 'expected a definite container', at);
  }
  // Every item takes a byte or more, so a count above the input's length cannot be true.
  if (head.argument !== undefined && head.argument * (isMap ? 2n : 1n) > BigInt(bytes.length)) {
    refuse('CBOR_LENGTH', 'a count exceeds the input', at);
  }
  const count = head.argument === undefined ? Infinity : Number(head.argument);
  const keys = new Set<string>();
  let next = head.next;
  for (let i = 0; i < count; i++) {
    if (count === Infinity && isBreak(bytes, next)) return next + 1;
    const end = item(bytes, next, rules, depth);
    if (!isMap) {
      next = end;
      continue;
    }
    const key = toHex(bytes.subarray(next, end));
    if (rules.dataModel && keys.has(key))
      refuse('CBOR_DUPLICATE_KEY', 'a map names a key twice', next);
    keys.add(key);
    next = item(bytes, end, rules, depth);
  }
  return next;
}
