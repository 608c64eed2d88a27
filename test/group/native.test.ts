/**
 * Vectors, property and negative: every native back end of this processor gives the published and frozen answers and
 * the same bytes as node:crypto and noble, also at extreme values, in any range and from several threads; and the
 * addon refuses whatever does not fit. Fixed seeds. The longer sweep is native.slow.test.ts.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NODE_SOURCE, loadImplementation } from '../../enclave/kernel/implementation.ts';
import { nativeImplementation } from '../../enclave/kernel/native.ts';
import { openKernel } from '../../enclave/kernel/open.ts';
import { concat } from '../../src/bytes.ts';
import { fromHex, toHex, utf8 } from '../../src/encoding.ts';
import { CurveHasher } from '../../src/group/elligator.ts';
import { nobleHashToU, nobleKernel } from '../../src/group/noble-kernel.ts';
import { assertScalar, randomScalar } from '../../src/group/scalars.ts';
import { suiteDst } from '../../src/group/suite.ts';
import { pack } from '../../src/packed.ts';
import { seededRng } from '../support/test-rng.ts';
import { backends, native, skipReason } from './native-support.ts';
import { extremePoints, extremeScalars, randomPoints } from './native-samples.ts';
import { records, rfc9380, suite, WORKER_ENTRY } from './support.ts';

const node = loadImplementation(NODE_SOURCE);
const folder = mkdtempSync(join(tmpdir(), 'dpca-native-'));
afterAll(() => rmSync(folder, { recursive: true }));

function clamp(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  bytes[0]! &= 0xf8;
  bytes[31] = (bytes[31]! & 0x3f) | 0x40;
  return bytes;
}

describe.skipIf(skipReason !== undefined)(`native kernel (${skipReason ?? 'compiled'})`, () => {
  describe.each(backends)('%s', (name) => {
    let multiply: (scalar: Uint8Array, points: Uint8Array) => Uint8Array;
    let hash: (messages: readonly Uint8Array[], dst?: Uint8Array) => Uint8Array;
    beforeAll(() => {
      const own = nativeImplementation(native.url.href, name);
      multiply = (scalar, points) => {
        const out = new Uint8Array(points.length);
        own.multiplyRange(scalar, points, 0, points.length / 32, out);
        return out;
      };
      hash = (messages, dst = suiteDst()) => {
        const { bytes, offsets } = pack(messages);
        const out = new Uint8Array(32 * messages.length);
        native.addon.hash(name, dst, bytes, offsets, 0, messages.length, out);
        return out;
      };
    });

    it('passes RFC 7748 section 5.2, also iterated 1,000 times', () => {
      const vectors = [
        [
          'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
          'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
          'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
        ],
        [
          '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
          'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a413',
          '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
        ],
      ] as const;
      for (const [scalar, point, product] of vectors) {
        expect(toHex(multiply(clamp(scalar), fromHex(point)))).toBe(product);
      }
      let k: Uint8Array = fromHex(`09${'00'.repeat(31)}`);
      let u = k;
      for (let i = 1; i <= 1000; i++) {
        [k, u] = [multiply(clamp(toHex(k)), u), k];
        if (i > 1) continue;
        expect(toHex(k)).toBe('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079');
      }
      expect(toHex(k)).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
    });

    it('passes RFC 9380 appendix J.4.1 and gives the frozen elements and products', () => {
      const got = hash(
        rfc9380.vectors.map(({ msg }) => utf8(msg)),
        utf8(rfc9380.dst),
      );
      expect(records(got, 32).map((u) => toHex(u.slice().reverse()))).toEqual(
        rfc9380.vectors.map(({ px }) => px),
      );
      const elements = hash(suite.elements.map(({ message }) => fromHex(message)));
      expect(records(elements, 32).map(toHex)).toEqual(suite.elements.map((each) => each.element));
      const { a0, b0, aj, ratio, h, a0H, b0a0H, ajH } = suite.rekey;
      for (const [scalar, point, product] of [
        [a0, h, a0H],
        [b0, a0H, b0a0H],
        [aj, h, ajH],
        [ratio, a0H, ajH],
        ...suite.extreme.map(({ u, a0u }) => [a0, u, a0u] as const),
      ] as const) {
        expect(toHex(multiply(fromHex(scalar), fromHex(point)))).toBe(product);
      }
    });

    it('multiplies 2,000 random and all extreme points as node:crypto does, some as noble', async () => {
      const rng = seededRng(`multiply ${name}`);
      const points = concat(extremePoints(), randomPoints(rng, 2000));
      const wanted = new Uint8Array(points.length);
      const scalar = randomScalar(rng);
      node.multiplyRange(scalar, points, 0, points.length / 32, wanted);
      expect(Buffer.compare(multiply(scalar, points), wanted)).toBe(0);
      const few = points.subarray(0, 32 * 40);
      for (const extreme of extremeScalars()) {
        node.multiplyRange(extreme, few, 0, 40, wanted);
        expect(toHex(multiply(extreme, few))).toBe(toHex(wanted.subarray(0, 32 * 40)));
      }
      const noble = await nobleKernel().multiply(scalar, few);
      expect(toHex(multiply(scalar, few))).toBe(toHex(noble));
    });

    it('hashes 2,000 random messages of mixed lengths as the core does, and any DST', () => {
      const rng = seededRng(`hash ${name}`);
      const lengths = new Uint16Array(rng(4000).buffer).map((n) => n % 420);
      const messages = Array.from(lengths, (n) => rng(n));
      const { bytes, offsets } = pack(messages);
      const wanted = new Uint8Array(32 * 2000);
      node.hashRange(bytes, offsets, 0, 2000, wanted);
      expect(Buffer.compare(hash(messages), wanted)).toBe(0);
      // DST lengths around the block boundaries of b_1 and b_2
      for (const n of [1, 44, 45, 46, 109, 110, 172, 173, 174, 255]) {
        const dst = new Uint8Array(n).fill(n);
        const some = messages.slice(0, 11);
        const packed = pack(some);
        const out = new Uint8Array(32 * 11);
        const sha512 = (data: Uint8Array): Uint8Array => createHash('sha512').update(data).digest();
        new CurveHasher(sha512, dst).hashRange(packed.bytes, packed.offsets, 0, 11, out);
        expect(toHex(hash(some, dst))).toBe(toHex(out));
        expect(toHex(out.subarray(0, 32))).toBe(toHex(nobleHashToU(some[0]!, dst)));
      }
    });

    it('hashes every length from 0 to 300, alone and in one batch', () => {
      const messages = Array.from({ length: 301 }, (_, n) => new Uint8Array(n).fill(n));
      const together = hash(messages);
      const alone = concat(...messages.map((message) => hash([message])));
      expect(toHex(together)).toBe(toHex(alone));
      const { bytes, offsets } = pack(messages);
      const wanted = new Uint8Array(32 * 301);
      node.hashRange(bytes, offsets, 0, 301, wanted);
      expect(toHex(together)).toBe(toHex(wanted));
    });

    it('computes exactly the records of its range, whatever the remainder of lanes', () => {
      const rng = seededRng('ranges');
      const points = randomPoints(rng, 300);
      const scalar = randomScalar(rng);
      const whole = multiply(scalar, points);
      const messages = pack(Array.from({ length: 300 }, () => rng(32)));
      const hashed = new Uint8Array(9600);
      node.hashRange(messages.bytes, messages.offsets, 0, 300, hashed);
      for (const [from, to] of [
        ...Array.from({ length: 20 }, (_, i) => [i, 2 * i] as const),
        ...[[0, 127] as const, [1, 129] as const, [3, 260] as const, [299, 300] as const],
        ...[[300, 300] as const, [0, 0] as const, [171, 300] as const],
      ]) {
        const out = new Uint8Array(9600).fill(0xaa);
        native.addon.multiply(name, scalar, points, from, to, out);
        const expected = new Uint8Array(9600).fill(0xaa);
        expected.set(whole.subarray(32 * from, 32 * to), 32 * from);
        expect(Buffer.compare(out, expected)).toBe(0);
        out.fill(0xaa);
        native.addon.hash(name, suiteDst(), messages.bytes, messages.offsets, from, to, out);
        expected.fill(0xaa);
        expected.set(hashed.subarray(32 * from, 32 * to), 32 * from);
        expect(Buffer.compare(out, expected)).toBe(0);
      }
      // in place
      const own = points.slice();
      native.addon.multiply(name, scalar, own, 0, 300, own);
      expect(Buffer.compare(own, whole)).toBe(0);
    });

    it('refuses every forbidden point in every lane, before it writes anything', () => {
      const rng = seededRng('forbidden');
      const points = randomPoints(rng, 17);
      const scalar = randomScalar(rng);
      const bad = [
        ...suite.lowOrder,
        ...Array.from({ length: 19 }, (_, i) => `${(0xed + i).toString(16)}${'ff'.repeat(30)}7f`),
        ...[`09${'00'.repeat(30)}80`, 'ff'.repeat(32), `${'00'.repeat(31)}80`],
      ];
      expect(new Set(suite.lowOrder).size).toBe(5);
      for (const each of bad) {
        for (let at = 0; at < 17; at++) {
          const column = points.slice();
          column.set(fromHex(each), 32 * at);
          const out = new Uint8Array(32 * 17);
          const refused = (): void => native.addon.multiply(name, scalar, column, 0, 17, out);
          expect(refused).toThrow(expect.objectContaining({ code: 'ERR_MATCH_POINT' }));
          expect(out.every((byte) => byte === 0)).toBe(true);
          // outside the range it is nobody's business
          if (at < 16) native.addon.multiply(name, scalar, column, 16, 17, out);
        }
      }
      const own = nativeImplementation(native.url.href, name);
      const zero = new Uint8Array(32);
      expect(() => own.multiplyRange(scalar, zero, 0, 1, zero.slice())).toThrowCode(
        'ERR_MATCH_POINT',
      );
    });

    it('refuses scalars that are not clamped, with their code', () => {
      const out = new Uint8Array(32);
      const point = fromHex(suite.rekey.h);
      const good = fromHex(suite.rekey.a0);
      const with_ = (at: number, byte: number): Uint8Array => {
        const copy = good.slice();
        copy[at] = byte;
        return copy;
      };
      const bad = [
        ...[1, 2, 4].map((bit) => with_(0, good[0]! | bit)),
        ...[0x00, 0x3f, 0x80, 0xc0, 0xff].map((byte) => with_(31, byte)),
        ...[new Uint8Array(), good.subarray(1), concat(good, good)],
      ];
      const own = nativeImplementation(native.url.href, name);
      for (const scalar of bad) {
        expect(() => own.multiplyRange(scalar, point, 0, 1, out)).toThrowCode('ERR_KERNEL_SCALAR');
      }
    });

    it('refuses arguments of another kind, length or range', () => {
      const bytes = (n: number): Uint8Array => new Uint8Array(n);
      const scalar = fromHex(suite.rekey.a0);
      const points = concat(fromHex(suite.rekey.h), fromHex(suite.rekey.a0H));
      const good: readonly unknown[] = [name, scalar, points, 0, 2, bytes(64)];
      const goodHash: readonly unknown[] = [
        name,
        suiteDst(),
        bytes(9),
        Uint32Array.of(0, 4, 9),
        0,
        2,
        bytes(64),
      ];
      type Call = (...args: readonly unknown[]) => unknown;
      const call = (method: 'multiply' | 'hash', args: readonly unknown[]) => (): unknown =>
        method === 'multiply'
          ? (native.addon.multiply as Call)(...args)
          : (native.addon.hash as Call)(...args);
      call('multiply', good)();
      call('hash', goodHash)();
      const detached = bytes(64);
      structuredClone(detached.buffer, { transfer: [detached.buffer as ArrayBuffer] });
      const counts = [
        -1,
        3,
        0.5,
        Number.NaN,
        Infinity,
        2 ** 32 + 1,
        -(2 ** 31),
        '1',
        null,
        undefined,
        1n,
        {},
      ];
      const kinds = [
        new Uint8ClampedArray(64),
        new Uint16Array(32),
        new DataView(new ArrayBuffer(64)),
        [1],
        'x',
        null,
        undefined,
        {},
        new ArrayBuffer(64),
      ];
      const refused: [method: 'multiply' | 'hash', at: number, values: readonly unknown[]][] = [
        [
          'multiply',
          0,
          ['native', '', 'native-ifm', 'x'.repeat(99), `${name}\0`, null, 7, undefined],
        ],
        ['multiply', 1, kinds],
        ['multiply', 2, [...kinds, bytes(63), bytes(96), bytes(0), detached]],
        ['multiply', 3, counts],
        ['multiply', 4, counts],
        ['multiply', 5, [...kinds, bytes(63), bytes(32), bytes(96), bytes(0), detached]],
        ['hash', 0, ['native', null]],
        ['hash', 1, [...kinds, bytes(0), bytes(256)]],
        ['hash', 2, [...kinds, bytes(8), detached]],
        [
          'hash',
          3,
          [
            new Uint8Array(12),
            new Int32Array(3),
            Uint32Array.of(0, 4),
            Uint32Array.of(),
            Uint32Array.of(0, 5, 4),
            Uint32Array.of(4, 0, 9),
            Uint32Array.of(0, 4, 10),
            Uint32Array.of(0, 4, 0xffffffff),
            null,
          ],
        ],
        ['hash', 4, counts],
        ['hash', 5, counts],
        ['hash', 6, [...kinds, bytes(63), bytes(32), bytes(96), detached]],
      ];
      for (const [method, at, values] of refused) {
        const args = method === 'multiply' ? good : goodHash;
        for (const each of values) {
          const changed = args.with(at, each);
          const what = `${method} argument ${at}: ${typeof each}`;
          expect(call(method, changed), what).toThrow(
            expect.objectContaining({ code: 'ERR_INTERNAL' }),
          );
        }
        for (const wrong of [args.slice(0, -1), [...args, 0]]) {
          expect(call(method, wrong)).toThrow(expect.objectContaining({ code: 'ERR_INTERNAL' }));
        }
      }
      expect(call('multiply', good.with(3, 2).with(4, 1))).toThrow('range');
    });

    it.each([0, 2])(
      'is a kernel over %i workers, and overlapping batches stay apart',
      async (workers) => {
        const kernel = await openKernel({
          workers,
          prefer: name,
          addon: native.url,
          workerEntry: WORKER_ENTRY,
        });
        expect(kernel.name).toBe(name);
        expect(kernel.skipped).toEqual([]);
        const rng = seededRng('threads');
        const [s, t] = [randomScalar(rng), randomScalar(rng)];
        const [p, q] = [randomPoints(rng, 1500), randomPoints(rng, 41)];
        const messages = pack(Array.from({ length: 777 }, (_, i) => rng(i % 90)));
        const bad = p.slice();
        bad.fill(0, 32 * 1400, 32 * 1401);
        const [one, refused, two, elements] = await Promise.allSettled([
          kernel.multiply(s, p),
          kernel.multiply(s, bad),
          kernel.multiply(t, q),
          kernel.hashToGroup(messages.bytes, messages.offsets),
        ]);
        expect(refused.status === 'rejected' && refused.reason).toThrowCode('ERR_MATCH_POINT');
        const wanted = new Uint8Array(32 * 1500);
        node.multiplyRange(s, p, 0, 1500, wanted);
        expect(one.status === 'fulfilled' && Buffer.compare(one.value, wanted)).toBe(0);
        node.multiplyRange(t, q, 0, 41, wanted);
        expect(two.status === 'fulfilled' && toHex(two.value)).toBe(
          toHex(wanted.subarray(0, 32 * 41)),
        );
        node.hashRange(messages.bytes, messages.offsets, 0, 777, wanted);
        expect(elements.status === 'fulfilled' && toHex(elements.value)).toBe(
          toHex(wanted.subarray(0, 32 * 777)),
        );
        const loose = clamp(toHex(s));
        loose[0]! |= 1;
        await expect(kernel.multiply(loose as typeof s, q)).rejects.toThrowCode(
          'ERR_KERNEL_SCALAR',
        );
        await kernel.close();
        await expect(kernel.multiply(s, q)).rejects.toThrowCode('ERR_KERNEL_LOST');
      },
    );
  });

  it('is chosen by default: the first that the processor has', async () => {
    const kernel = await openKernel({ workers: 0, addon: native.url });
    expect(kernel.name).toBe(backends[0]);
    expect(backends.at(-1)).toBe('native-scalar');
    await kernel.close();
    const other = await openKernel({ workers: 0, addon: native.url, prefer: 'node-x25519' });
    expect(other.name).toBe('node-x25519');
    await other.close();
  });
});

describe('choice of a kernel', () => {
  const scalarOf = (): ReturnType<typeof assertScalar> => assertScalar(fromHex(suite.rekey.a0));

  it('is WebAssembly without the addon, which is not a failure', async () => {
    const addon = pathToFileURL(join(folder, 'absent.node'));
    const kernel = await openKernel({ workers: 0, addon, prefer: 'native-ifma' });
    expect(kernel.name).toBe('wasm-fma');
    expect(kernel.skipped).toEqual([
      { level: 'native', reason: 'not built (npm run build:native)', failed: false },
    ]);
    expect(toHex(await kernel.multiply(scalarOf(), fromHex(suite.rekey.h)))).toBe(suite.rekey.a0H);
    await kernel.close();
  });

  it('says why an addon that cannot be loaded was passed over', async () => {
    const path = join(folder, 'broken.node');
    writeFileSync(path, 'not a shared object');
    const kernel = await openKernel({ workers: 0, addon: pathToFileURL(path) });
    expect(kernel.name).toBe('wasm-fma');
    expect(kernel.skipped).toEqual([
      { level: 'native', reason: 'the native kernel cannot be loaded here', failed: true },
    ]);
    await kernel.close();
  });

  it('moves down from a level that answers wrongly, throws or takes forbidden points', async () => {
    // an addon in JavaScript whose first two levels fail and whose third is asked for and fails last
    const path = join(folder, 'wrong.cjs');
    writeFileSync(
      path,
      `exports.names = () => ['silent', 'throws'];
       exports.multiply = (name) => { if (name === 'throws') throw new Error('x'); };
       exports.hash = exports.multiply;`,
    );
    const addon = pathToFileURL(path);
    const kernel = await openKernel({ workers: 0, addon, prefer: 'throws' });
    expect(kernel.name).toBe('wasm-fma');
    expect(kernel.skipped.map(({ level, failed }) => [level, failed])).toEqual([
      ['throws', true],
      ['silent', true],
    ]);
    expect(kernel.skipped[1]?.reason).toContain('wrong answer for RFC 7748');
    await kernel.close();
  });

  it('fails when no level works: without the worker there is none', async () => {
    const workerEntry = pathToFileURL(join(folder, 'missing.js'));
    const addon = pathToFileURL(join(folder, 'absent.node'));
    const opening = openKernel({ workers: 1, workerEntry, addon });
    await expect(opening).rejects.toThrowCode('ERR_KERNEL_SELFTEST');
  });
});
