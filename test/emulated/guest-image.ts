/**
 * Root file systems for guests: this machine's Node with its libraries, the compiled enclave and its packages, and
 * the project's own first process. Level A adds a stock kernel's vsock modules and a simulated root.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CpioEntry, encodeCpio } from '../../attestation/image/cpio.ts';
import { importClosure } from '../../host/image/closure.ts';
import { PORTS } from '../../host/image/root.ts';
import { utf8 } from '../../src/encoding.ts';
import type { StockKernel } from './tools.ts';

export const PROJECT: string = fileURLToPath(new URL('../..', import.meta.url));

/** In the order in which they resolve each other's symbols. */
const VSOCK_MODULES = [
  'drivers/virtio/virtio_ring',
  'drivers/virtio/virtio',
  'drivers/virtio/virtio_pci_modern_dev',
  'drivers/virtio/virtio_pci_legacy_dev',
  'drivers/virtio/virtio_pci',
  'net/vmw_vsock/vsock',
  'net/vmw_vsock/vmw_vsock_virtio_transport_common',
  'net/vmw_vsock/vmw_vsock_virtio_transport',
];

/** Entries by path. */
export type Tree = Map<string, CpioEntry>;

function add(tree: Tree, path: string, content: Uint8Array | string, executable = false): void {
  for (let at = dirname(path); at !== '.'; at = dirname(at)) addFolder(tree, at);
  const bytes = typeof content === 'string' ? utf8(content) : content;
  tree.set(path, { path, kind: 'file', mode: executable ? 0o755 : 0o644, content: bytes });
}

function addFolder(tree: Tree, path: string): void {
  tree.set(path, { path, kind: 'directory', mode: 0o755, content: new Uint8Array(0) });
}

/** Compiles the first process. */
export function buildInit(out: string): string {
  execFileSync(process.execPath, [join(PROJECT, 'enclave/init/build.mjs'), out], { stdio: 'pipe' });
  return out;
}

/** Folders of the packages that `names` need, below `root`. */
function packageFolders(root: string, names: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const visit = (from: string, name: string): void => {
    let at = from;
    while (!existsSync(join(at, 'node_modules', name, 'package.json'))) {
      if (at === root) throw new Error(`${name} is not installed`);
      at = dirname(at);
    }
    const folder = join(at, 'node_modules', name);
    if (found.has(folder)) return;
    found.add(folder);
    const { dependencies = {} } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    ) as {
      dependencies?: Record<string, string>;
    };
    for (const each of Object.keys(dependencies)) visit(folder, each);
  };
  for (const name of names) visit(root, name);
  return [...found];
}

/**
 * A private copy of the compiled enclave and of what the simulated entry loads from packages, as it will lie in the
 * guest and can be measured here. Few files, because the guest reads and hashes them without hardware help.
 */
export function stageApplication(folder: string): void {
  for (const part of ['src', 'attestation', 'enclave']) {
    cpSync(join(PROJECT, 'dist', part), join(folder, 'dist', part), {
      recursive: true,
      filter: (path) => statSync(path).isDirectory() || /\.(js|node|wasm)$/.test(path),
    });
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
  const root = PROJECT.replace(/\/$/, '');
  const loaded = importClosure(root, 'dist/enclave/simulated.js');
  const packages = loaded.filter((path) => path.startsWith('node_modules/'));
  const names = packages.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)![1]!);
  // whoever measures follows every package.json, also to packages of which nothing is loaded
  const described = packageFolders(root, [...new Set(names)]).map((at) =>
    join(at.slice(root.length + 1), 'package.json'),
  );
  for (const path of new Set([...packages, ...described])) {
    cpSync(join(root, path), join(folder, path), { recursive: true, dereference: true });
  }
}

function addFiles(tree: Tree, at: string, folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) addFiles(tree, `${at}/${entry.name}`, path);
    else add(tree, `${at}/${entry.name}`, readFileSync(path));
  }
}

/** Arguments of the first process: the image's routes, and the command. */
export function addArguments(tree: Tree, command: readonly string[]): void {
  const routes = [
    ...[`vsock:${PORTS.control}`, 'unix:/run/dpca/control.sock'],
    ...[`vsock:${PORTS.peer}`, 'unix:/run/dpca/peer.sock'],
  ];
  add(tree, 'etc/dpca-init', [...routes, '--', ...command, ''].join('\n'));
}

/** Node with what it links to, the staged application, and the arguments of the first process. */
export function rootTree(application: string, argv: readonly string[]): Tree {
  const tree: Tree = new Map();
  add(tree, 'usr/bin/node', readFileSync(process.execPath), true);
  const linked = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  for (const [, path = ''] of linked.matchAll(/(\/\S+\.so\S*)/g)) {
    const at = basename(path).startsWith('ld-linux')
      ? path.slice(1)
      : `lib/x86_64-linux-gnu/${basename(path)}`;
    add(tree, at, readFileSync(path), true);
  }
  addFiles(tree, 'app', application);
  const command = ['CBOR_NATIVE_ACCELERATION_DISABLED=true', '/usr/bin/node', ...argv];
  addArguments(tree, command);
  return tree;
}

/** What the kernel starts with: init, and the modules of a stock kernel. */
export function bootTree(init: string, kernel?: StockKernel): Tree {
  const tree: Tree = new Map();
  addFolder(tree, 'dev');
  addFolder(tree, 'proc');
  add(tree, 'init', readFileSync(init), true);
  if (kernel === undefined) return tree;
  for (const name of VSOCK_MODULES) {
    add(tree, `modules/${basename(name)}.ko`, readFileSync(join(kernel.modules, `${name}.ko`)));
  }
  add(tree, 'modules/list', VSOCK_MODULES.map((name) => `${basename(name)}.ko\n`).join(''));
  return tree;
}

/** Ramdisks, one after the other, as the kernel takes them. */
export function writeInitrd(path: string, trees: readonly Tree[]): string {
  writeFileSync(path, Buffer.concat(trees.map((tree) => encodeCpio([...tree.values()]))));
  return path;
}
