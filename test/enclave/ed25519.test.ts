/** Ed25519 of the enclave's platform: the oracle's signatures byte by byte, and its answers, whatever is asked. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { isSigned, strictly } from '../../attestation/checkpoint.ts';
import { nodeEd25519 } from '../../enclave/ed25519.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { seededRng } from '../support/test-rng.ts';

const rng = seededRng('enclave ed25519');
const platform = nodeEd25519();

/** y = 1, p + 1, -1, 0 and of order eight. */
const SMALL = [
  `01${'00'.repeat(31)}`,
  `ee${'ff'.repeat(30)}7f`,
  `ec${'ff'.repeat(30)}7f`,
  '00'.repeat(32),
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map(fromHex);

describe('the platform', () => {
  it('signs as the oracle does', () => {
    // RFC 8032 section 7.1, test 1
    const secretKey = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
    const publicKey = fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
    expect(toHex(platform.sign(new Uint8Array(0), { secretKey, publicKey }))).toBe(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
        '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    );
    for (let length = 0; length < 40; length++) {
      const secret = rng(32);
      const message = rng(7 * length);
      const key = { secretKey: secret, publicKey: ed25519.getPublicKey(secret) };
      expect(platform.sign(message, key)).toEqual(ed25519.sign(message, secret));
      // two public halves under one nonce would tell the key: another one is refused (later Node) or does not count
      let other: Uint8Array | undefined;
      try {
        other = platform.sign(message, { ...key, publicKey: rng(32) });
      } catch {
        continue;
      }
      expect(other).toEqual(ed25519.sign(message, secret));
    }
  });

  it('accepts what the oracle accepts, and nothing else', () => {
    const secretKey = rng(32);
    const publicKey = ed25519.getPublicKey(secretKey);
    const message = rng(100);
    const good = [message, publicKey, ed25519.sign(message, secretKey)] as const;
    expect(platform.verify(...good)).toBe(true);
    good.forEach((part, i) => {
      for (let bit = 0; bit < 8 * part.length; bit += 5) {
        const parts = good.map((p) => p.slice()) as [Uint8Array, Uint8Array, Uint8Array];
        const changed = parts[i] ?? part;
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(platform.verify(...parts)).toBe(false);
      }
    });
    expect(platform.verify(message, publicKey.subarray(1), good[2])).toBe(false);
    expect(platform.verify(message, publicKey, good[2].subarray(1))).toBe(false);
  });

  it('refuses small and non-canonical keys, also where the platform takes them', () => {
    const lax = strictly(() => true);
    for (const small of SMALL) {
      for (const r of SMALL) {
        const forged = Uint8Array.from([...r, ...new Uint8Array(32)]);
        for (let i = 0; i < 16; i++) {
          const message = Uint8Array.of(i);
          expect(isSigned(message, small, forged)).toBe(false);
          expect(platform.verify(message, small, forged)).toBe(false);
          expect(lax(message, small, forged)).toBe(false);
        }
      }
    }
  });
});
