/**
 * `--live` from end to end: two real hosts with their enclaves, and Debian's Chromium looking at the page of one of them
 * from before the run until after it.
 */
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyFingerprint } from '../../host/keys/peers.ts';
import { toHex } from '../../src/encoding.ts';
import { openWorld, type World } from '../scenario/harness.ts';
import { call, type Running, serve } from '../support/party-folders.ts';
import { CHROMIUM, look, openBrowser } from './browser.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => {
  world.remove();
});

const addressOf = async (running: Running): Promise<URL> =>
  new URL(String((await running.logged('the run can be watched at this address'))['url']));

function ask(url: URL, how: { path?: string; host?: string; method?: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    const { port, hostname, host, pathname } = url;
    const headers = { Host: how.host ?? host };
    const options = { host: hostname, port, headers, method: how.method ?? 'GET' };
    request({ ...options, path: how.path ?? pathname }, (response) => {
      response.resume().on('end', () => {
        resolve(response.statusCode ?? 0);
      });
    })
      .on('error', reject)
      .end();
  });
}

it.skipIf(CHROMIUM === undefined)(
  'shows a whole run: the peer, its code, the charge, the steps and the release',
  async () => {
    const { a, b, build } = world.pair;
    const browser = await openBrowser();
    try {
      const listener = await serve(a, build, ['--live']);
      const url = await addressOf(listener);
      expect(url.hostname).toBe('127.0.0.1');
      expect(url.pathname).toMatch(/^\/[0-9a-f]{64}$/);
      expect(await ask(url, { path: '/' })).toBe(404);
      expect(await ask(url, { path: `${url.pathname}0` })).toBe(404);
      expect(await ask(url, { host: `evil.example:${url.port}` })).toBe(421);
      for (const method of ['POST', 'PUT', 'DELETE']) expect(await ask(url, { method })).toBe(405);

      const seen = await look(browser, url.href, { width: 1280, scheme: 'light' });
      const main = seen.page.locator('main');
      const texts = new Set<string>();
      const read = async (): Promise<string> => (await main.innerText()).replace(/\s+/g, ' ');
      expect(await read()).toContain('Waiting for the peer');
      expect(await read()).toContain('not attested yet');

      const caller = call(b, build, listener.port, ['--live']);
      expect((await addressOf(caller)).href).not.toBe(url.href);
      const state = { over: false };
      const both = Promise.all([listener.ended, caller.ended]);
      void both.finally(() => (state.over = true));
      while (!state.over) {
        texts.add(await read());
        await delay(100);
      }
      const [ended, other] = await both;
      expect([ended.exit, other.exit], ended.stderr.slice(-500)).toEqual([0, 0]);
      await seen.page.getByText('The host has ended').waitFor();

      const given = JSON.parse(ended.stdout) as {
        readonly receipt: string;
        readonly session: string;
        readonly statistics: readonly {
          readonly value: string;
          readonly standardDeviation: string;
        }[];
      };
      const during = [...texts].filter((text) => text.includes('The run is going on'));
      expect(during.length).toBeGreaterThan(0);
      const text = await read();
      for (const part of [
        ...['Peer: advertiser', 'attested', 'identity verified', toHex(b.keys.identity.publicKey)],
        ...[keyFingerprint(b.keys.identity.publicKey), given.session, build.measured.pcr0],
        ...[b.rootFingerprint, given.receipt],
        ...['epsilon 2, delta 0.0001 for 10 runs', 'slot 1 spent; 1 of 10 slots spent, 9 left'],
        'attesting both enclaves',
      ]) {
        expect(text).toContain(part);
      }
      const [count] = given.statistics;
      expect(text).toContain(`${count?.value ?? ''} ± ${count?.standardDeviation ?? ''}`);
      // read-only, nothing logged, nobody else asked
      expect(await seen.page.locator('form, input, button, a[href^="http"]').count()).toBe(0);
      expect([...seen.messages, ...seen.requests]).toEqual([]);
    } finally {
      await browser.close();
    }
  },
  120_000,
);
