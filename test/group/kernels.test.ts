/**
 * Vectors and property: every kernel gives the published and frozen answers, the same bytes as the oracle, and the
 * same refusals. RFC 9380 J.4.1, RFC 7748 5.2, test/fixtures/group. Fixed seed.
 */
import { createHash } from 'node:crypto';
import { sha512 } from '@noble/hashes/sha2.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNodeKernel, type NodeKernel } from '../../enclave/kernel/node-kernel.ts';
import { concat } from '../../src/bytes.ts';
import { fromHex, toHex, utf8 } from '../../src/encoding.ts';
import { CurveHasher, type Sha512 } from '../../src/group/elligator.ts';
import type { Kernel } from '../../src/group/kernel.ts';
import { nobleHashToU, nobleKernel } from '../../src/group/noble-kernel.ts';
import { assertScalar, drawRekeyable, randomScalar } from '../../src/group/scalars.ts';
import { selfTest } from '../../src/group/self-test.ts';
import { suiteDst } from '../../src/group/suite.ts';
import { pack } from '../../src/packed.ts';
import { seededRng } from '../support/test-rng.ts';
import { records, rfc9380, suite, WORKER_ENTRY } from './support.ts';

const SEED = 'kernels';
const nodeSha512: Sha512 = (data) => createHash('sha512').update(data).digest();

function clamp(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  bytes[0]! &= 0xf8;
  bytes[31] = (bytes[31]! & 0x3f) | 0x40;
  return bytes;
}

let inPlace: NodeKernel;
let pooled: NodeKernel;
let kernels: Kernel[];

beforeAll(async () => {
  inPlace = await openNodeKernel({ workers: 0 });
  pooled = await openNodeKernel({ workers: 2, workerEntry: WORKER_ENTRY });
  kernels = [nobleKernel(), inPlace, pooled];
});
afterAll(async () => {
  await Promise.all([inPlace.close(), pooled.close()]);
});

describe('hash to group', () => {
  it('passes RFC 9380 appendix J.4.1 with the DST of the RFC, by both maps', () => {
    expect(rfc9380.vectors).toHaveLength(5);
    const dst = utf8(rfc9380.dst);
    for (const { msg, px } of rfc9380.vectors) {
      const wanted = toHex(fromHex(px).reverse());
      expect(toHex(nobleHashToU(utf8(msg), dst))).toBe(wanted);
      for (const hash of [sha512, nodeSha512]) {
        const out = new Uint8Array(32);
        const packed = pack([utf8(msg)]);
        new CurveHasher(hash, dst).hashRange(packed.bytes, packed.offsets, 0, 1, out);
        expect(toHex(out)).toBe(wanted);
      }
    }
  });

  it('gives the frozen elements of the suite in every kernel', async () => {
    const packed = pack(suite.elements.map((vector) => fromHex(vector.message)));
    for (const kernel of kernels) {
      const got = records(await kernel.hashToGroup(packed.bytes, packed.offsets), 32).map(toHex);
      expect(got).toEqual(suite.elements.map((vector) => vector.element));
    }
  });

  it('agrees with the oracle on 300 random messages of all lengths, in any division of the batch', async () => {
    const rng = seededRng(SEED);
    const packed = pack(Array.from({ length: 300 }, (_, i) => rng(i)));
    const [noble, ...others] = kernels as [Kernel, ...Kernel[]];
    const wanted = toHex(await noble.hashToGroup(packed.bytes, packed.offsets));
    for (const kernel of others) {
      expect(toHex(await kernel.hashToGroup(packed.bytes, packed.offsets))).toBe(wanted);
    }
    const out = new Uint8Array(300 * 32);
    const hasher = new CurveHasher(nodeSha512, suiteDst());
    for (const [from, to] of [
      [200, 300],
      [0, 1],
      [1, 200],
    ] as const) {
      hasher.hashRange(packed.bytes, packed.offsets, from, to, out);
    }
    expect(toHex(out)).toBe(wanted);
  });

  it('takes an empty batch, and refuses offsets that do not fit', async () => {
    for (const kernel of kernels) {
      expect(await kernel.hashToGroup(new Uint8Array(), new Uint32Array(1))).toHaveLength(0);
    }
    for (const offsets of [[], [0, 1], [1, 2], [0, 3]]) {
      const refused = inPlace.hashToGroup(utf8('ab'), Uint32Array.from(offsets));
      await expect(refused).rejects.toThrowCode('ERR_INTERNAL');
    }
    expect(() => new CurveHasher(sha512, new Uint8Array(256))).toThrowCode('ERR_INTERNAL');
    expect(() => new CurveHasher(sha512, new Uint8Array())).toThrowCode('ERR_INTERNAL');
  });
});

