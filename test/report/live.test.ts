/**
 * The live page over real HTTP on loopback: who gets it and who does not, what it says as events come, and that
 * browser, validator and accessibility checker find nothing.
 */
import { request } from 'node:http';
import { Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandIo } from '../../host/cli/io.ts';
import type { Party } from '../../host/config/party.ts';
import { Live, livePort } from '../../host/live/live.ts';
import { renderLive } from '../../host/live/page.ts';
import { type LiveServer, serveLive } from '../../host/live/server.ts';
import { LiveState } from '../../host/live/state.ts';
import { DpcaError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';
import { axe, CHROMIUM, invalidities, look, openBrowser } from './browser.ts';
import { richManifest, richRelease } from './showcase.ts';

const manifest = richManifest();
const parties = { manifest, own: manifest.parties.a, other: manifest.parties.b };
const SESSION = '5e'.repeat(32);
const VERDICT: JsonObject = {
  ...{ event: 'verdict', accepted: true, moduleId: 'i-0123456789abcdef0-enc0123456789abcdef' },
  anchor: { partition: 'sim', fingerprint: 'f0'.repeat(32) },
  ...{
    checks: [{ id: 'x', result: 'pass' }],
    pcrs: { '0': 'a0'.repeat(48), '1': 'a1'.repeat(48) },
  },
};

let now = Date.UTC(2026, 4, 1, 12);
let state: LiveState;
let server: LiveServer;
beforeEach(async () => {
  state = new LiveState(() => now);
  server = await serveLive(0, state, parties, () => now);
});
afterEach(async () => {
  now += 60_000; // nobody looks any more
  await server.close();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function ask(path: string, how: { method?: string; host?: string } = {}): Promise<Answer> {
  const { port, host } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method: how.method ?? 'GET' };
    const asked = request({ ...options, headers: { Host: how.host ?? host } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    asked.on('error', reject).end();
  });
}

/** A run up to its third step. */
function underWay(): void {
  state.start();
  state.hear({ event: 'phase', phase: 'handshake' });
  now += 1_500;
  state.hear(VERDICT);
  state.hear({ event: 'accepted', session: SESSION });
  state.hear({ event: 'charged', lineage: 'cd'.repeat(16), slot: 4, spent: 4, slots: 10 });
  state.hear({ event: 'phase', phase: 'table' });
  now += 500;
  state.hear({ event: 'progress', step: 'hash', column: 1, done: 0, total: 200_000 });
  now += 2_000;
  state.hear({ event: 'progress', step: 'hash', column: 1, done: 50_000, total: 200_000 });
}

const textOf = (markup: string): string => markup.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

describe('the live server', () => {
  it('gives the page to whoever has the token, not to be stored, embedded or sent on', async () => {
    const { pathname, hostname, port } = new URL(server.url);
    expect(hostname).toBe('127.0.0.1');
    expect(pathname).toMatch(/^\/[0-9a-f]{64}$/);
    const { status, headers, body } = await ask(pathname);
    expect(status).toBe(200);
    expect(textOf(body)).toContain('Waiting for the peer');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-.*script-src 'sha256-.*frame-ancestors 'none'$/,
    );
    expect((await ask(pathname, { host: `localhost:${port}` })).status).toBe(200);
  });

  it('refuses other paths, names and methods, and says nothing of the run', async () => {
    const { pathname, port } = new URL(server.url);
    const refused: readonly (readonly [number, string, Parameters<typeof ask>[1]])[] = [
      [404, '/', {}],
      [404, `${pathname.slice(0, -1)}${pathname.endsWith('0') ? '1' : '0'}`, {}],
      [404, `${pathname}/`, {}],
      [404, `${pathname}?x`, {}],
      [404, pathname.toUpperCase(), {}],
      [421, pathname, { host: `evil.example:${port}` }],
      [421, pathname, { host: '127.0.0.1' }],
      [421, pathname, { host: `127.0.0.1:${port}.evil.example` }],
      [405, pathname, { method: 'POST' }],
      [405, pathname, { method: 'OPTIONS' }],
      [405, pathname, { method: 'HEAD' }],
    ];
    for (const [status, path, how] of refused) {
      const got = await ask(path, how);
      expect([path, how, got.status]).toEqual([path, how, status]);
      expect(got.body).not.toContain('<');
      expect(got.headers['cache-control']).toBe('no-store');
    }
    expect((await ask(pathname, { method: 'POST' })).headers['allow']).toBe('GET');
  });

  it('ends with the run', async () => {
    const { url } = server;
    now += 60_000;
    await server.close();
    await expect(fetch(url)).rejects.toThrow();
    server = await serveLive(0, state, parties, () => now);
  });

  it('says when a port cannot be had', async () => {
    const { port } = new URL(server.url);
    await expect(serveLive(Number(port), state, parties, () => now)).rejects.toThrowCode(
      'ERR_CONFIG',
    );
    expect(livePort('8080')).toBe(8080);
    for (const text of ['', '-1', '65536', '1e3', '80 ']) expect(() => livePort(text)).toThrow();
  });
});

describe('the live page', () => {
  it('shows phase, progress, rate, time left, the peer, its PCRs and the charge', () => {
    underWay();
    const text = textOf(renderLive(state.current, parties, now));
    expect(text).toContain('The run is going on');
    expect(text).toContain(
      'column 1: hashing identifiers: 50,000 of 200,000 (25 %), 25,000 per second, 6.0 s left',
    );
    expect(text).toContain('attesting both enclaves 1.5 s');
    for (const part of ['beta', '21'.repeat(32), SESSION, 'a0'.repeat(48), 'f0'.repeat(32)]) {
      expect(text).toContain(part);
    }
    expect(text).toContain('identity verified');
    expect(text).toContain('slot 4 spent; 4 of 10 slots spent, 6 left');
  });

  it('claims nothing of the peer before both enclaves accepted each other', () => {
    state.start();
    expect(textOf(renderLive(state.current, parties, now))).toContain('not attested yet');
    const failed = [{ id: 'pcr0', result: 'fail', code: 'PCR_MISMATCH' }];
    state.hear({ ...VERDICT, accepted: false, checks: failed });
    const text = textOf(renderLive(state.current, parties, now));
    expect(text).toContain('refused: PCR_MISMATCH');
    expect(text).not.toContain('identity verified');
  });

  it('shows the release or the failure at the end, and starts anew with the next run', () => {
    underWay();
    const release = { ...richRelease(manifest, [200, 100], 5n), receipt: 'ab'.repeat(32) };
    state.released(release);
    const over = renderLive(state.current, parties, now);
    expect(textOf(over)).toContain('The run is over: released');
    expect(textOf(over)).toContain('ab'.repeat(32));
    expect(textOf(over)).toContain('226');
    expect(over).not.toContain('<noscript>');
    state.start();
    state.failed('ERR_PEER_LOST', 'gone <b>\u202e');
    const text = renderLive(state.current, parties, now);
    expect(textOf(text)).toContain('The run has failed');
    expect(text).toContain('gone &lt;b&gt;[U+202E]');
    expect(textOf(text)).not.toContain(SESSION);
  });

  it('is valid HTML in every state', async () => {
    const pages = [renderLive(state.current, parties, now)];
    underWay();
    pages.push(renderLive(state.current, parties, now));
    state.released(richRelease(manifest, [200, 100], 5n));
    pages.push(renderLive(state.current, parties, now));
    state.failed('ERR_PEER_LOST', 'gone');
    pages.push(renderLive(state.current, parties, now));
    for (const page of pages) expect(await invalidities(page)).toEqual([]);
  });

  it.skipIf(CHROMIUM === undefined)(
    'is accessible, updates by itself, and asks nobody else',
    async () => {
      const browser = await openBrowser();
      try {
        underWay();
        const seen = await look(browser, server.url, { width: 390, scheme: 'light' });
        expect(await axe(seen.page)).toEqual([]);
        state.released(richRelease(manifest, [200, 100], 5n));
        await seen.page.getByText('The run is over: released').waitFor();
        // the last page says so, and is not asked for again from a host that has gone
        await server.close();
        await seen.page.getByText('The host has ended').waitFor();
        await seen.page.waitForTimeout(1_500);
        expect(await seen.page.getByText('The run is over: released').count()).toBe(1);
        expect(seen.messages).toEqual([]);
        expect(seen.requests).toEqual([]);
        await seen.close();
      } finally {
        await browser.close();
      }
    },
  );
});

describe('--live', () => {
  it('follows a run and hands on its events, release and failure', async () => {
    let logged = '';
    const stderr = new Writable({
      write(chunk, _encoding, done) {
        logged += String(chunk);
        done();
      },
    });
    const { signal } = new AbortController();
    const io = new CommandIo({ stdin: Readable.from([]), stdout: stderr, stderr, env: {}, signal });
    const live = new Live();
    await live.open(io, true, parties as unknown as Party);
    const url = /http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{64}/.exec(logged)?.[0] ?? '';
    const show = async () => textOf(await (await fetch(url)).text());
    const heard: JsonObject[] = [];
    const hear = (event: JsonObject) => void heard.push(event);
    const release = richRelease(manifest, [200, 100], 5n);
    const given = await live.follow(hear, async (onEvent) => {
      onEvent(VERDICT);
      expect(await show()).toContain('The run is going on');
      return release;
    });
    expect(given).toBe(release);
    expect(heard).toEqual([VERDICT]);
    expect(await show()).toContain('released');
    const failing = live.follow(hear, () => Promise.reject(new DpcaError('ERR_PEER_LOST', 'gone')));
    await expect(failing).rejects.toThrowCode('ERR_PEER_LOST');
    expect(await show()).toContain('ERR_PEER_LOST');
    await live.close();
    await expect(fetch(url)).rejects.toThrow();
  });

  it('opens nothing without the flag', async () => {
    const live = new Live();
    await live.open({} as never, undefined, {} as never);
    await live.close();
  });
});
