/**
 * Randomness of tests: `realRng` from the platform, `seededRng` reproducible from the seed a test prints.
 * @module
 */
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import type { Rng } from '../../src/rng.ts';

export const realRng: Rng = (n) => new Uint8Array(randomBytes(n));

/** AES-128-CTR keyed by the seed. */
export function seededRng(seed: string | number): Rng {
  const key = createHash('sha256').update(String(seed)).digest().subarray(0, 16);
  const stream = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  return (n) => new Uint8Array(stream.update(Buffer.alloc(n)));
}
