/**
 * Programs that build or run images: container engines, nitro-cli, QEMU.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { DpcaError } from '../../src/errors.ts';

/** Whether a program is on the PATH. */
export function hasTool(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Runs a program to its end and returns its stdout; its stderr, and with `show` also its stdout, go to this process's
 * stderr. ERR_IMAGE_TOOL if it is missing, fails or takes longer than `timeoutMs`.
 */
export function runTool(
  name: string,
  argv: readonly string[],
  { timeoutMs, show = false }: { readonly timeoutMs: number; readonly show?: boolean },
): string {
  const done = spawnSync(name, argv, {
    stdio: ['ignore', show ? 2 : 'pipe', 'inherit'],
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 16 * 1_048_576,
  });
  if (done.error !== undefined) {
    const why =
      'code' in done.error && done.error.code === 'ENOENT' ? 'is not installed' : 'failed';
    throw new DpcaError('ERR_IMAGE_TOOL', `${name} ${why}`, { cause: done.error });
  }
  if (done.status !== 0) {
    const end = done.status === null ? 'a signal' : `status ${done.status}`;
    throw new DpcaError('ERR_IMAGE_TOOL', `${name} ${argv[0] ?? ''} ended with ${end}, see above`);
  }
  return done.stdout;
}
