/**
 * The curve module with its memory: arithmetic of one thread, on ranges of batches that may lie in shared memory. Each
 * batch is copied in, checked and computed there, and copied out; what derives from a secret is overwritten after each
 * call. The module imports nothing, so it can reach nothing but its own memory.
 * @module
 */
import { DpcaError } from '../../errors.ts';
import {
  PAGE_BYTES,
  type WasmMemory,
  compileModule,
  instantiateModule,
} from '../../web-assembly.ts';
import { ELEMENT_BYTES, suiteDst } from '../suite.ts';
import { BATCH, type Emitted, STATUS, type Variant, emitModule } from './batch.ts';
import { BUFFER_EXTRA } from './sha512.ts';

interface Exports {
  readonly memory: WasmMemory;
  readonly init: () => void;
  readonly multiply: (n: number) => void;
  readonly hash: (n: number, messages: number, buffer: number) => void;
}

/** Messages copied in at a time, unless a single one is longer; and the longest message. */
const MAX_MESSAGES_BYTES = 65_536;
const MAX_MESSAGE_BYTES = 2 ** 24;

export class WasmArithmetic {
  private readonly exports: Exports;
  private readonly layout: Emitted['layout'];

  /** ERR_INTERNAL if this engine does not know the instructions. */
  constructor(variant: Variant) {
    const { bytes, layout } = emitModule(variant, suiteDst());
    this.layout = layout;
    try {
      this.exports = instantiateModule(compileModule(bytes)) as Exports;
    } catch (cause) {
      const message = `${variant}: not known to this WebAssembly engine`;
      throw new DpcaError('ERR_INTERNAL', message, { cause });
    }
    this.exports.init();
  }

  /**
   * Computes records `from` .. `to - 1` into the same places of `out`; the scalar is clamped. All points of a batch are
   * checked before any arithmetic on them (ERR_MATCH_POINT).
   */
  multiplyRange(
    scalar: Uint8Array,
    points: Uint8Array,
    from: number,
    to: number,
    out: Uint8Array,
  ): void {
    const { layout, exports } = this;
    this.wiping(() => {
      this.write(layout.scalar, scalar);
      for (let start = from; start < to; start += BATCH) {
        const end = Math.min(start + BATCH, to);
        this.write(layout.points, points.subarray(start * ELEMENT_BYTES, end * ELEMENT_BYTES));
        exports.multiply(end - start);
        this.read(start, end, out);
      }
    });
  }

  /**
   * Hashes messages `from` .. `to - 1`, message i being `messages.subarray(offsets[i], offsets[i + 1])`, into the same
   * places of `out`. ERR_INTERNAL for a message of more than 2^24 bytes.
   */
  hashRange(
    messages: Uint8Array,
    offsets: Uint32Array,
    from: number,
    to: number,
    out: Uint8Array,
  ): void {
    this.wiping(() => {
      let start = from;
      while (start < to) {
        const first = offsets[start] ?? 0;
        let end = start + 1;
        while (
          end < to &&
          end - start < BATCH &&
          (offsets[end + 1] ?? 0) - first <= MAX_MESSAGES_BYTES
        )
          end++;
        this.hashBatch(messages.subarray(first, offsets[end]), offsets.subarray(start, end + 1));
        this.read(start, end, out);
        start = end;
      }
    });
  }

  private hashBatch(messages: Uint8Array, offsets: Uint32Array): void {
    const { exports, layout } = this;
    const n = offsets.length - 1;
    const ends = Uint32Array.from(offsets, (offset) => offset - (offsets[0] ?? 0));
    if (messages.length > MAX_MESSAGE_BYTES || ends.some((end, i) => end < (ends[i - 1] ?? 0))) {
      throw new DpcaError(
        'ERR_INTERNAL',
        'expected ascending offsets and messages of at most 16 MiB',
      );
    }
    // the messages, and behind them two at a time with their padding
    const buffer = PAGE_BYTES + messages.length;
    const missing = buffer + 2 * messages.length + BUFFER_EXTRA - exports.memory.buffer.byteLength;
    if (missing > 0) exports.memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.write(PAGE_BYTES, messages);
    new Uint32Array(exports.memory.buffer, layout.offsets, n + 1).set(ends);
    exports.hash(n, PAGE_BYTES, buffer);
  }

  private write(address: number, bytes: Uint8Array): void {
    new Uint8Array(this.exports.memory.buffer, address, bytes.length).set(bytes);
  }

  private read(start: number, end: number, out: Uint8Array): void {
    const { status, out: results } = this.layout;
    const { buffer } = this.exports.memory;
    const [said] = new Uint32Array(buffer, status, 1);
    if (said === STATUS.refusedPoint) {
      throw new DpcaError(
        'ERR_MATCH_POINT',
        'expected canonical elements of large order, got another value',
      );
    }
    if (said !== STATUS.done)
      throw new DpcaError('ERR_INTERNAL', 'a result is the neutral element');
    const size = (end - start) * ELEMENT_BYTES;
    out.set(new Uint8Array(buffer, results, size), start * ELEMENT_BYTES);
  }

  private wiping(action: () => void): void {
    try {
      action();
    } finally {
      new Uint8Array(this.exports.memory.buffer).fill(0);
      this.exports.init(); // constants
    }
  }
}
