/**
 * cpio archives of the "newc" form (Linux, Documentation/driver-api/early-userspace/buffer-format.rst), as ramdisks:
 * one writer whose output depends on paths, permissions and contents only, and one strict reader. Input: hostile.
 * @module
 */
import { concat } from '../../src/bytes.ts';
import { fromUtf8, utf8 } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';

const HEADER_BYTES = 110;
const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';
/** Ramdisks lie one behind the other in memory and each must start on a multiple of four; 512 is the custom. */
const ARCHIVE_ALIGN = 512;
/** PATH_MAX of Linux. */
const MAX_PATH_BYTES = 4_096;

/** Inode types, octal, as in `st_mode`. */
const KINDS = { directory: 0o040000, file: 0o100000, link: 0o120000 } as const;
export type CpioKind = keyof typeof KINDS;

export interface CpioEntry {
  /** Relative, '/' between names, no empty name, '.' or '..'. */
  readonly path: string;
  readonly kind: CpioKind;
  /** Permission bits, 0..0o7777. */
  readonly mode: number;
  /** Of a file its bytes, of a link its target; of a directory nothing. */
  readonly content: Uint8Array;
}

function refuse(problem: string): never {
  throw new DpcaError('ERR_CPIO', `cpio: ${problem}`);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function checkPath(path: string): void {
  const isPlain = path
    .split('/')
    .every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0'));
  if (!isPlain || path === TRAILER) refuse('expected relative paths of plain names');
}

function header(
  inode: number,
  mode: number,
  links: number,
  size: number,
  nameBytes: number,
): Uint8Array {
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, nameBytes, 0];
  const digits = fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0'));
  return utf8(MAGIC + digits.join(''));
}

function padding(length: number, align: number): Uint8Array {
  return new Uint8Array((align - (length % align)) % align);
}

function record(
  inode: number,
  mode: number,
  links: number,
  name: Uint8Array,
  content: Uint8Array,
): readonly Uint8Array[] {
  if (content.length > 0xffffffff) refuse('expected files below 4 GiB');
  return [
    header(inode, mode, links, content.length, name.length + 1),
    ...[name, new Uint8Array(1), padding(HEADER_BYTES + name.length + 1, 4)],
    ...[content, padding(content.length, 4)],
  ];
}

/**
 * The archive of `entries`, in whatever order they come (ERR_CPIO). Sorted by the bytes of the path, which puts parents
 * before children and differs from the order of JavaScript strings above U+FFFF; owner and times are zero.
 */
export function encodeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const sorted = entries
    .map((entry) => ({ ...entry, name: utf8(entry.path) }))
    .sort((a, b) => compareBytes(a.name, b.name));
  const parts: Uint8Array[] = [];
  sorted.forEach(({ path, kind, mode, name, content }, i) => {
    checkPath(path);
    if (path === sorted[i - 1]?.path) refuse('a path appears twice');
    if (kind === 'directory' && content.length > 0) refuse('a directory with contents');
    parts.push(...record(i + 1, KINDS[kind] | mode, kind === 'directory' ? 2 : 1, name, content));
  });
  parts.push(...record(0, 0, 1, utf8(TRAILER), new Uint8Array(0)));
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return concat(...parts, padding(length, ARCHIVE_ALIGN));
}

/** Owner and times of an entry, for comparisons with archives of other writers. */
export interface ForeignFields {
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
}

/**
 * Reads one archive to its end, zeros behind it allowed and nothing else (ERR_CPIO). Device nodes, sockets and hard links
 * are refused; contents alias `archive`.
 */
export function decodeCpio(archive: Uint8Array): readonly (CpioEntry & ForeignFields)[] {
  const entries = new Map<string, CpioEntry & ForeignFields>();
  let at = 0;
  const take = (length: number): Uint8Array => {
    if (length > archive.length - at) refuse('the archive is cut');
    at += length;
    return archive.subarray(at - length, at);
  };
  const skip = (align: number): void => {
    if (take((align - (at % align)) % align).some((byte) => byte !== 0)) {
      refuse('expected zeros as padding');
    }
  };
  for (;;) {
    const head = String.fromCharCode(...take(HEADER_BYTES));
    if (!/^070701[0-9A-Fa-f]{104}$/.test(head)) refuse('expected a newc header');
    const field = (i: number): number => Number.parseInt(head.slice(6 + 8 * i, 14 + 8 * i), 16);
    const [type, mode] = [field(1) & 0o170000, field(1) & 0o7777];
    if (field(11) < 2 || field(11) > MAX_PATH_BYTES) refuse('expected a name');
    const raw = take(field(11));
    if (raw[raw.length - 1] !== 0) refuse('expected a name that ends with NUL');
    const path = fromUtf8(raw.subarray(0, -1));
    skip(4);
    const content = take(field(6));
    skip(4);
    if (path === TRAILER) break;
    checkPath(path);
    const kind = (Object.keys(KINDS) as CpioKind[]).find((name) => KINDS[name] === type);
    if (kind === undefined) refuse(`${path}: expected a file, directory or link`);
    if (kind === 'file' && field(4) !== 1) refuse(`${path}: expected no hard link`);
    if (entries.has(path)) refuse(`${path}: appears twice`);
    entries.set(path, { path, kind, mode, content, uid: field(2), gid: field(3), mtime: field(5) });
  }
  if (archive.subarray(at).some((byte) => byte !== 0)) refuse('bytes follow the archive');
  return [...entries.values()];
}
