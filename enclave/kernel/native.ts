/**
 * The compiled addon (enclave/native, `npm run build:native`): which back ends this processor has, and their use by
 * one thread. The addon is an accelerator only. It lies beside the compiled enclave and is measured with it; it checks
 * every argument itself, keeps no state, and works in place on memory that threads share.
 * @module
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { DpcaError, isErrorCode } from '../../src/errors.ts';
import { suiteDst } from '../../src/group/suite.ts';
import type { Implementation } from './implementation.ts';

/** Where the build puts the addon: beside the compiled enclave. */
export const ADDON: URL = new URL('../native/dpca-kernel.node', import.meta.url);

/** See enclave/native/addon.c. */
export interface NativeAddon {
  names(): readonly string[];
  multiply(
    name: string,
    scalar: Uint8Array,
    points: Uint8Array,
    from: number,
    to: number,
    out: Uint8Array,
  ): void;
  hash(
    name: string,
    dst: Uint8Array,
    messages: Uint8Array,
    offsets: Uint32Array,
    from: number,
    to: number,
    out: Uint8Array,
  ): void;
}

/** Loads the addon, once per thread and file (ERR_INTERNAL if that fails). */
export function loadAddon(addon: string): NativeAddon {
  try {
    return createRequire(import.meta.url)(fileURLToPath(addon)) as NativeAddon;
  } catch (cause) {
    throw new DpcaError('ERR_INTERNAL', 'the native kernel cannot be loaded here', { cause });
  }
}

/** Names of the back ends of this processor, fastest first; undefined if the addon was not built. */
export function nativeNames(addon: URL): readonly string[] | undefined {
  return existsSync(addon) ? loadAddon(addon.href).names() : undefined;
}

export function nativeImplementation(addon: string, name: string): Implementation {
  const native = loadAddon(addon);
  const dst = suiteDst();
  return {
    hashRange: (messages, offsets, from, to, out) =>
      coded(() => native.hash(name, dst, messages, offsets, from, to, out)),
    multiplyRange: (scalar, points, from, to, out) =>
      coded(() => native.multiply(name, scalar, points, from, to, out)),
  };
}

/** The addon's errors carry codes of the project in their `code`. */
function coded(action: () => void): void {
  try {
    action();
  } catch (cause) {
    const { code = '', message } = cause as { readonly code?: string; readonly message: string };
    throw new DpcaError(isErrorCode(code) ? code : 'ERR_INTERNAL', message, { cause });
  }
}
