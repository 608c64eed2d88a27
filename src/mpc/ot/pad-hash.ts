/**
 * From correlated rows to independent pads: the tweakable hash TMMO(x, i) = p(p(x) + i) + p(x) of Guo, Katz, Wang, Yu,
 * Efficient and Secure Multiparty Computation from Fixed-Key Block Ciphers (IEEE S&P 2020, section 7.4), where p is
 * AES-128 under a public key of this session and + is XOR. It stays a correlation-robust hash when the receiver has
 * chosen the rows, as a malicious one may. docs/values.md, "Pads".
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { fixed } from '../../bytes.ts';
import { lengthPrefixed, utf8 } from '../../encoding.ts';
import { DpcaError } from '../../errors.ts';
import type { Ciphers } from '../ciphers.ts';
import type { Kernel } from '../simd/kernel.ts';

const BLOCK_BYTES = 16;
/** Blocks per call of the cipher: many enough that a call costs little, few enough to stay in cache. */
const CALL_BLOCKS = 1 << 13;
/** The longest pad: 64 columns of a switch. */
export const MAX_PAD_BYTES = 1024;
/** Up to here the tweak of every block is a number that is exact, and far more than any run uses. */
const MAX_TWEAK: number = 2 ** 48;

/** Makes pads of rows; tweaks are used once, in the order of the calls, so both sides must make the same calls. */
export class PadHash {
  /** What {@link Kernel} must have room for. */
  static readonly regions: readonly number[] = [
    BLOCK_BYTES,
    CALL_BLOCKS * BLOCK_BYTES,
    CALL_BLOCKS * BLOCK_BYTES + 8,
  ];
  private readonly permute: (plain: Uint8Array) => Uint8Array;
  private readonly kernel: Kernel;
  private readonly shift: number;
  private readonly inner: number;
  private readonly outer: number;

  constructor(ciphers: Ciphers, context: Uint8Array, kernel: Kernel) {
    const key = sha256(lengthPrefixed(utf8('dpca/v1/ot/pad-key'), context)).slice(0, BLOCK_BYTES);
    this.permute = ciphers.blocks(fixed(key, BLOCK_BYTES, 'pad key'));
    this.kernel = kernel;
    const [shift = 0, inner = 0, outer = 0] = PadHash.regions.map((bytes) => kernel.region(bytes));
    this.shift = shift;
    this.inner = inner;
    this.outer = outer;
  }

  /**
   * Pads of `count` rows of 16 bytes at the kernel's address `rows`, each row XOR `shift`: record j to `out` at
   * j * padBytes. Block b of record j has the tweak firstTweak + j * ceil(padBytes / 16) + b.
   */
  pads(
    rows: number,
    count: number,
    shift: Uint8Array,
    padBytes: number,
    firstTweak: number,
    out: Uint8Array,
  ): void {
    const { run } = this.kernel;
    const blocks = Math.ceil(padBytes / BLOCK_BYTES);
    if (firstTweak + count * blocks > MAX_TWEAK) {
      throw new DpcaError('ERR_INTERNAL', 'the tweaks of this session are used up');
    }
    this.kernel.bytes(this.shift, BLOCK_BYTES).set(shift);
    const perCall = Math.floor(CALL_BLOCKS / blocks);
    for (let from = 0; from < count; from += perCall) {
      const n = Math.min(perCall, count - from);
      const inner = this.kernel.bytes(this.inner, n * BLOCK_BYTES);
      const outer = this.kernel.bytes(this.outer, n * blocks * BLOCK_BYTES);
      run.shiftRows(this.inner, rows + from * BLOCK_BYTES, this.shift, n);
      inner.set(this.permute(inner));
      const tweak = firstTweak + from * blocks;
      run.tweak(this.outer, this.inner, blocks, tweak | 0, Math.floor(tweak / 2 ** 32), n);
      outer.set(this.permute(outer));
      const overlap = blocks * BLOCK_BYTES - padBytes;
      run.finish(this.outer, this.outer, this.inner, blocks, overlap, n);
      out.set(outer.subarray(0, n * padBytes), from * padBytes);
    }
  }
}
