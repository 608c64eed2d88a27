/**
 * Real runs between real processes leave two logs whose bundles an auditor accepts, with the commands of
 * docs/auditing.md; and what is lost on one side comes back from the other.
 */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prettyJson } from '../../host/keys/files.ts';
import { peerOf, simulatedRootOf, writePeer } from '../../host/keys/peers.ts';
import { parseSimulatedRoot } from '../../attestation/simulated/chain.ts';
import type { Json } from '../../src/json.ts';
import { openWorld, type World } from '../scenario/harness.ts';
import { call, type Ended, type Pair, type PartyFolder, serve } from '../support/party-folders.ts';

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let world: World;
let pair: Pair;
const at = (name: string): string => join(pair.folder, name);

function dpca(argv: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [pair.build.cli, ...argv],
      { cwd: pair.folder },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : Number((error as { code?: unknown }).code ?? 1);
        resolve({ code, stdout, stderr });
      },
    );
  });
}

async function runBoth(): Promise<readonly [Ended, Ended]> {
  const listener = await serve(pair.a, pair.build, [], { keepLedger: true });
  const caller = call(pair.b, pair.build, listener.port, [], { keepLedger: true });
  return Promise.all([listener.ended, caller.ended]);
}

const trusted = (): string[] => [
  ...['--policy', at('auditor.json'), '--party', at('a.peer.json'), '--party', at('b.peer.json')],
  ...['--root', at('a.peer.json'), '--root', at('b.peer.json')],
];
const exported = async (party: PartyFolder, name: string): Promise<string> => {
  const ran = await dpca(['log', 'export', at(name), '--config', party.config]);
  expect(ran.code, ran.stderr).toBe(0);
  return at(name);
};

beforeAll(async () => {
  world = await openWorld();
  ({ pair } = world);
  const policies: Record<string, Json>[] = [];
  for (const party of [pair.a, pair.b]) {
    const root = parseSimulatedRoot(readFileSync(join(party.folder, 'sim-root.json'), 'utf8'));
    writePeer(at(`${party.role}.peer.json`), peerOf(party.keys, simulatedRootOf(root.certificate)));
    policies.push(JSON.parse(readFileSync(party.policy, 'utf8')) as Record<string, Json>);
  }
  const roots = policies.flatMap(({ roots: own }) => own as readonly Json[]);
  writeFileSync(at('auditor.json'), prettyJson({ ...policies[0], roots }));
});
afterAll(() => {
  world.remove();
});

