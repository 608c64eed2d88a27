/**
 * The one strict reader of binary messages: big-endian integers, exact lengths, every byte consumed.
 * @module
 */
import { DpcaError } from '../errors.ts';

export class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  private advance(n: number): number {
    const start = this.at;
    if (!Number.isSafeInteger(n) || n < 0 || start + n > this.bytes.length) {
      throw new DpcaError('ERR_WIRE_TRUNCATED', `expected ${n} more bytes, got ${this.remaining}`);
    }
    this.at = start + n;
    return start;
  }

  get remaining(): number {
    return this.bytes.length - this.at;
  }

  u8(): number {
    return this.view.getUint8(this.advance(1));
  }

  u16(): number {
    return this.view.getUint16(this.advance(2));
  }

  u32(): number {
    return this.view.getUint32(this.advance(4));
  }

  u64(): bigint {
    return this.view.getBigUint64(this.advance(8));
  }

  /** A view of the next n bytes; copy it if it must outlive the message. */
  take(n: number): Uint8Array {
    const start = this.advance(n);
    return this.bytes.subarray(start, start + n);
  }

  /** Everything that is left, as a view. */
  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  /** Must be called after the last field (ERR_WIRE_TRAILING). */
  finish(): void {
    if (this.remaining !== 0) {
      throw new DpcaError(
        'ERR_WIRE_TRAILING',
        `expected the end, got ${this.remaining} more bytes`,
      );
    }
  }
}
