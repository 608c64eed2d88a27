/** Identifiers whose 32-bit keys are the same under every seed: told apart all the same, and in time. */
import { describe, expect, it } from 'vitest';
import { pack } from '../../src/packed.ts';
import { type Table, validateTable } from '../../src/matching/table.ts';
import { seededRng } from '../support/test-rng.ts';

describe('a column of identifiers made to share one key', () => {
  /** Bit b of i flips, in block b, the highest bit of a word and in the next word what the hash makes of it. */
  function identifier(i: number): Uint8Array {
    const bytes = new Uint8Array(96).fill(0x61);
    for (let block = 0; block < 12; block++) {
      if (((i >> block) & 1) === 0) continue;
      for (const [at, flip] of [
        [0, 0x80],
        [4, 0x80],
        [5, 0x01],
      ] as const) {
        bytes[8 * block + at]! ^= flip;
      }
    }
    return bytes;
  }
  const rows = 4096;
  const shape = { columns: 1, values: [], rowsMax: rows };
  const table = (identifiers: Uint8Array[]): Table => {
    return { rows: identifiers.length, columns: [pack(identifiers)], values: [] };
  };

  it('is accepted, and refused with one identifier twice', () => {
    const rng = seededRng('one key');
    const identifiers = Array.from({ length: rows }, (_, i) => identifier(i));
    expect(validateTable(table(identifiers), shape, rng).rows).toBe(rows);
    identifiers[rows - 1] = identifier(7);
    expect(() => validateTable(table(identifiers), shape, rng)).toThrowCode('ERR_MATCH_OWN_TABLE');
  });
});
