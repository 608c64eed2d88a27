/**
 * kill -9 at every point of the committed list, on either side (see kill.test.ts).
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import { seededRng } from '../support/test-rng.ts';
import { killAndRecover } from './kill-cases.ts';
import { organisations } from './world.ts';

const POINTS = fileURLToPath(new URL('../fixtures/ledger/points.json', import.meta.url));
const count = (JSON.parse(readFileSync(POINTS, 'utf8')) as readonly string[]).length;
const at = organisations(seededRng('kill slow'), 3);

describe.each(['a', 'b'] as const)('side %s killed at point', (victim) => {
  it.each(Array.from({ length: count }, (_, i) => i + 1))('%i', (k) =>
    killAndRecover(at, victim, k),
  );
});
