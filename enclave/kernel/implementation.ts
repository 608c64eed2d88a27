/**
 * The arithmetic of one thread, by level: what a kernel's threads run on ranges of a batch. A source names a level and
 * crosses thread boundaries with each job; every thread loads it for itself. A new level is one more kind of source
 * here and one more entry in open.ts.
 * @module
 */
import { nativeImplementation } from './native.ts';
import { nodeImplementation } from './node-implementation.ts';
import { wasmImplementation, type WasmVariant } from './wasm.ts';

/**
 * Computes records `from` .. `to - 1` of a batch into the same places of `out` (32 bytes each), in memory that threads
 * may share. Repeats nothing of what the kernel checked unless it costs nothing: scalars are clamped, offsets ascend.
 */
export interface Implementation {
  /** Message i is `messages.subarray(offsets[i], offsets[i + 1])`. */
  hashRange(
    messages: Uint8Array,
    offsets: Uint32Array,
    from: number,
    to: number,
    out: Uint8Array,
  ): void;
  /** ERR_MATCH_POINT for a point of low order. */
  multiplyRange(
    scalar: Uint8Array,
    points: Uint8Array,
    from: number,
    to: number,
    out: Uint8Array,
  ): void;
}

export type Source =
  | { readonly kind: 'node'; readonly name: 'node-x25519' }
  | { readonly kind: 'wasm'; readonly name: WasmVariant }
  /** One back end of the compiled addon, which `addon` locates (a file URL). */
  | { readonly kind: 'native'; readonly name: string; readonly addon: string };

/** node:crypto, which every installation has. */
export const NODE_SOURCE: Source = { kind: 'node', name: 'node-x25519' };

/** The WebAssembly module of src/group/wasm, which every thread emits and compiles for itself. */
export const WASM_FMA_SOURCE: Source = { kind: 'wasm', name: 'wasm-fma' };
export const WASM_SCALAR_SOURCE: Source = { kind: 'wasm', name: 'wasm-scalar' };

/** ERR_INTERNAL if this thread cannot load it. */
export function loadImplementation(source: Source): Implementation {
  switch (source.kind) {
    case 'node':
      return nodeImplementation();
    case 'wasm':
      return wasmImplementation(source.name);
    case 'native':
      return nativeImplementation(source.addon, source.name);
  }
}
