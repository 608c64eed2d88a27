/**
 * The curve arithmetic that the core asks for, as a capability: batches of 32-byte records, never one at a time.
 * Implementations: the @noble oracle here, node:crypto with worker threads in the enclave; all give the same bytes.
 * @module
 */
import type { Bytes } from '../bytes.ts';

/** A clamped X25519 scalar (RFC 7748 section 5): multiple of 8, bit 254 set, below 2^255; little endian. */
export type Scalar = Bytes<32>;

export interface Kernel {
  /** Name that goes into run reports, such as `noble` or `node-x25519`. */
  readonly name: string;
  /**
   * Hashes n messages to Curve25519 u-coordinates with suite `x25519-ell2-ro` (RFC 9380, section 8.5).
   * Message i is `messages.subarray(offsets[i], offsets[i + 1])`; `offsets` has n + 1 entries.
   * Resolves to n records of 32 bytes, little endian, canonical.
   * Calls may overlap in time; each gives its own result.
   */
  hashToGroup(messages: Uint8Array, offsets: Uint32Array): Promise<Uint8Array>;
  /**
   * X25519(scalar, point) for each 32-byte record. The caller has checked the points (see points.ts): canonical
   * and not of low order; a kernel repeats that check, so that all kernels refuse alike (ERR_MATCH_POINT, and
   * ERR_KERNEL_SCALAR for a scalar that is not clamped). Resolves to as many 32-byte records, in the same order.
   */
  multiply(scalar: Scalar, points: Uint8Array): Promise<Uint8Array>;
}
