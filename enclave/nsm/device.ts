/**
 * The security module of the hardware: /dev/nsm, by way of the addon beside this file (device.c), which is part of the
 * image only. Without the device, without the addon, and without an answer in time there is no module (ERR_NSM), and so
 * no randomness, no evidence and no enclave.
 * @module
 */
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { DpcaError } from '../../src/errors.ts';
import type { NsmPort } from './nsm.ts';

const DEVICE = '/dev/nsm';
/** A document takes milliseconds; the driver itself would wait for two minutes. */
const CALL_DEADLINE_MS = 10_000;

interface Addon {
  call(fd: number, request: Uint8Array): Promise<ArrayBuffer>;
}

export interface NsmDevice extends NsmPort {
  close(): void;
}

/** Opens the device (ERR_NSM). @param addon the compiled device.c; by default nsm.node beside this compiled file */
export function openNsmDevice(
  path: string = DEVICE,
  addon: URL = new URL('./nsm.node', import.meta.url),
): NsmDevice {
  let native: Addon;
  let fd: number;
  try {
    native = createRequire(import.meta.url)(fileURLToPath(addon)) as Addon;
    fd = openSync(path, 'r+');
  } catch (cause) {
    throw new DpcaError('ERR_NSM', `NSM: ${path} cannot be used`, { cause });
  }
  return {
    async call(request) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        const refuse = (): void => reject(new DpcaError('ERR_NSM', 'NSM: no answer in time'));
        timer = setTimeout(refuse, CALL_DEADLINE_MS);
      });
      try {
        return new Uint8Array(await Promise.race([native.call(fd, request), late]));
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => closeSync(fd),
  };
}
