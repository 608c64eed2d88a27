/**
 * Which Parquet types are read, and what their cells mean (the format's LogicalTypes.md). Only exact ones: floating
 * point is refused, and decimals and times are taken as the integers they are stored as.
 * @module
 */
import type { SchemaElement } from 'hyparquet';

/** Digits of a 256-bit decimal, the widest that is in use. */
const DECIMAL_SCALE_MAX = 76;

function meaningOf({ logical_type, converted_type }: SchemaElement): string {
  return logical_type?.type ?? converted_type ?? '';
}

function isInteger(meaning: string): boolean {
  return meaning === '' || meaning === 'INTEGER' || /^U?INT_\d+$/.test(meaning);
}

/** Whether a column can be an identifier. */
export function isKeyType(element: SchemaElement): boolean {
  const meaning = meaningOf(element);
  switch (element.type) {
    case 'BYTE_ARRAY':
      return ['', 'STRING', 'UTF8', 'ENUM'].includes(meaning);
    case 'FIXED_LEN_BYTE_ARRAY':
      return ['', 'UUID'].includes(meaning);
    case 'INT32':
    case 'INT64':
      return isInteger(meaning);
    default:
      return false;
  }
}

/**
 * How a cell of a value column is read: as the text of a number, or as an integer that counts units of 10^-scale.
 * Undefined for a type that is not exact or no number. Dates count days, timestamps seconds, since 1970.
 */
export function valueForm(element: SchemaElement): 'text' | { readonly scale: number } | undefined {
  const meaning = meaningOf(element);
  const logical = element.logical_type;
  switch (element.type) {
    case 'BOOLEAN':
      return { scale: 0 };
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
      if (meaning === 'DECIMAL') return decimal(element);
      return element.type === 'BYTE_ARRAY' && ['', 'STRING', 'UTF8'].includes(meaning)
        ? 'text'
        : undefined;
    case 'INT32':
    case 'INT64':
      if (isInteger(meaning) || meaning === 'DATE') return { scale: 0 };
      if (meaning === 'DECIMAL') return decimal(element);
      if (meaning === 'TIMESTAMP_MILLIS') return { scale: 3 };
      if (meaning === 'TIMESTAMP_MICROS') return { scale: 6 };
      if (logical?.type !== 'TIMESTAMP') return undefined;
      return { scale: { MILLIS: 3, MICROS: 6, NANOS: 9 }[logical.unit] };
    default:
      return undefined;
  }
}

function decimal(element: SchemaElement): { readonly scale: number } | undefined {
  const logical = element.logical_type;
  const scale = logical?.type === 'DECIMAL' ? logical.scale : (element.scale ?? 0);
  return scale >= 0 && scale <= DECIMAL_SCALE_MAX ? { scale } : undefined;
}

/** Cells that the library would convert to floating point or dates; without its annotation it hands them out raw. */
export function withoutMeaning(element: SchemaElement): SchemaElement {
  const meaning = meaningOf(element);
  if (!/^(DECIMAL|DATE|TIMESTAMP)/.test(meaning)) return element;
  const raw = { ...element };
  delete raw.converted_type;
  delete raw.logical_type;
  return raw;
}

/** A big-endian two's complement number, as decimals in byte arrays are stored. */
export function signedBigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(8 * bytes.length, value);
}
