/**
 * One slice of kernel work, and how far its column is. Counts are of table lengths, which are public, and of rows still
 * unmatched, which follow from masked sizes.
 * @module
 */
import type { Kernel } from '../../src/group/kernel.ts';
import type { RunEffect } from '../../src/run/run.ts';

export type KernelEffect = Extract<RunEffect, { kind: 'hash' | 'multiply' }>;

export async function computeSlice(
  kernel: Kernel,
  effect: KernelEffect,
  onProgress: (done: number, total: number) => void,
): Promise<Uint8Array> {
  if (effect.kind === 'hash') {
    const { bytes, offsets } = effect.messages;
    return kernel.hashToGroup(bytes, offsets);
  }
  const elements = await kernel.multiply(effect.scalar, effect.points);
  onProgress(effect.first + elements.length / 32, effect.total);
  return elements;
}
