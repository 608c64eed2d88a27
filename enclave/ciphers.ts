/**
 * AES-128, SHA-2 and X25519 of src/mpc/ciphers.ts by node:crypto (OpenSSL, AES-NI where the processor has it). Trust: the
 * platform.
 * @module
 */
import {
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash,
} from 'node:crypto';
import type { Ciphers } from '../src/mpc/ciphers.ts';

/** Stream seeds are used for one stream each, so counters may start at zero. */
const ZERO_IV: Uint8Array = new Uint8Array(16);
const ZEROS: Uint8Array = new Uint8Array(1 << 16);

const bytesOf = (buffer: Buffer): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
/** JWK (RFC 8037): importing DER costs ten times as much. */
const X25519 = { kty: 'OKP', crv: 'X25519' } as const;
/** Of a private key only `d` is read; the platform computes `x` from it. */
const UNREAD_X: string = base64(new Uint8Array(32));

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
  sha256: (data) => bytesOf(hash('sha256', data, 'buffer')),
  sha512: (data) => bytesOf(hash('sha512', data, 'buffer')),
  ladder(scalar) {
    const privateKey = createPrivateKey({
      format: 'jwk',
      key: { ...X25519, x: UNREAD_X, d: base64(scalar) },
    });
    const { x = '' } = privateKey.export({ format: 'jwk' });
    return {
      base: bytesOf(Buffer.from(x, 'base64url')),
      times(u) {
        const publicKey = createPublicKey({ format: 'jwk', key: { ...X25519, x: base64(u) } });
        return bytesOf(diffieHellman({ privateKey, publicKey }));
      },
    };
  },
};
