/**
 * The ledger in real runs: two dpca processes, two enclaves. A restored copy is refused and named on both sides, the
 * documented repair helps, and the quota ends it. Needs the compiled product in dist/ (npx tsc -b).
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ledger } from '../../attestation/ledger.ts';
import { registerLineage } from '../../host/ledger/lineage.ts';
import { LedgerStore } from '../../host/ledger/store.ts';
import { parseManifest } from '../../src/run/manifest.ts';
import {
  call,
  copyBuild,
  type Ended,
  makePair,
  type Pair,
  type PartyFolder,
  serve,
} from '../support/party-folders.ts';

const KEEP = { keepLedger: true };
let folder: string;
let pair: Pair;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dpca-p-'));
  const rows = (from: number) => Array.from({ length: 20 }, (_, i) => [`id${from + i}`]);
  pair = await makePair({
    build: copyBuild(join(folder, 'build')),
    columns: ['device:none'],
    sheets: {
      a: { records: rows(0), header: false, map: ['device=1'] },
      b: { records: rows(10), header: false, map: ['device=1'] },
    },
  });
  // a gives this peer three runs of its ten
  const { folder: at, keys, manifest } = pair.a;
  rmSync(join(at, 'ledger'), { recursive: true });
  const owner = {
    manifest: parseManifest(readFileSync(manifest, 'utf8')),
    role: 'a' as const,
    ...{ log: keys.log, signal: new AbortController().signal },
  };
  await registerLineage(new LedgerStore(join(at, 'ledger')), owner, { name: 'rows', perPeer: 3 });
});
afterAll(() => {
  pair.remove();
  rmSync(folder, { recursive: true, force: true });
});

const ledgerOf = (party: PartyFolder): string => join(party.folder, 'ledger');
const spent = (party: PartyFolder): number =>
  new Ledger(new LedgerStore(ledgerOf(party)).records()).spent.length;

async function run(): Promise<readonly [Ended, Ended]> {
  const listener = await serve(pair.a, pair.build, [], KEEP);
  const caller = call(pair.b, pair.build, listener.port, [], KEEP);
  return Promise.all([listener.ended, caller.ended]);
}

const codes = (ended: readonly Ended[]): unknown[] => ended.map(({ exit, code }) => [exit, code]);

describe('two parties', () => {
  it('spend one slot each per run, with evidence of both enclaves', async () => {
    expect(codes(await run())).toEqual([
      [0, undefined],
      [0, undefined],
    ]);
    for (const party of [pair.a, pair.b]) {
      expect(spent(party)).toBe(1);
      expect(readdirSync(join(ledgerOf(party), 'evidence'))).toEqual(['00000001.json']);
      expect(readdirSync(join(ledgerOf(party), 'peers'))).toHaveLength(1);
      const note = readFileSync(join(ledgerOf(party), 'checkpoint'), 'utf8');
      expect(note.split('\n\u2014 ').length).toBe(3); // the log's signature and the peer's cosignature
      expect(readdirSync(ledgerOf(party))).not.toContain('lock');
    }
  });

  it('refuse a restored copy and name it, on both sides, and charge nothing', async () => {
    const copies = join(folder, 'copies');
    cpSync(ledgerOf(pair.a), join(copies, 'old'), { recursive: true });
    expect(codes(await run())).toEqual([
      [0, undefined],
      [0, undefined],
    ]);
    cpSync(ledgerOf(pair.a), join(copies, 'new'), { recursive: true });
    const restore = (name: string): void => {
      rmSync(ledgerOf(pair.a), { recursive: true });
      cpSync(join(copies, name), ledgerOf(pair.a), { recursive: true });
    };
    restore('old');
    const ended = await run();
    expect(codes(ended)).toEqual([
      [5, 'ERR_BUDGET_ROLLBACK'],
      [5, 'ERR_BUDGET_PEER_ROLLBACK'],
    ]);
    expect(ended[0].message).toContain('has 2 records, the peer holds our signature on 3');
    expect([spent(pair.a), spent(pair.b)]).toEqual([1, 2]);
    restore('new'); // the documented repair
    expect(codes(await run())).toEqual([
      [0, undefined],
      [0, undefined],
    ]);
    expect([spent(pair.a), spent(pair.b)]).toEqual([3, 3]);
  });

  it('refuse the run after the last, before the peer is spoken to', async () => {
    const listener = serve(pair.a, pair.build, [], KEEP);
    await expect(listener).rejects.toThrow('ERR_BUDGET_QUOTA');
    expect([spent(pair.a), spent(pair.b)]).toEqual([3, 3]);
  });
});
