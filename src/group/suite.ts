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

function prefix(runDigest: Bytes<16>, column: number): Uint8Array {
  if (!Number.isInteger(column) || column < 0 || column > 255) {
    throw new DpcaError('ERR_INTERNAL', 'expected a column index in 0..255');
  }
  const out = new Uint8Array(ELEMENT_PREFIX_BYTES);
  out.set(runDigest);
  out[RUN_DIGEST_BYTES] = column;
  return out;
}

/**
 * The messages of one column: `run digest (16) || column (u8) || type (u8) || identifier`. The prefix has a fixed
 * length, so distinct (run, column, type, identifier) give distinct messages without a length field; identifiers up
 * to 45 bytes keep b_0 within one block after Z_pad.
 * @param column index in priority order, from 0
 * @param types one {@link ElementType} per identifier
 * @returns what `Kernel.hashToGroup` takes
 */
export function packElementMessages(
  runDigest: Bytes<16>,
  column: number,
  types: Uint8Array,
  identifiers: Packed,
): Packed {
  const { bytes, offsets } = identifiers;
  const n = types.length;
  const total = bytes.length + n * ELEMENT_PREFIX_BYTES;
  if (offsets.length !== n + 1 || offsets[0] !== 0 || offsets[n] !== bytes.length) {
    throw new DpcaError(
      'ERR_INTERNAL',
      'identifiers, offsets and types do not describe one column',
    );
  }
  if (total > 0xffff_ffff) throw new DpcaError('ERR_INTERNAL', 'a column exceeds 2^32 - 1 bytes');
  const head = prefix(runDigest, column);
  const out = new Uint8Array(total);
  const outOffsets = new Uint32Array(n + 1);
  let at = 0;
  for (let i = 0; i < n; i++) {
    const type = types[i] ?? 0;
    const start = offsets[i] ?? 0;
    const end = offsets[i + 1] ?? 0;
    if (type < ELEMENT_TYPE.real || type > ELEMENT_TYPE.empty || end < start) {
      throw new DpcaError('ERR_INTERNAL', 'expected element types 1..4 and ascending offsets');
    }
    head[RUN_DIGEST_BYTES + 1] = type;
    out.set(head, at);
    out.set(bytes.subarray(start, end), at + ELEMENT_PREFIX_BYTES);
    at += ELEMENT_PREFIX_BYTES + end - start;
    outOffsets[i + 1] = at;
  }
  return { bytes: out, offsets: outOffsets };
}
