/**
 * Walks the files of the simulated enclave and measures them: every .js, .node and .wasm of dist/src, dist/attestation,
 * dist/enclave, and the loadable files of the packages they reach. One changed line of application code changes PCR0 and PCR2.
 * @module
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { measure, type MeasuredFile, type Measurements } from '../../attestation/measurement.ts';
import { DpcaError } from '../../src/errors.ts';

const APPLICATION = ['dist/src', 'dist/attestation', 'dist/enclave'];
/** Packages that src, attestation and enclave import; the rest follows from their package.json files. */
const PACKAGES = [
  '@noble/curves',
  '@noble/hashes',
  '@peculiar/x509',
  'cbor-x',
  'jose',
  'reflect-metadata',
];
/** What Node loads as code or configuration of code. */
const LOADABLE = /\.(js|cjs|mjs|json|node|wasm)$/;
/** The compiled application, with addons and modules if they were built. */
const APPLICATION_CODE = /\.(js|node|wasm)$/;
/** A build without these many files is not the enclave. */
const LEAST_APPLICATION_FILES = 20;

function walk(root: string, folder: string, matches: RegExp, out: MeasuredFile[]): void {
  const entries = readdirSync(folder, { withFileTypes: true });
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules') walk(root, path, matches, out);
    } else if (matches.test(entry.name)) {
      if (!entry.isFile())
        throw new DpcaError('ERR_CONFIG_FILE', 'measured files must be plain files');
      out.push({ path: relative(root, path).split(sep).join('/'), content: readFileSync(path) });
    }
  }
}

/** The folder of a package as Node resolves it from `from`, up to `root`. */
function locate(root: string, from: string, name: string): string {
  for (let at = from; at.startsWith(root); at = dirname(at)) {
    const candidate = join(at, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
  }
  throw new DpcaError('ERR_CONFIG_FILE', `package ${name} is not installed`);
}

/** Folders of the transitive production dependencies; optional ones are never loaded and do not count. */
function dependencyFolders(root: string): ReadonlySet<string> {
  const found = new Set<string>();
  const pending = PACKAGES.map((name) => ({ from: root, name }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const folder = locate(root, next.from, next.name);
    if (found.has(folder)) continue;
    found.add(folder);
    const description: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const { dependencies = {} } = description as {
      readonly dependencies?: Readonly<Record<string, string>>;
    };
    for (const name of Object.keys(dependencies)) pending.push({ from: folder, name });
  }
  return found;
}

/** PCR0, 1, 2 of the simulated enclave built in `root` (the repository's folder); 48 bytes each. */
export function measureSimulated(root: string): Measurements {
  const application: MeasuredFile[] = [];
  for (const folder of APPLICATION) {
    const path = join(root, folder);
    if (!existsSync(path))
      throw new DpcaError('ERR_CONFIG_FILE', `${folder} is missing: build first`);
    walk(root, path, APPLICATION_CODE, application);
  }
  if (application.length < LEAST_APPLICATION_FILES) {
    throw new DpcaError('ERR_CONFIG_FILE', 'the build is incomplete: build first');
  }
  const dependencies: MeasuredFile[] = [];
  for (const folder of dependencyFolders(root)) walk(root, folder, LOADABLE, dependencies);
  return measure(dependencies, application, () => createHash('sha384'));
}
