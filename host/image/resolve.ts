/**
 * Which file an import or require() reaches: the part of Node's resolution (ECMAScript modules and CommonJS, Node 24
 * documentation) that the enclave's packages use. What it does not know it refuses, so that a closure is never too small.
 * @module
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { DpcaError } from '../../src/errors.ts';

export type ModuleKind = 'import' | 'require';

interface Description {
  readonly type?: string;
  readonly main?: string;
  readonly exports?: unknown;
}

/** A resolved file, and the package.json files that were read on the way. */
export interface Resolved {
  readonly file: string;
  readonly descriptions: readonly string[];
}

function refuse(problem: string): never {
  throw new DpcaError('ERR_IMAGE_CLOSURE', `import graph: ${problem}`);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function describe(folder: string): Description | undefined {
  const path = join(folder, 'package.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Description) : undefined;
}

/** The package.json that says what a .js file is, or undefined above the root. */
export function nearestDescription(file: string, root: string): string | undefined {
  for (let at = dirname(file); at.startsWith(root); at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return join(at, 'package.json');
  }
  return undefined;
}

/** How Node loads a file of these bytes. */
export function kindOf(file: string, root: string): ModuleKind | 'leaf' {
  if (file.endsWith('.mjs')) return 'import';
  if (file.endsWith('.cjs')) return 'require';
  if (!file.endsWith('.js')) return 'leaf';
  const description = nearestDescription(file, root);
  const type = description === undefined ? undefined : describe(dirname(description))?.type;
  return type === 'module' ? 'import' : 'require';
}

/** The target of one entry of an exports map, by the first condition that holds. */
function target(value: unknown, kind: ModuleKind): string | undefined {
  if (typeof value === 'string') return value;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  const conditions = ['node', 'node-addons', 'module-sync', 'default', kind];
  for (const [condition, nested] of Object.entries(value)) {
    if (!conditions.includes(condition)) continue;
    const found = target(nested, kind);
    if (found !== undefined) return found;
  }
  return undefined;
}

function exported(exports: unknown, subpath: string, kind: ModuleKind): string | undefined {
  const isMap =
    exports !== null &&
    typeof exports === 'object' &&
    Object.keys(exports).every((key) => key.startsWith('.'));
  if (!isMap) return subpath === '.' ? target(exports, kind) : undefined;
  const map = exports as Readonly<Record<string, unknown>>;
  if (subpath in map) return target(map[subpath], kind);
  for (const [key, value] of Object.entries(map)) {
    const [before = '', after] = key.split('*');
    if (after === undefined || !subpath.startsWith(before) || !subpath.endsWith(after)) continue;
    const middle = subpath.slice(before.length, subpath.length - after.length);
    return target(value, kind)?.replaceAll('*', middle);
  }
  return undefined;
}

/** CommonJS tries endings; so does an import of a package without exports, for its main file. */
function withEnding(path: string): string {
  const tries = [path, ...['.js', '.json', '.node', '/index.js'].map((ending) => path + ending)];
  return tries.find(isFile) ?? refuse(`${path} does not exist`);
}

/** Resolves `specifier` as `from` would load it; undefined for Node's own modules. ERR_IMAGE_CLOSURE if nothing is there. */
export function resolveModule(
  specifier: string,
  from: string,
  kind: ModuleKind,
): Resolved | undefined {
  if (isBuiltin(specifier)) return undefined;
  if (specifier.startsWith('.')) {
    const path = join(dirname(from), specifier);
    return { file: kind === 'require' ? withEnding(path) : path, descriptions: [] };
  }
  const [, name, rest = ''] = /^((?:@[^/]+\/)?[^@#./][^/]*)(\/.*)?$/.exec(specifier) ?? [];
  if (name === undefined) return refuse(`${from}: ${specifier} is of no known form`);
  for (let at = dirname(from); ; at = dirname(at)) {
    const folder = join(at, 'node_modules', name);
    const description = describe(folder);
    if (description === undefined) {
      if (at === dirname(at)) return refuse(`${from}: ${specifier} is not installed`);
      continue;
    }
    const descriptions = [join(folder, 'package.json')];
    if (description.exports !== undefined) {
      const found = exported(description.exports, `.${rest}`, kind);
      if (found === undefined) return refuse(`${from}: ${specifier} is not exported`);
      return { file: join(folder, found), descriptions };
    }
    const path = join(folder, rest === '' ? (description.main ?? 'index.js') : rest);
    return { file: kind === 'import' && rest !== '' ? path : withEnding(path), descriptions };
  }
}
