/**
 * Two protocol coroutines against each other in memory, one step each in turn; counts the bytes of each direction and
 * can change them on the way. Ends with an error where a real pair would hang.
 * @module
 */
import type { Protocol } from '../../src/mpc/protocol.ts';

export type Side = 'a' | 'b';

export interface PairOptions {
  /** Sees, and may change in place, each sent piece; `offset` counts the bytes that side sent before. */
  readonly tamper?: (from: Side, bytes: Uint8Array, offset: number) => void;
}

export interface PairResult<A, B> {
  readonly a: A;
  readonly b: B;
  /** Bytes sent by a and by b. */
  readonly sent: { readonly a: number; readonly b: number };
}

class Pipe {
  total = 0;
  private readonly pieces: Uint8Array[] = [];
  private at = 0;
  private waiting = 0;

  push(bytes: Uint8Array): void {
    this.pieces.push(bytes);
    this.total += bytes.length;
    this.waiting += bytes.length;
  }

  get left(): number {
    return this.waiting;
  }

  take(n: number): Uint8Array | undefined {
    if (this.waiting < n) return undefined;
    this.waiting -= n;
    const out = new Uint8Array(n);
    for (let filled = 0; filled < n;) {
      const piece = this.pieces[0]!;
      const part = piece.subarray(this.at, this.at + n - filled);
      out.set(part, filled);
      filled += part.length;
      this.at += part.length;
      if (this.at === piece.length) {
        this.pieces.shift();
        this.at = 0;
      }
    }
    return out;
  }
}

class Runner<T> {
  result: { value: T } | undefined;
  private wanted = 0;
  private readonly protocol: Protocol<T>;
  private readonly inbox: Pipe;
  private readonly post: (bytes: Uint8Array) => void;

  constructor(protocol: Protocol<T>, inbox: Pipe, post: (bytes: Uint8Array) => void) {
    this.protocol = protocol;
    this.inbox = inbox;
    this.post = post;
  }

  /** False when it can do nothing until bytes come. */
  step(): boolean {
    if (this.result !== undefined) return false;
    const input = this.wanted > 0 ? this.inbox.take(this.wanted) : undefined;
    if (this.wanted > 0 && input === undefined) return false;
    this.wanted = 0;
    const next = this.protocol.next(input);
    if (next.done === true) this.result = { value: next.value };
    else if ('send' in next.value) this.post(next.value.send);
    else if ('receive' in next.value) {
      this.wanted = next.value.receive;
      if (!(Number.isSafeInteger(this.wanted) && this.wanted > 0)) {
        throw new Error(`asked for ${this.wanted} bytes`);
      }
    }
    return true;
  }
}

/** Runs both to their ends. What either throws is thrown; so is a deadlock, and bytes that nobody received. */
export function runProtocols<A, B>(
  a: Protocol<A>,
  b: Protocol<B>,
  options: PairOptions = {},
): PairResult<A, B> {
  const fromA = new Pipe();
  const fromB = new Pipe();
  const post = (side: Side, pipe: Pipe) => (bytes: Uint8Array) => {
    if (bytes.length === 0) throw new Error('sent an empty piece');
    options.tamper?.(side, bytes, pipe.total);
    pipe.push(bytes);
  };
  const left = new Runner(a, fromB, post('a', fromA));
  const right = new Runner(b, fromA, post('b', fromB));
  while (left.result === undefined || right.result === undefined) {
    const moved = [left.step(), right.step()];
    if (!moved.includes(true)) throw new Error('both sides wait for bytes that never come');
  }
  if (fromA.left + fromB.left > 0) throw new Error('bytes were sent that nobody received');
  return {
    a: left.result.value,
    b: right.result.value,
    sent: { a: fromA.total, b: fromB.total },
  };
}
