/**
 * kill -9 at points of the committed list test/fixtures/ledger/points.json: before and after every write, fsync, link,
 * rename, removal, send and receive of a charge, on either side. Here every tenth point; the slow test takes them all.
 * Needs the compiled tests in dist/ (npx tsc -b).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { seededRng } from '../support/test-rng.ts';
import { killAndRecover } from './kill-cases.ts';
import { killedCharge, newPair } from './kill-support.ts';
import { organisations } from './world.ts';

const POINTS = fileURLToPath(new URL('../fixtures/ledger/points.json', import.meta.url));
const at = organisations(seededRng('kill'), 3);

/** The order of the file operations is fixed; where messages of the peer come in between is not. */
function sorted(points: readonly string[]): string[] {
  return [...points].sort();
}

describe('the points of a charge', () => {
  it('are those of the committed list, on both sides', async () => {
    const pair = await newPair(at);
    try {
      const { points, settled } = await killedCharge(at, pair, 'a', 0);
      expect(settled).toEqual({ a: true, b: true });
      if (process.env['FREEZE'] === '1')
        writeFileSync(POINTS, `${JSON.stringify(sorted(points.a), null, 2)}\n`);
      const committed = JSON.parse(readFileSync(POINTS, 'utf8')) as readonly string[];
      expect(sorted(points.a)).toEqual(committed);
      expect(sorted(points.b)).toEqual(committed);
    } finally {
      pair.remove();
    }
  });
});

const count = (JSON.parse(readFileSync(POINTS, 'utf8')) as readonly string[]).length;
const sample = Array.from({ length: count }, (_, i) => i + 1);

describe('killed at point', () => {
  it.each(sample.filter((k) => k % 10 === 5))(
    '%i of a: nothing is lost and nobody is locked out',
    (k) => killAndRecover(at, 'a', k),
  );
  it.each(sample.filter((k) => k % 20 === 0))('%i of b: the same', (k) =>
    killAndRecover(at, 'b', k),
  );
});
