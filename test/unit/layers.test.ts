/**
 * The arrows of README.md: who may import what. Project references refuse most of it at compile time; this
 * test also holds packages to the files that may use them, and fails if it has seen too few files.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'),
    )
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  // statements start a line; `[^;'"]` keeps one from running into the next
  const specifiers = [
    ...text.matchAll(/^(?:import|export)\b[^;'"]*?\bfrom\s*'([^']+)'/gm),
    ...text.matchAll(/^import\s*'([^']+)'/gm),
    ...text.matchAll(/\bimport\(\s*'([^']+)'/g),
  ].map((match) => match[1]!);
  return specifiers.map((specifier) =>
    specifier.startsWith('.') ? relative(root, resolve(root, dirname(file), specifier)) : specifier,
  );
}

/** Packages and folders that each folder may import. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  src: ['src/', '@noble/'],
  attestation: [
    'attestation/',
    'src/',
    '@noble/',
    'cbor-x',
    '@peculiar/x509',
    'reflect-metadata',
    'jose',
  ],
  enclave: ['enclave/', 'attestation/', 'src/', '@noble/', 'node:'],
  host: [
    ...['host/', 'attestation/', 'src/', '@noble/', 'node:', 'examples/'],
    ...['ws', 'commander', 'pino', 'pino-pretty', '@clack/prompts', 'ajv', 'csv-parse'],
    ...['hyparquet', 'hyparquet-compressors', 'libphonenumber-js'],
  ],
};
const LEAST_FILES: Readonly<Record<string, number>> = {
  src: 40,
  attestation: 15,
  enclave: 12,
  host: 40,
};

/** Inside src: each folder sees the files of src itself and the folders left of it in its row. */
const CORE: Readonly<Record<string, readonly string[]>> = {
  wire: ['wire'],
  group: ['group'],
  dp: ['dp'],
  mpc: ['mpc'],
  statistics: ['statistics', 'mpc', 'dp'],
  matching: ['matching', 'wire', 'group', 'dp'],
  session: ['session', 'wire'],
  run: ['run', 'statistics', 'matching', 'wire', 'group', 'mpc', 'dp'],
};

function allowed(specifier: string, list: readonly string[]): boolean {
  return list.some((entry) =>
    entry.endsWith('/') || entry.endsWith(':')
      ? specifier.startsWith(entry)
      : specifier === entry || specifier.startsWith(`${entry}/`),
  );
}

describe('layers', () => {
  it.each(Object.keys(ALLOWED))('%s imports only what it may', (folder) => {
    const files = filesIn(folder);
    expect(files.length).toBeGreaterThanOrEqual(LEAST_FILES[folder]!);
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => !allowed(specifier, ALLOWED[folder]!))
        .map((specifier) => `${file} -> ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('the folders of src see only what lies below them', () => {
    let seen = 0;
    const wrong = filesIn('src').flatMap((file) => {
      const [, folder = ''] = file.split('/');
      const below = CORE[folder];
      if (file.split('/').length < 3) return [];
      seen += 1;
      if (below === undefined) return [`${file}: folder ${folder} has no place in the layers`];
      return importsOf(file)
        .filter((specifier) => specifier.split('/').length > 2 && specifier.startsWith('src/'))
        .filter((specifier) => !below.includes(specifier.split('/')[1]!))
        .map((specifier) => `${file} -> ${specifier}`);
    });
    expect(seen).toBeGreaterThan(30);
    expect(wrong).toEqual([]);
  });

  it('the root files of src import no folder of it', () => {
    const rootFiles = filesIn('src').filter((file) => file.split('/').length === 2);
    expect(rootFiles.length).toBeGreaterThanOrEqual(6);
    const wrong = rootFiles.flatMap((file) =>
      importsOf(file).filter(
        (specifier) => specifier.split('/').length > 2 && specifier.startsWith('src/'),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it.each(['cbor-x', '@peculiar/x509', 'jose'])('%s stands in exactly one file', (name) => {
    const users = ['src', 'attestation', 'enclave', 'host']
      .flatMap(filesIn)
      .filter((file) => importsOf(file).some((specifier) => allowed(specifier, [name])));
    expect(users).toHaveLength(1);
  });

  it('the simulated security module is linked from one entry only', () => {
    const users = ['src', 'attestation', 'enclave']
      .flatMap(filesIn)
      .filter((file) => importsOf(file).some((specifier) => specifier.includes('simulated')))
      .filter((file) => !file.includes('/simulated') && !file.includes('simulated-nsm'));
    expect(users).toEqual([]);
  });
});
