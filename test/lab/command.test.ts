/** `dpca attack`: report, JSON, chart, refusals and exit codes. Runs in this process; touches one temporary folder. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../host/cli/program.ts';
import { registerAttack } from '../../host/commands/attack.ts';
import type { LabReport } from '../../host/lab/lab.ts';
import type { MaskPlan } from '../../src/dp/plan.ts';
import { EXIT } from '../../src/errors.ts';
import { testManifest } from '../support/manifests.ts';

let folder: string;
const at = (name: string): string => join(folder, name);

async function dpca(
  argv: readonly string[],
  signal = new AbortController().signal,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const sink = (): { stream: PassThrough; text: () => string } => {
    const stream = new PassThrough();
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    return { stream, text: () => Buffer.concat(parts).toString('utf8') };
  };
  const [stdout, stderr] = [sink(), sink()];
  const streams = { stdin: new PassThrough(), stdout: stdout.stream, stderr: stderr.stream };
  const code = await runCommandLine(['attack', ...argv], { ...streams, env: {}, signal }, '0', [
    registerAttack,
  ]);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** A manifest of one run of one column. */
function write(name: string, mask: MaskPlan, epsilon: string): string {
  const privacy = { adjacency: 'null-a-row', epsilon, delta: '0.0001', runs: 1, mask };
  writeFileSync(at(name), JSON.stringify(testManifest(1, [1], { privacy })));
  return at(name);
}

const QUICK = ['--quiet', '--victims', '100', '--density', '0.1', '--repetitions', '3'];

describe('dpca attack', () => {
  let manifest: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dpca-attack-'));
    const weights = [3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
    manifest = write('manifest.json', { kind: 'xor', columns: [weights] }, '2');
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('reports all mechanisms, as JSON and in words, the same for the same seed', async () => {
    const argv = ['--manifest', manifest, ...QUICK, '--queries', '10'];
    const ran = await dpca([...argv, '--json']);
    expect([ran.code, ran.stderr]).toEqual([EXIT.ok, '']);
    const report = JSON.parse(ran.stdout) as LabReport & { seed: string; exceeded: boolean };
    expect(report).toMatchObject({ seed: '1', exceeded: false, queries: 10, coveredQueries: 1 });
    const label = (row: { mechanism: string; dummies: string }): string =>
      `${row.mechanism} ${row.dummies}`;
    const all = ['plain honest', 'intersect honest', 'xor honest'];
    const cheats = ['intersect all', 'intersect none', 'xor all', 'xor none'];
    expect(report.targets.map(label)).toEqual([...all, ...cheats]);
    expect(report.claims.map(label)).toEqual([1, 2, 3].flatMap(() => [...all, ...cheats]));
    for (const row of report.targets) {
      const { advantage, exactAdvantage, standardError } = row;
      expect(Math.abs(advantage - exactAdvantage)).toBeLessThan(5 * standardError + 1e-9);
    }
    expect((await dpca([...argv, '--json'])).stdout).toBe(ran.stdout);
    expect((await dpca([...argv, '--json', '--seed', '2'])).stdout).not.toBe(ran.stdout);
    const words = (await dpca(argv)).stdout;
    expect(words).toContain('100 victims, 10 queries (the claim covers 1)');
    expect(words).toMatch(/XOR mask, none inserted +1\.000/);
    expect(words).toContain('18 dummy rows per party and run');
  });

  it('takes a manifest with IntersectMask as it is', async () => {
    const path = write('intersect.json', { kind: 'intersect', columns: [27] }, '2');
    const ran = await dpca(['--manifest', path, ...QUICK, '--json']);
    const { mechanisms, targets } = JSON.parse(ran.stdout) as LabReport;
    expect([ran.code, ran.stderr]).toEqual([EXIT.ok, '']);
    expect(mechanisms.map((m) => `${m.mechanism} ${m.dummies} ${m.rows.join()}`)).toEqual([
      'plain honest 0',
      ...['honest', 'all', 'none'].map((dummies) => `intersect ${dummies} 27`),
    ]);
    expect(targets[1]?.advantage).toBeCloseTo(targets[1]?.exactAdvantage ?? 0, 2);
  });

  it('draws a chart that reads in both schemes, and overwrites nothing', async () => {
    const argv = ['--manifest', manifest, ...QUICK, '--chart', at('chart.svg')];
    expect((await dpca(argv)).code).toBe(EXIT.ok);
    const svg = readFileSync(at('chart.svg'), 'utf8');
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 \d+ \d+"/);
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    // every element is closed, so that strict viewers take it
    const open: string[] = [];
    for (const [, close, name, empty] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
      if (close === '/') expect(open.pop()).toBe(name);
      else if (empty !== '/') open.push(name ?? '');
    }
    expect(open).toEqual([]);
    const again = await dpca(argv);
    expect([again.code, again.stdout]).toEqual([EXIT.usage, '']);
    expect(again.stderr).toContain('ERR_CONFIG_EXISTS');
  });

  it('ends with the exit code of a failed audit when the mask does not keep its claim', async () => {
    const weak = write('weak.json', { kind: 'xor', columns: [[1, 1, 1]] }, '0.5');
    const ran = await dpca(['--manifest', weak, ...QUICK]);
    expect(ran.code).toBe(EXIT.audit);
    expect(ran.stdout).toContain('The audit exceeds the claim');
  });

  it('refuses bad values and stops on a signal', async () => {
    for (const argv of [
      ['--density', '1.5'],
      ['--density', '-1'],
      ['--victims', '0'],
      ['--victims', '2000000'],
      ['--queries', 'many'],
      ['--manifest', at('absent.json')],
    ]) {
      expect((await dpca(['--manifest', manifest, ...argv])).code, argv.join(' ')).toBe(EXIT.usage);
    }
    expect((await dpca(['--config', at('dpca.json')])).code).toBe(EXIT.usage);
    const stop = new AbortController();
    stop.abort();
    const ran = await dpca(['--manifest', manifest, '--chart', at('no.svg')], stop.signal);
    expect(ran.code).toBe(EXIT.interrupted);
    expect(existsSync(at('no.svg'))).toBe(false);
  });
});
