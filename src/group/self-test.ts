/**
 * The known-answer test that every kernel passes before its first use: published and frozen answers, refusals, and
 * agreement with the oracle on a full group of 16 records and a ragged tail.
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

/** Canonical u at the ends of the field and of 51-bit limbs: 2, p - 2, 2^51 - 1, 2^254, p - 20, 2^255 - 2^51. */
const EXTREME: readonly string[] = [
  `02${'00'.repeat(31)}`,
  `eb${'ff'.repeat(30)}7f`,
  `${'ff'.repeat(6)}07${'00'.repeat(25)}`,
  `${'00'.repeat(31)}40`,
  `d9${'ff'.repeat(30)}7f`,
  `${'00'.repeat(6)}f8${'ff'.repeat(24)}7f`,
];

/** Low order: 0, 1, p - 1, and one of order 8; not canonical: p, and 9 with bit 255. */
const REFUSED: readonly string[] = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  `ed${'ff'.repeat(30)}7f`,
  `09${'00'.repeat(30)}80`,
];

function expectEqual(kernel: Kernel, what: string, got: Uint8Array, wanted: string): void {
  if (toHex(got) !== wanted) {
    throw new DpcaError('ERR_KERNEL_SELFTEST', `kernel ${kernel.name}: wrong answer for ${what}`);
  }
}

/** Resolves when `kernel` answers everything right; else rejects (ERR_KERNEL_SELFTEST). About 50 ms. */
export async function selfTest(kernel: Kernel): Promise<void> {
  const scalar = assertScalar(fromHex(SCALAR));
  expectEqual(kernel, 'RFC 7748', await kernel.multiply(scalar, fromHex(POINT)), PRODUCT);

  const message = fromHex(MESSAGE);
  const one = pack([message]);
  expectEqual(kernel, 'hash', await kernel.hashToGroup(one.bytes, one.offsets), ELEMENT);

  // lengths 0, 17, .. 306 cross the block boundaries of SHA-512
  const many = pack(Array.from({ length: 19 }, (_, i) => new Uint8Array(17 * i).fill(i)));
  const oracle = nobleKernel();
  const elements = await oracle.hashToGroup(many.bytes, many.offsets);
  const got = await kernel.hashToGroup(many.bytes, many.offsets);
  expectEqual(kernel, 'hash of a group with tail', got, toHex(elements));
  const points = concat(...EXTREME.map(fromHex), elements.subarray(0, 13 * 32));
  const products = await oracle.multiply(scalar, points);
  expectEqual(kernel, 'a group', await kernel.multiply(scalar, points), toHex(products));

  for (const bad of REFUSED) {
    const refusal: unknown = await kernel.multiply(scalar, fromHex(bad)).catch((e: unknown) => e);
    if (!(refusal instanceof DpcaError && refusal.code === 'ERR_MATCH_POINT')) {
      throw new DpcaError('ERR_KERNEL_SELFTEST', `kernel ${kernel.name}: took a forbidden point`);
    }
  }
}
