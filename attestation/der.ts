/**
 * Strict DER (X.690) reading, as much as certificates need. One reader, definite minimal lengths below 2^16, low tag
 * numbers, canonical BOOLEAN, INTEGER, OBJECT IDENTIFIER and BIT STRING. Everything else is CERT_DER. Input: hostile.
 * @module
 */
import { DpcaError } from '../src/errors.ts';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
} as const;

const MAX_DEPTH = 12;

/** Ends the parse; messages name the place, never content. */
export function refuseDer(problem: string): never {
  throw new DpcaError('CERT_DER', `certificate: ${problem}`);
}

/** One value: `bytes` is the whole encoding, `content` what is inside. Both alias the input. */
export interface Der {
  readonly tag: number;
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
}

/** Reads the value at `at`; its end is `at + bytes.length`. */
function readDer(input: Uint8Array, at: number): Der {
  const tag = input[at];
  const first = input[at + 1];
  if (tag === undefined || first === undefined) return refuseDer('cut in a head');
  if ((tag & 31) === 31) refuseDer('high tag number');
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const size = first - 0x80;
    if (size < 1 || size > 2) refuseDer('indefinite or oversized length');
    length = 0;
    for (let i = 0; i < size; i++)
      length = length * 256 + (input[start + i] ?? refuseDer('cut in a head'));
    start += size;
    if (length < (size === 1 ? 0x80 : 0x100)) refuseDer('length is not minimal');
  }
  const end = start + length;
  if (end > input.length) refuseDer('a value ends outside its wrapper');
  return { tag, bytes: input.subarray(at, end), content: input.subarray(start, end) };
}

/** Consumes the content of a constructed value in order; {@link end} proves that nothing is left. */
export class DerReader {
  private readonly input: Uint8Array;
  private at: number;

  constructor(input: Uint8Array) {
    this.input = input;
    this.at = 0;
  }

  isDone(): boolean {
    return this.at === this.input.length;
  }

  /** The tag of the next value, or undefined at the end. */
  get next(): number | undefined {
    return this.input[this.at];
  }

  any(): Der {
    const value = readDer(this.input, this.at);
    this.at += value.bytes.length;
    return value;
  }

  take(tag: number, what: string): Der {
    const value = this.any();
    if (value.tag !== tag) refuseDer(`${what}: unexpected tag`);
    return value;
  }

  /** Opens a constructed value. */
  open(tag: number, what: string): DerReader {
    return new DerReader(this.take(tag, what).content);
  }

  end(what: string): void {
    if (!this.isDone()) refuseDer(`${what}: bytes behind its end`);
  }
}

function checkPrimitive(value: Der): void {
  const content = value.content;
  const first = content[0];
  const second = content[1] ?? 0;
  switch (value.tag) {
    case TAG.boolean:
      if (content.length !== 1 || (first !== 0 && first !== 0xff))
        refuseDer('BOOLEAN is not 00 or ff');
      return;
    case TAG.integer:
      if (first === undefined) refuseDer('empty INTEGER');
      if (
        content.length > 1 &&
        ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
      ) {
        refuseDer('INTEGER is not minimal');
      }
      return;
    case TAG.bitString: {
      if (first === undefined || first > 7)
        return refuseDer('BIT STRING without its count of unused bits');
      const last = content[content.length - 1] ?? 0;
      if (first > 0 && (content.length === 1 || (last & ((1 << first) - 1)) !== 0)) {
        refuseDer('BIT STRING with unused bits set');
      }
      return;
    }
    case TAG.null:
      if (content.length !== 0) refuseDer('NULL with content');
      return;
    case TAG.oid:
      if (first === undefined || (content[content.length - 1] ?? 0) >= 0x80)
        refuseDer('OBJECT IDENTIFIER is cut');
      content.forEach((byte, i) => {
        if (byte === 0x80 && (i === 0 || (content[i - 1] ?? 0) < 0x80))
          refuseDer('OBJECT IDENTIFIER is padded');
      });
      return;
    default:
      return;
  }
}

function isConstructed(tag: number): boolean {
  return (tag & 0x20) !== 0;
}

function checkValue(value: Der, depth: number): void {
  if (depth > MAX_DEPTH) refuseDer('nested too deeply');
  if (!isConstructed(value.tag)) {
    if (value.tag === 0) refuseDer('end-of-contents in a definite encoding');
    checkPrimitive(value);
    return;
  }
  if (value.tag < 0x80 && value.tag !== TAG.sequence && value.tag !== TAG.set)
    refuseDer('a string in pieces');
  const inside = new DerReader(value.content);
  while (!inside.isDone()) checkValue(inside.any(), depth + 1);
}

/** One value that fills `bytes`, checked to the last nested primitive. */
export function parseDer(bytes: Uint8Array, tag: number, what: string): DerReader {
  const outer = new DerReader(bytes);
  const value = outer.take(tag, what);
  outer.end(what);
  checkValue(value, 1);
  return new DerReader(value.content);
}

/** BIT STRING content without unused bits, as keys and signatures must be. */
export function wholeBits(value: Der, what: string): Uint8Array {
  if (value.content[0] !== 0) refuseDer(`${what}: expected no unused bits`);
  return value.content.subarray(1);
}

/** An optional BOOLEAN DEFAULT FALSE: DER writes it only when true. */
export function defaultFalse(reader: DerReader, what: string): boolean {
  if (reader.next !== TAG.boolean) return false;
  if (reader.any().content[0] !== 0xff)
    refuseDer(`${what}: FALSE is the default and must be absent`);
  return true;
}

/** ECDSA-Sig-Value (RFC 5480) as r || s, 48 bytes each. */
export function signatureOf(der: Uint8Array): Uint8Array {
  const pair = parseDer(der, TAG.sequence, 'signature');
  const out = new Uint8Array(96);
  for (const end of [48, 96]) {
    let part = pair.take(TAG.integer, 'signature').content;
    if ((part[0] ?? 0) >= 0x80) refuseDer('signature: negative number');
    if (part[0] === 0) part = part.subarray(1);
    if (part.length > 48) refuseDer('signature: number too long');
    out.set(part, end - part.length);
  }
  pair.end('signature');
  return out;
}
