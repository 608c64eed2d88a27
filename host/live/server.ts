/**
 * Serves the live page on loopback while a command runs: one page, read-only, for whoever has the token that stderr
 * shows. Requests by another name for this host (DNS rebinding), another method or another path get nothing.
 * @module
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { DpcaError } from '../../src/errors.ts';
import { contentPolicy } from '../report/html.ts';
import { STYLE } from '../report/style.ts';
import { type LiveParties, renderLive, SCRIPT } from './page.ts';
import type { LiveState } from './state.ts';

export interface LiveServer {
  /** With the token; only for the person who started the run. */
  readonly url: string;
  /** Lets open pages see the end, then closes. */
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const MAX_CONNECTIONS = 16;
const REQUEST_MS = 5_000;
/** Open pages ask once a second; on a busy machine a little later. Then the end is waited for in steps. */
const LAST_LOOK_MS = 1_500;
const STEP_MS = 100;
const MAX_STEPS = 25;

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': `${contentPolicy({ style: STYLE, script: SCRIPT })}; frame-ancestors 'none'`,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

function answer(response: ServerResponse, status: number, body: string, type = 'text/plain'): void {
  const headers = { ...HEADERS, 'Content-Type': `${type}; charset=utf-8`, Connection: 'close' };
  response.writeHead(status, status === 405 ? { ...headers, Allow: 'GET' } : headers).end(body);
}

function isToken(url: string | undefined, path: Buffer): boolean {
  const given = Buffer.from(url ?? '', 'latin1');
  return given.length === path.length && timingSafeEqual(given, path);
}

/** @param port 0 for any free one. ERR_CONFIG when it cannot be had */
export async function serveLive(
  port: number,
  state: LiveState,
  parties: LiveParties,
  now: () => number,
): Promise<LiveServer> {
  const token = `/${randomBytes(32).toString('hex')}`;
  const path = Buffer.from(token, 'latin1');
  let names: readonly string[] = [];
  let lastSeenMs = -Infinity;
  let isClosing = false;
  let isEndSeen = false;
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    request.resume();
    if (!names.includes(request.headers.host ?? '')) {
      answer(response, 421, 'This host has another name.\n');
    } else if (request.method !== 'GET') answer(response, 405, 'GET only.\n');
    else if (!isToken(request.url, path)) answer(response, 404, 'Nothing here.\n');
    else {
      lastSeenMs = now();
      isEndSeen = isClosing;
      const text = renderLive(state.current, parties, lastSeenMs, isClosing);
      answer(response, 200, text, 'text/html');
    }
  };
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    onRequest,
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new DpcaError('ERR_CONFIG', `--live: port ${port} cannot be had`, { cause }));
    });
    server.listen(port, HOST, resolve);
  });
  server.unref(); // a command that ends early does not wait for it
  const bound = (server.address() as AddressInfo).port;
  names = [`${HOST}:${bound}`, `localhost:${bound}`];
  return {
    url: `http://${HOST}:${bound}${token}`,
    close: async () => {
      isClosing = true;
      if (now() - lastSeenMs < 2 * LAST_LOOK_MS) await delay(LAST_LOOK_MS);
      else isEndSeen = true; // nobody looks
      for (let step = 0; step < MAX_STEPS && !isEndSeen; step++) await delay(STEP_MS);
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
