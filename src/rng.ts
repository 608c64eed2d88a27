/**
 * Randomness as a capability: the core never draws from the platform.
 * @module
 */
import { DpcaError } from './errors.ts';

/** Returns `n` fresh bytes, uniform and secret, in a new buffer. Inside the enclave it is seeded by the NSM. */
export type Rng = (n: number) => Uint8Array;

/** Seconds are for certificates, milliseconds for everything here: milliseconds since 1970-01-01T00:00Z. */
export type NowMs = number;

/** Uniform integers below any bound up to 2^32, by rejection over 32-bit words drawn in blocks. */
export class UniformSource {
  private readonly rng: Rng;
  private block: DataView;
  private at: number;

  constructor(rng: Rng) {
    this.rng = rng;
    this.block = new DataView(new ArrayBuffer(0));
    this.at = 0;
  }

  private word(): number {
    if (this.at + 4 > this.block.byteLength) {
      const bytes = this.rng(16_384);
      if (bytes.length !== 16_384) {
        throw new DpcaError('ERR_RNG_SHORT', `expected 16384 random bytes, got ${bytes.length}`);
      }
      this.block = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      this.at = 0;
    }
    const value = this.block.getUint32(this.at, true);
    this.block.setUint32(this.at, 0, true);
    this.at += 4;
    return value;
  }

  /** Uniform in [0, bound), 1 <= bound <= 2^32; words in the incomplete last multiple are redrawn. */
  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 4_294_967_296) {
      throw new DpcaError('ERR_RNG_BOUND', 'expected an integer bound in 1..2^32');
    }
    for (;;) {
      const word = this.word();
      const rest = word % bound;
      // word - rest begins a multiple of bound; it is whole unless it reaches past 2^32
      if (word - rest <= 4_294_967_296 - bound) return rest;
    }
  }

  /** Uniform secret permutation of 0..n-1 (Fisher-Yates, Durstenfeld 1964): out[p] is the row at position p. */
  permutation(n: number): Uint32Array {
    const out = new Uint32Array(n);
    for (let i = 0; i < n; i++) out[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const swap = out[i] ?? 0;
      out[i] = out[j] ?? 0;
      out[j] = swap;
    }
    return out;
  }
}
