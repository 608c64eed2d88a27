/**
 * Punctured pseudo-random functions by the tree of Goldreich, Goldwasser and Micali: the OT receiver grows 4 leaf
 * seeds per block, the OT sender gets all of them but the one at an index that only it knows. Derandomised from base
 * transfers, with the consistency check of SoftSpokenOT (Roy, CRYPTO 2022, after Boyle et al. 2019): a
 * receiver that sends a malformed tree must stake the run on a guess of the index. docs/values.md, "Leaf seeds".
 * @module
 */
import { concat, equalConstantTime, wipe } from '../../bytes.ts';
import { u8, u16be } from '../../encoding.ts';
import { DpcaError } from '../../errors.ts';
import type { Rng } from '../../rng.ts';
import type { Ciphers } from '../ciphers.ts';
import { type Protocol, receive, send } from '../protocol.ts';
import { type BoundHash, boundHash } from './bound-hash.ts';

/** Levels of a tree, which is SoftSpokenOT's k. */
export const DEPTH = 2;
export const LEAVES: number = 1 << DEPTH;
/** Trees: DEPTH bits of the sender's 128-bit secret each. */
export const BLOCKS: number = 128 / DEPTH;

const SEED_BYTES = 16;
const CHECK_BYTES = 32;
/** Per tree: two masked sums per level, the XOR of all check values and their hash. */
const TREE_BYTES = 2 * SEED_BYTES * DEPTH + 2 * CHECK_BYTES;

export const PUNCTURED_BYTES: number = BLOCKS * TREE_BYTES;

/** seeds[b * LEAVES + y] is leaf y of block b, 16 bytes; `pads`: both pads of base transfer b * DEPTH + level. */
export function* growTrees(
  pads: { readonly zeros: readonly Uint8Array[]; readonly ones: readonly Uint8Array[] },
  context: Uint8Array,
  ciphers: Ciphers,
  rng: Rng,
): Protocol<Uint8Array[]> {
  const hashes = hashesOf(context, ciphers);
  const seeds: Uint8Array[] = [];
  const message = new Uint8Array(PUNCTURED_BYTES);
  for (let block = 0; block < BLOCKS; block++) {
    let nodes = [rng(SEED_BYTES)];
    const tree = message.subarray(block * TREE_BYTES, (block + 1) * TREE_BYTES);
    for (let level = 0; level < DEPTH; level++) {
      nodes = nodes.flatMap((node) => children(hashes, block, level, node));
      for (const [side, pad] of [pads.zeros, pads.ones].entries()) {
        const sum = maskOf(hashes, block, level, pad[block * DEPTH + level]);
        nodes.forEach((node, i) => {
          xorInto(sum, node, i % 2 === side);
        });
        tree.set(sum, (2 * level + side) * SEED_BYTES);
      }
    }
    const leaves = nodes.map((node, y) => leafOf(hashes, block, y, node));
    const total = new Uint8Array(CHECK_BYTES);
    for (const { check } of leaves) xorInto(total, check, true);
    tree.set(total, 2 * SEED_BYTES * DEPTH);
    tree.set(digestOf(hashes, block, leaves), 2 * SEED_BYTES * DEPTH + CHECK_BYTES);
    seeds.push(...leaves.map(({ seed }) => seed));
  }
  yield* send(message);
  return seeds;
}

/**
 * Leaves seen from the hole: seeds[b * LEAVES + p] is leaf p XOR index of block b; p = 0, the hole itself, is all
 * zeros. `indices` in 0..3; `pads[b * DEPTH + level]` is the pad of choice {@link choicesOf}.
 */
