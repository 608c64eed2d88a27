/**
 * The programs and kernels that the emulated boots need, which are no part of the project: prepare.mjs gets them into
 * one folder. What is missing is said by name.
 * @module
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where prepare.mjs puts what it downloads and builds; DPCA_EMULATION names another folder. */
export const CACHE: string = process.env['DPCA_EMULATION'] ?? '/var/cache/dpca-emulation';

/** Level A: a stock kernel with its modules, the stock emulator, no security module. */
export const STOCK_QEMU = '/usr/bin/qemu-system-x86_64';
export const VHOST_VSOCK: string = join(CACHE, 'tools/usr/bin/vhost-device-vsock');
/** Level B: an emulator with the nitro-enclave machine, and the image's own kernel. */
export const NITRO_QEMU: string = join(CACHE, 'qemu-system-x86_64');
export const OWN_KERNEL: string = join(CACHE, 'bzImage');

export interface StockKernel {
  readonly image: string;
  /** Folder of its modules. */
  readonly modules: string;
}

export function stockKernel(): StockKernel | undefined {
  const boot = join(CACHE, 'kernel/boot');
  if (!existsSync(boot)) return undefined;
  const name = readdirSync(boot).find((file) => file.startsWith('vmlinuz-6.1.'));
  if (name === undefined) return undefined;
  const version = name.slice('vmlinuz-'.length);
  return { image: join(boot, name), modules: join(CACHE, 'kernel/lib/modules', version, 'kernel') };
}

const COMPILER = ['/usr/bin/cc', '/usr/local/bin/cc'];
const SHARED = ['/usr/share/qemu', '/usr/share/seabios'];

function absent(paths: readonly string[]): string[] {
  return paths.filter((path) => !existsSync(path));
}

function compiler(): string[] {
  return COMPILER.some((path) => existsSync(path)) ? [] : ['a C compiler (gcc)'];
}

/** Names of what the tests of the relay lack. */
export function missingForRelay(): readonly string[] {
  return [...(process.platform === 'linux' ? [] : ['Linux']), ...compiler()];
}

/** Names of what level A lacks; empty when it can run. */
export function missingForStockGuests(): readonly string[] {
  return [
    ...absent([STOCK_QEMU, VHOST_VSOCK, ...SHARED]),
    ...(stockKernel() === undefined ? ['a stock kernel 6.1 in kernel/'] : []),
    ...compiler(),
  ];
}

/** Names of what level B lacks; empty when it can run. */
export function missingForNitroGuests(): readonly string[] {
  return [...absent([NITRO_QEMU, VHOST_VSOCK, OWN_KERNEL, ...SHARED]), ...compiler()];
}
