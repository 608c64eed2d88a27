/**
 * The kernel that needs no native code, on its own: node:crypto in place or on worker threads.
 * @module
 */
import type { Kernel } from '../../src/group/kernel.ts';
import { selfTest } from '../../src/group/self-test.ts';
import { NODE_SOURCE, type Source } from './implementation.ts';
import { SegmentedKernel, type KernelOptions } from './segmented-kernel.ts';

export type NodeKernel = SegmentedKernel;

/** Starts the kernel; resolves after its known-answer test (ERR_KERNEL_SELFTEST). */
export async function openNodeKernel(options: KernelOptions): Promise<NodeKernel> {
  return openTested(NODE_SOURCE, options);
}

/** A kernel over `source` that passed the known-answer test, against `reference` if given (ERR_KERNEL_SELFTEST). */
export async function openTested(
  source: Source,
  options: KernelOptions,
  reference?: Kernel,
): Promise<SegmentedKernel> {
  const kernel = new SegmentedKernel(source, options);
  try {
    await selfTest(kernel, reference);
  } catch (error) {
    await kernel.close();
    throw error;
  }
  return kernel;
}
