/**
 * The known-answer test that every kernel passes before its first use: published and frozen answers, refusals, and
 * agreement with the level below (or the oracle) on full groups of lanes, a ragged tail and extreme limbs.
 * Sources: RFC 7748 section 5.2; docs/specification.md section 13 (frozen vectors of an independent generator).
 * @module
 */
import { concat } from '../bytes.ts';
import { fromHex, toHex } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import { pack } from '../packed.ts';
import type { Kernel } from './kernel.ts';
import { nobleKernel } from './noble-kernel.ts';
import { assertScalar } from './scalars.ts';

/** RFC 7748 section 5.2, first vector; the scalar is printed there before clamping. */
const SCALAR = 'a046e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449a44';
const POINT = 'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c';
const PRODUCT = 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552';

const MESSAGE = 'acba25512100f80b56fc3ccd14c65be50001616c696365406578616d706c652e6f7267';
const ELEMENT = '27708560a5b4ac4fab07fb910fb325bed32125f9366158ff6b0873fef363fa4c';

/**
 * Canonical u at the ends of the field and of 51-bit limbs: 2, p - 2, p - 20, 2^254, and for each limb its lowest bit
 * alone, all its bits, and all bits but its own.
 */
const EXTREME: readonly bigint[] = [
  ...[2n, 2n ** 255n - 21n, 2n ** 255n - 39n, 2n ** 254n],
  ...[51n, 102n, 153n, 204n].map((bit) => 1n << bit),
  ...[0n, 51n, 102n, 153n, 204n].map((bit) => (2n ** 51n - 1n) << bit),
  ...[0n, 51n, 102n, 153n, 204n].map((bit) => 2n ** 255n - 1n - ((2n ** 51n - 1n) << bit)),
];
/** Clamped scalars with no other bit, and with all. */
const EXTREME_SCALARS: readonly string[] = [`${'00'.repeat(31)}40`, `f8${'ff'.repeat(30)}7f`];

/** Low order, all five: 0, 1, p - 1, the two of order 8; not canonical: p, 2^255 - 1, and 9 with bit 255. */
const REFUSED: readonly string[] = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ed${'ff'.repeat(30)}7f`,
  `${'ff'.repeat(31)}7f`,
  `09${'00'.repeat(30)}80`,
];

/** Records against a fast reference: a full batch of 256, one more group of eight lanes, and a ragged tail. */
const MANY = 267;
/** Records against noble, which takes a millisecond for each. */
const FEW = 23;

function expectEqual(kernel: Kernel, what: string, got: Uint8Array, wanted: string): void {
  if (toHex(got) !== wanted) {
    throw new DpcaError('ERR_KERNEL_SELFTEST', `kernel ${kernel.name}: wrong answer for ${what}`);
  }
}

/**
 * Resolves when `kernel` answers everything right; else rejects (ERR_KERNEL_SELFTEST).
 * @param reference a kernel that passed already; without it the oracle, on fewer records. About 20 ms and 50 ms.
 */
export async function selfTest(kernel: Kernel, reference?: Kernel): Promise<void> {
  const scalar = assertScalar(fromHex(SCALAR));
  expectEqual(kernel, 'RFC 7748', await kernel.multiply(scalar, fromHex(POINT)), PRODUCT);

  const message = fromHex(MESSAGE);
  const one = pack([message]);
  expectEqual(kernel, 'hash', await kernel.hashToGroup(one.bytes, one.offsets), ELEMENT);

  const oracle = reference ?? nobleKernel();
  const count = reference === undefined ? FEW : MANY;
  // lengths 0, 17, .. 306, and again, cross the block boundaries of SHA-512
  const many = pack(Array.from({ length: count }, (_, i) => new Uint8Array(17 * (i % 19)).fill(i)));
  const elements = await oracle.hashToGroup(many.bytes, many.offsets);
  const got = await kernel.hashToGroup(many.bytes, many.offsets);
  expectEqual(kernel, 'hash of a group with tail', got, toHex(elements));
  const extreme = concat(...EXTREME.map(toBytes));
  const points = concat(extreme, elements.subarray(extreme.length));
  const products = await oracle.multiply(scalar, points);
  expectEqual(kernel, 'a group', await kernel.multiply(scalar, points), toHex(products));
  for (const each of EXTREME_SCALARS) {
    const last = assertScalar(fromHex(each));
    const wanted = await oracle.multiply(last, points.subarray(-96));
    const product = await kernel.multiply(last, points.subarray(-96));
    expectEqual(kernel, 'an extreme scalar', product, toHex(wanted));
  }

  for (const bad of REFUSED) {
    const refusal: unknown = await kernel.multiply(scalar, fromHex(bad)).catch((e: unknown) => e);
    if (!(refusal instanceof DpcaError && refusal.code === 'ERR_MATCH_POINT')) {
      throw new DpcaError('ERR_KERNEL_SELFTEST', `kernel ${kernel.name}: took a forbidden point`);
    }
  }
}

function toBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}
