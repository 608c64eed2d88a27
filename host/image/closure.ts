/**
 * The closure of the enclave: every file that its entry reaches by imports, require(), worker and addon URLs. What is
 * not in it does not get into the image, and the committed list (enclave/image-closure.txt) is reviewed as a diff.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { DpcaError } from '../../src/errors.ts';
import { kindOf, nearestDescription, resolveModule, type ModuleKind } from './resolve.ts';

/** The compiled entry of the enclave, relative to the project. */
export const ENCLAVE_ENTRY = 'dist/enclave/main.js';
/**
 * Options of Node for every enclave. A run is short and keeps its data in typed arrays, so objects are few: V8's helper
 * threads, small young generation and frequent marking cost an eighth of the processor time of a run and save none
 * (bench/README.md).
 */
export const ENCLAVE_NODE_OPTIONS: readonly string[] = [
  '--single-threaded',
  '--min-semi-space-size=16',
  '--heap-growing-percent=200',
];
export const CLOSURE_FILE = 'enclave/image-closure.txt';

/** Strings and comments; only the latter are dropped, so that text in them is not taken for imports. */
const TOKENS =
  /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const STATIC_IMPORT =
  /(?:^|[;}\s])(?:import|export)\s*(?:(?:[\w$]+|\*(?:\s*as\s+[\w$]+)?|\{[^{}'"]*\})(?:\s*,\s*(?:\*\s*as\s+[\w$]+|\{[^{}'"]*\}))?\s*from\s*)?(?:"([^"\n]+)"|'([^'\n]+)')/g;
const DYNAMIC_IMPORT = /\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g;
const REQUIRE = /\brequire\(\s*['"]([^'"\n]+)['"]\s*\)/g;
const OWN_URL = /\bnew URL\(\s*['"](\.[^'"\n]*)['"],\s*import\.meta\.url\s*\)/g;

function matches(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? '');
}

/** What a module asks for, and how it asks. */
function requests(file: string, kind: ModuleKind): readonly (readonly [string, ModuleKind])[] {
  const text = readFileSync(file, 'utf8').replace(
    TOKENS,
    (_, literal: string | undefined) => literal ?? ' ',
  );
  const required = matches(text, REQUIRE).map((name) => [name, 'require'] as const);
  if (kind === 'require') return required;
  const imported = [STATIC_IMPORT, DYNAMIC_IMPORT, OWN_URL].flatMap((each) => matches(text, each));
  return [...imported.map((name) => [name, 'import'] as const), ...required];
}

/**
 * Files that `entry` reaches, relative to `root` with '/', sorted; `root` is the project. An addon need not have been
 * built to be listed. ERR_IMAGE_CLOSURE for an import that does not resolve.
 */
export function importClosure(root: string, entry: string = ENCLAVE_ENTRY): readonly string[] {
  const found = new Set<string>();
  const pending = [join(root, entry)];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    const kind = kindOf(file, root);
    if (kind === 'leaf') continue;
    // the project's own package.json is not shipped: the image has a minimal one of its own
    const description = nearestDescription(file, root);
    if (description !== undefined && description !== join(root, 'package.json')) {
      found.add(description);
    }
    let asked;
    try {
      asked = requests(file, kind);
    } catch (cause) {
      const path = relative(root, file);
      throw new DpcaError('ERR_IMAGE_CLOSURE', `${path} is missing: build first`, { cause });
    }
    for (const [specifier, how] of asked) {
      const resolved = resolveModule(specifier, file, how);
      if (resolved === undefined) continue;
      pending.push(resolved.file);
      for (const path of resolved.descriptions) found.add(path);
    }
  }
  return [...found].map((file) => relative(root, file).split(sep).join('/')).sort();
}

/** Paths of a closure list: one a line, '#' starts a remark. */
export function parseClosure(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** Files that are in one list only, as `+path` (not expected) and `-path` (missing). */
export function closureDifference(
  expected: readonly string[],
  actual: readonly string[],
): readonly string[] {
  return [
    ...actual.filter((path) => !expected.includes(path)).map((path) => `+${path}`),
    ...expected.filter((path) => !actual.includes(path)).map((path) => `-${path}`),
  ];
}
