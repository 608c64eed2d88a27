/**
 * The health endpoint over real HTTP: what it shows, to whom, and what can never appear in it.
 * @module
 */
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Metrics } from '../../host/health/metrics.ts';
import { type HealthServer, listenHealth } from '../../host/health/server.ts';
import { DpcaError, EXIT, isErrorCode } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';
import { type Answer, get, samplesOf } from './scrape.ts';

const LINEAGE = '0f'.repeat(16);
const STARTED = Date.UTC(2026, 10, 22, 12, 0, 0, 700);

const fresh = (): Metrics =>
  new Metrics('0.1.0', STARTED, { lineage: LINEAGE, spent: 2, registered: 10 });

let server: HealthServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

interface Setting {
  readonly problems?: readonly string[];
  readonly metrics?: Metrics;
  readonly host?: string;
  readonly insecure?: boolean;
}
async function open({
  problems = [],
  metrics = fresh(),
  host = '127.0.0.1',
  insecure = false,
}: Setting = {}) {
  server = await listenHealth({ host, port: 0 }, insecure, {
    problems: () => problems,
    metrics: () => metrics.text(3, STARTED + 1000),
  });
  return server.port;
}

describe('paths', () => {
  it('healthz answers while the process does', async () => {
    const port = await open({ problems: ['stopping'] });
    expect(await get(port, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('readyz says why not, one reason a line', async () => {
    const port = await open({ problems: ['no approved run is left', 'stopping'] });
    expect(await get(port, '/readyz')).toMatchObject({
      ...{ status: 503, body: 'no approved run is left\nstopping\n' },
    });
    await server?.close();
    const ready = await open();
    expect(await get(ready, '/readyz')).toMatchObject({ status: 200, body: 'ready\n' });
  });

  it('metrics are of the text format, and nothing is cached or sniffed', async () => {
    const { status, headers, body } = await get(await open(), '/metrics');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(body.endsWith('\n')).toBe(true);
    // a family: HELP, TYPE, then its samples and no other's; no family twice
    const families = body.match(
      /^# HELP (\S+) .*\n# TYPE \1 (counter|gauge)\n(\1(\{.*\})? \d+\n)*/gm,
    );
    expect(families?.join('')).toBe(body);
    const names = (families ?? []).map((family) => family.split(' ')[2]);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(12);
  });

  it.each([
    ['GET', '/', 404],
    ['GET', '/metrics?x=1', 404],
    ['GET', '//healthz', 404],
    ['GET', '/healthz/../metrics', 404],
    ['POST', '/metrics', 405],
    ['DELETE', '/healthz', 405],
    ['HEAD', '/healthz', 200],
  ])('%s %s: %i', async (method, path, status) => {
    const answer = await get(await open(), path, { method });
    expect(answer.status).toBe(status);
    if (method === 'HEAD') expect(answer.body).toBe('');
  });
});

describe('who may ask', () => {
  it.each(['monitor.example', 'localhost.example', '127.0.0.1.example', '10.0.0.1', '127.0.0.2'])(
    'a Host of %s is refused: a name may be pointed at this machine',
    async (name) => {
      const port = await open();
      const named = await get(port, '/metrics', { headers: { Host: `${name}:${port}` } });
      expect([named.status, named.body]).toEqual([421, 'this is another host\n']);
    },
  );

  it('the address, localhost and the given name are accepted, with the port only', async () => {
    const port = await open();
    const status = async (Host: string): Promise<number> =>
      (await get(port, '/healthz', { headers: { Host } })).status;
    expect(await status(`127.0.0.1:${port}`)).toBe(200);
    expect(await status(`localhost:${port}`)).toBe(200);
    expect(await status('127.0.0.1')).toBe(421);
    expect(await status(`127.0.0.1:${port + 1}`)).toBe(421);
  });

  it('beyond loopback only where the operator insists', async () => {
    await expect(open({ host: '0.0.0.0' })).rejects.toThrowCode('ERR_TRANSPORT_INSECURE');
    const port = await open({ host: '0.0.0.0', insecure: true });
    expect((await get(port, '/healthz')).status).toBe(200);
    const other = await get(port, '/healthz', { headers: { Host: `evil.example:${port}` } });
    expect(other.status).toBe(421);
  });

  it('a port that is taken is named', async () => {
    const port = await open();
    const again = listenHealth({ host: '127.0.0.1', port }, false, {
      ...{ problems: () => [], metrics: () => '' },
    });
    await expect(again).rejects.toThrowCode('ERR_CONFIG');
  });

  it('what is no HTTP, or too much of it, is dropped, and the next caller is served', async () => {
    const port = await open();
    const long = `GET /healthz HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`;
    for (const text of ['\u0016\u0003\u0001 hello', long]) {
      const reply = await new Promise<string>((resolve) => {
        let got = '';
        const socket = connect(port, '127.0.0.1', () => socket.write(text));
        socket.setEncoding('utf8').on('data', (part: string) => (got += part));
        socket.on('error', () => undefined);
        socket.on('close', () => {
          resolve(got);
        });
      });
      expect(reply).toMatch(/^HTTP\/1\.1 4(00|31) /);
    }
    expect((await get(port, '/healthz')).status).toBe(200);
  });

  it('a body is not waited for', async () => {
    const port = await open();
    const answer = await new Promise<Answer>((resolve, reject) => {
      const headers = { 'Content-Length': 1_000_000 };
      const asked = request({ host: '127.0.0.1', port, path: '/metrics', method: 'POST', headers });
      asked.on('response', (response) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' });
        asked.destroy();
      });
      asked.on('error', reject);
      asked.write('x');
    });
    expect(answer.status).toBe(405);
  });
});

describe('counting', () => {
  it('counts results by class and code, verdicts, callers, slots and approvals', () => {
    const metrics = fresh();
    metrics.hear({ event: 'verdict', accepted: true });
    metrics.hear({ event: 'charged', lineage: LINEAGE, slot: 7, spent: 3, slots: 12 });
    metrics.runStarted();
    expect(samplesOf(metrics.text(1, 0)).get('dpca_run_active')).toBe(1);
    metrics.runEnded(undefined, STARTED + 5_000);
    metrics.hear({ event: 'verdict', accepted: false });
    metrics.runEnded(new DpcaError('PCR_MISMATCH', 'x'), STARTED + 9_000);
    metrics.runEnded(new DpcaError('ERR_PEER_LOST', 'x'), STARTED + 9_000);
    metrics.runEnded(new DpcaError('ERR_PEER_LOST', 'x'), STARTED + 9_000);
    metrics.runEnded(new TypeError('x'), STARTED + 9_000);
    metrics.callerTurnedAway(new DpcaError('ERR_PEER_CHALLENGE', 'x'));
    metrics.callerDropped();
    metrics.hear({ event: 'unlogged', problem: 'disk full' });
    const samples = samplesOf(metrics.text(4, STARTED));
    const seconds = Math.floor(STARTED / 1000);
    for (const [name, value] of Object.entries({
      'dpca_info{version="0.1.0"}': 1,
      process_start_time_seconds: seconds,
      'dpca_runs_total{class="ok"}': 1,
      'dpca_runs_total{class="attestation"}': 1,
      'dpca_runs_total{class="peer"}': 2,
      'dpca_runs_total{class="unexpected"}': 1,
      'dpca_runs_total{class="budget"}': 0,
      'dpca_run_failures_total{code="PCR_MISMATCH"}': 1,
      'dpca_run_failures_total{code="ERR_PEER_LOST"}': 2,
      'dpca_run_failures_total{code="ERR_INTERNAL"}': 1,
      dpca_run_active: 0,
      dpca_last_release_timestamp_seconds: seconds + 5,
      dpca_approvals_left: 4,
      'dpca_attestation_verdicts_total{verdict="accepted"}': 1,
      'dpca_attestation_verdicts_total{verdict="refused"}': 1,
      dpca_policy_end_timestamp_seconds: seconds,
      [`dpca_ledger_slots{lineage="${LINEAGE}",state="spent"}`]: 3,
      [`dpca_ledger_slots{lineage="${LINEAGE}",state="left"}`]: 9,
      'dpca_callers_turned_away_total{code="ERR_PEER_CHALLENGE"}': 1,
      dpca_callers_dropped_total: 1,
      dpca_log_failures_total: 1,
    })) {
      expect([name, samples.get(name)]).toEqual([name, value]);
    }
  });

  it('takes no text, size or duration from events, whatever they hold', () => {
    const metrics = fresh();
    const before = metrics.text(1, 0);
    const hostile = '"} 1\ndpca_forged 1\n';
    const events: readonly JsonObject[] = [
      { event: hostile },
      { event: 'charged', lineage: hostile, spent: hostile, slots: 9 },
      { event: 'progress', step: hostile, done: 123_456, total: 123_456 },
      { event: 'failed', code: hostile, message: hostile },
      { event: 'release', release: { maskedSizes: [777], statistics: [{ value: 777 }] } },
      { event: 'phase', phase: hostile },
    ];
    for (const event of events) metrics.hear(event);
    expect(metrics.text(1, 0)).toBe(before);
    metrics.hear({ event: 'verdict', accepted: hostile, moduleId: hostile, pcrs: { 0: hostile } });
    metrics.hear({ event: 'charged', lineage: hostile, spent: 3, slots: 9, name: hostile });
    metrics.callerTurnedAway(new Error(hostile));
    metrics.runEnded(new DpcaError('ERR_MATCH_SIZE', hostile), STARTED);
    expect(metrics.text(1, 0)).not.toContain('forged');
  });

  it('has labels of closed sets only', () => {
    const metrics = fresh();
    metrics.runEnded(new DpcaError('ERR_PEER_LOST', 'x'), STARTED);
    metrics.callerTurnedAway(new DpcaError('ERR_PEER_BUSY', 'x'));
    const allowed: Readonly<Record<string, (value: string) => boolean>> = {
      version: (value) => /^\d+\.\d+\.\d+$/.test(value),
      class: (value) => Object.keys(EXIT).includes(value) && value !== 'suppressed',
      code: isErrorCode,
      verdict: (value) => value === 'accepted' || value === 'refused',
      state: (value) => value === 'spent' || value === 'left',
      lineage: (value) => /^[0-9a-f]{32}$/.test(value),
    };
    const labels = [...metrics.text(1, 0).matchAll(/(\w+)="([^"]*)"/g)];
    expect(labels.length).toBeGreaterThan(15);
    const wrong = labels.filter(([, name = '', value = '']) => allowed[name]?.(value) !== true);
    expect(wrong).toEqual([]);
  });
});
