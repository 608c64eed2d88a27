/**
 * Vectors, property and negative: both WebAssembly kernels give the published and frozen answers and the same bytes as
 * noble, also at extreme values, in any range and from several threads; they refuse, wipe, and are the same bytes each
 * time. Fixed seeds. Limbs at their bounds: wasm-field.test.ts; the longer sweep: wasm.slow.test.ts.
 */
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { openKernel } from '../../enclave/kernel/open.ts';
import { reportLevels } from '../../enclave/kernel/report.ts';
import { wasmImplementation } from '../../enclave/kernel/wasm.ts';
import { concat } from '../../src/bytes.ts';
import { fromHex, toHex, utf8 } from '../../src/encoding.ts';
import { nobleHashToU, nobleKernel } from '../../src/group/noble-kernel.ts';
import { randomScalar } from '../../src/group/scalars.ts';
import { suiteDst } from '../../src/group/suite.ts';
import { BATCH, STATUS, emitModule } from '../../src/group/wasm/batch.ts';
import { pack } from '../../src/packed.ts';
import type { WasmMemory } from '../../src/web-assembly.ts';
import { seededRng } from '../support/test-rng.ts';
import { extremePoints, extremeScalars, randomPoints } from './native-samples.ts';
import { records, rfc9380, suite, WORKER_ENTRY } from './support.ts';
import { VARIANTS, elements as elementsIn, opcodes, openRaw } from './wasm-support.ts';

const SEED = 'wasm kernel';
const noble = nobleKernel();
const rng = seededRng(SEED);
const RANDOM = 2000;
const scalar = randomScalar(rng);
const points = concat(extremePoints(), randomPoints(rng, RANDOM));
const count = points.length / 32;
const messages = pack(
  Array.from({ length: RANDOM }, (_, i) => rng(i % 7 === 0 ? i % 400 : i % 64)),
);
let products: Uint8Array;
let elements: Uint8Array;
beforeAll(async () => {
  products = await noble.multiply(scalar, points);
  elements = await noble.hashToGroup(messages.bytes, messages.offsets);
});

/** SHA-256 of what is emitted for the suite. A change is meant, or a fault of the generator. */
const PINNED = {
  'wasm-fma': '5fc950c7e14d5ae3c50577fc869402b48f77bb8464198af199a09c26a5950eaf',
  'wasm-scalar': '813c6fbb5a41575dc2dd3c7fdc93722ca3234942e03cb756f806d18d58c8726f',
};

