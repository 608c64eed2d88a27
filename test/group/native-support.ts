/**
 * The native kernel for tests: compiled once per version of its sources and compiler into .cache/, never into dist/,
 * which simulated enclaves measure. Without a Linux C compiler `NATIVE.reason` says so and the tests are skipped.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadAddon, type NativeAddon } from '../../enclave/kernel/native.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SOURCES = join(ROOT, 'enclave/native');

/** Builds with build.mjs (see there for the arguments) unless that was done before; returns the file. */
export function build(name: string, ...args: readonly string[]): string {
  const key = createHash('sha256');
  key.update(execFileSync(process.env['CC'] ?? 'cc', ['--version']));
  for (const file of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).sort()) {
    if (/\.(c|h|mjs)$/.test(file))
      key.update(`${file}\n`).update(readFileSync(join(SOURCES, file)));
  }
  const out = join(ROOT, '.cache/native', key.digest('hex').slice(0, 16), name);
  if (!existsSync(out)) {
    const command = [join(SOURCES, 'build.mjs'), ...args, '--out', out];
    execFileSync(process.execPath, command, { stdio: 'pipe', timeout: 300_000 });
  }
  return out;
}

export interface Native {
  readonly addon: NativeAddon;
  readonly url: URL;
  /** Back ends of this processor. */
  readonly names: readonly string[];
}

function openNative(): Native | { readonly reason: string } {
  try {
    const url = pathToFileURL(build('dpca-kernel.node'));
    const addon = loadAddon(url.href);
    return { addon, url, names: addon.names() };
  } catch (error) {
    // no compiler, or another system; a compiler that refuses the sources is a failure
    const { code, stderr = '' } = error as { code?: string; stderr?: Buffer | string };
    if (code !== 'ENOENT' && !String(stderr).includes('is built for Linux')) throw error;
    const reason = code === 'ENOENT' ? 'no C compiler' : 'not Linux';
    console.warn(`SKIPPED: the native kernel is not tested here (${reason})`);
    return { reason };
  }
}

const opened = openNative();
/** Why there is nothing to test, or undefined. */
export const skipReason: string | undefined = 'reason' in opened ? opened.reason : undefined;
/** Meaningful only without {@link skipReason}. */
export const native: Native = 'reason' in opened ? (undefined as unknown as Native) : opened;
/** Names of the back ends to test, for `describe.each`. */
export const backends: readonly string[] = 'reason' in opened ? [] : opened.names;
