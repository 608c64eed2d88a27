/**
 * Text encodings of the core: strict UTF-8, lower-case hex, and the length-prefixed concatenation that every
 * hash and signature input uses. The core has no TextEncoder (see README.md), so UTF-8 is here.
 * @module
 */
import { concat } from './bytes.ts';
import { DpcaError } from './errors.ts';

/** UTF-8 of a string without lone surrogates (ERR_ENCODING_UTF8). */
export function utf8(text: string): Uint8Array {
  const out: number[] = [];
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) {
      throw new DpcaError('ERR_ENCODING_UTF8', 'expected well-formed text, got a lone surrogate');
    }
    if (code < 0x80) out.push(code);
    else if (code < 0x800) out.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) {
      out.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    } else {
      out.push(
        0xf0 | (code >> 18),
        0x80 | ((code >> 12) & 63),
        0x80 | ((code >> 6) & 63),
        0x80 | (code & 63),
      );
    }
  }
  return Uint8Array.from(out);
}

/** Decodes UTF-8 and refuses anything malformed: overlong forms, surrogates, truncation (Unicode 3.9, table 3-7). */
export function fromUtf8(bytes: Uint8Array): string {
  const parts: string[] = [];
  let run: number[] = [];
  let i = 0;
  const refuse = (): never => {
    throw new DpcaError(
      'ERR_ENCODING_UTF8',
      `expected UTF-8, got a malformed sequence at byte ${i}`,
    );
  };
  const continuation = (at: number, low = 0x80, high = 0xbf): number => {
    const byte = bytes[at];
    if (byte === undefined || byte < low || byte > high) return refuse();
    return byte & 63;
  };
  while (i < bytes.length) {
    const b = bytes[i] ?? 0;
    if (b < 0x80) {
      run.push(b);
      i += 1;
    } else if (b >= 0xc2 && b <= 0xdf) {
      run.push(((b & 31) << 6) | continuation(i + 1));
      i += 2;
    } else if (b >= 0xe0 && b <= 0xef) {
      const first = continuation(i + 1, b === 0xe0 ? 0xa0 : 0x80, b === 0xed ? 0x9f : 0xbf);
      run.push(((b & 15) << 12) | (first << 6) | continuation(i + 2));
      i += 3;
    } else if (b >= 0xf0 && b <= 0xf4) {
      const first = continuation(i + 1, b === 0xf0 ? 0x90 : 0x80, b === 0xf4 ? 0x8f : 0xbf);
      const second = continuation(i + 2);
      run.push(((b & 7) << 18) | (first << 12) | (second << 6) | continuation(i + 3));
      i += 4;
    } else refuse();
    if (run.length >= 4096) {
      parts.push(String.fromCodePoint(...run));
      run = [];
    }
  }
  return parts.join('') + String.fromCodePoint(...run);
}

const HEX = '0123456789abcdef';

export function toHex(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += (HEX[byte >> 4] ?? '') + (HEX[byte & 15] ?? '');
  return out;
}

/** Lower-case hex only, even length (ERR_ENCODING_HEX). */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw new DpcaError('ERR_ENCODING_HEX', 'expected an even number of lower-case hex digits');
  }
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function u16be(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 255);
}

export function u32be(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

export function u64be(value: bigint): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, value);
  return out;
}

/** lp(x1) || lp(x2) ...: each part behind its length as four big-endian bytes, so that parts cannot run together. */
export function lengthPrefixed(...parts: readonly Uint8Array[]): Uint8Array {
  return concat(...parts.flatMap((part) => [u32be(part.length), part]));
}
