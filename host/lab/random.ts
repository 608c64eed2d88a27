/**
 * Randomness of simulations: fast, seeded, in no way secret. Nothing that a run releases comes from here; attacks take
 * a {@link Random} as an argument, so that the same seed gives the same report.
 * @module
 */
import { createHash } from 'node:crypto';

/** Uniform in [0, 1), 53 bits. */
export type Random = () => number;

/** Small Fast Counter (sfc32, Doty-Humphrey), started from SHA-256 of the seed. */
export function seededRandom(seed: string): Random {
  const state = new Uint32Array(4);
  const digest = createHash('sha256').update(seed).digest();
  for (let i = 0; i < 4; i++) state[i] = digest.readUInt32LE(4 * i);
  let [a = 0, b = 0, c = 0, counter = 0] = state;
  const word = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 16; i++) word();
  return () => ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) / 2 ** 53;
}

/** Uniform in 0..bound-1. */
export function below(random: Random, bound: number): number {
  return Math.floor(random() * bound);
}

/** 0..n-1 in random order (Fisher-Yates). */
export function shuffled(random: Random, n: number): Uint32Array {
  const out = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = below(random, i + 1);
    const swap = out[i] ?? 0;
    out[i] = out[j] ?? 0;
    out[j] = swap;
  }
  return out;
}
