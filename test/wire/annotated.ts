/**
 * Expected bytes, field by field: each line is the hex of one field and what it says.
 * @module
 */
import { fromHex } from '../../src/encoding.ts';

export type Field = readonly [hex: string, meaning: string];

export function bytesOf(fields: readonly Field[]): Uint8Array {
  return fromHex(fields.map(([hex]) => hex.replaceAll(' ', '')).join(''));
}