describe('runs', () => {
  const receipts: string[] = [];
  it('end with the same receipt on both sides', async () => {
    const ended = await runBoth();
    const [a, b] = ended.map(({ exit, stdout, stderr }) => {
      expect(exit, stderr.slice(-1_000)).toBe(0);
      return JSON.parse(stdout) as { receipt: string };
    });
    expect(a?.receipt).toMatch(/^[0-9a-f]{64}$/);
    expect(b?.receipt).toBe(a?.receipt);
    for (const { stderr } of ended) expect(stderr).toContain(a?.receipt);
    receipts.push(a?.receipt ?? '');
  });

  it('are accepted by an auditor, alone and with both logs', async () => {
    const [a, b] = [await exported(pair.a, 'a.bundle'), await exported(pair.b, 'b.bundle')];
    const pass = await dpca(['audit', 'verify', a, ...trusted(), '--json']);
    expect(pass.code, pass.stderr + pass.stdout.slice(0, 2_000)).toBe(0);
    const result = JSON.parse(pass.stdout) as { verdict: string; runs: { receipt: string }[] };
    expect(result.verdict).toBe('pass');
    expect(result.runs.map(({ receipt }) => receipt)).toEqual(receipts);
    const both = await dpca([
      'audit',
      'verify',
      b,
      ...trusted(),
      '--peer-bundle',
      a,
      '--against',
      a,
    ]);
    expect(both.code).toBe(7); // the other party's log is not an older one of this
    expect(both.stdout).toContain('ERR_LOG_NOTE');
    const right = await dpca([
      'audit',
      'verify',
      b,
      ...trusted(),
      '--peer-bundle',
      a,
      '--against',
      b,
    ]);
    expect(right.code, right.stdout).toBe(0);
    expect(right.stdout).toContain('PASS');
    const list = await dpca(['log', 'list', '--config', pair.a.config]);
    expect(list.stdout).toContain(receipts[0]?.slice(0, 16));
    const show = await dpca([
      'log',
      'show',
      receipts[0]?.slice(0, 12) ?? '',
      '--config',
      pair.a.config,
    ]);
    expect(show.stdout).toContain('rows in common');
  });

  it('are refused when a byte differs, and a call that cannot be used is no audit', async () => {
    const bundle = readFileSync(at('a.bundle'), 'utf8');
    writeFileSync(at('spoilt.bundle'), bundle.replace('"kernel":"', '"kernel":"x'));
    const spoilt = await dpca(['audit', 'verify', at('spoilt.bundle'), ...trusted()]);
    expect([spoilt.code, spoilt.stdout.includes('record 2')]).toEqual([7, true]);
    expect((await dpca(['audit', 'verify', at('a.bundle')])).code).toBe(2);
    expect((await dpca(['audit', 'verify', at('none.bundle'), ...trusted()])).code).toBe(2);
  });

  it('are cosigned by a witness, who remembers', async () => {
    const keys = join(pair.b.folder, 'keys'); // anybody with a log key can be a witness; here it stands for a third
    const note = at('witnessed.note');
    const cosign = ['log', 'cosign', at('a.bundle'), '--keys', keys, '--seen', at('seen')];
    const first = await dpca([...cosign, '--out', note, '--json']);
    expect(first.code, first.stderr).toBe(0);
    const { publicKey } = JSON.parse(first.stdout) as { publicKey: string };
    const taken = await dpca(['log', 'cosign', note, '--by', publicKey, '--config', pair.a.config]);
    expect(taken.code, taken.stderr).toBe(0);
    const bundle = await exported(pair.a, 'a2.bundle');
    const audit = ['audit', 'verify', bundle, ...trusted()];
    expect((await dpca([...audit, '--witness', at('b.peer.json')])).code).toBe(0);
    expect((await dpca(audit)).code).toBe(7); // a signature by nobody that the auditor named
    rmSync(join(pair.a.folder, 'log', 'witnesses'), { recursive: true });
  });

  it('lose a release on one side, and get it back from the other', async () => {
    const path = join(pair.b.folder, 'log', 'completions.jsonl');
    const lines = readFileSync(path, 'utf8');
    writeFileSync(path, '');
    const bundle = await exported(pair.b, 'b-lost.bundle');
    const lost = await dpca(['audit', 'verify', bundle, ...trusted()]);
    expect([lost.code, lost.stdout.includes('ERR_AUDIT_INCOMPLETE')]).toEqual([7, true]);
    const fetched = await dpca(['log', 'fetch', at('a.bundle'), '--config', pair.b.config]);
    expect(fetched.code, fetched.stderr).toBe(0);
    expect(fetched.stdout).toContain(receipts[0]);
    expect(readFileSync(path, 'utf8')).toBe(lines);
    const again = await exported(pair.b, 'b-again.bundle');
    expect((await dpca(['audit', 'verify', again, ...trusted()])).code).toBe(0);
  });

  it('go on after a restored copy only with the newest log', async () => {
    const log = join(pair.a.folder, 'log');
    const saved = ['records.jsonl', 'checkpoint', 'completions.jsonl'].map(
      (name) => [join(log, name), readFileSync(join(log, name))] as const,
    );
    const [records] = saved;
    const cut = records![1].toString().split('\n').slice(0, 2).join('\n');
    writeFileSync(records![0], `${cut}\n`);
    rmSync(join(log, 'checkpoint')); // its own memory is gone as well: only the peer knows
    const [listener, caller] = await runBoth();
    expect(listener.code).toBe('ERR_LOG_ROLLBACK');
    expect(caller.exit).not.toBe(0);
    for (const [path, bytes] of saved) writeFileSync(path, bytes);
    const [again] = await runBoth();
    expect(again.exit, again.stderr.slice(-1_000)).toBe(0);
    const bundle = await exported(pair.a, 'a-restored.bundle');
    const audit = await dpca(['audit', 'verify', bundle, ...trusted()]);
    expect(audit.code, audit.stdout).toBe(0);
  });
});
