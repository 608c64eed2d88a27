/**
 * Property: both WebAssembly kernels against node:crypto on 100,000 random inputs and against noble on 1,000 extreme
 * ones. Fixed seed.
 */
import { describe, expect, it } from 'vitest';
import { NODE_SOURCE, loadImplementation } from '../../enclave/kernel/implementation.ts';
import { wasmImplementation } from '../../enclave/kernel/wasm.ts';
import { nobleKernel } from '../../src/group/noble-kernel.ts';
import { randomScalar } from '../../src/group/scalars.ts';
import { seededRng } from '../support/test-rng.ts';
import { extremePoints, extremeScalars, randomPoints } from './native-samples.ts';
import { VARIANTS } from './wasm-support.ts';

const RANDOM = 100_000;
const rng = seededRng('wasm slow');
const node = loadImplementation(NODE_SOURCE);

describe('wasm sweep', () => {
  const scalar = randomScalar(rng);
  const points = randomPoints(rng, RANDOM);
  const products = new Uint8Array(points.length);
  node.multiplyRange(scalar, points, 0, RANDOM, products);
  const messages = rng(40 * RANDOM);
  const offsets = new Uint32Array(RANDOM + 1);
  for (let i = 0; i < RANDOM; i++) {
    const length = i % 97 === 0 ? 0 : i % 101 === 0 ? 200 : (7 * i) % 79;
    offsets[i + 1] = Math.min(messages.length, (offsets[i] ?? 0) + length);
  }
  const elements = new Uint8Array(points.length);
  node.hashRange(messages, offsets, 0, RANDOM, elements);
  const extreme = extremePoints().subarray(0, 32 * 1000);

  it.each(VARIANTS)('%s gives the bytes of node:crypto, the core and noble', async (variant) => {
    const own = wasmImplementation(variant);
    const out = new Uint8Array(points.length);
    own.multiplyRange(scalar, points, 0, RANDOM, out);
    expect(Buffer.compare(out, products)).toBe(0);
    own.hashRange(messages, offsets, 0, RANDOM, out);
    expect(Buffer.compare(out, elements)).toBe(0);
    const count = extreme.length / 32;
    expect(count).toBeGreaterThan(900);
    for (const each of [scalar, ...extremeScalars().slice(0, 4)]) {
      const got = new Uint8Array(extreme.length);
      own.multiplyRange(each, extreme, 0, count, got);
      const wanted = await nobleKernel().multiply(each as typeof scalar, extreme);
      expect(Buffer.compare(got, wanted)).toBe(0);
    }
  });
});
