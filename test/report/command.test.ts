/**
 * `dpca audit report` on the bundles of examples/audit: the page, exit codes, and that nothing is overwritten. Ed25519 is
 * node's here, for speed.
 */
import type * as Curves from '@noble/curves/ed25519.js';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, expect, it, vi } from 'vitest';
import { runCommandLine } from '../../host/cli/program.ts';
import { registerAudit } from '../../host/commands/audit.ts';
import type { JsonObject } from '../../src/json.ts';
import { invalidities } from './browser.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('../ledger/native-ed25519.ts')).nativeEd25519(original<typeof Curves>),
);

const EXAMPLE = resolve(import.meta.dirname, '../../examples/audit');
const folder = mkdtempSync(join(tmpdir(), 'dpca-report-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function dpca(argv: readonly string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      out += String(chunk);
      done();
    },
  });
  const streams = { stdin: Readable.from([]), stdout: sink, stderr: sink, env: {} };
  const { signal } = new AbortController();
  const code = await runCommandLine(argv, { ...streams, signal }, '0.1.0', [registerAudit]);
  return { code, out };
}

const example = (name: string): string => join(EXAMPLE, name);
const report = (bundle: string, page: string, ...more: readonly string[]) =>
  dpca([
    ...['--json', 'audit', 'report', bundle, '--out', join(folder, page)],
    ...['--root', example('alpha.peer.json'), '--root', example('beta.peer.json')],
    ...['--party', example('alpha.peer.json'), '--party', example('beta.peer.json')],
    ...['--policy', example('policy.json'), ...more],
  ]);

it('writes the page of a log that holds, the same each time, once', async () => {
  const first = await report(example('alpha.bundle'), 'one.html');
  expect(first.code).toBe(0);
  expect(JSON.parse(first.out) as JsonObject).toMatchObject({ verdict: 'pass', findings: 0 });
  await report(example('alpha.bundle'), 'two.html');
  const page = readFileSync(join(folder, 'one.html'), 'utf8');
  expect(page).toContain('This log holds.');
  expect(page).toContain('alpha.bundle');
  expect(page).not.toContain(EXAMPLE);
  expect(await invalidities(page)).toEqual([]);
  expect(readFileSync(join(folder, 'two.html'), 'utf8')).toBe(page);
  const again = await report(example('alpha.bundle'), 'one.html');
  expect([again.code, again.out.includes('ERR_CONFIG_EXISTS')]).toEqual([2, true]);
});

it('knows more with the other bundle, and prints a date that was given', async () => {
  const more = ['--peer-bundle', example('beta.bundle'), '--at', '2028-02-29T10:00:00Z'];
  expect((await report(example('alpha.bundle'), 'both.html', ...more)).code).toBe(0);
  const page = readFileSync(join(folder, 'both.html'), 'utf8');
  expect(page).toContain('2028-02-29 10:00:00 UTC');
  expect(page).toContain('--peer-bundle beta.bundle');
  expect((await report(example('alpha.bundle'), 'x.html', '--at', 'yesterday')).code).toBe(2);
});

it('writes the page of a changed log and of a file that is none, and exits with 7', async () => {
  const text = readFileSync(example('alpha.bundle'), 'utf8');
  const changed = join(folder, 'changed.bundle');
  const cases = [
    text.replace(/"kernel":"[^"]/, '"kernel":"Z'),
    text.slice(0, -20),
    'not a bundle\n',
  ];
  for (const [i, content] of cases.entries()) {
    expect(content).not.toBe(text);
    writeFileSync(changed, content);
    const ran = await report(changed, `changed-${i}.html`);
    expect([ran.code, ran.out]).toEqual([7, expect.stringContaining('"verdict":"fail"')]);
    const page = readFileSync(join(folder, `changed-${i}.html`), 'utf8');
    expect(page).toContain('This log does not hold.');
    expect(await invalidities(page)).toEqual([]);
  }
});
