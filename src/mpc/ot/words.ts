/**
 * 32-bit words over bytes. Messages are little-endian, and so is every machine this runs on (x86-64, aarch64).
 * @module
 */

import { wordsOf as unsignedWordsOf } from '../../bytes.ts';

/** A view of the same memory where alignment allows it, else a copy; the length must be a multiple of 4. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  const { buffer, byteOffset, length } = unsignedWordsOf(bytes);
  return new Int32Array(buffer, byteOffset, length);
}

export function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
