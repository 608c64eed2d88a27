/**
 * The file operations of the log: those of the ledger, and appending. As a capability, so that tests can end the
 * process before and after each of them, or fill the disk.
 * @module
 */
import { closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { diskFiles, type LedgerFiles } from '../ledger/files.ts';

export interface LogFiles extends LedgerFiles {
  /** Adds bytes at the end of a file, which is made with mode 0600; not durable before {@link LedgerFiles.sync}. */
  append(path: string, bytes: Uint8Array): void;
  truncate(path: string, size: number): void;
}

export const logFiles: LogFiles = {
  ...diskFiles,
  append: (path, bytes) => {
    const file = openSync(path, 'a', 0o600);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    } finally {
      closeSync(file);
    }
  },
  truncate: truncateSync,
};

let temporaries = 0;

/** Replaces a small file in one step: a durable temporary file is renamed over it. */
export function replaceFile(
  files: LogFiles,
  folder: string,
  path: string,
  bytes: Uint8Array,
): void {
  const waiting = join(folder, 'tmp');
  files.makeFolder(waiting);
  files.makeFolder(dirname(path));
  temporaries += 1;
  const temporary = join(waiting, `${process.pid}-${temporaries}`);
  if (files.read(temporary) !== undefined) files.remove(temporary);
  files.write(temporary, bytes);
  files.sync(temporary);
  files.rename(temporary, path);
  files.sync(dirname(path));
}
