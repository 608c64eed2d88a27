/**
 * The ledger's file operations with a point before and after each: named, counted, and able to end the process there.
 * @module
 */
import { basename, dirname } from 'node:path';
import { diskFiles, type LedgerFiles } from '../../host/ledger/files.ts';

/** Names without process ids and keys, so that the list of points is the same every time. */
function nameOf(path: string): string {
  const name = basename(path)
    .replace(/^lock-.*$/, 'lock-own')
    .replace(/^[0-9]+-[0-9]+$/, 'temporary')
    .replace(/^[0-9a-f]{64}\.[0-9a-f]{32}$/, 'peer');
  const folder = basename(dirname(path));
  return ['records', 'evidence', 'peers', 'tmp'].includes(folder) ? `${folder}/${name}` : name;
}

/** Writes, fsyncs, links, renames and removals; reading and listing change nothing and have no point. */
export function watchedFiles(point: (name: string) => void): LedgerFiles {
  const around = (name: string, action: () => void): void => {
    point(`before ${name}`);
    action();
    point(`after ${name}`);
  };
  return {
    ...diskFiles,
    makeFolder: (path) => {
      diskFiles.makeFolder(path);
    },
    write: (path, bytes) => around(`write ${nameOf(path)}`, () => diskFiles.write(path, bytes)),
    sync: (path) => around(`fsync ${nameOf(path)}`, () => diskFiles.sync(path)),
    link: (from, to) => around(`link ${nameOf(to)}`, () => diskFiles.link(from, to)),
    rename: (from, to) => around(`rename ${nameOf(to)}`, () => diskFiles.rename(from, to)),
    remove: (path) => around(`remove ${nameOf(path)}`, () => diskFiles.remove(path)),
  };
}
