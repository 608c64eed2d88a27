/**
 * AES-128 of src/mpc/ciphers.ts by node:crypto (OpenSSL, AES-NI where the processor has it). Trust: the platform.
 * @module
 */
import { createCipheriv } from 'node:crypto';
import type { Ciphers } from '../src/mpc/ciphers.ts';

/** Stream seeds are used for one stream each, so counters may start at zero. */
const ZERO_IV: Uint8Array = new Uint8Array(16);
const ZEROS: Uint8Array = new Uint8Array(1 << 16);

const bytesOf = (buffer: Buffer): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);

export const nodeCiphers: Ciphers = {
  blocks(key) {
    // ECB keeps no state between calls, so one object serves them all
    const cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
    return (plain) => bytesOf(cipher.update(plain));
  },
  stream(seed) {
    const cipher = createCipheriv('aes-128-ctr', seed, ZERO_IV);
    return (n) =>
      bytesOf(cipher.update(n <= ZEROS.length ? ZEROS.subarray(0, n) : new Uint8Array(n)));
  },
};
