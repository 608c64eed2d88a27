/**
 * A fast stand-in for the curve: the additive group Z_l of the curve's own prime order l, where X25519(s, P) becomes
 * s * P mod l. Scalars, ratios, checks and joins are the real ones; only the hardness is gone.
 * @module
 */
import { sha512 } from '@noble/hashes/sha2.js';
import type { Kernel } from '../../src/group/kernel.ts';

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function read(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 32);
  let value = 0n;
  for (let word = 3; word >= 0; word--) value = (value << 64n) | view.getBigUint64(8 * word, true);
  return value;
}

function write(value: bigint, out: Uint8Array, at: number): void {
  const view = new DataView(out.buffer, out.byteOffset + at, 32);
  for (let word = 0; word < 4; word++) {
    view.setBigUint64(8 * word, BigInt.asUintN(64, value >> BigInt(64 * word)), true);
  }
}

/** Synchronous versions, for machines that are driven without waiting. */
export function mockHash(messages: Uint8Array, offsets: Uint32Array): Uint8Array {
  const n = offsets.length - 1;
  const out = new Uint8Array(32 * n);
  for (let i = 0; i < n; i++) {
    const digest = sha512(messages.subarray(offsets[i], offsets[i + 1]));
    write(read(digest) % ORDER, out, 32 * i);
  }
  return out;
}

export function mockMultiply(scalar: Uint8Array, points: Uint8Array): Uint8Array {
  const out = new Uint8Array(points.length);
  const factor = read(scalar);
  for (let at = 0; at < points.length; at += 32) {
    write((factor * read(points.subarray(at, at + 32))) % ORDER, out, at);
  }
  return out;
}

export const mockKernel: Kernel = {
  name: 'mock',
  hashToGroup: (messages, offsets) => Promise.resolve(mockHash(messages, offsets)),
  multiply: (scalar, points) => Promise.resolve(mockMultiply(scalar, points)),
};
