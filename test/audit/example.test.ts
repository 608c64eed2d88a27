/**
 * The worked example of docs/auditing.md: its bundles pass with exactly the command of that page, and a changed copy
 * does not. EXAMPLE=1 makes the files anew.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { auditBundle } from '../../attestation/audit.ts';
import { readBundle } from '../../attestation/bundle.ts';
import { auditOptions } from '../../host/commands/audit-verify.ts';
import { prettyJson } from '../../host/keys/files.ts';
import { fromUtf8, toHex } from '../../src/encoding.ts';
import { parseJson } from '../../src/json.ts';
import { seededRng } from '../support/test-rng.ts';
import { makeWorld } from './world.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(PROJECT, 'examples', 'audit');
const at = (name: string): string => join(FOLDER, name);

async function makeExample(): Promise<void> {
  const world = await makeWorld(seededRng('example'), 50);
  await world.run();
  await world.run({ initiator: 'b', reattest: true });
  const peer = world.manifest.parties.b.identity;
  world.end('a', {
    ...{ type: 'abort', session: null, peer, phase: 'handshake', code: 'ERR_PEER_LOST' },
    charged: null,
  });
  await world.run();
  for (const role of ['a', 'b'] as const) {
    const { name, identity, log } = world.manifest.parties[role];
    const certificate = toHex(world.certificates[role]);
    const simulatedRoot = { fingerprint: world.roots[role === 'a' ? 0 : 1]!, certificate };
    const file = { kind: 'dpca/v1/peer', name, identity, log, simulatedRoot };
    writeFileSync(at(`${name}.peer.json`), prettyJson(file));
    writeFileSync(at(`${name}.bundle`), world.sides[role].log.bundle());
  }
  writeFileSync(at('policy.json'), prettyJson(parseJson(world.policyText, 'policy')));
}

beforeAll(async () => {
  if (process.env['EXAMPLE'] === '1') await makeExample();
});

const FLAGS = {
  root: [at('alpha.peer.json'), at('beta.peer.json')],
  party: [at('alpha.peer.json'), at('beta.peer.json')],
  policy: at('policy.json'),
};

it('passes on both sides', async () => {
  for (const [own, other] of [
    ['alpha', 'beta'],
    ['beta', 'alpha'],
  ] as const) {
    const options = auditOptions({ ...FLAGS, peerBundle: at(`${other}.bundle`) });
    const result = await auditBundle(new Uint8Array(readFileSync(at(`${own}.bundle`))), options);
    expect(result.checks.filter((check) => check.class !== 'notice')).toEqual([]);
    expect(result.runs.length).toBe(3);
    expect(result.verdict).toBe('pass');
  }
  const records = readBundle(new Uint8Array(readFileSync(at('alpha.bundle')))).records;
  expect(new Set(records.map(({ type }) => type))).toEqual(
    new Set(['open', 'policy', 'run', 'reattest', 'abort']),
  );
});

it('passes with the command of docs/auditing.md, and fails as that page says', async () => {
  const page = readFileSync(join(PROJECT, 'docs', 'auditing.md'), 'utf8');
  const block = /```sh\n(dpca audit verify alpha\.bundle[^]*?)```/.exec(page)?.[1] ?? '';
  const argv = block.replaceAll('\\\n', ' ').trim().split(/\s+/).slice(1);
  expect(argv.slice(0, 3)).toEqual(['audit', 'verify', 'alpha.bundle']);
  const cli = join(PROJECT, 'dist', 'host', 'dpca.js');
  const run = (args: readonly string[]) =>
    new Promise<{ code: number; stdout: string }>((resolve) => {
      execFile(process.execPath, [cli, ...args], { cwd: FOLDER }, (error, stdout) => {
        resolve({ code: error === null ? 0 : Number((error as { code?: unknown }).code), stdout });
      });
    });
  const passed = await run(argv);
  expect([passed.code, passed.stdout.includes('PASS')]).toEqual([0, true]);
  const folder = mkdtempSync(join(tmpdir(), 'dpca-example-'));
  const spoilt = join(folder, 'alpha.bundle');
  const bundle = fromUtf8(new Uint8Array(readFileSync(at('alpha.bundle'))));
  writeFileSync(spoilt, bundle.replace('"maskedSizes":[', '"maskedSizes":[1'));
  const failed = await run(argv.map((arg) => (arg === 'alpha.bundle' ? spoilt : arg)));
  rmSync(folder, { recursive: true });
  expect(failed.code).toBe(7);
  expect(failed.stdout).toContain('/completion/opened');
});
