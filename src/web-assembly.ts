/**
 * The only names of the WebAssembly platform that the core uses, declared here because src/ sees no platform types. A
 * module without imports can do no input or output: all it has is its own memory.
 * @module
 */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule) => { readonly exports: unknown };
};

export type WasmModule = object;

/** Grows by whole pages, after which `buffer` is another one. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow: (pages: number) => number;
}
export const PAGE_BYTES = 65_536;

/** Throws a CompileError for an instruction that the engine does not know. */
export function compileModule(bytes: Uint8Array): WasmModule {
  return new WebAssembly.Module(bytes);
}

/** What a new instance of the module exports; the caller knows what it emitted. */
export function instantiateModule(module: WasmModule): unknown {
  return new WebAssembly.Instance(module).exports;
}
