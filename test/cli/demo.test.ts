/**
 * `dpca demo`, as a user runs it: both parties agree, the replayed coins explain the noise exactly, and the interval is
 * said to hold the truth if it does.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const entry = resolve(import.meta.dirname, '../../dist/host/dpca.js');
const folder = mkdtempSync(join(tmpdir(), 'dpca-demo-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface DemoResult {
  readonly release: {
    readonly maskedSizes: readonly number[];
    readonly statistics: readonly [
      { readonly interval: { readonly low: number; readonly high: number } },
    ];
    readonly claims: {
      readonly replaceEpsilon: string;
      readonly ledger: { readonly slotsSpent: number };
    };
  };
  readonly truth: { readonly matched: number; readonly sizes: readonly number[] };
  readonly insideInterval: boolean;
  readonly replay: { readonly noise: readonly number[]; readonly equalsTruth: boolean };
}

describe('dpca demo', () => {
  it('releases a private count beside the truth', { timeout: 120_000 }, async () => {
    const args = [entry, 'demo', '--json', '--quiet', '--out', join(folder, 'demo')];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const { release, truth, insideInterval, replay } = JSON.parse(stdout) as DemoResult;
    const [{ interval }] = release.statistics;
    expect(insideInterval).toBe(interval.low <= truth.matched && truth.matched <= interval.high);
    expect(release.maskedSizes.map((size, j) => size - replay.noise[j]!)).toEqual(truth.sizes);
    expect(replay.equalsTruth).toBe(true);
    expect(release.claims.ledger.slotsSpent).toBe(1);
    expect(Number(release.claims.replaceEpsilon)).toBeGreaterThan(2);
  });
});
