/**
 * A man in the middle between two host proxies: accepts the caller's WebSocket, dials the listener, and carries every
 * message, unless its fault says otherwise. It sees what a network operator sees: opaque frames, of which the first
 * byte (the frame's type, authenticated but not secret) tells the phase.
 * @module
 */
import type { AddressInfo } from 'node:net';
import { type RawData, WebSocket, WebSocketServer } from 'ws';

/** `up` is from the caller to the listener. */
export type Direction = 'up' | 'down';

export interface Frame {
  readonly direction: Direction;
  /** 0-based, per direction; the hosts' greeting is up 0 (answer) and down 0, 1 (challenge, verdict). */
  readonly index: number;
  /** First byte, or undefined for the greeting and for empty messages. */
  readonly type: number | undefined;
  readonly bytes: Uint8Array;
}

/** Decides what is carried instead of a message; undefined carries it as it is. */
export type Fault = (frame: Frame, tap: Tap) => readonly Uint8Array[] | undefined;

export interface Tap {
  readonly port: number;
  /** Every message as it was sent, before any fault. */
  readonly seen: readonly Frame[];
  /** Connections that were accepted. */
  readonly callers: () => number;
  /** From now on carries nothing in these directions, not even that a connection has closed. */
  readonly hush: (directions: readonly Direction[]) => void;
  /** Cuts both connections without a closing handshake. */
  readonly cut: () => void;
  readonly close: () => Promise<void>;
}

/** Messages of the greeting between hosts, which have no type. */
const GREETING = { up: 1, down: 2 } as const;

function toBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

/** A tap that holds the keys of hosts and greets both of them itself; the enclaves have their own opinion. */
export interface Impostor {
  readonly toCaller: (socket: WebSocket) => Promise<void>;
  readonly toListener: (socket: WebSocket) => Promise<void>;
}

/** Relays every caller to `ws://127.0.0.1:port`. */
export async function openTap(
  port: number,
  fault: Fault = () => undefined,
  impostor?: Impostor,
): Promise<Tap> {
  const options = { perMessageDeflate: false } as const;
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  await new Promise<void>((resolve) => server.once('listening', resolve));
  const seen: Frame[] = [];
  const open = new Set<WebSocket>();
  const hushed: Direction[] = [];
  let called = 0;
  const tap: Tap = {
    port: (server.address() as AddressInfo).port,
    seen,
    callers: () => called,
    hush: (directions) => hushed.push(...directions),
    cut: () => {
      for (const socket of open) socket.terminate();
    },
    close: () => {
      tap.cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  const count = { up: 0, down: 0 };
  const carry = (direction: Direction, from: WebSocket, to: WebSocket): void => {
    from.on('message', (data) => {
      const bytes = toBytes(data);
      const index = count[direction]++;
      const type = index < GREETING[direction] ? undefined : bytes[0];
      const frame = { direction, index, type, bytes };
      seen.push(frame);
      const parts = fault(frame, tap) ?? [bytes];
      for (const part of hushed.includes(direction) ? [] : parts) {
        if (to.readyState === WebSocket.OPEN) to.send(part);
      }
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      open.delete(from);
      if (!hushed.includes(direction)) to.close();
    });
  };
  const connect = async (caller: WebSocket): Promise<void> => {
    caller.pause();
    const listener = new WebSocket(`ws://127.0.0.1:${port}`, options);
    open.add(caller).add(listener);
    if (impostor !== undefined) {
      await new Promise<void>((resolve) => {
        listener.once('open', () => {
          listener.pause();
          resolve();
        });
      });
      await Promise.all([impostor.toCaller(caller), impostor.toListener(listener)]);
      Object.assign(count, GREETING);
    }
    carry('up', caller, listener);
    carry('down', listener, caller);
    if (listener.readyState === WebSocket.OPEN) listener.resume();
    else await new Promise((resolve) => listener.once('open', resolve));
    caller.resume();
  };
  server.on('connection', (caller) => {
    called += 1;
    connect(caller).catch(() => tap.cut());
  });
  return tap;
}

/** Which message a fault is about: the nth (from 0) of a type in a direction. */
export interface Spot {
  readonly direction: Direction;
  readonly type: number;
  readonly nth?: number;
}

/** A fault that happens once, at a spot. */
export function at(
  spot: Spot,
  action: (frame: Frame, tap: Tap) => readonly Uint8Array[] | undefined,
): Fault {
  let left = spot.nth ?? 0;
  let done = false;
  return (frame, tap) => {
    if (done || frame.direction !== spot.direction || frame.type !== spot.type) return undefined;
    if (left-- > 0) return undefined;
    done = true;
    return action(frame, tap);
  };
}

/** Once `fault` has struck, nothing more passes in its direction: a dropped frame must not be followed by a later one. */
export function fromThenOn(fault: Fault): Fault {
  let struck: Direction | undefined;
  return (frame, tap) => {
    if (frame.direction === struck) return [];
    const carried = fault(frame, tap);
    if (carried !== undefined) struck = frame.direction;
    return carried;
  };
}
