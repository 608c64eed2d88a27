/**
 * From correlated rows to independent pads: the tweakable hash TMMO(x, i) = p(p(x) + i) + p(x) of Guo, Katz, Wang, Yu,
 * Efficient and Secure Multiparty Computation from Fixed-Key Block Ciphers (IEEE S&P 2020, section 7.4), where p is
 * AES-128 under a public key of this session and + is XOR. It stays a correlation-robust hash when the receiver has
 * chosen the rows, as a malicious one may. docs/values.md, "Pads".
 * @module
 */
import { fixed } from '../../bytes.ts';
import { DpcaError } from '../../errors.ts';
import type { Ciphers } from '../ciphers.ts';
import type { Kernel } from '../simd/kernel.ts';
import { boundHash } from './bound-hash.ts';

const BLOCK_BYTES = 16;
/** Blocks made at once: many enough that a call of the cipher costs little, few enough to stay in cache. */
const PIECE_BLOCKS = 1 << 13;
/** The longest pad: 64 columns of a switch. */
export const MAX_PAD_BYTES = 1024;
/** Up to here the tweak of every block is a number that is exact, and far more than any run uses. */
const MAX_TWEAK: number = 2 ** 48;

function blocksOf(padBytes: number): number {
  return Math.ceil(padBytes / BLOCK_BYTES);
}

/** The most pads that are made at once. */
export function padsAtOnce(padBytes: number): number {
  return Math.floor(PIECE_BLOCKS / blocksOf(padBytes));
}

/** Makes pads of rows; tweaks are used once, in the order of the calls, so both sides must make the same calls. */
export class PadHash {
  /** What {@link Kernel} must have room for. */
  static readonly regions: readonly number[] = [
    BLOCK_BYTES,
    PIECE_BLOCKS * BLOCK_BYTES,
    ...[PIECE_BLOCKS * BLOCK_BYTES + 8, PIECE_BLOCKS * BLOCK_BYTES + 8],
  ];
  private readonly permute: (plain: Uint8Array) => Uint8Array;
  private readonly kernel: Kernel;
  private readonly shift: number;
  private readonly inner: number;
  /** One piece for each choice. */
  private readonly outer: readonly number[];

  constructor(ciphers: Ciphers, context: Uint8Array, kernel: Kernel) {
    const key = boundHash(ciphers.sha256, 'dpca/v1/ot/pad-key', context)().slice(0, BLOCK_BYTES);
    this.permute = ciphers.blocks(fixed(key, BLOCK_BYTES, 'pad key'));
    this.kernel = kernel;
    const [shift = 0, inner = 0, ...outer] = PadHash.regions.map((bytes) => kernel.region(bytes));
    this.shift = shift;
    this.inner = inner;
    this.outer = outer;
  }

  /**
   * Pads of `count` rows of 16 bytes at the kernel's address `rows`, at most {@link padsAtOnce}, each row XOR `shift`;
   * record j at j * padBytes of a view that is valid until the next call for this choice. Block b of record j has the
   * tweak firstTweak + j * ceil(padBytes / 16) + b.
   */
  pads(
    rows: number,
    count: number,
    shift: Uint8Array,
    choice: 0 | 1,
    padBytes: number,
    firstTweak: number,
  ): Uint8Array {
    const { kernel, permute } = this;
    const { run } = kernel;
    const blocks = blocksOf(padBytes);
    if (count > padsAtOnce(padBytes) || firstTweak + count * blocks > MAX_TWEAK) {
      throw new DpcaError('ERR_INTERNAL', 'too many pads at once, or in this session');
    }
    const target = this.outer[choice] ?? 0;
    const inner = kernel.bytes(this.inner, count * BLOCK_BYTES);
    const outer = kernel.bytes(target, count * blocks * BLOCK_BYTES);
    if (count > 0) {
      kernel.bytes(this.shift, BLOCK_BYTES).set(shift);
      run.shiftRows(this.inner, rows, this.shift, count);
      inner.set(permute(inner));
      const high = Math.floor(firstTweak / 2 ** 32);
      run.tweak(target, this.inner, blocks, firstTweak | 0, high, count);
      outer.set(permute(outer));
      const overlap = blocks * BLOCK_BYTES - padBytes;
      run.finish(target, target, this.inner, blocks, overlap, count);
    }
    return outer.subarray(0, count * padBytes);
  }

  /** Overwrites all pieces. */
  wipe(): void {
    for (const at of this.outer) this.kernel.bytes(at, PIECE_BLOCKS * BLOCK_BYTES + 8).fill(0);
    this.kernel.bytes(this.inner, PIECE_BLOCKS * BLOCK_BYTES).fill(0);
    this.kernel.bytes(this.shift, BLOCK_BYTES).fill(0);
  }
}
