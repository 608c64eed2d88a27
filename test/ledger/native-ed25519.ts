/**
 * Ed25519 of node:crypto behind noble's interface: thousands of charges in a test, at native speed. Strictness of
 * verification is not what these tests are about. Use: `vi.mock('@noble/curves/ed25519.js', nativeEd25519)`.
 * @module
 */
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signWith,
  verify as verifyWith,
} from 'node:crypto';
import type * as Curves from '@noble/curves/ed25519.js';

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const keys = new Map<string, KeyObject>();

function keyOf(prefix: Buffer, raw: Uint8Array, secret: boolean): KeyObject {
  const der = Buffer.concat([prefix, raw]);
  const name = der.toString('hex');
  const known = keys.get(name);
  if (known !== undefined) return known;
  const key = secret
    ? createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    : createPublicKey({ key: der, format: 'der', type: 'spki' });
  keys.set(name, key);
  return key;
}

export async function nativeEd25519(original: () => Promise<typeof Curves>): Promise<object> {
  const curves = await original();
  return {
    ...curves,
    ed25519: {
      ...curves.ed25519,
      getPublicKey: (seed: Uint8Array) => {
        const spki = createPublicKey(keyOf(PKCS8, seed, true)).export({
          format: 'der',
          type: 'spki',
        });
        return new Uint8Array(spki.subarray(-32));
      },
      sign: (message: Uint8Array, seed: Uint8Array) =>
        new Uint8Array(signWith(null, message, keyOf(PKCS8, seed, true))),
      verify: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) =>
        verifyWith(null, message, keyOf(SPKI, publicKey, false), signature),
    },
  };
}
