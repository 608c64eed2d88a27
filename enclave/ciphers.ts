/**
 * AES-128, SHA-2 and X25519 of src/mpc/ciphers.ts by node:crypto (OpenSSL, AES-NI where the processor has it). Trust: the
 * platform.
 * @module
 */
import { createCipheriv, createPrivateKey, diffieHellman, hash, type KeyObject } from 'node:crypto';
import { equalConstantTime } from '../src/bytes.ts';
import { fromHex } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import type { Ciphers, Ladder } from '../src/mpc/ciphers.ts';
import { base64url, privateKeyOf, publicKeyOf, X25519 } from './x25519.ts';

/** Stream seeds are used for one stream each, so counters may start at zero. */
const ZERO_IV: Uint8Array = new Uint8Array(16);
const ZEROS: Uint8Array = new Uint8Array(1 << 16);

const bytesOf = (buffer: Buffer): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);

/**
 * Ways to import a bare scalar, the fastest first. JWK (RFC 8037) has no form without the public half; up to Node 24 the
 * platform computes that anew and ignores a wrong one, from Node 26 on it refuses it. DER costs ten times as much on
 * Node 20 and as little as JWK later.
 */
const IMPORTS: readonly ((scalar: Uint8Array) => KeyObject)[] = [
  (scalar) =>
    createPrivateKey({
      format: 'jwk',
      key: { ...X25519, x: base64url(new Uint8Array(32)), d: base64url(scalar) },
    }),
  privateKeyOf,
];

/** RFC 7748 section 6.1: Alice's private and public key, Bob's public key, the shared secret. */
const KNOWN = {
  scalar: fromHex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'),
  base: fromHex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'),
  u: fromHex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'),
  shared: fromHex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'),
};

/** The ladder over the first import that gives the known answers: a wrong public half would show every choice. */
export function chooseLadder(imports: typeof IMPORTS = IMPORTS): Ciphers['ladder'] {
  const ladders = imports.map((importScalar) => (scalar: Uint8Array): Ladder => {
    const privateKey = importScalar(scalar);
    const { x = '' } = privateKey.export({ format: 'jwk' });
    return {
      base: bytesOf(Buffer.from(x, 'base64url')),
      times: (u) => bytesOf(diffieHellman({ privateKey, publicKey: publicKeyOf(u) })),
    };
  });
  const chosen = ladders.find((ladder) => {
    try {
      const { base, times } = ladder(KNOWN.scalar);
      return equalConstantTime(base, KNOWN.base) && equalConstantTime(times(KNOWN.u), KNOWN.shared);
    } catch {
      return false;
    }
  });
  if (chosen === undefined) {
    throw new DpcaError('ERR_KERNEL_SELFTEST', 'no X25519 of node:crypto gives the known answers');
  }
  return chosen;
}

let chosenLadder: Ciphers['ladder'] | undefined;

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
    chosenLadder ??= chooseLadder();
    return chosenLadder(scalar);
  },
};
