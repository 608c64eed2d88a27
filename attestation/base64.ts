/**
 * Base64 of RFC 4648 section 4, with padding, as signed notes use it; decoding accepts the canonical form only.
 * @module
 */
import { DpcaError } from '../src/errors.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export function toBase64(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(i, i + 3);
    const word = (a << 16) | (b << 8) | c;
    for (let j = 0; j < 4; j++) {
      out += i + j > bytes.length ? '=' : (ALPHABET[(word >> (18 - 6 * j)) & 63] ?? '');
    }
  }
  return out;
}

/** Refuses (ERR_LOG_NOTE) other characters, missing padding and bits behind the last byte. */
export function fromBase64(text: string): Uint8Array {
  const digits = text.replace(/={1,2}$/, '');
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let word = 0;
  let bits = 0;
  let at = 0;
  for (const digit of digits) {
    word = ((word << 6) | ALPHABET.indexOf(digit)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (word >> bits) & 255;
    at += 1;
  }
  // one round trip refuses every other spelling of these bytes, and everything that is none
  if (toBase64(bytes) !== text) throw new DpcaError('ERR_LOG_NOTE', 'expected canonical base64');
  return bytes;
}
