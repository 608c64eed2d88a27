/**
 * The choice of a kernel: the fastest level that this installation and processor have and that passes the known-answer
 * test, of the native back ends, WebAssembly with FMA, node:crypto and WebAssembly without (docs/kernels.md). Which
 * level it is changes no result, so the choice may be steered; no option skips a test.
 * @module
 */
import { DpcaError } from '../../src/errors.ts';
import type { Kernel } from '../../src/group/kernel.ts';
import { nobleKernel } from '../../src/group/noble-kernel.ts';
import { NODE_SOURCE, WASM_FMA_SOURCE, WASM_SCALAR_SOURCE, type Source } from './implementation.ts';
import { ADDON, nativeNames } from './native.ts';
import { openTested } from './node-kernel.ts';
import type { KernelOptions } from './segmented-kernel.ts';

export interface OpenOptions extends KernelOptions {
  /** The level to try first, for tests and benchmarks; the others follow in their order. */
  readonly prefer?: string;
  /** The compiled addon; by default where `npm run build:native` puts it. */
  readonly addon?: URL;
}

export interface Skipped {
  readonly level: string;
  readonly reason: string;
  /** It is there and does not work, which somebody should look at; else it is only absent. */
  readonly failed: boolean;
}

export interface OpenedKernel extends Kernel {
  /** The levels above the chosen one, and why they were not chosen. */
  readonly skipped: readonly Skipped[];
  /** Ends the workers. Batches in flight, and later ones, are rejected (ERR_KERNEL_LOST). */
  close(): Promise<void>;
}

export function failure(level: string, error: unknown): Skipped {
  return { level, reason: error instanceof Error ? error.message : 'unknown', failed: true };
}

/** The levels of this installation and processor, fastest first, and why others are not among them. */
export function findSources(addon: URL): { sources: Source[]; skipped: Skipped[] } {
  const sources: Source[] = [];
  const skipped: Skipped[] = [];
  try {
    const names = nativeNames(addon);
    if (names === undefined) {
      const reason = 'not built (npm run build:native)';
      skipped.push({ level: 'native', reason, failed: false });
    }
    for (const name of names ?? []) sources.push({ kind: 'native', name, addon: addon.href });
  } catch (error) {
    skipped.push(failure('native', error));
  }
  sources.push(WASM_FMA_SOURCE, NODE_SOURCE, WASM_SCALAR_SOURCE);
  return { sources, skipped };
}

/**
 * Starts the fastest kernel that passes its known-answer test. Each level is compared with node:crypto, which is
 * itself compared with noble. Rejects with ERR_KERNEL_SELFTEST when no level passes.
 */
export async function openKernel(options: OpenOptions): Promise<OpenedKernel> {
  const { prefer, addon = ADDON, ...kernelOptions } = options;
  const { sources, skipped } = findSources(addon);
  sources.sort((a, b) => Number(b.name === prefer) - Number(a.name === prefer)); // stable

  const reference = await openTested(NODE_SOURCE, { workers: 0 }).catch(nobleKernel);
  for (const source of sources) {
    try {
      const kernel = await openTested(source, kernelOptions, reference);
      return {
        name: kernel.name,
        skipped,
        hashToGroup: (messages, offsets) => kernel.hashToGroup(messages, offsets),
        multiply: (scalar, points) => kernel.multiply(scalar, points),
        close: () => kernel.close(),
      };
    } catch (error) {
      skipped.push(failure(source.name, error));
    }
  }
  const reasons = skipped.map(({ level, reason }) => `${level}: ${reason}`).join('; ');
  throw new DpcaError('ERR_KERNEL_SELFTEST', `no kernel passed its test (${reasons})`);
}
