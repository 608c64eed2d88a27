/**
 * Framed messages over a byte stream: order, back-pressure both ways, and what every kind of end does.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/bytes.ts';
import { fromHex, toHex, u32be } from '../../src/encoding.ts';
import { type ByteStream, FramedStream } from '../../src/wire/framed-stream.ts';

/** A stream that is driven by hand and writes down what is done to it. */
class FakeStream implements ByteStream {
  readonly written: Uint8Array[] = [];
  readonly calls: string[] = [];
  /** What `write` answers: false is "no more for now". */
  room = true;
  private readonly listeners = new Map<string, ((value: never) => void)[]>();

  write(bytes: Uint8Array): boolean {
    this.written.push(bytes.slice());
    return this.room;
  }

  on(event: string, listener: (value: never) => void): void {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }

  emit(event: 'data' | 'close' | 'drain' | 'error', value?: unknown): void {
    for (const listener of this.listeners.get(event) ?? []) listener(value as never);
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }

  end(): void {
    this.calls.push('end');
  }

  destroy(): void {
    this.calls.push('destroy');
    this.emit('close');
  }
}

interface Observed {
  readonly fake: FakeStream;
  readonly stream: FramedStream;
  readonly frames: string[];
  readonly ends: (Error | undefined)[];
}

function observed(onFrame: (hex: string) => void | Promise<void> = () => undefined): Observed {
  const fake = new FakeStream();
  const frames: string[] = [];
  const ends: (Error | undefined)[] = [];
  const stream = new FramedStream(fake, 1_000, {
    onFrame: (frame) => {
      frames.push(toHex(frame));
      return onFrame(toHex(frame));
    },
    onClose: (error) => ends.push(error),
  });
  return { fake, stream, frames, ends };
}

const framed = (...hex: string[]) =>
  concat(...hex.flatMap((text) => [u32be(text.length / 2), fromHex(text)]));
/** Lets everything that has been resolved run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));
/** Whether a promise has been settled by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => (done = true));
  await settle();
  return done;
}

describe('sending', () => {
  it('writes a header and the frame, and waits for room', async () => {
    const { fake, stream } = observed();
    expect(await isDone(stream.send(fromHex('aabb')))).toBe(true);
    expect(toHex(concat(...fake.written))).toBe('00000002aabb');
    fake.room = false;
    const second = stream.send(fromHex('cc'));
    const third = stream.send(fromHex('dd'));
    expect(await isDone(second)).toBe(false);
    fake.room = true;
    fake.emit('drain');
    expect(await isDone(Promise.all([second, third]))).toBe(true);
    expect(toHex(concat(...fake.written))).toBe('00000002aabb00000001cc00000001dd');
  });

  it('is released by the close, and writes nothing after it', async () => {
    const { fake, stream, ends } = observed();
    fake.room = false;
    const waiting = stream.send(fromHex('aa'));
    expect(await isDone(waiting)).toBe(false);
    fake.emit('close');
    expect(await isDone(waiting)).toBe(true);
    const before = fake.written.length;
    await stream.send(fromHex('bb'));
    expect(fake.written.length).toBe(before);
    expect(ends).toEqual([undefined]);
  });

  it('ends and destroys the stream itself', () => {
    const { fake, stream } = observed();
    stream.end();
    stream.destroy();
    expect(fake.calls).toEqual(['end', 'destroy']);
  });
});

describe('receiving', () => {
  it('gives the frames of any cut of the stream in order', async () => {
    const bytes = framed('01', '0203', 'ff'.repeat(40));
    for (let i = 0; i <= bytes.length; i++) {
      const { fake, frames } = observed();
      fake.emit('data', bytes.subarray(0, i));
      fake.emit('data', bytes.subarray(i));
      await settle();
      expect(frames).toEqual(['01', '0203', 'ff'.repeat(40)]);
    }
  });

  it('pauses while a handler is busy, keeps what has arrived, and goes on in order', async () => {
    const release: (() => void)[] = [];
    const { fake, frames } = observed((hex) =>
      hex === '03' ? undefined : new Promise((resolve) => release.push(resolve)),
    );
    fake.emit('data', framed('01', '02'));
    await settle();
    expect(frames).toEqual(['01']);
    expect(fake.calls).toEqual(['pause']);
    fake.emit('data', framed('03')); // was on its way when the stream was paused
    release.shift()?.();
    await settle();
    expect(frames).toEqual(['01', '02']);
    expect(fake.calls).toEqual(['pause']);
    release.shift()?.();
    await settle();
    expect(frames).toEqual(['01', '02', '03']);
    expect(fake.calls).toEqual(['pause', 'resume']);
  });

  it('never pauses for handlers that are done at once', async () => {
    const { fake } = observed();
    fake.emit('data', framed('01', '02'));
    await settle();
    expect(fake.calls).toEqual([]);
  });

  it.each([0, 1_001])('ends on a frame of %i bytes, once, with the code', async (length) => {
    const { fake, frames, ends } = observed();
    fake.emit('data', concat(framed('01'), u32be(length)));
    await settle();
    expect(ends.length).toBe(1);
    expect(() => {
      throw ends[0] ?? new Error('no error');
    }).toThrowCode('ERR_WIRE_TOO_LARGE');
    expect(fake.calls).toEqual(['destroy']);
    expect(frames).toEqual([]); // the chunk is refused as a whole
  });

  it('reports the error of the stream with its close', () => {
    const { fake, ends } = observed();
    const error = new Error('reset');
    fake.emit('error', error);
    expect(ends).toEqual([]);
    fake.emit('close');
    expect(ends).toEqual([error]);
  });

  it('does not resume a stream that closed meanwhile', async () => {
    let release: () => void = () => undefined;
    const { fake } = observed(() => new Promise((resolve) => (release = resolve)));
    fake.emit('data', framed('01'));
    fake.emit('close');
    release();
    await settle();
    expect(fake.calls).toEqual(['pause']);
  });
});

it('holds back a sender over a real socket until the receiver takes more', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dpca-wire-'));
  const path = join(folder, 's.sock');
  const accepted = new Promise<Socket>((resolve) => {
    const server = createServer((socket) => {
      server.close();
      resolve(socket);
    }).listen(path, () => undefined);
  });
  const sending = new FramedStream(connect(path), 65_536, {
    onFrame: () => undefined,
    onClose: () => undefined,
  });
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const got: number[] = [];
  let closed: () => void = () => undefined;
  const end = new Promise<void>((resolve) => (closed = resolve));
  new FramedStream(await accepted, 65_536, {
    onFrame: async (frame) => {
      await gate;
      got.push((frame[0] ?? 0) * 256 + (frame[1] ?? 0));
    },
    onClose: () => closed(),
  });
  const count = 300;
  let sent = 0;
  const all = (async () => {
    for (let i = 0; i < count; i++) {
      const frame = new Uint8Array(65_536);
      frame.set([i >> 8, i & 255]);
      await sending.send(frame);
      sent += 1;
    }
    sending.end();
  })();
  await new Promise((resolve) => setTimeout(resolve, 300));
  // 19 MiB do not fit into socket buffers: the sender waits
  expect(sent).toBeLessThan(count);
  open();
  await all;
  await end;
  rmSync(folder, { recursive: true });
  expect(got).toEqual(Array.from({ length: count }, (_, i) => i));
});
