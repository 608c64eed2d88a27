/**
 * Signatures in an audit: remembered by everything that they are of, and by the platform's verifier only where it cannot
 * differ from the strict one.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p384 } from '@noble/curves/nist.js';
import { describe, expect, it } from 'vitest';
import { auditMemory } from '../../attestation/audit.ts';
import { rememberEd25519, rememberP384 } from '../../attestation/audit-notes.ts';
import { isSigned } from '../../attestation/checkpoint.ts';
import { verifyEd25519 } from '../../host/ed25519-node.ts';
import { verifyP384 } from '../../host/p384-webcrypto.ts';
import { fromHex, utf8 } from '../../src/encoding.ts';
import { seededRng } from '../support/test-rng.ts';

const rng = seededRng('audit signatures');
const message = utf8('a message');

/** Every part with one bit changed, one at a time. */
function changes(
  parts: readonly [Uint8Array, Uint8Array, Uint8Array],
): readonly [Uint8Array, Uint8Array, Uint8Array][] {
  return parts.flatMap((part, i) =>
    [0, part.length >> 1, part.length - 1].map((at) => {
      const copy = parts.map((p) => p.slice());
      const target = copy[i] ?? part;
      target[at] = (target[at] ?? 0) ^ 1;
      return copy as [Uint8Array, Uint8Array, Uint8Array];
    }),
  );
}

describe('Ed25519', () => {
  const secret = rng(32);
  const key = ed25519.getPublicKey(secret);
  const signature = ed25519.sign(message, secret);

  it.each([
    ['the platform', verifyEd25519],
    ['a platform that always says no', () => false],
    ['none', undefined],
  ] as const)('answers as the strict verifier does, with %s', (_name, platform) => {
    const verify = rememberEd25519(platform, auditMemory());
    for (let i = 0; i < 2; i++) {
      expect(verify(message, key, signature)).toBe(true);
      for (const parts of changes([message, key, signature])) expect(verify(...parts)).toBe(false);
      expect(verify(message, key.subarray(1), signature)).toBe(false);
      expect(verify(message, key, signature.subarray(1))).toBe(false);
    }
  });

  it('refuses small and non-canonical keys, whatever the platform says', () => {
    // R = A = identity or another point of small order, s = 0: s B = R + k A holds for many messages
    const weak = [
      `01${'00'.repeat(31)}`,
      `ee${'ff'.repeat(30)}7f`, // y = p + 1, that is 1
      `ec${'ff'.repeat(30)}7f`, // y = -1
      '00'.repeat(32),
      `c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a`,
    ].map(fromHex);
    const lax = rememberEd25519(() => true, auditMemory());
    const platform = rememberEd25519(verifyEd25519, auditMemory());
    let taken = 0;
    for (const small of weak) {
      for (const r of weak) {
        for (let i = 0; i < 16; i++) {
          const text = utf8(`message ${i}`);
          const forged = Uint8Array.from([...r, ...new Uint8Array(32)]);
          if (verifyEd25519(text, small, forged)) taken += 1;
          expect(isSigned(text, small, forged)).toBe(false);
          expect(lax(text, small, forged)).toBe(false);
          expect(platform(text, small, forged)).toBe(false);
        }
      }
    }
    console.log(`the platform takes ${taken} of them`);
  });
});

describe('P-384', () => {
  it('is remembered by key, signature and message', async () => {
    const secret = rng(48);
    const key = p384.getPublicKey(secret, false);
    const signature = p384.sign(message, secret, { lowS: false });
    let calls = 0;
    const verify = rememberP384((...parts) => {
      calls += 1;
      return verifyP384(...parts);
    }, auditMemory());
    for (let i = 0; i < 2; i++) {
      expect(await verify(key, signature, message)).toBe(true);
      for (const parts of changes([key, signature, message])) {
        expect(await verify(...parts)).toBe(false);
      }
    }
    expect(calls).toBe(10);
  });
});
