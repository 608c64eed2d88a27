/**
 * The WebAssembly levels: the module of src/group/wasm, instantiated once per thread and variant.
 * @module
 */
import { setFlagsFromString } from 'node:v8';
import { WasmArithmetic } from '../../src/group/wasm/arithmetic.ts';
import type { Variant } from '../../src/group/wasm/batch.ts';
import type { Implementation } from './implementation.ts';

export type WasmVariant = Variant;

/** This thread's. Between calls they hold constants only. */
const instances = new Map<WasmVariant, WasmArithmetic>();

/** ERR_INTERNAL where the engine does not know the instructions; a wrong `relaxed_madd` fails the self-test. */
export function wasmImplementation(variant: WasmVariant): Implementation {
  let instance = instances.get(variant);
  if (instance === undefined) {
    // V8 11.3 has relaxed SIMD behind this flag; later ones do not know the flag any more
    if (process.versions.node.startsWith('20.')) {
      setFlagsFromString('--experimental-wasm-relaxed-simd');
    }
    instance = new WasmArithmetic(variant);
    instances.set(variant, instance);
  }
  return instance;
}
