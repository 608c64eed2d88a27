/**
 * The Merkle tree of RFC 6962 section 2.1 with SHA-256: an append-only list whose every prefix has a root, with proofs
 * that a record is in it (inclusion) and that one root continues another (consistency). Proof checking follows
 * RFC 9162 sections 2.1.3.2 and 2.1.4.2. Used by the ledger and by the run log; runs in enclaves, hosts and auditors.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, equalConstantTime, fixed } from '../src/bytes.ts';
import { DpcaError } from '../src/errors.ts';

export type Hash = Bytes<32>;

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

function hash(...parts: readonly Uint8Array[]): Hash {
  const state = sha256.create();
  for (const part of parts) state.update(part);
  return fixed(state.digest(), 32, 'hash');
}

/** SHA-256(00 || record). */
export function leafHash(record: Uint8Array): Hash {
  return hash(LEAF, record);
}

function nodeHash(left: Uint8Array, right: Uint8Array): Hash {
  return hash(NODE, left, right);
}

/** Root of no leaves: SHA-256(""). */
export const EMPTY_ROOT: Hash = hash();

function refuse(problem: string): never {
  throw new DpcaError('ERR_LOG_PROOF', problem);
}

/** The largest power of two below n, n >= 2 (RFC 6962: the size of the left subtree). */
function split(n: number): number {
  let half = 1;
  while (half * 2 < n) half *= 2;
  return half;
}

/** An append-only tree; complete subtrees are kept, so roots and proofs cost O(log n) hashes. */
export class MerkleTree {
  /** levels[h][i]: hash of the complete subtree over leaves i*2^h .. (i+1)*2^h - 1. */
  private readonly levels: Hash[][] = [[]];

  constructor(leaves: readonly Hash[] = []) {
    for (const leaf of leaves) this.append(leaf);
  }

  get size(): number {
    return this.levels[0]?.length ?? 0;
  }

  /** @param leaf from {@link leafHash} */
  append(leaf: Hash): void {
    let node = leaf;
    for (let height = 0; ; height++) {
      const level = (this.levels[height] ??= []);
      level.push(node);
      if (level.length % 2 === 1) return;
      node = nodeHash(level[level.length - 2] ?? node, node);
    }
  }

  /** The leaf hash at `index` (ERR_LOG_PROOF outside of the tree). */
  leaf(index: number): Hash {
    return this.levels[0]?.[index] ?? refuse('expected the index of a leaf of this tree');
  }

  /** The root of the first `size` leaves. */
  root(size: number = this.size): Hash {
    this.checkRange(0, size);
    return size === 0 ? EMPTY_ROOT : this.range(0, size);
  }

  /** Audit path of leaf `index` in the tree of the first `size` leaves, from the leaf up. */
  inclusion(index: number, size: number = this.size): readonly Hash[] {
    this.checkRange(index + 1, size);
    if (!Number.isSafeInteger(index) || index < 0) refuse('expected the index of a leaf');
    const path = (low: number, high: number): Hash[] => {
      if (high - low === 1) return [];
      const middle = low + split(high - low);
      return index < middle
        ? [...path(low, middle), this.range(middle, high)]
        : [...path(middle, high), this.range(low, middle)];
    };
    return path(0, size);
  }

  /** Proof that the tree of the first `to` leaves continues that of the first `from`; empty for from = 0 and from = to. */
  consistency(from: number, to: number = this.size): readonly Hash[] {
    this.checkRange(from, to);
    const subproof = (low: number, high: number, whole: boolean): Hash[] => {
      const size = high - low;
      if (from - low === size) return whole ? [] : [this.range(low, high)];
      const middle = low + split(size);
      return from <= middle
        ? [...subproof(low, middle, whole), this.range(middle, high)]
        : [...subproof(middle, high, false), this.range(low, middle)];
    };
    return from === 0 || from === to ? [] : subproof(0, to, true);
  }

  private checkRange(low: number, high: number): void {
    const whole = Number.isSafeInteger(low) && Number.isSafeInteger(high);
    if (!whole || low < 0 || low > high || high > this.size) {
      refuse('expected a prefix of this tree');
    }
  }

  /** MTH(D[low:high]); the left part of every split is complete and aligned. */
  private range(low: number, high: number): Hash {
    const size = high - low;
    const height = Math.log2(size);
    const kept = Number.isInteger(height) ? this.levels[height]?.[low / size] : undefined;
    if (kept !== undefined) return kept;
    const middle = low + split(size);
    return nodeHash(this.range(low, middle), this.range(middle, high));
  }
}

function checkSizes(low: number, high: number): void {
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low < 0 || low > high) {
    refuse('expected whole sizes, the smaller one first');
  }
}

const half = (n: number): number => Math.floor(n / 2);

/** Refuses (ERR_LOG_PROOF) unless `proof` shows that `leaf` is number `index` of the tree with `size` and `root`. */
export function assertInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  root: Uint8Array,
  proof: readonly Uint8Array[],
): void {
  checkSizes(index + 1, size);
  if (index < 0) refuse('expected the index of a leaf');
  let [fn, sn] = [index, size - 1];
  let node: Uint8Array = leaf;
  for (const sibling of proof) {
    if (sn === 0) refuse('inclusion proof: longer than the tree is high');
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(sibling, node);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else node = nodeHash(node, sibling);
    [fn, sn] = [half(fn), half(sn)];
  }
  if (sn !== 0) refuse('inclusion proof: shorter than the tree is high');
  if (!equalConstantTime(node, root)) refuse('inclusion proof: leads to another root');
}

/** Refuses (ERR_LOG_PROOF) unless `proof` shows that the tree (to, toRoot) continues the tree (from, fromRoot). */
export function assertConsistency(
  from: number,
  fromRoot: Uint8Array,
  to: number,
  toRoot: Uint8Array,
  proof: readonly Uint8Array[],
): void {
  checkSizes(from, to);
  const expectRoot = (got: Uint8Array, expected: Uint8Array): void => {
    if (!equalConstantTime(got, expected)) refuse('consistency proof: leads to another root');
  };
  if (from === 0 || from === to) {
    if (proof.length > 0) refuse('consistency proof: expected none for these sizes');
    expectRoot(fromRoot, from === 0 ? EMPTY_ROOT : toRoot);
    if (to === 0) expectRoot(toRoot, EMPTY_ROOT);
    return;
  }
  let [fn, sn] = [from - 1, to - 1];
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  // a complete old tree is itself the first node of the path
  const path = fn === 0 ? [fromRoot, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return refuse('consistency proof: empty');
  let [old, young] = [first, first];
  for (const sibling of rest) {
    if (sn === 0) refuse('consistency proof: longer than the tree is high');
    if (fn % 2 === 1 || fn === sn) {
      old = nodeHash(sibling, old);
      young = nodeHash(sibling, young);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else young = nodeHash(young, sibling);
    [fn, sn] = [half(fn), half(sn)];
  }
  if (sn !== 0) refuse('consistency proof: shorter than the tree is high');
  expectRoot(old, fromRoot);
  expectRoot(young, toRoot);
}
