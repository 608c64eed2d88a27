/**
 * The XOR mask (docs/specification.md section 7). Per column and block there are two versions of w
 * dummy identifiers, known to both enclaves from a joint seed; each inserts the version that its own secret coin
 * picks. A block matches iff the coins agree, so the noise is uniform for whoever does not know the other's coins.
 * @module
 */
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fixed, wipe } from '../bytes.ts';
import { u64be, u8, utf8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import type { XorPlan } from './plan.ts';

/** One dummy: `identifier` goes into `column` (0-based), fresh fillers into the other columns of its row. */
export interface MaskRow {
  readonly column: number;
  readonly identifier: Bytes<32>;
}

/**
 * HKDF-SHA256(ikm = seedA || seedB, salt = sessionId, info = "psi/xor-mask/v1" || u64be(runCounter) || planHash).
 * The seed names dummies and never touches a coin, so even a ground seed cannot bias the noise.
 */
export function jointSeed(
  seedA: Bytes<32>,
  seedB: Bytes<32>,
  sessionId: Bytes<32>,
  runCounter: bigint,
  plan: Bytes<32>,
): Bytes<32> {
  const ikm = concat(seedA, seedB);
  const info = concat(utf8('psi/xor-mask/v1'), u64be(runCounter), plan);
  const seed = hkdf(sha256, ikm, sessionId, info, 32);
  wipe(ikm);
  return fixed(seed, 32, 'joint seed');
}

/**
 * HKDF-Expand(seed, "dummy" || u8(column) || u16be(block) || u8(version) || u16be(row), 32); all 0-based. As it is one
 * block long, that is HMAC-SHA256(seed, info || 01), and the seed is keyed in once for all rows.
 */
export function dummyIdentifiers(
  seed: Bytes<32>,
): (column: number, block: number, version: number, row: number) => Bytes<32> {
  const keyed = hmac.create(sha256, seed);
  const info = concat(utf8('dummy'), new Uint8Array(6), u8(1));
  const view = new DataView(info.buffer);
  return (column, block, version, row) => {
    view.setUint8(5, column);
    view.setUint16(6, block);
    view.setUint8(8, version);
    view.setUint16(9, row);
    return fixed(keyed.clone().update(info).digest(), 32, 'dummy identifier');
  };
}

/** Coins that one run of the plan takes: one per (column, block), columns in order, blocks in order. */
export function coinCount(plan: XorPlan): number {
  return plan.columns.reduce((sum, weights) => sum + weights.length, 0);
}

/** The rows that the owner of `bits` inserts: exactly one version of every (column, block). */
export function maskRowsOf(plan: XorPlan, seed: Bytes<32>, bits: Uint8Array): readonly MaskRow[] {
  if (bits.length !== coinCount(plan)) {
    throw new DpcaError('ERR_INTERNAL', 'expected one coin per block of the plan');
  }
  const identifier = dummyIdentifiers(seed);
  const rows: MaskRow[] = [];
  let at = 0;
  plan.columns.forEach((weights, column) => {
    weights.forEach((weight, block) => {
      const version = bits[at++];
      if (version !== 0 && version !== 1)
        throw new DpcaError('ERR_INTERNAL', 'expected coins 0 or 1');
      for (let row = 0; row < weight; row++) {
        rows.push({ column, identifier: identifier(column, block, version, row) });
      }
    });
  });
  return rows;
}
