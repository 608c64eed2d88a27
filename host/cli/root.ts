/**
 * Where the installed project lies, for files that are read at run time: schemas, examples, the package version.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DpcaError } from '../../src/errors.ts';

/** The folder of package.json above this file, both for the sources and for dist/. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new DpcaError('ERR_INTERNAL', 'package.json not found');
    folder = parent;
  }
  return folder;
}

export function projectVersion(): string {
  const text = readFileSync(join(projectRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
