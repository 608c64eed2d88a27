/**
 * The oracle kernel: @noble/curves only, written to be obviously right. Every faster kernel must give its bytes, and
 * tests of the core need no other.
 * @module
 */
import { ed25519, ed25519_hasher, x25519 } from '@noble/curves/ed25519.js';
import { numberToBytesLE } from '@noble/curves/utils.js';
import type { Kernel, Scalar } from './kernel.ts';
import { assertPoints } from './points.ts';
import { assertScalar } from './scalars.ts';
import { ELEMENT_BYTES, suiteDst } from './suite.ts';

/**
 * RFC 9380 `curve25519_XMD:SHA-512_ELL2_RO_` for any DST; the u-coordinate, 32 bytes little endian. The edwards25519
 * suite is the same map behind the birational equivalence u = (1 + y) / (1 - y) (RFC 9380 D.1, RFC 7748 4.1).
 */
export function nobleHashToU(message: Uint8Array, dst: Uint8Array): Uint8Array {
  const { Fp } = ed25519.Point;
  const { y } = ed25519_hasher.hashToCurve(message, { DST: dst }).toAffine();
  return numberToBytesLE(Fp.div(Fp.add(Fp.ONE, y), Fp.sub(Fp.ONE, y)), ELEMENT_BYTES);
}

export function nobleKernel(): Kernel {
  const dst = suiteDst();
  return {
    name: 'noble',
    hashToGroup: (messages: Uint8Array, offsets: Uint32Array) =>
      Promise.resolve().then(() => {
        const out = new Uint8Array((offsets.length - 1) * ELEMENT_BYTES);
        for (let i = 0; i + 1 < offsets.length; i++) {
          const message = messages.subarray(offsets[i], offsets[i + 1]);
          out.set(nobleHashToU(message, dst), i * ELEMENT_BYTES);
        }
        return out;
      }),
    multiply: (scalar: Scalar, points: Uint8Array) =>
      Promise.resolve().then(() => {
        assertScalar(scalar);
        assertPoints(points);
        const out = new Uint8Array(points.length);
        for (let at = 0; at < points.length; at += ELEMENT_BYTES) {
          const point = points.subarray(at, at + ELEMENT_BYTES);
          out.set(x25519.getSharedSecret(scalar, point), at);
        }
        return out;
      }),
  };
}
