/**
 * Runs `dpca demo` as a user does, and holds what it prints against itself: released figures, truth, replayed noise.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import type { ExampleData } from '../../examples/example.d.mts';
import { compare, type Comparison, type Released } from '../../host/demo/compare.ts';

const entry = resolve(import.meta.dirname, '../../dist/host/dpca.js');

interface DemoResult {
  readonly release: {
    readonly maskedSizes: readonly number[];
    readonly statistics: readonly Released[];
    readonly moments: readonly string[];
    readonly claims: {
      readonly replaceEpsilon: string;
      readonly ledger: { readonly slotsSpent: number };
    };
  };
  readonly truth: ExampleData['truth'];
  readonly comparisons: readonly Comparison[];
  readonly insideInterval: boolean;
  readonly replay: {
    readonly columns: readonly { readonly noise: number }[];
    readonly moments: readonly Readonly<Record<'opened' | 'noise' | 'exact', string>>[];
    readonly statistics: readonly Released[];
    readonly equalsTruth: boolean;
  };
}

export async function checkDemo(name: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dpca-demo-test-'));
  try {
    const args = [entry, 'demo', name, '--json', '--quiet', '--out', join(folder, 'demo')];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    check(JSON.parse(stdout) as DemoResult);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function check({ release, truth, comparisons, insideInterval, replay }: DemoResult): void {
  for (const { figure, truth: known, inside } of comparisons) {
    const { low, high } = figure!.interval;
    expect(inside).toBe(Number(low) <= known && known <= Number(high));
  }
  expect(insideInterval).toBe(comparisons.every(({ inside }) => inside));
  const noise = replay.columns.map((column) => column.noise);
  expect(release.maskedSizes.map((size, j) => size - noise[j]!)).toEqual(truth.sizes);
  expect(replay.moments.map(({ opened }) => opened)).toEqual(release.moments);
  for (const { opened, noise: drawn, exact } of replay.moments) {
    expect(BigInt(opened) - BigInt(drawn)).toBe(BigInt(exact));
  }
  const exact = replay.statistics.flatMap((statistic, i) =>
    compare(statistic, truth.statistics[i]!, truth.sizes),
  );
  for (const row of exact) expect(Number(row.figure!.value)).toBeCloseTo(row.truth, 5);
  expect(replay.equalsTruth).toBe(true);
  expect(release.claims.ledger.slotsSpent).toBe(1);
  expect(Number(release.claims.replaceEpsilon)).toBeGreaterThan(2);
}
