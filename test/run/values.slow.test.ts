/**
 * The sweep of values.test.ts over random tables, and more places at which bytes of the protocol are changed. Real base
 * transfers take most of the time: SWEEP=full plays 300 tables and 200 places, which takes eight minutes.
 */
import { describe, expect, it } from 'vitest';
import { DpcaError } from '../../src/errors.ts';
import { figurePairs, randomCase, runValues } from './values-case.ts';

const [TABLES, PLACES] = process.env['SWEEP'] === 'full' ? [300, 200] : [72, 40];
const COUNTS = [0, 1, 8].flatMap((a) => [0, 1, 8].map((b) => ({ a, b })));

describe('runs with values', () => {
  it('give plain arithmetic on the matched rows of random tables once noise is taken off', () => {
    for (let i = 0; i < TABLES; i++) {
      const seed = `sweep ${i}`;
      const run = runValues(seed, randomCase(seed, COUNTS[i % COUNTS.length]!));
      expect(run.result.failures, seed).toEqual({});
      expect(run.result.releases.a, seed).toEqual(run.result.releases.b);
      for (const [got, expected] of figurePairs(run)) expect(got, seed).toEqual(expected);
    }
  });

  it('end in a code, or in equal releases, wherever a byte is changed', () => {
    const given = randomCase('changed', { a: 1, b: 1 });
    const { valuesSent } = runValues('changed', given).result;
    for (let i = 0; i < PLACES; i++) {
      const from = i % 2 === 0 ? 'a' : 'b';
      const place = Math.floor((i * (valuesSent[from] - 1)) / (PLACES - 1));
      const { failures, releases } = runValues('changed', given, {
        tamperValues: (side, bytes, offset) => {
          const at = place - offset;
          if (side === from && at >= 0 && at < bytes.length)
            bytes[at] = bytes[at]! ^ (1 << (i % 8));
        },
      }).result;
      for (const failure of Object.values(failures)) expect(failure).toBeInstanceOf(DpcaError);
      if (Object.keys(failures).length === 0) expect(releases.a).toEqual(releases.b);
      else expect(releases).toEqual({});
    }
  });
});
