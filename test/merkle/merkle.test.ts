/**
 * The Merkle tree: known answers of Certificate Transparency, and every size, index and prefix up to 40 leaves against
 * the recursive definition of RFC 6962 section 2.1.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  assertConsistency,
  assertInclusion,
  EMPTY_ROOT,
  type Hash,
  leafHash,
  MerkleTree,
} from '../../attestation/merkle.ts';
import { fromHex, toHex } from '../../src/encoding.ts';

/** Leaves and roots of github.com/transparency-dev/merkle, testonly/constants.go (Apache-2.0), from CT's own tests. */
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map(fromHex);
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const ct = new MerkleTree(LEAVES.map(leafHash));

describe('known answers', () => {
  it('gives the roots of Certificate Transparency', () => {
    ROOTS.forEach((root, size) => {
      expect(toHex(ct.root(size))).toBe(root);
    });
    expect(toHex(EMPTY_ROOT)).toBe(ROOTS[0]);
  });

  it('gives its consistency proofs', () => {
    expect(ct.consistency(6, 8).map(toHex)).toEqual([
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
    expect(ct.consistency(2, 5).map(toHex)).toEqual([
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ]);
  });

  it('gives its inclusion proof of leaf 0 in 8', () => {
    expect(ct.inclusion(0, 8).map(toHex)).toEqual([
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ]);
  });
});

const N = 40;
const leaves = Array.from({ length: N }, (_, i) => leafHash(Uint8Array.of(i, 7)));
const tree = new MerkleTree(leaves);
const sha = (...parts: Uint8Array[]): Hash =>
  new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest()) as Hash;

/** RFC 6962 section 2.1, word for word. */
function mth(list: readonly Hash[]): Hash {
  if (list.length === 0) return sha();
  const [only] = list;
  if (list.length === 1 && only !== undefined) return only;
  let k = 1;
  while (k * 2 < list.length) k *= 2;
  return sha(Uint8Array.of(1), mth(list.slice(0, k)), mth(list.slice(k)));
}

const flipped = (bytes: Uint8Array): Uint8Array => {
  const out = bytes.slice();
  out[31] = (out[31] ?? 0) ^ 1;
  return out;
};

/** Every way in which a proof is changed by one hash. */
function* mutants(proof: readonly Uint8Array[]): Generator<readonly Uint8Array[]> {
  for (let i = 0; i < proof.length; i++) {
    yield proof.with(i, flipped(proof[i] ?? new Uint8Array(32)));
    yield proof.toSpliced(i, 1);
  }
  yield [...proof, leaves[0] ?? new Uint8Array(32)];
  yield [leaves[0] ?? new Uint8Array(32), ...proof];
}

describe('every tree of up to 40 leaves', () => {
  const roots = Array.from({ length: N + 1 }, (_, n) => mth(leaves.slice(0, n)));

  it('has the recursive root at every size', () => {
    roots.forEach((root, n) => {
      expect(toHex(tree.root(n))).toBe(toHex(root));
    });
  });

  it('proves every leaf, and no changed leaf, index, size, root or proof', () => {
    let refused = 0;
    const no = (action: () => void): void => {
      expect(action).toThrowCode('ERR_LOG_PROOF');
      refused += 1;
    };
    for (let n = 1; n <= N; n++) {
      for (let i = 0; i < n; i++) {
        const proof = tree.inclusion(i, n);
        const root = roots[n]!;
        assertInclusion(leaves[i]!, i, n, root, proof);
        if (n > 20) continue;
        no(() => assertInclusion(flipped(leaves[i]!), i, n, root, proof));
        no(() => assertInclusion(leaves[i]!, i, n, flipped(root), proof));
        no(() => assertInclusion(leaves[i]!, (i + 1) % (n + 1), n, root, proof));
        for (const bad of mutants(proof)) no(() => assertInclusion(leaves[i]!, i, n, root, bad));
      }
    }
    expect(refused).toBeGreaterThan(2000);
  });

  it('proves every prefix, and no changed size, root or proof', () => {
    let refused = 0;
    const no = (action: () => void): void => {
      expect(action).toThrowCode('ERR_LOG_PROOF');
      refused += 1;
    };
    for (let n = 0; n <= N; n++) {
      for (let m = 0; m <= n; m++) {
        const proof = tree.consistency(m, n);
        const [old, young] = [roots[m]!, roots[n]!];
        assertConsistency(m, old, n, young, proof);
        if (n > 20) continue;
        if (m > 0) no(() => assertConsistency(m, flipped(old), n, young, proof));
        if (m > 0) no(() => assertConsistency(m, old, n, flipped(young), proof));
        if (m > 0 && m < n) no(() => assertConsistency(m - 1, old, n, young, proof));
        for (const bad of mutants(proof)) no(() => assertConsistency(m, old, n, young, bad));
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });

  it('refuses a fork: two trees that share a prefix only', () => {
    const fork = new MerkleTree([...leaves.slice(0, 9), ...leaves.slice(10)]);
    const root = fork.root(12);
    no(tree.consistency(12, 20));
    no(fork.consistency(12, 20));
    function no(proof: readonly Hash[]): void {
      expect(() => assertConsistency(12, root, 20, tree.root(20), proof)).toThrowCode(
        'ERR_LOG_PROOF',
      );
    }
  });

  it('refuses sizes and indices outside of the tree', () => {
    expect(() => tree.root(N + 1)).toThrowCode('ERR_LOG_PROOF');
    expect(() => tree.root(-1)).toThrowCode('ERR_LOG_PROOF');
    expect(() => tree.root(1.5)).toThrowCode('ERR_LOG_PROOF');
    expect(() => tree.inclusion(5, 5)).toThrowCode('ERR_LOG_PROOF');
    expect(() => tree.inclusion(-1, 5)).toThrowCode('ERR_LOG_PROOF');
    expect(() => tree.consistency(6, 5)).toThrowCode('ERR_LOG_PROOF');
    expect(() => assertConsistency(2, EMPTY_ROOT, 1, EMPTY_ROOT, [])).toThrowCode('ERR_LOG_PROOF');
    expect(() => assertInclusion(EMPTY_ROOT, -1, 1, EMPTY_ROOT, [])).toThrowCode('ERR_LOG_PROOF');
  });
});