describe.each(VARIANTS)('%s', (variant) => {
  const own = wasmImplementation(variant);
  const multiply = (k: Uint8Array, list: Uint8Array): Uint8Array => {
    const out = new Uint8Array(list.length);
    own.multiplyRange(k, list, 0, list.length / 32, out);
    return out;
  };
  const clamp = (hex: string): Uint8Array => {
    const bytes = fromHex(hex);
    bytes[0]! &= 0xf8;
    bytes[31] = (bytes[31]! & 0x3f) | 0x40;
    return bytes;
  };

  it('is the same module each time, quickly', () => {
    let best = Infinity;
    for (let i = 0; i < 5; i++) {
      const before = process.cpuUsage();
      const { bytes } = emitModule(variant, suiteDst());
      const { user, system } = process.cpuUsage(before);
      best = Math.min(best, (user + system) / 1000);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(PINNED[variant]);
      expect(bytes.length).toBeLessThan(80_000);
    }
    expect(best).toBeLessThan(100); // ms of CPU
  });

  it('passes RFC 7748 section 5.2, also iterated 1,000 times', () => {
    const u = 'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c';
    const k = 'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4';
    expect(toHex(multiply(clamp(k), fromHex(u)))).toBe(
      'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    );
    const u2 = 'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a413';
    const k2 = '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d';
    expect(toHex(multiply(clamp(k2), fromHex(u2)))).toBe(
      '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
    );
    let [key, point] = [fromHex(`09${'00'.repeat(31)}`), fromHex(`09${'00'.repeat(31)}`)];
    for (let i = 1; i <= 1000; i++) [key, point] = [multiply(clamp(toHex(key)), point), key];
    expect(toHex(key)).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
  });

  it('passes RFC 9380 J.4.1, whose tag takes two blocks, and other lengths of tags', () => {
    const tags = [utf8(rfc9380.dst), utf8('x'), rng(45), rng(46), rng(174), rng(255)];
    for (const [i, dst] of tags.entries()) {
      const { exports, memory, layout } = openRaw(variant, dst);
      const texts = rfc9380.vectors.map(({ msg }) => utf8(msg));
      const { bytes, offsets } = pack(texts);
      memory.grow(1);
      new Uint8Array(memory.buffer, 65_536).set(bytes);
      new Uint32Array(memory.buffer, layout.offsets).set(offsets);
      exports['hash']!(texts.length, 65_536, 65_536 + 4096);
      const got = records(new Uint8Array(memory.buffer, layout.out, 32 * texts.length), 32);
      if (i === 0) {
        expect(got.map((each) => toHex(each.toReversed()))).toEqual(
          rfc9380.vectors.map(({ px }) => px),
        );
      }
      expect(got.map(toHex)).toEqual(texts.map((text) => toHex(nobleHashToU(text, dst))));
    }
  });

  it('gives the frozen elements and products of the suite', () => {
    const packed = pack(suite.elements.map(({ message }) => fromHex(message)));
    const out = new Uint8Array(32 * suite.elements.length);
    own.hashRange(packed.bytes, packed.offsets, 0, suite.elements.length, out);
    expect(records(out, 32).map(toHex)).toEqual(suite.elements.map(({ element }) => element));
    const us = fromHex(suite.extreme.map(({ u }) => u).join(''));
    expect(toHex(multiply(fromHex(suite.rekey.a0), us))).toBe(
      suite.extreme.map(({ a0u }) => a0u).join(''),
    );
  });

  it(`agrees with noble on ${RANDOM} random points and ${count - RANDOM} extreme ones`, async () => {
    expect(count - RANDOM).toBeGreaterThan(900);
    expect(Buffer.compare(multiply(scalar, points), products)).toBe(0);
    const some = points.subarray(32 * 944, 32 * 948);
    for (const each of extremeScalars()) {
      const wanted = await noble.multiply(each as typeof scalar, some);
      expect(toHex(multiply(each, some))).toBe(toHex(wanted));
    }
  });

  it(`agrees with noble on ${RANDOM} messages of 0 to 399 bytes, and on long ones`, async () => {
    const out = new Uint8Array(elements.length);
    own.hashRange(messages.bytes, messages.offsets, 0, RANDOM, out);
    expect(Buffer.compare(out, elements)).toBe(0);
    const long = pack([40_000, 0, 200_000, 65_536, 1, 30_000].map((length) => rng(length)));
    const got = new Uint8Array(32 * 6);
    own.hashRange(long.bytes, long.offsets, 0, 6, got);
    expect(toHex(got)).toBe(toHex(await noble.hashToGroup(long.bytes, long.offsets)));
  });

  it('computes any range, in place on shared memory, and writes nothing else', () => {
    for (const n of [1, 2, 3, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH + 1]) {
      const from = n % 5;
      const [shared, out, hashed] = [n + 9, n + 9, n + 9].map(
        (size) => new Uint8Array(new SharedArrayBuffer(32 * size)),
      ) as [Uint8Array, Uint8Array, Uint8Array];
      shared.set(points.subarray(0, 32 * (n + 9)));
      own.multiplyRange(scalar, shared, from, from + n, out);
      own.hashRange(messages.bytes, messages.offsets, from, from + n, hashed);
      for (const [got, wanted] of [
        [out, products],
        [hashed, elements],
      ] as const) {
        const expected = new Uint8Array(got.length);
        expected.set(wanted.subarray(32 * from, 32 * (from + n)), 32 * from);
        expect(Buffer.compare(got, expected)).toBe(0);
      }
    }
    expect(multiply(scalar, new Uint8Array())).toHaveLength(0);
  });

  it('refuses non-canonical and low-order points wherever they stand, and goes on', () => {
    const bad = [
      ...suite.lowOrder,
      `ed${'ff'.repeat(30)}7f`,
      `${'ff'.repeat(31)}7f`,
      `09${'00'.repeat(30)}80`,
      `${'00'.repeat(31)}80`,
    ].map(fromHex);
    expect(suite.lowOrder).toHaveLength(5);
    for (const [i, point] of bad.entries()) {
      for (const place of [0, 1, 126, 127, 128, 130]) {
        const column = points.slice(0, 32 * 131);
        column.set(point, 32 * place);
        expect(() => multiply(scalar, column)).toThrowCode('ERR_MATCH_POINT');
        // the range may stand beside it
        const out = new Uint8Array(column.length);
        const [from, to] = place === 0 ? [1, 131] : [0, place];
        if (i === 0) own.multiplyRange(scalar, column, from, to, out);
      }
    }
    expect(toHex(multiply(scalar, points.subarray(0, 64)))).toBe(toHex(products.subarray(0, 64)));
  });

  it('refuses offsets that descend and a message of more than 16 MiB', () => {
    const out = new Uint8Array(64);
    const hash = (bytes: Uint8Array, offsets: number[]) => () =>
      own.hashRange(bytes, Uint32Array.from(offsets), 0, 2, out);
    expect(hash(utf8('abc'), [0, 2, 1])).toThrowCode('ERR_INTERNAL');
    expect(hash(new Uint8Array(2 ** 24 + 1), [0, 2 ** 24 + 1, 2 ** 24 + 1])).toThrowCode(
      'ERR_INTERNAL',
    );
  });

  it('reports a neutral element instead of spoiling the others', () => {
    const { exports, memory, layout, field } = openRaw(variant, suiteDst());
    const status = (): number => new Uint32Array(memory.buffer)[layout.status / 4]!;
    const load = (): void => {
      new Uint8Array(memory.buffer).set(scalar, layout.scalar);
      new Uint8Array(memory.buffer).set(points.subarray(0, 32 * BATCH), layout.points);
      exports['multiply']!(BATCH);
    };
    load();
    expect(status()).toBe(STATUS.done);
    const out = new Uint8Array(memory.buffer, layout.out, 32 * BATCH);
    expect(toHex(out)).toBe(toHex(products.subarray(0, 32 * BATCH)));
    const { put, take } = elementsIn(field, memory);
    const n = field.widths.length;
    // 0, and p as 2^255 - 19
    const zeros = [
      Array.from({ length: n }, () => 0n),
      Array.from({ length: n }, (_, k) =>
        k === 0 ? -19n : k === n - 1 ? 1n << BigInt(field.widths[k]!) : 0n,
      ),
    ];
    for (const record of [0, 1, 62, BATCH - 1]) {
      for (const zero of zeros) {
        load();
        out.fill(0);
        const at = layout.zs + layout.elementBytes * Math.floor(record / field.lanes);
        put(at, take(at).with(record % field.lanes, zero));
        exports['divide']!(BATCH);
        expect(status()).toBe(STATUS.neutralElement);
        expect(out.every((byte) => byte === 0)).toBe(true);
      }
    }
  });

  it('has no branch in what secrets pass through but loops over counters', () => {
    const [IF, BRANCH, BRANCH_IF, LOOP, SELECT, LOAD_BYTE] = [0x04, 0x0c, 0x0d, 0x03, 0x1b, 0x2d];
    const counts = opcodes(emitModule(variant, suiteDst()).bytes);
    const uses = (name: string, opcode: number): number => counts.get(name)?.get(opcode) ?? 0;
    expect(uses('check', IF)).toBeGreaterThan(0); // so the count counts
    // these branch on counts, lengths, the check of public points, and on a result that is the neutral element
    const aboveSecrets = ['check', 'divide', 'multiply', 'hash', 'expand'];
    const others = [...counts.keys()].filter((name) => !aboveSecrets.includes(name));
    expect(others.length).toBeGreaterThan(20);
    for (const name of others) {
      for (const opcode of [IF, BRANCH, SELECT])
        expect([name, uses(name, opcode)]).toEqual([name, 0]);
      expect(uses(name, BRANCH_IF)).toBe(uses(name, LOOP));
      // the only computed address is that of a byte of the scalar
      expect([name, uses(name, LOAD_BYTE)]).toEqual([name, name === 'ladder' ? 1 : 0]);
    }
    const looping = others.filter((name) => uses(name, LOOP) > 0);
    expect(looping.sort()).toEqual([
      'compress',
      'ladder',
      'mapAndAdd',
      'squareTimes1',
      'squareTimes2',
    ]);
    expect(uses('ladder', LOOP)).toBe(2);
    expect([uses('divide', IF), uses('divide', LOOP)]).toEqual([variant === 'wasm-fma' ? 2 : 1, 2]);
  });

  it('leaves nothing of a scalar, a message or the ladder behind', () => {
    const inner = own as unknown as {
      exports: { memory: WasmMemory; init(): void };
      layout: { status: number };
    };
    const memory = (): Uint8Array => new Uint8Array(inner.exports.memory.buffer);
    multiply(scalar, points.subarray(0, 320));
    const after = memory().slice();
    memory().fill(0);
    inner.exports.init();
    expect(Buffer.compare(memory(), after)).toBe(0);
    const secret = utf8('a message that is longer than a block '.repeat(9));
    own.hashRange(secret, Uint32Array.of(0, secret.length), 0, 1, new Uint8Array(32));
    expect(Buffer.compare(memory(), after)).toBe(0);
    expect(() => multiply(scalar, new Uint8Array(32))).toThrowCode('ERR_MATCH_POINT');
    expect(Buffer.compare(memory(), after)).toBe(0);
  });

  it.each([0, 2])('is a kernel over %i workers', async (workers) => {
    const addon = new URL('file:///absent.node');
    const options = { workers, prefer: variant, addon, workerEntry: WORKER_ENTRY };
    const kernel = await openKernel(options);
    expect(kernel.name).toBe(variant);
    expect(kernel.skipped.map(({ level }) => level)).toEqual(['native']);
    const [product, hashed] = await Promise.all([
      kernel.multiply(scalar, points),
      kernel.hashToGroup(messages.bytes, messages.offsets),
    ]);
    expect(Buffer.compare(product, products)).toBe(0);
    expect(Buffer.compare(hashed, elements)).toBe(0);
    await kernel.close();
  });
});

it('each level is tried by the report', async () => {
  const levels = await reportLevels(new URL('file:///absent.node'));
  expect(levels.map(({ level, state }) => `${level}: ${state}`)).toEqual([
    ...['native: absent', 'wasm-fma: in use', 'node-x25519: works', 'wasm-scalar: works'],
  ]);
});
