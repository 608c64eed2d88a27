/**
 * Kernel work of one column in slices, so that the host can show how far it is. Counts are of table lengths, which are
 * public, and of rows still unmatched, which follow from masked sizes.
 * @module
 */
import { concat } from '../../src/bytes.ts';
import type { Kernel } from '../../src/group/kernel.ts';
import type { RunEffect } from '../../src/run/run.ts';

/** Elements per call: small enough for progress to move, large enough to keep all workers busy. */
const SLICE = 16_384;

export type KernelEffect = Extract<RunEffect, { kind: 'hash' | 'multiply' }>;

/** Resolves to the whole column's result; stops early once `isOver` says that nobody wants it. */
export async function computeColumn(
  kernel: Kernel,
  effect: KernelEffect,
  onProgress: (done: number, total: number) => void,
  isOver: () => boolean,
): Promise<Uint8Array> {
  const total =
    effect.kind === 'hash' ? effect.messages.offsets.length - 1 : effect.points.length / 32;
  const parts: Uint8Array[] = [];
  for (let done = 0; done < total && !isOver(); done += SLICE) {
    const next = Math.min(total, done + SLICE);
    if (effect.kind === 'hash') {
      const { bytes, offsets } = effect.messages;
      const base = offsets[done] ?? 0;
      const slice = offsets.slice(done, next + 1).map((offset) => offset - base);
      parts.push(await kernel.hashToGroup(bytes.subarray(base, offsets[next]), slice));
    } else {
      const points = effect.points.subarray(32 * done, 32 * next);
      parts.push(await kernel.multiply(effect.scalar, points));
    }
    onProgress(next, total);
  }
  return concat(...parts);
}
