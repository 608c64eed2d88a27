/**
 * The root file system of the enclave image: Node, six libraries, the closure of the enclave's entry, its first process,
 * and nothing else: no shell, no package manager, no compiler (docs/image.md section 1). One assembly for every engine.
 * @module
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { CpioEntry } from '../../attestation/image/cpio.ts';
import { utf8 } from '../../src/encoding.ts';
import { DpcaError, orCode } from '../../src/errors.ts';
import { ENCLAVE_ENTRY, ENCLAVE_NODE_OPTIONS, importClosure } from './closure.ts';

const APPLICATION = 'app';
const NODE = 'usr/bin/node';
export const INIT = 'init';
const LOADER = 'lib64/ld-linux-x86-64.so.2';
/** Where Debian's loader looks by itself. */
const LIBRARY_FOLDER = 'lib/x86_64-linux-gnu';
const LIBRARIES = [
  'libc.so.6',
  'libdl.so.2',
  'libgcc_s.so.1',
  'libm.so.6',
  'libpthread.so.0',
  'libstdc++.so.6',
];
/** vsock ports of the enclave, on which its relay listens for the own host. */
export const PORTS = { control: 7001, peer: 7002 } as const;
const SOCKETS = '/run/dpca';
/** Arguments of the first process (enclave/init/init.c): routes of its relay, then the command. */
export const INIT_ARGUMENTS: readonly string[] = [
  ...[`vsock:${PORTS.control}`, `unix:${SOCKETS}/control.sock`],
  ...[`vsock:${PORTS.peer}`, `unix:${SOCKETS}/peer.sock`],
  // cbor-x would load a prebuilt addon if it found one; the image has none, and nothing is to look for it
  ...['--', 'CBOR_NATIVE_ACCELERATION_DISABLED=true'],
  ...[
    `/${NODE}`,
    ...ENCLAVE_NODE_OPTIONS,
    `/${APPLICATION}/${ENCLAVE_ENTRY}`,
    '--sockets',
    SOCKETS,
  ],
];
/** Files that no package brings. */
const TEXTS: Readonly<Record<string, string>> = {
  [`${APPLICATION}/package.json`]: '{"type":"module"}\n',
  'etc/dpca-init': `${INIT_ARGUMENTS.join('\n')}\n`,
  'etc/hosts': '127.0.0.1 localhost\n::1 localhost\n',
  'etc/passwd': 'root:x:0:0:root:/:/nonexistent\nenclave:x:1000:1000:enclave:/:/nonexistent\n',
};
const MOUNT_POINTS = ['dev', 'proc', 'run', 'sys', 'tmp'];

/** Files of the image besides the application's: paths in the image. */
const SYSTEM_FILES: readonly string[] = [
  ...[...Object.keys(TEXTS), INIT, NODE, LOADER],
  ...LIBRARIES.map((name) => `${LIBRARY_FOLDER}/${name}`),
];

/** Every file of the image built from `project`, as paths in the image, sorted. */
export function imageFiles(project: string): readonly string[] {
  const application = importClosure(project).map((path) => `${APPLICATION}/${path}`);
  return [...application, ...SYSTEM_FILES].sort();
}

export interface RootSources {
  /** Folder of the built project. */
  readonly project: string;
  /** The node binary of the image. */
  readonly node: string;
  /** The static first process (enclave/init/build.mjs). */
  readonly init: string;
}

