/**
 * Length-framed messages over any byte stream with Node's stream methods, with back-pressure in both directions.
 * Used on both ends of the sockets between an enclave and its host; holds no decision.
 * @module
 */
import { frameHeader, FrameSplitter } from './framing.ts';

/** The part of a Node socket that is used here; the core names no platform. */
export interface ByteStream {
  write(bytes: Uint8Array): boolean;
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'close' | 'drain', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  end(): unknown;
  destroy(): unknown;
}

export interface FramedHandlers {
  /** A complete frame. The stream is paused while a returned promise is pending. */
  readonly onFrame: (frame: Uint8Array) => void | Promise<void>;
  /** Exactly once, when the stream has closed; `error` says why if it was not an orderly end. */
  readonly onClose: (error: Error | undefined) => void;
}

export class FramedStream {
  private readonly stream: ByteStream;
  private readonly handlers: FramedHandlers;
  private readonly splitter: FrameSplitter;
  private readonly waiting: (() => void)[] = [];
  private pending: Uint8Array[] = [];
  private draining = false;
  private closed = false;
  private error: Error | undefined;

  constructor(stream: ByteStream, maxBytes: number, handlers: FramedHandlers) {
    this.stream = stream;
    this.handlers = handlers;
    this.splitter = new FrameSplitter(maxBytes);
    stream.on('data', (chunk) => this.onData(chunk));
    stream.on('drain', () => this.release());
    stream.on('error', (error) => (this.error = error));
    stream.on('close', () => {
      this.closed = true;
      this.release();
      handlers.onClose(this.error);
    });
  }

  /** Writes one frame; resolves when the stream takes more. After the close it resolves and writes nothing. */
  send(frame: Uint8Array): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.stream.write(frameHeader(frame.length));
    if (this.stream.write(frame)) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Sends what is buffered and closes. */
  end(): void {
    this.stream.end();
  }

  destroy(): void {
    this.stream.destroy();
  }

  private release(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private onData(chunk: Uint8Array): void {
    try {
      this.pending.push(...this.splitter.push(chunk));
    } catch (error) {
      this.abort(error);
      return;
    }
    if (!this.draining) this.deliver().catch((error: unknown) => this.abort(error));
  }

  /** Whoever sent a frame that cannot be read, or handled, gets no second chance. */
  private abort(error: unknown): void {
    this.error = error instanceof Error ? error : new Error(String(error));
    this.stream.destroy();
  }

  private async deliver(): Promise<void> {
    this.draining = true;
    let paused = false;
    for (let frame = this.pending.shift(); frame !== undefined; frame = this.pending.shift()) {
      const done = this.handlers.onFrame(frame);
      if (done === undefined) continue;
      if (!paused) this.stream.pause();
      paused = true;
      await done;
    }
    this.draining = false;
    if (paused && !this.closed) this.stream.resume();
  }
}
