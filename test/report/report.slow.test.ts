/**
 * The report of a thousand runs: rendered in under 3 seconds of CPU, opened by a browser in under 3 seconds, and light
 * enough to be used. Runs are copies of real ones with rich releases; what is drawn is as much as of a real log.
 */
import type * as Curves from '@noble/curves/ed25519.js';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, vi } from 'vitest';
import type { AuditedRun } from '../../attestation/audit-types.ts';
import type { RunRecord } from '../../attestation/log-record.ts';
import { renderReport } from '../../host/report/report.ts';
import { CHROMIUM, look, openBrowser } from './browser.ts';
import { makeShowcase, richManifest, richRelease } from './showcase.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('../ledger/native-ed25519.ts')).nativeEd25519(original<typeof Curves>),
);

const RUNS = 1000;

it('renders a thousand runs in 3 seconds and stays usable', async () => {
  const { input } = await makeShowcase(4, 0);
  const { bundle, result } = input;
  const model = result.runs[0];
  const record = bundle?.records[model?.record ?? -1];
  if (bundle === null || model === undefined || record?.type !== 'run') throw new Error('no run');
  const manifest = richManifest();
  const release = richRelease(manifest, [200, 100], 7n);
  const { a, b } = model.sides;
  const made = Array.from({ length: RUNS }, (_, i): readonly [AuditedRun, RunRecord] => {
    const sides = { a: { ...a, slot: i + 1 }, b: { ...b, slot: i + 1 } };
    const time = model.time + 3_600_000 * i;
    const rich = i % 2 === 0 ? { manifest, release, manifestHash: 'ab'.repeat(32) } : {};
    const ledgers = {
      a: { ...record.receipt.ledgers.a, record: { ...record.receipt.ledgers.a.record, of: RUNS } },
      b: { ...record.receipt.ledgers.b, record: { ...record.receipt.ledgers.b.record, of: RUNS } },
    };
    return [
      { ...model, ...rich, record: i, time, sides },
      { ...record, seq: i, time, receipt: { ...record.receipt, ledgers } },
    ];
  });
  const big = {
    ...input,
    bundle: { ...bundle, records: made.map(([, r]) => r) },
    result: { ...result, records: RUNS, runs: made.map(([run]) => run) },
  };
  const before = process.cpuUsage();
  const start = Date.now();
  const page = renderReport(big);
  const wall = Date.now() - start;
  const cpu = process.cpuUsage(before);
  const seconds = (cpu.user + cpu.system) / 1e6;
  console.log(`${RUNS} runs: ${page.length} characters, ${wall} ms wall, ${seconds} s CPU`);
  expect(seconds).toBeLessThan(3);
  if (CHROMIUM === undefined) return;
  const folder = mkdtempSync(join(tmpdir(), 'dpca-report-'));
  const browser = await openBrowser();
  try {
    const path = join(folder, 'report.html');
    writeFileSync(path, page);
    const seen = await look(browser, pathToFileURL(path).href, { width: 1280, scheme: 'light' });
    const [loaded, elements] = await seen.page.evaluate<[number, number]>(
      `[performance.getEntriesByType('navigation')[0].loadEventEnd, document.querySelectorAll('*').length]`,
    );
    console.log(`opened in ${loaded} ms, ${elements} elements`);
    expect(loaded).toBeLessThan(3000);
    expect([...seen.messages, ...seen.requests]).toEqual([]);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true });
  }
});