/** Absolute paths of the libraries that a binary needs, by name, as the loader of this machine finds them. */
function librariesOf(binary: string): ReadonlyMap<string, string> {
  const listed = orCode('ERR_IMAGE_TOOL', `ldd ${binary} failed`, () =>
    execFileSync('ldd', [binary], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const found = new Map<string, string>();
  for (const [, path = ''] of listed.matchAll(/(\/\S+) \(0x[0-9a-f]+\)/g)) {
    found.set(basename(path), path);
  }
  return found;
}

function read(path: string): Uint8Array {
  return orCode('ERR_IMAGE_ROOT', `${path} cannot be read: build it first`, () =>
    readFileSync(path),
  );
}

/** Adds the directories above the entries, and the empty ones that the kernel's file systems are mounted on. */
function withDirectories(files: readonly CpioEntry[]): readonly CpioEntry[] {
  const directories = new Set(MOUNT_POINTS);
  for (const { path } of files) {
    for (let at = dirname(path); at !== '.'; at = dirname(at)) directories.add(at);
  }
  const content = new Uint8Array(0);
  return [
    ...[...directories].map((path): CpioEntry => {
      return { path, kind: 'directory', mode: path === 'tmp' ? 0o1777 : 0o755, content };
    }),
    ...files,
  ];
}

/**
 * The root in memory (about 130 MB). ERR_IMAGE_ROOT for what was not built, ERR_IMAGE_CLOSURE when a binary needs a
 * library that is not in the list, ERR_IMAGE_TOOL without ldd.
 */
export function assembleRoot({ project, node, init }: RootSources): readonly CpioEntry[] {
  const libraries = new Map(librariesOf(node));
  const contents = new Map<string, Uint8Array>();
  for (const path of importClosure(project)) {
    contents.set(`${APPLICATION}/${path}`, read(join(project, path)));
    if (!path.endsWith('.node')) continue;
    for (const [name, found] of librariesOf(join(project, path))) libraries.set(name, found);
  }
  for (const [name, path] of libraries) {
    const isLoader = name === basename(LOADER);
    if (!isLoader && !LIBRARIES.includes(name)) {
      throw new DpcaError(
        'ERR_IMAGE_CLOSURE',
        `expected no other libraries than Node's, got ${name}`,
      );
    }
    contents.set(isLoader ? LOADER : `${LIBRARY_FOLDER}/${name}`, read(path));
  }
  for (const [path, text] of Object.entries(TEXTS)) contents.set(path, utf8(text));
  contents.set(INIT, read(init));
  contents.set(NODE, read(node));
  const isProgram = (path: string): boolean => [INIT, NODE, LOADER].includes(path);
  return withDirectories(
    [...contents].map(([path, content]) => {
      return { path, kind: 'file', mode: isProgram(path) ? 0o755 : 0o644, content };
    }),
  );
}

/** Writes a root to a new folder, for a container engine to copy (ERR_IMAGE_ROOT if the folder exists). */
export function writeRoot(entries: readonly CpioEntry[], folder: string): void {
  orCode('ERR_IMAGE_ROOT', `${folder}: expected a folder that can be made`, () =>
    mkdirSync(folder, { mode: 0o755 }),
  );
  for (const { path, kind, mode, content } of entries) {
    const target = join(folder, path);
    mkdirSync(kind === 'directory' ? target : dirname(target), { recursive: true });
    if (kind === 'file') writeFileSync(target, content);
    chmodSync(target, mode);
  }
}

/**
 * Reads a root from a folder, whatever its umask, owner and times were: files are 0755 if anybody may execute them and
 * else 0644, directories 0755, /tmp 1777. ERR_IMAGE_ROOT for anything but files, directories and links.
 */
export function readRoot(folder: string): readonly CpioEntry[] {
  const found = orCode('ERR_IMAGE_ROOT', `${folder}: expected a folder`, () =>
    readdirSync(folder, { recursive: true, withFileTypes: true }),
  );
  return found.map((entry): CpioEntry => {
    const from = join(entry.parentPath, entry.name);
    const path = relative(folder, from).split(sep).join('/');
    if (entry.isDirectory()) {
      const mode = path === 'tmp' ? 0o1777 : 0o755;
      return { path, kind: 'directory', mode, content: new Uint8Array(0) };
    }
    if (entry.isSymbolicLink()) {
      return { path, kind: 'link', mode: 0o777, content: utf8(readlinkSync(from)) };
    }
    if (!entry.isFile()) {
      throw new DpcaError('ERR_IMAGE_ROOT', `${path}: expected a file, directory or link`);
    }
    const mode = (statSync(from).mode & 0o111) === 0 ? 0o644 : 0o755;
    return { path, kind: 'file', mode, content: read(from) };
  });
}

/**
 * The two trees of an image: what the kernel starts (PCR0, PCR1), and everything else (PCR0, PCR2), unpacked over it.
 * ERR_IMAGE_ROOT without an init program.
 */
export function bootAndRoot(
  entries: readonly CpioEntry[],
): readonly [readonly CpioEntry[], readonly CpioEntry[]] {
  const init = entries.find(({ path, kind }) => path === INIT && kind === 'file');
  if (init === undefined) throw new DpcaError('ERR_IMAGE_ROOT', 'expected a file /init');
  const isMountPoint = ({ path }: CpioEntry): boolean => path === 'dev' || path === 'proc';
  return [[init, ...entries.filter(isMountPoint)], entries.filter((entry) => entry !== init)];
}
