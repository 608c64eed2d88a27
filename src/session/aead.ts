/**
 * AES-256-GCM (NIST SP 800-38D) as a capability: the core has no block cipher of its own, and the platform's is faster.
 * The implementation is `enclave/aead.ts`; it is trusted to check the tag before it returns a single byte.
 * @module
 */

export const AEAD_KEY_BYTES = 32;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;

export interface Aead {
  /**
   * `headroom` unused bytes, then ciphertext, then the 16-byte tag, in one new buffer. The caller fills the headroom
   * with its frame header; so a frame of 256 KiB is not copied a second time.
   */
  readonly seal: (
    key: Uint8Array,
    nonce: Uint8Array,
    ad: Uint8Array,
    plaintext: Uint8Array,
    headroom?: number,
  ) => Uint8Array;
  /** The plaintext of `ciphertext || tag` in a new buffer, or undefined if the tag does not verify. */
  readonly open: (
    key: Uint8Array,
    nonce: Uint8Array,
    ad: Uint8Array,
    ciphertext: Uint8Array,
  ) => Uint8Array | undefined;
}

/** Noise revision 34, section 12.4: 32 zero bits, then the counter, big-endian. `counter` < 2^32 in every use here. */
export function counterNonce(counter: number): Uint8Array {
  const nonce = new Uint8Array(AEAD_NONCE_BYTES);
  new DataView(nonce.buffer).setUint32(8, counter);
  return nonce;
}
