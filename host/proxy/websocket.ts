/**
 * The WebSocket between two host proxies: binary messages, one frame each, no compression. `wss` with certificate
 * files (mutual TLS when the configuration gives a CA); plain `ws` only to loopback, or where the operator insists.
 * @module
 */
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { isIP } from 'node:net';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { DpcaError } from '../../src/errors.ts';
import { MAX_FRAME_BYTES } from '../../src/session/channel.ts';
import type { Config } from '../config/config.ts';

/** PEM files; a CA on the listening side demands client certificates. */
export type TlsFiles = Config['tls'];

const CONNECT_TIMEOUT_MS = 5_000;
/** One peer calls at a time; the rest is retries and strangers. */
const MAX_CONNECTIONS = 64;
/**
 * RFC 6455 (section 10.3) masks a caller's frames so that scripts cannot write chosen bytes past intermediaries. Nobody
 * chooses ours: after the greeting, whose content is keys and signatures, every message is AES-GCM ciphertext under keys
 * that only the two enclaves have. Masking would be the slowest step of the whole path, so the mask is zero.
 */
function zeroMask(mask: Buffer): void {
  mask.fill(0);
}

const SOCKET_OPTIONS = { perMessageDeflate: false, maxPayload: MAX_FRAME_BYTES } as const;

function tlsOptions(tls: TlsFiles): { cert?: Buffer; key?: Buffer; ca?: Buffer } {
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new DpcaError('ERR_CONFIG_FILE', `${path}: cannot be read`, { cause });
    }
  };
  return {
    ...(tls?.certificate === undefined ? {} : { cert: read(tls.certificate) }),
    ...(tls?.key === undefined ? {} : { key: read(tls.key) }),
    ...(tls?.ca === undefined ? {} : { ca: read(tls.ca) }),
  };
}

export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

function assertSecure(secure: boolean, host: string, insecureWs: boolean): void {
  if (!secure && !isLoopback(host) && !insecureWs) {
    throw new DpcaError(
      'ERR_TRANSPORT_INSECURE',
      `plain ws to or from ${host}: expected wss with certificate files, or --insecure-ws`,
    );
  }
}

/** The bytes of a binary message; text messages are refused. */
export function binary(data: RawData, isBinary: boolean): Uint8Array {
  if (!isBinary) throw new DpcaError('ERR_WIRE_TYPE', 'expected binary WebSocket messages');
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

/** Connects to a listening proxy; ERR_TRANSPORT_INSECURE, ERR_CONFIG_FILE, ERR_PEER_UNREACHABLE. */
export async function dial(
  url: string,
  tls: TlsFiles,
  insecureWs: boolean,
  signal: AbortSignal,
): Promise<WebSocket> {
  const { protocol, hostname } = new URL(url);
  assertSecure(protocol === 'wss:', hostname, insecureWs);
  const socket = new WebSocket(url, {
    ...SOCKET_OPTIONS,
    ...tlsOptions(tls),
    handshakeTimeout: CONNECT_TIMEOUT_MS,
    generateMask: zeroMask,
  });
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      socket.terminate();
      reject(new DpcaError('ERR_INTERRUPTED', 'stopped while connecting'));
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('open', () => {
      signal.removeEventListener('abort', abort);
      socket.on('error', () => undefined); // the close event follows and is what counts
      socket.pause(); // what the listener says first must wait for somebody to read it
      resolve(socket);
    });
    socket.once('error', (cause) => {
      signal.removeEventListener('abort', abort);
      reject(new DpcaError('ERR_PEER_UNREACHABLE', `${url}: ${cause.message}`, { cause }));
    });
  });
}

export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens for callers; `onSocket` gets each one together with the caller's address, for rate limits only. */
export async function listen(
  address: { readonly host: string; readonly port: number },
  tls: TlsFiles,
  insecureWs: boolean,
  onSocket: (socket: WebSocket, remote: string) => void,
): Promise<Listener> {
  const secure = tls?.certificate !== undefined && tls.key !== undefined;
  const mutual = tls?.ca !== undefined;
  assertSecure(secure, address.host, insecureWs);
  const server: Server = secure
    ? createHttpsServer({ ...tlsOptions(tls), requestCert: mutual, rejectUnauthorized: mutual })
    : createHttpServer();
  server.headersTimeout = CONNECT_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  const sockets = new WebSocketServer({ server, ...SOCKET_OPTIONS });
  sockets.on('connection', (socket, request) => {
    socket.on('error', () => undefined);
    onSocket(socket, request.socket.remoteAddress ?? '');
  });
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: Error): void =>
      reject(
        new DpcaError(
          'ERR_CONFIG',
          `cannot listen on ${address.host}:${address.port}: ${cause.message}`,
        ),
      );
    server.once('error', refuse);
    sockets.once('error', refuse);
    server.listen(address.port, address.host, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate();
        sockets.close(() => {
          server.close(() => resolve());
          // a stranger's idle connection must not keep this process from ending
          server.closeAllConnections();
        });
      }),
  };
}
