/**
 * The health endpoint of `dpca serve --health`: three GET paths over plain HTTP, for a monitor on the same machine. On
 * loopback unless the operator insists; the Host header must name the address itself, so that a web page whose name
 * was pointed at this machine cannot read it.
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { DpcaError } from '../../src/errors.ts';
import { isLoopback } from '../proxy/websocket.ts';

const DEADLINE_MS = 5_000;
const MAX_CONNECTIONS = 16;
const MAX_HEADER_BYTES = 8_192;

export interface HealthSources {
  /** Why no run can be taken now, in fixed words; empty when one can. */
  readonly problems: () => readonly string[];
  readonly metrics: () => string;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Whether a Host header names the address that was called, or the name that the operator gave. */
function namesUs(request: IncomingMessage, given: string): boolean {
  const { localAddress = '', localPort = 0 } = request.socket;
  const address = localAddress.replace(/^::ffff:(?=\d+\.)/, '');
  const names = [given, address, ...(isLoopback(address) ? ['localhost'] : [])];
  return names.some((name) => request.headers.host === `${bracketed(name)}:${localPort}`);
}

function respond(
  request: IncomingMessage,
  { problems, metrics }: HealthSources,
  given: string,
): readonly [status: number, text: string] {
  if (!namesUs(request, given)) return [421, 'this is another host\n'];
  if (request.method !== 'GET' && request.method !== 'HEAD') return [405, 'GET only\n'];
  switch (request.url) {
    case '/healthz':
      return [200, 'ok\n'];
    case '/readyz': {
      const found = problems();
      return found.length === 0 ? [200, 'ready\n'] : [503, `${found.join('\n')}\n`];
    }
    case '/metrics':
      return [200, metrics()];
    default:
      return [404, 'not found\n'];
  }
}

function answer(response: ServerResponse, status: number, text: string, withBody: boolean): void {
  const type = `text/plain; ${status === 200 ? 'version=0.0.4; ' : ''}charset=utf-8`;
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    Connection: 'close',
    ...(status === 405 ? { Allow: 'GET, HEAD' } : {}),
  });
  response.end(withBody ? text : undefined);
}

/** Listens (ERR_TRANSPORT_INSECURE beyond loopback without `insecure`, ERR_CONFIG when it cannot). */
export async function listenHealth(
  { host, port }: Address,
  insecure: boolean,
  sources: HealthSources,
): Promise<HealthServer> {
  if (!isLoopback(host) && !insecure) {
    throw new DpcaError(
      'ERR_TRANSPORT_INSECURE',
      `--health ${host}: expected an address of loopback, or --insecure-health`,
    );
  }
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: DEADLINE_MS, headersTimeout: DEADLINE_MS },
    (request, response) => {
      request.resume(); // a body is nothing to us
      const [status, text] = respond(request, sources, host);
      answer(response, status, text, request.method !== 'HEAD');
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const problem = `--health: cannot listen on ${host}:${port}: ${cause.message}`;
      reject(new DpcaError('ERR_CONFIG', problem, { cause }));
    });
    server.listen(port, host, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
