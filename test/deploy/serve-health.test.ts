/**
 * `dpca serve --health` as a real process through its life: reading, ready, a stranger, a run with a release, and out of
 * approvals. Needs the build, as every test of real processes.
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { dial } from '../../host/proxy/websocket.ts';
import { call, copyBuild, makePair, type Pair, serve } from '../support/party-folders.ts';
import { get, samplesOf } from './scrape.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), 'dpca-h-'));
let pair: Pair;
beforeAll(async () => {
  const records = (from: number) => Array.from({ length: 60 }, (_, i) => [`id-${from + i}`]);
  const sheet = (from: number) => ({ records: records(from), header: false, map: ['id=1'] });
  pair = await makePair({
    build: copyBuild(join(folder, 'build')),
    columns: ['id:none'],
    sheets: { a: sheet(0), b: sheet(30) },
  });
});
afterAll(() => {
  pair.remove();
  rmSync(folder, { recursive: true, force: true });
});

it('tells readiness, callers, verdicts, slots and the release, and nothing of the data', async () => {
  const { a, b, build } = pair;
  const listener = await serve(a, build, ['--runs', '2', '--health', '127.0.0.1:0']);
  const { port } = await listener.logged('health is shown');
  const health = Number(port);
  try {
    expect(await get(health, '/readyz')).toMatchObject({ status: 200, body: 'ready\n' });
    const before = samplesOf((await get(health, '/metrics')).body);
    expect(before.get('dpca_approvals_left')).toBe(2);
    expect(before.get('dpca_runs_total{class="ok"}')).toBe(0);
    const left = [...before.keys()].find((name) => /^dpca_ledger_slots.*"left"/.test(name)) ?? '';
    const slots = before.get(left) ?? 0;
    expect(slots).toBeGreaterThan(1);

    // a stranger who answers nonsense
    const stranger = await dial(
      `ws://127.0.0.1:${listener.port}`,
      undefined,
      false,
      new AbortController().signal,
    );
    stranger.resume();
    stranger.send(Buffer.from('let me in'));
    await listener.logged('a caller was turned away');

    const caller = await call(b, build, listener.port).ended;
    expect([caller.exit, caller.stderr]).toEqual([0, expect.any(String)]);
    let after = before;
    for (let i = 0; i < 100 && after.get('dpca_runs_total{class="ok"}') !== 1; i++) {
      await delay(100);
      after = samplesOf((await get(health, '/metrics')).body);
    }
    expect(after.get('dpca_runs_total{class="ok"}')).toBe(1);
    expect(after.get('dpca_attestation_verdicts_total{verdict="accepted"}')).toBe(1);
    expect(after.get('dpca_callers_turned_away_total{code="ERR_PEER_CHALLENGE"}')).toBe(1);
    expect(after.get('dpca_approvals_left')).toBe(1);
    expect(after.get(left)).toBe(slots - 1);
    const ago = Date.now() / 1000 - (after.get('dpca_last_release_timestamp_seconds') ?? 0);
    expect(ago).toBeGreaterThanOrEqual(0);
    expect(ago).toBeLessThan(120);
    expect((await get(health, '/readyz')).status).toBe(200);
  } finally {
    listener.process.kill('SIGTERM');
  }
  expect((await listener.ended).exit).toBe(130);
  await expect(get(health, '/healthz')).rejects.toThrow();
});
