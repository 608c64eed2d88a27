/**
 * CRC-32 of IEEE 802.3 (polynomial edb88320 reflected), the check sum of enclave image files. It finds accidents and
 * protects nothing.
 * @module
 */

const TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  return value;
});

/** The CRC of what gave `before`, followed by `bytes`; 0 <= result < 2^32. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let value = ~before;
  for (const byte of bytes) value = (value >>> 8) ^ (TABLE[(value ^ byte) & 255] ?? 0);
  return ~value >>> 0;
}
