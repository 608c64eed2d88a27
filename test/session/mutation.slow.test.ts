/**
 * 100,000 randomly changed handshake messages.
 */
import { expect, it, vi } from 'vitest';
import { mutateSessions } from './mutation.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('./memoised-curves.ts')).memoised(original),
);

it('100,000 random changes: a named code each', { timeout: 7_200_000 }, () => {
  const before = process.memoryUsage().heapUsed;
  const codes = mutateSessions(100_000, 'mutation slow');
  expect([...codes.values()].reduce((a, b) => a + b, 0)).toBeGreaterThan(95_000);
  // what is left after 100,000 sessions is garbage and tables, not 100,000 sessions (2 KiB each would be 200 MB)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(150_000_000);
});
