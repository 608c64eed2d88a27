/**
 * What reaches the enclave image: the committed list against the import graph of the compiled entry (`npx tsc -b`
 * first), test-only capabilities absent from it, and the graph walker itself on packages of every form that it knows.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CLOSURE_FILE,
  closureDifference,
  ENCLAVE_ENTRY,
  importClosure,
  parseClosure,
} from '../../host/image/closure.ts';
import { imageFiles, INIT_ARGUMENTS } from '../../host/image/root.ts';

const project = resolve(import.meta.dirname, '../..');
const committed = parseClosure(readFileSync(join(project, CLOSURE_FILE), 'utf8'));
const application = committed.filter((path) => path.startsWith('app/'));

/** Text of a file of the image, as far as it is in the project. */
function text(path: string): string {
  return readFileSync(join(project, path.replace(/^app\//, '')), 'utf8');
}

describe('the closure of the enclave', () => {
  it('is the committed list (dpca image closure > enclave/image-closure.txt)', () => {
    expect(closureDifference(committed, imageFiles(project))).toEqual([]);
  });

  it('is not a list that somebody shortened or padded', () => {
    expect(application.length).toBeGreaterThan(100);
    expect(new Set(committed).size).toBe(committed.length);
    expect([...committed].sort()).toEqual(committed);
    expect(committed).toContain(`app/${ENCLAVE_ENTRY}`);
    expect(committed).toContain('app/dist/enclave/kernel/worker.js');
    expect(committed).toContain('app/dist/attestation/verify.js');
  });

  it('has no shell, no package manager, no compiler, and no more packages than these', () => {
    const outside = committed.filter((path) => !path.startsWith('app/'));
    expect(
      outside.filter(
        (path) => !/^(init|etc\/[a-z-]+|usr\/bin\/node|lib(64)?\/.*\.so\.\d+)$/.test(path),
      ),
    ).toEqual([]);
    const packages = application.flatMap((path) => {
      const [, name] = /^app\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
      return name === undefined ? [] : [name];
    });
    const reviewed = ['@noble/curves', '@noble/hashes', 'cbor-x', 'jose'];
    expect([...new Set(packages)].filter((name) => !reviewed.includes(name))).toEqual([]);
    expect(packages.length).toBeGreaterThan(10);
  });

  it('has no host, no test, no simulation and no recording of draws', () => {
    const forbidden = /^app\/(?!dist\/(src|attestation|enclave)\/|node_modules\/|package\.json$)/;
    expect(application.filter((path) => forbidden.test(path))).toEqual([]);
    const named = /simulat|record-?draws|-draws|replay|mock|fixture|\/test\//i;
    expect(
      application.filter((path) => named.test(path.replace(/^app\/node_modules\/.*/, ''))),
    ).toEqual([]);
  });

  it('names none of the test-only capabilities', () => {
    // found where they belong, so that a renamed symbol does not pass for an absent one
    const symbols: Readonly<Record<string, string>> = {
      SimulatedNsm: 'enclave/nsm/simulated-nsm.ts',
      issueSimulatedChain: 'attestation/simulated/chain.ts',
      parseSimulatedRoot: 'attestation/simulated/chain.ts',
      signDocument: 'attestation/simulated/document.ts',
      recordingRng: 'enclave/simulated-draws.ts',
      'record-draws': 'enclave/simulated.ts',
      measureSimulated: 'enclave/nsm/measure.ts',
    };
    const code = application.filter(
      (path) => /\.(js|cjs|mjs)$/.test(path) && existsSync(join(project, path.slice(4))),
    );
    expect(code.length).toBeGreaterThan(80);
    const all = code.map((path) => [path, text(path)] as const);
    for (const [symbol, home] of Object.entries(symbols)) {
      expect(readFileSync(join(project, home), 'utf8')).toContain(symbol);
      expect(all.filter(([, source]) => source.includes(symbol)).map(([path]) => path)).toEqual([]);
    }
  });

  it('is started as the Dockerfile says, also by another first process', () => {
    const dockerfile = readFileSync(join(project, 'Dockerfile.enclave'), 'utf8');
    const [, entry = ''] = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile) ?? [];
    expect(JSON.parse(entry)).toEqual(['/init', ...INIT_ARGUMENTS]);
    const stages = dockerfile.split(/^FROM /m);
    expect(stages).toHaveLength(3);
    expect(stages[2]).toMatch(/^scratch\nCOPY --from=build \/image\/ \/\n/);
    expect(stages[2]).not.toMatch(/^(RUN|ADD|ENV|USER|SHELL)/m);
    expect(dockerfile).toMatch(/^ARG BASE=\S+@sha256:[0-9a-f]{64}$/m);
  });
});

describe('the import graph', () => {
  let root = '';
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function closureOf(files: Readonly<Record<string, string>>): readonly string[] {
    root = mkdtempSync(join(tmpdir(), 'dpca-graph-'));
    for (const [path, content] of Object.entries({
      'package.json': '{"type":"module"}',
      ...files,
    })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    return importClosure(root, 'main.js');
  }

  it('follows imports of every form, workers and addons, and nothing in comments', () => {
    const found = closureOf({
      'main.js': [
        "import { a } from './a.js';",
        "import * as b from \"./b.js\";import d, { e } from './d.js'; import './side.js';",
        "export * from './f.js';",
        "export { g } from './g.js';",
        "// import './no.js'",
        "/* import('./no.js') */",
        "const text = 'see // http://x'; const h = await import('./h.js');",
        "new Worker(new URL('./worker.js', import.meta.url));",
        "const native = new URL('./native.node', import.meta.url);",
        "import { readFileSync } from 'node:fs'; import 'path';",
      ].join('\n'),
      ...Object.fromEntries(
        ['a', 'b', 'd', 'side', 'f', 'g', 'h', 'worker'].map((name) => [`${name}.js`, '']),
      ),
    });
    const expected = ['a', 'b', 'd', 'f', 'g', 'h', 'main', 'side', 'worker'].map(
      (name) => `${name}.js`,
    );
    expect(found).toEqual([...expected, 'native.node'].sort());
  });

  it('resolves packages as Node does', () => {
    const found = closureOf({
      'main.js':
        "import 'legacy'; import 'mapped/sub'; import 'mapped/star/x.js'; import '@scope/cjs';",
      'node_modules/legacy/package.json': '{"main":"lib"}',
      'node_modules/legacy/lib/index.js': "require('./other'); require('mapped');",
      'node_modules/legacy/lib/other.json': '{}',
      'node_modules/mapped/package.json': JSON.stringify({
        exports: {
          '.': { import: './no.mjs', require: './main.cjs' },
          './sub': { browser: './no.js', node: { import: './sub.mjs' }, default: './no.js' },
          './star/*': './files/*',
        },
      }),
      'node_modules/mapped/main.cjs': '',
      'node_modules/mapped/sub.mjs': "import '../legacy/lib/deep.js'",
      'node_modules/legacy/lib/deep.js': '',
      'node_modules/mapped/files/x.js': '',
      'node_modules/@scope/cjs/package.json': '{}',
      'node_modules/@scope/cjs/index.js': "require('inner')",
      'node_modules/@scope/cjs/node_modules/inner/package.json': '{"exports":"./i.js"}',
      'node_modules/@scope/cjs/node_modules/inner/i.js': '',
    });
    expect(found).toEqual(
      [
        'main.js',
        ...[
          'index.js',
          'package.json',
          'node_modules/inner/i.js',
          'node_modules/inner/package.json',
        ].map((path) => `node_modules/@scope/cjs/${path}`),
        ...['package.json', 'lib/index.js', 'lib/other.json', 'lib/deep.js'].map(
          (path) => `node_modules/legacy/${path}`,
        ),
        ...['package.json', 'main.cjs', 'sub.mjs', 'files/x.js'].map(
          (path) => `node_modules/mapped/${path}`,
        ),
      ].sort(),
    );
  });

  it.each([
    ['a missing file', "import './gone.js'"],
    ['a missing package', "import 'gone'"],
    ['a form that it does not know', "import '#own'"],
    ['what a package does not export', "import 'closed/inside.js'"],
  ])('refuses %s', (_, source) => {
    const files = {
      'main.js': source,
      'node_modules/closed/package.json': '{"exports":"./index.js"}',
      'node_modules/closed/inside.js': '',
    };
    expect(() => closureOf(files)).toThrowCode('ERR_IMAGE_CLOSURE');
  });
});