describe('multiply', () => {
  it('passes RFC 7748 section 5.2, the second vector with the high bit cleared that we refuse', async () => {
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
    const asPrinted = fromHex('e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493');
    for (const kernel of kernels) {
      for (const [scalar, point, product] of vectors) {
        const got = await kernel.multiply(assertScalar(clamp(scalar)), fromHex(point));
        expect(toHex(got)).toBe(product);
      }
      const refused = kernel.multiply(assertScalar(clamp(vectors[1][0])), asPrinted);
      await expect(refused).rejects.toThrowCode('ERR_MATCH_POINT');
    }
  });

  it('passes the iterated vectors of RFC 7748 section 5.2, once and 1,000 times', async () => {
    for (const kernel of [kernels[0]!, inPlace]) {
      let k: Uint8Array = fromHex(`09${'00'.repeat(31)}`);
      let u = k;
      for (let i = 1; i <= 1000; i++) {
        [k, u] = [await kernel.multiply(assertScalar(clamp(toHex(k))), u), k];
        if (i === 1) {
          expect(toHex(k)).toBe('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079');
        }
      }
      expect(toHex(k)).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
    }
  });

  it('gives the frozen products, also at extreme values of u', async () => {
    const { a0, b0, aj, ratio, h, a0H, b0a0H, ajH, tag } = suite.rekey;
    const mul = async (kernel: Kernel, scalar: string, point: string): Promise<string> =>
      toHex(await kernel.multiply(assertScalar(fromHex(scalar)), fromHex(point)));
    for (const kernel of kernels) {
      expect(await mul(kernel, a0, h)).toBe(a0H);
      expect(await mul(kernel, b0, a0H)).toBe(b0a0H);
      expect(b0a0H.slice(0, 32)).toBe(tag);
      expect(await mul(kernel, aj, h)).toBe(ajH);
      expect(await mul(kernel, ratio, a0H)).toBe(ajH);
      const us = suite.extreme.map(({ u }) => u).join('');
      expect(await mul(kernel, a0, us)).toBe(suite.extreme.map(({ a0u }) => a0u).join(''));
    }
  });

  it('agrees with the oracle on 300 random u, curve and twist', async () => {
    const rng = seededRng(SEED);
    const points = rng(300 * 32);
    for (let i = 31; i < points.length; i += 32) points[i]! &= 0x7f;
    const scalar = randomScalar(rng);
    const wanted = toHex(await kernels[0]!.multiply(scalar, points));
    expect(toHex(await inPlace.multiply(scalar, points))).toBe(wanted);
    expect(toHex(await pooled.multiply(scalar, points))).toBe(wanted);
  });

  it('refuses non-canonical and low-order points wherever they stand, and scalars that are not clamped', async () => {
    const good = fromHex(suite.rekey.h);
    const scalar = assertScalar(fromHex(suite.rekey.a0));
    const bad = [...suite.lowOrder, `ed${'ff'.repeat(30)}7f`, `09${'00'.repeat(30)}80`];
    for (const kernel of kernels) {
      for (const point of bad) {
        const column = concat(good, good, fromHex(point), good);
        await expect(kernel.multiply(scalar, column)).rejects.toThrowCode('ERR_MATCH_POINT');
      }
      const ragged = kernel.multiply(scalar, good.subarray(0, 31));
      await expect(ragged).rejects.toThrowCode('ERR_WIRE_LENGTH');
      for (const first of [scalar[0]! | 1, scalar[0]! | 4]) {
        const loose = scalar.slice() as typeof scalar;
        loose[0] = first;
        await expect(kernel.multiply(loose, good)).rejects.toThrowCode('ERR_KERNEL_SCALAR');
      }
    }
  });

  it('commutes, and re-keys in one multiplication: 200 keys, blinded by one kernel and re-keyed by another', async () => {
    const rng = seededRng(SEED);
    const h = await inPlace.hashToGroup(utf8('x'), Uint32Array.of(0, 1));
    for (let round = 0; round < 200; round++) {
      const a0 = randomScalar(rng);
      const b = randomScalar(rng);
      const { aj, ratio } = drawRekeyable(rng, a0);
      // A blinds under a0, B raises to b, A turns a0 into aj; equal to B raising what A blinded under aj
      const first = round % 10 === 0 ? kernels[0]! : inPlace;
      const second = round % 10 === 0 ? inPlace : pooled;
      const raised = await second.multiply(b, await first.multiply(a0, h));
      const rekeyed = await first.multiply(ratio, raised);
      expect(toHex(rekeyed)).toBe(toHex(await second.multiply(aj, await second.multiply(b, h))));
      expect(toHex(rekeyed)).toBe(toHex(await second.multiply(b, await second.multiply(aj, h))));
      expect(toHex(rekeyed)).not.toBe(toHex(raised));
    }
  });
});

describe('self-test', () => {
  it('refuses a kernel that errs in one byte, and one that takes low-order points', async () => {
    const oracle = nobleKernel();
    const flip = (bytes: Uint8Array, at: number): Uint8Array => {
      if (bytes.length > at) bytes[at]! ^= 1;
      return bytes;
    };
    const lenient = (points: Uint8Array): boolean => points.length === 32 && points[0] === 0xe0;
    const broken: Kernel[] = [
      { ...oracle, hashToGroup: async (m, o) => flip(await oracle.hashToGroup(m, o), 0) },
      { ...oracle, hashToGroup: async (m, o) => flip(await oracle.hashToGroup(m, o), 18 * 32) },
      { ...oracle, multiply: async (s, p) => flip(await oracle.multiply(s, p), 31) },
      { ...oracle, multiply: async (s, p) => flip(await oracle.multiply(s, p), 18 * 32 + 5) },
      {
        ...oracle,
        multiply: (s, p) =>
          lenient(p) ? Promise.resolve(new Uint8Array(32)) : oracle.multiply(s, p),
      },
    ];
    await selfTest(oracle);
    for (const kernel of broken) {
      await expect(selfTest(kernel)).rejects.toThrowCode('ERR_KERNEL_SELFTEST');
    }
  });
});
