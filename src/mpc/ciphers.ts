/**
 * Platform cryptography as capabilities: the enclave injects node:crypto's, which runs at hardware speed and in constant
 * time; the core holds no cipher and no ladder of its own.
 * @module
 */
import type { Bytes } from '../bytes.ts';

export interface Ciphers {
  /** AES-128-ECB without padding under `key`: whole 16-byte blocks in, as many out, in a new buffer. */
  readonly blocks: (key: Bytes<16>) => (plain: Uint8Array) => Uint8Array;
  /** AES-128-CTR keystream of `seed`, from counter block 0; each call gives the next `n` bytes, in a new buffer. */
  readonly stream: (seed: Bytes<16>) => (n: number) => Uint8Array;
  readonly sha256: (data: Uint8Array) => Uint8Array;
  readonly sha512: (data: Uint8Array) => Uint8Array;
  /** X25519 (RFC 7748) of a clamped scalar. */
  readonly ladder: (scalar: Bytes<32>) => Ladder;
}

export interface Ladder {
  /** The u coordinate of scalar x base point. */
  readonly base: Uint8Array;
  /** That of scalar x the point at `u`, which is canonical and not of low order. */
  readonly times: (u: Uint8Array) => Uint8Array;
}
