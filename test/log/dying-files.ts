/**
 * The log's file operations on a real disk, with an end: at its k-th point the process is taken for dead, and nothing
 * that it does afterwards reaches the disk. Points lie before and after every operation, and within every append.
 * @module
 */
import { type LogFiles, logFiles } from '../../host/log/files.ts';

export class Dead extends Error {}

/** The real operations, with `point` before, within (appends, after the first and before the last byte) and after each. */
export function steppedFiles(point: () => void): LogFiles {
  const around = (action: () => void): void => {
    point();
    action();
    point();
  };
  return {
    ...logFiles,
    makeFolder: (path) => around(() => logFiles.makeFolder(path)),
    write: (path, bytes) => around(() => logFiles.write(path, bytes)),
    sync: (path) => around(() => logFiles.sync(path)),
    link: (from, to) => around(() => logFiles.link(from, to)),
    rename: (from, to) => around(() => logFiles.rename(from, to)),
    remove: (path) => around(() => logFiles.remove(path)),
    truncate: (path, size) => around(() => logFiles.truncate(path, size)),
    append: (path, bytes) =>
      around(() => {
        for (const part of [bytes.subarray(0, 1), bytes.subarray(1, -1), bytes.subarray(-1)]) {
          logFiles.append(path, part);
          point();
        }
      }),
  };
}

/** @param killAt the point, from 1; 0 for none */
export function dyingFiles(killAt: number): {
  readonly files: LogFiles;
  readonly points: () => number;
} {
  let points = 0;
  let dead = false;
  const files = steppedFiles(() => {
    if (dead) throw new Dead('dead');
    points += 1;
    if (points !== killAt) return;
    dead = true;
    throw new Dead('dead');
  });
  return { files, points: () => points };
}

/** A disk that takes `bytes` more bytes of appends and then no more. */
export function fullFiles(bytes: number): LogFiles {
  let left = bytes;
  return {
    ...logFiles,
    append: (path, data) => {
      const taken = data.subarray(0, left);
      logFiles.append(path, taken);
      left -= taken.length;
      if (taken.length < data.length) {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      }
    },
  };
}
