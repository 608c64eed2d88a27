/**
 * AES-128 as a capability: the enclave injects node:crypto's, which runs at hardware speed; the core holds no cipher.
 * @module
 */
import type { Bytes } from '../bytes.ts';

export interface Ciphers {
  /** AES-128-ECB without padding under `key`: whole 16-byte blocks in, as many out, in a new buffer. */
  blocks(key: Bytes<16>): (plain: Uint8Array) => Uint8Array;
  /** AES-128-CTR keystream of `seed`, from counter block 0; each call gives the next `n` bytes, in a new buffer. */
  stream(seed: Bytes<16>): (n: number) => Uint8Array;
}
