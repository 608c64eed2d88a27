/**
 * Row 40 in full: every bit of one valid document; and 100,000 random mutations without growth of memory.
 * Structural failures cost little, the rest five signatures; WebCrypto keeps it to minutes.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { mutator } from './support/mutate.ts';
import { Pki } from './support/pki.ts';
import { everyBit, sweep } from './support/sweep.ts';

const SEED = 'sweep.slow.test';

describe('every alteration of a valid document ends in a code', () => {
  it('every bit', async () => {
    const pki = await Pki.create(SEED);
    const document = pki.document();
    const counts = await sweep(pki, everyBit(document));
    expect(counts.get('accepted')).toBeUndefined();
    expect([...counts.values()].reduce((a, b) => a + b)).toBe(document.length * 8);
  });

  it('100,000 random mutations, without growth of memory', async () => {
    const pki = await Pki.create(SEED);
    const document = pki.document();
    const mutate = mutator(SEED);
    const batch = function* (n: number): Iterable<Uint8Array> {
      for (let i = 0; i < n; i++) {
        const copy = mutate(document);
        if (Buffer.compare(copy, document) !== 0) yield copy;
      }
    };
    await sweep(pki, batch(10_000));
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 9; i++)
      expect((await sweep(pki, batch(10_000))).get('accepted')).toBeUndefined();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(200_000_000);
  });
});
