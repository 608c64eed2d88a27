/**
 * Drives a protocol coroutine (src/mpc/protocol.ts) over the channel to the peer: cuts what it sends into messages,
 * collects what it waits for, and lets other work in between. Holds no decision.
 * @module
 */
import { setImmediate } from 'node:timers/promises';
import { DpcaError } from '../src/errors.ts';
import type { Protocol } from '../src/mpc/protocol.ts';
import { MAX_PLAINTEXT_BYTES } from '../src/session/channel.ts';

/** Received and not yet asked for; above it the peer is not read until the protocol has caught up. */
const HIGH_BYTES = 8 << 20;

export class ProtocolDriver {
  private readonly send: (data: Uint8Array) => Promise<void>;
  private readonly chunks: Uint8Array[] = [];
  private buffered = 0;
  private wanted = 0;
  private sending = false;
  private wake: (() => void) | undefined;
  private caughtUp: (() => void) | undefined;
  private over: DpcaError | undefined;

  /** @param send one message of at most MAX_PLAINTEXT_BYTES; resolves when there is room for more */
  constructor(send: (data: Uint8Array) => Promise<void>) {
    this.send = send;
  }

  /** Runs to its end; rejects with what the protocol throws, or with the reason given to {@link stop}. */
  async run<T>(protocol: Protocol<T>): Promise<T> {
    let step = protocol.next();
    while (step.done !== true) {
      if (this.over !== undefined) throw this.over;
      const { value } = step;
      if ('send' in value) {
        await this.sendAll(value.send);
        step = protocol.next();
      } else if ('receive' in value) {
        step = protocol.next(await this.take(value.receive));
      } else {
        await setImmediate();
        step = protocol.next();
      }
    }
    if (this.buffered > 0) {
      throw new DpcaError('ERR_WIRE_UNEXPECTED', 'expected no bytes after the end of the protocol');
    }
    return step.value;
  }

  /** The next bytes from the peer; the promise, if any, resolves when more may be read. */
  push(data: Uint8Array): void | Promise<void> {
    this.chunks.push(data);
    this.buffered += data.length;
    if (this.buffered >= this.wanted) this.wake?.();
    // while this side itself waits for room, stopping to read could stop both sides for ever
    if (this.buffered <= Math.max(HIGH_BYTES, this.wanted) || this.sending) return;
    return new Promise((resolve) => (this.caughtUp = resolve));
  }

  /** The session is over: whoever waits here is told so. */
  stop(reason: DpcaError): void {
    this.over = reason;
    this.wake?.();
    this.release();
  }

  private async sendAll(bytes: Uint8Array): Promise<void> {
    this.sending = true;
    this.release();
    for (let at = 0; at < bytes.length && this.over === undefined; at += MAX_PLAINTEXT_BYTES) {
      await this.send(bytes.subarray(at, at + MAX_PLAINTEXT_BYTES));
    }
    this.sending = false;
  }

  private async take(length: number): Promise<Uint8Array> {
    this.wanted = length;
    if (this.buffered < length) {
      this.release();
      await new Promise<void>((resolve) => (this.wake = resolve));
      this.wake = undefined;
    }
    if (this.over !== undefined) throw this.over;
    const out = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const head = this.chunks[0] ?? new Uint8Array(0);
      const part = head.subarray(0, length - at);
      out.set(part, at);
      at += part.length;
      if (part.length === head.length) this.chunks.shift();
      else this.chunks[0] = head.subarray(part.length);
    }
    this.buffered -= length;
    this.wanted = 0;
    if (this.buffered <= HIGH_BYTES) this.release();
    return out;
  }

  private release(): void {
    this.caughtUp?.();
    this.caughtUp = undefined;
  }
}
