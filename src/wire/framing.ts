/**
 * Length framing of the byte streams between an enclave and its own host: `u32be(length) || bytes`.
 * @module
 */
import { concat } from '../bytes.ts';
import { u32be } from '../encoding.ts';
import { DpcaError } from '../errors.ts';

export function frameHeader(length: number): Uint8Array {
  return u32be(length);
}

/** Cuts a stream into frames; `push` returns the frames that a chunk completes. Frames of length zero are refused. */
export class FrameSplitter {
  private readonly maxBytes: number;
  private pending: Uint8Array[] = [];
  private buffered = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): Uint8Array[] {
    this.pending.push(chunk);
    this.buffered += chunk.length;
    const frames: Uint8Array[] = [];
    for (;;) {
      const length = this.peekLength();
      if (length === undefined || this.buffered < 4 + length) return frames;
      const all = this.pending.length === 1 ? (this.pending[0] ?? chunk) : concat(...this.pending);
      frames.push(all.subarray(4, 4 + length));
      const rest = all.subarray(4 + length);
      this.pending = rest.length > 0 ? [rest] : [];
      this.buffered = rest.length;
    }
  }

  private peekLength(): number | undefined {
    if (this.buffered < 4) return undefined;
    const first = this.pending[0];
    const head = first !== undefined && first.length >= 4 ? first : concat(...this.pending);
    const length = new DataView(head.buffer, head.byteOffset, 4).getUint32(0);
    if (length === 0 || length > this.maxBytes) {
      throw new DpcaError('ERR_WIRE_TOO_LARGE', `expected a frame of 1 to ${this.maxBytes} bytes`);
    }
    return length;
  }
}
