/**
 * CBOR values (RFC 8949). Reading: the gate of cbor-scan.ts first, then cbor-x, whose tolerance (last duplicate wins,
 * live tags, aliasing) the gate and the private copy make harmless; the only file that knows cbor-x. Writing: own
 * deterministic encoder (RFC 8949, 4.2.1 heads; keys in the order given), because cbor-x is none.
 * @module
 */
import { Decoder } from 'cbor-x/index-no-eval';
import { concat } from '../src/bytes.ts';
import { utf8 } from '../src/encoding.ts';
import { DpcaError, orCode, type AttestationCode } from '../src/errors.ts';
import { scanItem } from './cbor-scan.ts';

/** What the gate lets through. Integers beyond four bytes arrive as bigint. */
export type CborValue =
  | null
  | number
  | bigint
  | string
  | boolean
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<CborValue, CborValue>;

const decoder = new Decoder({ mapsAsObjects: false, useRecords: false });

/**
 * Decodes exactly one item that fills `bytes`. Indefinite containers are accepted, anything else the gate forbids is
 * refused with its CBOR code, trailing bytes with `trailing`. Byte strings alias `bytes`: pass a private copy.
 */
export function decodeCbor(
  bytes: Uint8Array,
  maxDepth: number,
  trailing: AttestationCode,
  booleans = false,
): CborValue {
  const end = scanItem(bytes, 0, {
    maxDepth,
    indefiniteContainers: true,
    dataModel: true,
    booleans,
  });
  if (end !== bytes.length) {
    throw new DpcaError(trailing, 'expected one CBOR item, got bytes behind it');
  }
  return orCode('CBOR_RESERVED', 'the CBOR library refused what the gate let through', () => {
    const value: unknown = decoder.decode(bytes);
    return value as CborValue;
  });
}

/** A map with its entries in encoding order. */
export type CborFields = readonly (readonly [string | number, CborInput])[];
/** Values for {@link encodeCbor}; `fields` marks a map, so that arrays stay arrays. */
export type CborInput =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly CborInput[]
  | { readonly fields: CborFields };

/** The minimal head of major type `major` for `argument` (0 <= argument < 2^64). */
export function cborHead(major: number, argument: number | bigint): Uint8Array {
  let value = BigInt(argument);
  const size =
    value < 24n ? 0 : value < 0x100n ? 1 : value < 0x10000n ? 2 : value < 0x100000000n ? 4 : 8;
  const out = new Uint8Array(1 + size);
  out[0] = (major << 5) | (size === 0 ? Number(value) : 24 + Math.log2(size));
  for (let i = size; i > 0; i--) {
    out[i] = Number(value & 255n);
    value >>= 8n;
  }
  return out;
}

function isArray(value: CborInput): value is readonly CborInput[] {
  return Array.isArray(value);
}

/** Encodes with minimal heads and definite lengths; map entries keep the order given. */
export function encodeCbor(value: CborInput): Uint8Array {
  if (value === null) return Uint8Array.of(0xf6);
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xf5 : 0xf4);
  if (typeof value === 'number' || typeof value === 'bigint') {
    const integer = BigInt(value);
    return integer < 0n ? cborHead(1, -1n - integer) : cborHead(0, integer);
  }
  if (typeof value === 'string') {
    const text = utf8(value);
    return concat(cborHead(3, text.length), text);
  }
  if (value instanceof Uint8Array) return concat(cborHead(2, value.length), value);
  if (isArray(value)) return concat(cborHead(4, value.length), ...value.map(encodeCbor));
  return concat(
    cborHead(5, value.fields.length),
    ...value.fields.flatMap(([key, entry]) => [encodeCbor(key), encodeCbor(entry)]),
  );
}
