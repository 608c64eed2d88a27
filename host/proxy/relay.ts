/**
 * Carries opaque frames between the own enclave's socket and the WebSocket to the peer's host, one frame per message,
 * with back-pressure both ways. It cannot read them: they are sealed between the enclaves.
 * @module
 */
import type { RawData, WebSocket } from 'ws';
import type { FramedStream } from '../../src/wire/framed-stream.ts';
import { binary } from './websocket.ts';

/** Above the high mark the enclave's socket is paused until the low mark. */
const HIGH_BYTES = 8 << 20;
const LOW_BYTES = 4 << 20;
/** Load balancers cut connections that are idle for 60 seconds or so. */
const PING_MS = 15_000;

export function keepAlive(socket: WebSocket): void {
  const timer = setInterval(() => socket.ping(), PING_MS);
  socket.on('close', () => clearInterval(timer));
}

/** A sender into the WebSocket that resolves when it may take more. */
export function sendFrame(socket: WebSocket, frame: Uint8Array): void | Promise<void> {
  if (socket.readyState !== socket.OPEN) return;
  let drained: (() => void) | undefined;
  socket.send(frame, () => {
    if (drained !== undefined && socket.bufferedAmount <= LOW_BYTES) drained();
  });
  if (socket.bufferedAmount <= HIGH_BYTES) return;
  return new Promise((resolve) => {
    drained = resolve;
    socket.once('close', () => resolve());
  });
}

/** From the WebSocket to the enclave: every binary message becomes one frame. */
export function relayInto(socket: WebSocket, enclave: FramedStream): void {
  const refuse = (code: number, reason: string): void => {
    socket.off('message', carry); // what follows a broken message has lost its place in the order
    socket.close(code, reason);
  };
  const carry = (data: RawData, isBinary: boolean): void => {
    let frame: Uint8Array;
    try {
      frame = binary(data, isBinary);
    } catch {
      return refuse(1003, 'binary messages only');
    }
    if (frame.length === 0) return refuse(1002, 'empty frame');
    socket.pause();
    void enclave.send(frame).then(() => socket.resume());
  };
  socket.on('message', carry);
}
