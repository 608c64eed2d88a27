/**
 * Files that hold keys and pinned facts: private ones are 0600 and refused when others may read them, and nothing
 * that exists is ever overwritten (docs/threat-model.md, keys are files of the host).
 * @module
 */
import {
  closeSync,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { parseJson, type Json, type JsonObject } from '../../src/json.ts';
import { DpcaError, type ErrorCode } from '../../src/errors.ts';

/** A configuration, key or peer file is a few KiB; more is another kind of file given by mistake. */
const MAX_FILE_BYTES = 1_048_576;

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'permission denied';
  return typeof code === 'string' ? code : 'cannot be read';
}

function read(path: string, check: (mode: number) => void): string {
  let file;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new DpcaError('ERR_CONFIG_FILE', `${path}: ${reason(error)}`);
  }
  try {
    const { mode, size } = fstatSync(file);
    check(mode);
    if (size > MAX_FILE_BYTES) {
      throw new DpcaError('ERR_CONFIG_FILE', `${path}: expected at most 1 MiB, got ${size} bytes`);
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof DpcaError) throw error;
    throw new DpcaError('ERR_CONFIG_FILE', `${path}: ${reason(error)}`);
  } finally {
    closeSync(file);
  }
}

/** Reads a text file that is not secret (ERR_CONFIG_FILE). */
export function readTextFile(path: string): string {
  return read(path, () => undefined);
}

/** Reads a secret file and refuses one that group or others may access (ERR_CONFIG_FILE). */
export function readPrivateFile(path: string): string {
  return read(path, (mode) => {
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      throw new DpcaError(
        'ERR_CONFIG_FILE',
        `${path}: expected a file only its owner can access, got mode ${shown} (chmod 600)`,
      );
    }
  });
}

function create(path: string, text: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: mode === 0o600 ? 0o700 : 0o755 });
  let file;
  try {
    file = openSync(path, 'wx', mode);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new DpcaError('ERR_CONFIG_EXISTS', `${path} exists and is not overwritten`);
    }
    throw new DpcaError('ERR_CONFIG_FILE', `${path}: ${reason(error)}`);
  }
  try {
    // the creation mode is cut by the umask; this one is not
    fchmodSync(file, mode);
    writeFileSync(file, text);
  } finally {
    closeSync(file);
  }
}

/** Creates a file with mode 0600 (ERR_CONFIG_EXISTS). */
export function createPrivateFile(path: string, text: string): void {
  create(path, text, 0o600);
}

/** Creates a file with mode 0644 (ERR_CONFIG_EXISTS). */
export function createPublicFile(path: string, text: string): void {
  create(path, text, 0o644);
}

/** A parsed JSON object; anything else is refused with `code`. */
export function parseObject(text: string, path: string, code: ErrorCode): JsonObject {
  const value = parseJson(text, path);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new DpcaError(code, `${path}: expected a JSON object`);
  }
  return value as JsonObject;
}

/** JSON for people: two-space indent, lists of numbers on one line, one line feed at the end. */
export function prettyJson(value: Json): string {
  const text = JSON.stringify(value, null, 2);
  const compact = text.replace(/\[\n[\d,\s]+\]/g, (list) =>
    list.replace(/\s+/g, '').replaceAll(',', ', '),
  );
  return `${compact}\n`;
}
