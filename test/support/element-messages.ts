/** All messages of one column at once. */
import type { Bytes } from '../../src/bytes.ts';
import { ElementMessages } from '../../src/group/suite.ts';
import type { Packed } from '../../src/packed.ts';

export function elementMessages(
  runDigest: Bytes<16>,
  column: number,
  types: Uint8Array,
  { bytes, offsets }: Packed,
): Packed {
  const messages = new ElementMessages(runDigest, column, types.length, bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  types.forEach((type, i) => messages.add(type, view, offsets[i] ?? 0, offsets[i + 1] ?? 0));
  return messages.finish();
}
