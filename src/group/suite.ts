/**
 * Ciphersuite `x25519-ell2-ro`: its constants, and the message that is hashed for one identifier.
 * Clauses: RFC 9380 sections 3.1 (domain separation), 5.3.1 and 8.5; docs/specification.md section 8.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import { utf8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import type { Packed } from '../packed.ts';

export const SUITE_ID = 'x25519-ell2-ro';
/**
 * RFC 9380 domain separation tag, 44 bytes. At most 45 keep b_1 and b_2 of expand_message_xmd within one SHA-512
 * block each (64 + 1 + DST + 1 + 17 bytes of padding <= 128), so runs and columns are told apart in the message.
 */
export const SUITE_DST = 'dpca-v1-with-curve25519_XMD:SHA-512_ELL2_RO_';
/** One group element: the u-coordinate, 32 bytes, little endian, canonical. */
export const ELEMENT_BYTES = 32;
/** A final tag: the first 16 bytes of a double-blinded element. It is compared and never multiplied again. */
export const TAG_BYTES = 16;
export const RUN_DIGEST_BYTES = 16;
/** run digest || column || type */
export const ELEMENT_PREFIX_BYTES: number = RUN_DIGEST_BYTES + 2;

/** What an element stands for; part of the hashed message, so that no two kinds can ever meet. */
export const ELEMENT_TYPE = { real: 1, dummy: 2, filler: 3, empty: 4 } as const;
export type ElementType = (typeof ELEMENT_TYPE)[keyof typeof ELEMENT_TYPE];

/** The DST as bytes, as RFC 9380 takes it. */
export function suiteDst(): Uint8Array {
  return utf8(SUITE_DST);
}

function prefix(runDigest: Bytes<16>, column: number): DataView {
  if (!Number.isInteger(column) || column < 0 || column > 255) {
    throw new DpcaError('ERR_INTERNAL', 'expected a column index in 0..255');
  }
  const out = new Uint8Array(ELEMENT_PREFIX_BYTES);
  out.set(runDigest);
  out[RUN_DIGEST_BYTES] = column;
  return new DataView(out.buffer);
}

/**
 * Writes the messages of one column: `run digest (16) || column (u8) || type (u8) || identifier`. The prefix has a
 * fixed length, so distinct (run, column, type, identifier) give distinct messages without a length field; identifiers
 * up to 45 bytes keep b_0 within one block after Z_pad.
 */
export class ElementMessages {
  /** run digest || column */
  private readonly head: DataView;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly offsets: Uint32Array;
  private at = 0;
  private count = 0;

  /**
   * @param column index in priority order, from 0
   * @param count how many messages there will be
   * @param identifierBytes how long their identifiers are in all
   */
  constructor(runDigest: Bytes<16>, column: number, count: number, identifierBytes: number) {
    const total = identifierBytes + count * ELEMENT_PREFIX_BYTES;
    if (total > 0xffff_ffff) throw new DpcaError('ERR_INTERNAL', 'more than 2^32 - 1 bytes');
    this.head = prefix(runDigest, column);
    this.bytes = new Uint8Array(total);
    this.view = new DataView(this.bytes.buffer);
    this.offsets = new Uint32Array(count + 1);
  }

  /** The message of the identifier in bytes `start` .. `end` of `from`. */
  add(type: number, from: DataView, start: number, end: number): void {
    const { head, bytes, view, offsets } = this;
    const next = this.at + ELEMENT_PREFIX_BYTES + end - start;
    const known = type >= ELEMENT_TYPE.real && type <= ELEMENT_TYPE.empty;
    const fits = next <= bytes.length && this.count + 1 < offsets.length;
    if (!known || !fits || start < 0 || end < start || end > from.byteLength) {
      throw new DpcaError('ERR_INTERNAL', 'expected element types 1..4 and identifiers that fit');
    }
    // word by word: short copies by subarray and set cost an object each
    let at = this.at;
    for (let i = 0; i < RUN_DIGEST_BYTES; i += 4, at += 4) view.setUint32(at, head.getUint32(i));
    bytes[at++] = head.getUint8(RUN_DIGEST_BYTES);
    bytes[at++] = type;
    let i = start;
    for (; i + 4 <= end; i += 4, at += 4) view.setUint32(at, from.getUint32(i));
    for (; i < end; i++) bytes[at++] = from.getUint8(i);
    this.at = at;
    this.count += 1;
    offsets[this.count] = at;
  }

  /** What `Kernel.hashToGroup` takes; every announced message must be there. */
  finish(): Packed {
    const { bytes, offsets } = this;
    if (this.at !== bytes.length || this.count + 1 !== offsets.length) {
      throw new DpcaError('ERR_INTERNAL', 'expected as many messages as announced');
    }
    return { bytes, offsets };
  }
}
