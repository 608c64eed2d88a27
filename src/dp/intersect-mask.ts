/**
 * IntersectMask (docs/specification.md section 7.6), the mask of the published DPCA-PSI: per column 2 tau common identifiers from the
 * joint seed, of which each enclave inserts a secret uniform subset of tau. The overlap is
 * Hypergeometric(2 tau, tau, tau) for whoever does not know the other's subset.
 * @module
 */
import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fixed, wipe } from '../bytes.ts';
import { u32be, u64be, u8, utf8 } from '../encoding.ts';
import { type Rng, UniformSource } from '../rng.ts';
import type { IntersectPlan } from './plan.ts';
import type { MaskRow } from './xor-mask.ts';

/** HKDF-Expand(seed, "common" || u8(column) || u32be(index), 32), index 0..2 tau - 1. */
export function commonIdentifier(seed: Bytes<32>, column: number, index: number): Bytes<32> {
  const info = concat(utf8('common'), u8(column), u32be(index));
  return fixed(expand(sha256, seed, info, 32), 32, 'common identifier');
}

/**
 * The secret stream that subsets are drawn from: PRK as for coins, then blocks
 * HKDF-Expand(PRK, "subset" || sessionId || u64be(runCounter) || u32be(block), 4096), read in order.
 */
export function subsetSource(
  own: Bytes<32>,
  peer: Bytes<32>,
  sessionId: Bytes<32>,
  runCounter: bigint,
): Rng {
  const ikm = concat(own, peer);
  const prk = extract(sha256, ikm);
  wipe(ikm);
  const label = concat(utf8('subset'), sessionId, u64be(runCounter));
  let block = 0;
  return (n) => {
    const parts: Uint8Array[] = [];
    for (let got = 0; got < n; got += 4_096) {
      parts.push(expand(sha256, prk, concat(label, u32be(block++)), Math.min(4_096, n - got)));
    }
    return concat(...parts);
  };
}

/** The rows that the owner of `source` inserts: tau of the 2 tau common identifiers of every column. */
export function intersectRowsOf(
  plan: IntersectPlan,
  seed: Bytes<32>,
  source: Rng,
): readonly MaskRow[] {
  const uniform = new UniformSource(source);
  return plan.columns.flatMap((tau, column) =>
    Array.from(uniform.permutation(2 * tau).subarray(0, tau), (index) => ({
      column,
      identifier: commonIdentifier(seed, column, index),
    })),
  );
}
