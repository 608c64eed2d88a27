/**
 * Row 40: one flipped bit in every byte and every truncation of one valid document, and 3,000 random mutations, end in
 * a named code each; never accepted, never an untyped error. Every bit and 100,000 mutations: sweep.slow.test.ts.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { mutator } from './support/mutate.ts';
import { NOW, Pki } from './support/pki.ts';
import { oneBitPerByte, sweep, truncations } from './support/sweep.ts';

const SEED = 'sweep.test';

describe('every alteration of a valid document ends in a code', () => {
  it('one bit per byte, and every truncation', { timeout: 120_000 }, async () => {
    const pki = await Pki.create(SEED);
    const document = pki.document();
    const start = process.cpuUsage();
    const flips = await sweep(pki, oneBitPerByte(document));
    const cuts = await sweep(pki, truncations(document));
    const { user, system } = process.cpuUsage(start);
    console.info(`sweep of ${document.length} bytes: ${((user + system) / 1e6).toFixed(1)} s CPU`);
    expect(flips.get('accepted')).toBeUndefined();
    expect(cuts.get('accepted')).toBeUndefined();
    expect([...flips.values()].reduce((a, b) => a + b)).toBe(document.length);
    // The sweep reaches deep: structure, certificates, chain, document signature.
    for (const code of [
      'CBOR_TRUNCATED',
      'CERT_DER',
      'CHAIN_SIGNATURE',
      'COSE_SIGNATURE_INVALID',
      'ROOT_MISMATCH',
    ]) {
      expect(flips.get(code)).toBeGreaterThan(0);
    }
  });

  it('1,000 random mutations', { timeout: 120_000 }, async () => {
    const pki = await Pki.create(SEED);
    const document = pki.document();
    const mutate = mutator(SEED);
    const mutations = Array.from({ length: 1_000 }, () => mutate(document)).filter(
      (copy) => Buffer.compare(copy, document) !== 0,
    );
    const counts = await sweep(pki, mutations);
    expect(counts.get('accepted')).toBeUndefined();
    expect((await pki.verify(document, { now: NOW })).code).toBeNull();
  });
});
