/**
 * 3,000 randomly changed handshake messages, fixed seed; 100,000 in mutation.slow.test.ts.
 */
import { expect, it, vi } from 'vitest';
import { mutateSessions } from './mutation.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('./memoised-curves.ts')).memoised(original),
);

it('3,000 random changes: a named code each', { timeout: 300_000 }, () => {
  const codes = mutateSessions(3_000, 'mutation 1');
  expect(codes.get('ERR_SESSION_DECRYPT')).toBeGreaterThan(300);
  expect(codes.get('ERR_SESSION_NOISE')).toBeGreaterThan(300);
});