export function* receiveTrees(
  indices: Uint8Array,
  pads: readonly Uint8Array[],
  context: Uint8Array,
  ciphers: Ciphers,
): Protocol<Uint8Array[]> {
  const hashes = hashesOf(context, ciphers);
  const message = yield* receive(PUNCTURED_BYTES);
  const seeds: Uint8Array[] = [];
  let wrong = 0;
  for (let block = 0; block < BLOCKS; block++) {
    const index = indices[block] ?? 0;
    const tree = message.subarray(block * TREE_BYTES, (block + 1) * TREE_BYTES);
    // the hole moves down the tree; its node is kept as zeros, which is wrong and later overwritten
    let nodes: Uint8Array[] = [new Uint8Array(SEED_BYTES)];
    for (let level = 0; level < DEPTH; level++) {
      const hole = index >> (DEPTH - level);
      const side = ((index >> (DEPTH - 1 - level)) & 1) ^ 1;
      nodes = nodes.flatMap((node) => children(hashes, block, level, node));
      const sum = maskOf(hashes, block, level, pads[block * DEPTH + level]);
      const at = (2 * level + side) * SEED_BYTES;
      xorInto(sum, tree.subarray(at, at + SEED_BYTES), true);
      nodes.forEach((node, i) => {
        xorInto(sum, node, i % 2 === side && i >> 1 !== hole);
      });
      nodes[2 * hole + side] = sum;
      nodes[2 * hole + 1 - side] = new Uint8Array(SEED_BYTES);
    }
    const leaves = nodes.map((node, y) => leafOf(hashes, block, y, node));
    const missing = tree.slice(2 * SEED_BYTES * DEPTH, 2 * SEED_BYTES * DEPTH + CHECK_BYTES);
    leaves.forEach(({ check }, y) => {
      xorInto(missing, check, y !== index);
    });
    leaves[index] = { seed: new Uint8Array(SEED_BYTES), check: missing };
    const expected = tree.subarray(2 * SEED_BYTES * DEPTH + CHECK_BYTES);
    wrong |= Number(!equalConstantTime(digestOf(hashes, block, leaves), expected));
    for (let p = 0; p < LEAVES; p++) {
      seeds.push(leaves[p ^ index]?.seed ?? new Uint8Array(SEED_BYTES));
    }
    wipe(...nodes);
  }
  if (wrong !== 0) throw new DpcaError('ERR_MPC_CHECK', 'the leaf seeds of the peer do not verify');
  return seeds;
}

/** The base transfer of each level chooses the sum of the side that the hole does not take. */
export function choicesOf(indices: Uint8Array): Uint8Array {
  const choices = new Uint8Array(BLOCKS * DEPTH);
  for (let i = 0; i < choices.length; i++) {
    const index = indices[Math.floor(i / DEPTH)] ?? 0;
    choices[i] = ((index >> (DEPTH - 1 - (i % DEPTH))) & 1) ^ 1;
  }
  return choices;
}

interface Leaf {
  readonly seed: Uint8Array;
  readonly check: Uint8Array;
}

interface Hashes {
  readonly children: BoundHash;
  readonly leaf: BoundHash;
  readonly mask: BoundHash;
  readonly check: BoundHash;
}

function hashesOf(context: Uint8Array, { sha256, sha512 }: Ciphers): Hashes {
  return {
    children: boundHash(sha256, 'dpca/v1/ot/tree/children', context),
    leaf: boundHash(sha512, 'dpca/v1/ot/tree/leaf', context),
    mask: boundHash(sha256, 'dpca/v1/ot/tree/mask', context),
    check: boundHash(sha256, 'dpca/v1/ot/tree/check', context),
  };
}

function children(
  hashes: Hashes,
  block: number,
  level: number,
  node: Uint8Array,
): [Uint8Array, Uint8Array] {
  const both = hashes.children(u16be(block), u8(level), node);
  return [both.slice(0, SEED_BYTES), both.slice(SEED_BYTES)];
}

function leafOf(hashes: Hashes, block: number, y: number, node: Uint8Array): Leaf {
  const hash = hashes.leaf(u16be(block), u8(y), node);
  return {
    seed: hash.slice(0, SEED_BYTES),
    check: hash.slice(SEED_BYTES, SEED_BYTES + CHECK_BYTES),
  };
}

function maskOf(
  hashes: Hashes,
  block: number,
  level: number,
  pad: Uint8Array | undefined,
): Uint8Array {
  if (pad === undefined) throw new DpcaError('ERR_INTERNAL', 'a base transfer is missing');
  return hashes.mask(u16be(block), u8(level), pad).slice(0, SEED_BYTES);
}

function digestOf(hashes: Hashes, block: number, leaves: readonly Leaf[]): Uint8Array {
  return hashes.check(u16be(block), concat(...leaves.map(({ check }) => check)));
}

/** target ^= value if `take`, in the same time either way. */
function xorInto(target: Uint8Array, value: Uint8Array, take: boolean): void {
  const mask = -Number(take);
  for (let i = 0; i < target.length; i++) {
    target[i] = (target[i] ?? 0) ^ ((value[i] ?? 0) & mask);
  }
}
