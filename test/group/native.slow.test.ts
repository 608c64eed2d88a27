/**
 * Property, constant time and build: every native back end against node:crypto on 100,000 random and 1,000 extreme
 * inputs; the kernel under valgrind with its secrets undefined (the method of ctgrind); the same bytes from two
 * folders. Fixed seeds.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NODE_SOURCE, loadImplementation } from '../../enclave/kernel/implementation.ts';
import { nativeImplementation } from '../../enclave/kernel/native.ts';
import { randomScalar } from '../../src/group/scalars.ts';
import { seededRng } from '../support/test-rng.ts';
import { extremePoints, extremeScalars, randomPoints } from './native-samples.ts';
import { backends, build, native, skipReason } from './native-support.ts';

const RANDOM = 100_000;
const SEED = 'native slow';
const root = resolve(import.meta.dirname, '../..');
const node = loadImplementation(NODE_SOURCE);

describe.skipIf(skipReason !== undefined)(`native sweep (${skipReason ?? 'compiled'})`, () => {
  const rng = seededRng(SEED);
  const scalar = randomScalar(rng);
  const points = randomPoints(rng, RANDOM);
  const products = new Uint8Array(points.length);
  const extreme = extremePoints().subarray(0, 32 * 1000);
  const count = extreme.length / 32;
  const messages = rng(40 * RANDOM);
  const offsets = new Uint32Array(RANDOM + 1);
  const elements = new Uint8Array(points.length);

  beforeAll(() => {
    // lengths 0..78 around 40, with a few long ones, all within `messages`
    for (let i = 0; i < RANDOM; i++) {
      const length = i % 97 === 0 ? 0 : i % 101 === 0 ? 200 : (7 * i) % 79;
      offsets[i + 1] = Math.min(messages.length, (offsets[i] ?? 0) + length);
    }
    node.multiplyRange(scalar, points, 0, RANDOM, products);
    node.hashRange(messages, offsets, 0, RANDOM, elements);
  });

  it.each(backends)('%s gives the bytes of node:crypto and of the core', (name) => {
    const own = nativeImplementation(native.url.href, name);
    const out = new Uint8Array(points.length);
    own.multiplyRange(scalar, points, 0, RANDOM, out);
    expect(Buffer.compare(out, products)).toBe(0);
    own.hashRange(messages, offsets, 0, RANDOM, out);
    expect(Buffer.compare(out, elements)).toBe(0);
    expect(count).toBe(1000);
    for (const each of [scalar, ...extremeScalars().slice(0, 6)]) {
      const got = new Uint8Array(extreme.length);
      const wanted = new Uint8Array(extreme.length);
      own.multiplyRange(each, extreme, 0, count, got);
      node.multiplyRange(each, extreme, 0, count, wanted);
      expect(Buffer.compare(got, wanted)).toBe(0);
    }
  });
});

const valgrind = spawnSync('valgrind', ['--version']).status === 0;
const headers = spawnSync(process.env['CC'] ?? 'cc', ['-xc', '-fsyntax-only', '-'], {
  input: '#include <valgrind/memcheck.h>\n',
}).status;
const noValgrind =
  skipReason ?? (!valgrind ? 'no valgrind' : headers !== 0 ? 'no valgrind headers' : undefined);
if (noValgrind !== undefined) {
  console.warn(`SKIPPED: constant time of the native kernel is not tested here (${noValgrind})`);
}

describe.skipIf(noValgrind !== undefined)(
  `native constant time (${noValgrind ?? 'valgrind'})`,
  () => {
    // valgrind 3.19 knows no AVX-512; the vector text is the same up to the field header (docs/kernels.md)
    const checkable = backends
      .filter((name) => name !== 'native-ifma')
      .map((name) => name.slice(7));
    const run = (backend: string, ...args: string[]): ReturnType<typeof spawnSync> => {
      const program = build(
        `constant-${backend}`,
        '--check',
        'constant-time',
        '--backend',
        backend,
      );
      return spawnSync('valgrind', ['-q', '--error-exitcode=99', program, ...args], {
        encoding: 'utf8',
      });
    };

    it.each(checkable)(
      '%s: no branch and no address depends on a scalar or a message',
      (backend) => {
        const { status, stdout, stderr } = run(backend);
        expect(stderr).toBe('');
        expect(stdout).toBe('done\n');
        expect(status).toBe(0);
      },
    );

    it('would notice a branch and an index', () => {
      expect(run('scalar', 'branch').stderr).toContain(
        'Conditional jump or move depends on uninit',
      );
      expect(run('scalar', 'index').stderr).toContain('Use of uninitialised value');
    });
  },
);

describe.skipIf(noValgrind !== undefined || !backends.includes('native-ifma'))(
  `native-ifma ladder (${noValgrind ?? 'disassembled'})`,
  () => {
    it('compiles to loops over counters, and nothing leads from vectors to branches or addresses', () => {
      const program = build('constant-ifma', '--check', 'constant-time', '--backend', 'ifma');
      const text = execFileSync(
        'objdump',
        ['-d', '--no-show-raw-insn', '--disassemble=curve_ladder', program],
        { encoding: 'utf8' },
      );
      const instructions = text
        .split('\n')
        .flatMap((line) => /^\s+[0-9a-f]+:\t(.*)$/.exec(line)?.[1] ?? []);
      expect(instructions.filter((each) => each.startsWith('vpmadd52')).length).toBeGreaterThan(
        900,
      );
      // lanes reach general registers, flags and addresses only through these
      const leaks =
        /^(vptest|k[a-z]*test|v?u?comis|kmov|vmov[dq]\s.*%[re]|v?pextr|v?pmovmsk|vmovmsk|vpgather|vpscatter|cmov|set|call)/;
      expect(
        instructions.filter((each) => leaks.test(each) && !/^vmov[dq]\s.*,%xmm/.test(each)),
      ).toEqual([]);
      // the scalar's bit goes through general registers: no comparison of it, only of counters with constants
      const jumps = instructions.flatMap((each, i) => (/^j(?!mp)/.test(each) ? [i] : []));
      expect(jumps).toHaveLength(2);
      for (const i of jumps) {
        const flags = instructions
          .slice(0, i)
          .findLast((each) =>
            /^(cmp|test|sub|add|and|or|xor|sar|sh[lr]|neg|inc|dec)[lq]?\s/.test(each),
          );
        expect(flags).toMatch(/^(cmp|sub|add)\s+\$0x[0-9a-f]+,%[re]/);
      }
      // one address is computed: the byte of the scalar that holds bit i; what a nop names is padding
      const indexed = instructions.filter(
        (each) => /\(%\w+,%\w+/.test(each) && !/\bnop[lw]?\s/.test(each),
      );
      expect(indexed).toHaveLength(1);
      expect(indexed[0]).toMatch(/^movzbl/);
    });
  },
);

describe.skipIf(skipReason !== undefined)(`native build (${skipReason ?? 'compiled'})`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'dpca-build-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('gives the same bytes in two folders, and none of their names', () => {
    const [one, two] = ['one', 'a/longer/name'].map((name) => {
      const copy = join(folder, name);
      cpSync(join(root, 'enclave/native'), join(copy, 'enclave/native'), { recursive: true });
      symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
      execFileSync(process.execPath, [join(copy, 'enclave/native/build.mjs')], { stdio: 'pipe' });
      return readFileSync(join(copy, 'dist/enclave/native/dpca-kernel.node'));
    });
    expect(two?.equals(one ?? Buffer.of())).toBe(true);
    expect(one?.includes(folder)).toBe(false);
    expect(one?.includes(root)).toBe(false);
    expect(one?.equals(readFileSync(native.url))).toBe(true);
  });
});
