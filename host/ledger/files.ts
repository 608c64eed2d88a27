/**
 * The few file operations of the ledger, as a capability, so that tests can end the process before and after each of
 * them (docs/ledger.md sections 5 and 6). All are synchronous: one operation is done, or the process is gone.
 * @module
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

export interface LedgerFiles {
  /** Names in a folder; none when it does not exist. */
  list(folder: string): readonly string[];
  /** The whole file, or undefined when it does not exist. */
  read(path: string): Uint8Array | undefined;
  makeFolder(path: string): void;
  /** Creates a file with mode 0600; throws EEXIST. */
  write(path: string, bytes: Uint8Array): void;
  /** fsync of a file or folder. */
  sync(path: string): void;
  /** Gives a file a second name; throws EEXIST, so it is the compare and swap of the ledger. */
  link(from: string, to: string): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

export function isCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}

function orMissing<T>(missing: T, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return missing;
    throw error;
  }
}

export const diskFiles: LedgerFiles = {
  list: (folder) => orMissing<readonly string[]>([], () => readdirSync(folder).sort()),
  read: (path) =>
    orMissing<Uint8Array | undefined>(undefined, () => new Uint8Array(readFileSync(path))),
  makeFolder: (path) => mkdirSync(path, { recursive: true, mode: 0o700 }),
  write: (path, bytes) => {
    const file = openSync(path, 'wx', 0o600);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    } finally {
      closeSync(file);
    }
  },
  sync: (path) => {
    const file = openSync(path, 'r');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  },
  link: linkSync,
  rename: renameSync,
  remove: unlinkSync,
};
