/**
 * `dpca ledger init|show|check|extend|accept`, and that run and serve refuse without them.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folder, twoParties, type Folder } from './dpca.ts';

let here: Folder;
const config = ['--config', 'a/dpca.json'];
beforeAll(async () => {
  here = folder();
  await twoParties(here);
});
afterAll(() => {
  here.remove();
});

describe('dpca ledger', () => {
  it('refuses everything before a lineage is registered', async () => {
    for (const command of [
      ['ledger', 'show'],
      ['ledger', 'check'],
      ['serve'],
      ['run', '--peer-url', 'ws://127.0.0.1:1'],
    ]) {
      const ran = await here.dpca([...command, ...config]);
      expect([ran.code, ran.stdout]).toEqual([5, '']);
      expect(ran.stderr).toContain('ERR_BUDGET_UNREGISTERED');
    }
  });

  it('registers the plan of the manifest, once', async () => {
    const out = await here.json([
      'ledger',
      'init',
      ...config,
      '--name',
      'customers 2026',
      '--per-peer',
      '4',
    ]);
    expect(out).toMatchObject({ name: 'customers 2026', slots: 10, folder: here.at('a/ledger') });
    expect(out['lineage']).toMatch(/^[0-9a-f]{32}$/);
    const again = await here.dpca(['ledger', 'init', ...config]);
    expect([again.code, again.stderr.includes('ERR_CONFIG_EXISTS')]).toEqual([2, true]);
    const many = await here.dpca(['ledger', 'init', '--config', 'b/dpca.json', '--per-peer', '11']);
    expect([many.code, many.stderr.includes('ERR_USAGE')]).toEqual([2, true]);
  });

  it('says what is spent and whether a run fits, and spends nothing', async () => {
    const before = readFileSync(here.at('a/ledger/checkpoint'), 'utf8');
    const check = await here.json(['ledger', 'check', ...config]);
    expect(check).toMatchObject({ fits: true, slot: 1, left: 4 });
    const show = await here.json(['ledger', 'show', ...config]);
    expect(show).toMatchObject({
      ...{ name: 'customers 2026', epsilon: '2', delta: '0.0001', rowsMax: 500, perPeer: 4 },
      plans: [{ slots: 10, spent: 0, left: 10 }],
      spent: [],
    });
    const text = await here.dpca(['ledger', 'show', ...config]);
    expect(text.stdout).toContain('epsilon 2, delta 0.0001 for all 10 registered runs');
    expect(readFileSync(here.at('a/ledger/checkpoint'), 'utf8')).toBe(before);
  });

  it('refuses another plan until the owner registers it under a higher claim', async () => {
    const other = JSON.parse(readFileSync(here.at('a/manifest.json'), 'utf8')) as {
      privacy: { runs: number };
    };
    other.privacy.runs = 5;
    writeFileSync(here.at('other.json'), JSON.stringify(other));
    const with5 = [...config, '--manifest', 'other.json'];
    const refused = await here.dpca(['ledger', 'check', ...with5]);
    expect([refused.code, refused.stderr.includes('ERR_BUDGET_PLAN')]).toEqual([5, true]);
    const low = await here.dpca([
      'ledger',
      'extend',
      ...with5,
      '--epsilon',
      '2',
      '--delta',
      '0.00001',
    ]);
    expect([low.code, low.stderr.includes('ERR_USAGE')]).toEqual([2, true]);
    const none = await here.dpca(['ledger', 'extend', ...with5, '--delta', '0.001']);
    expect(none.code).toBe(2);
    const out = await here.json([
      'ledger',
      'extend',
      ...with5,
      '--epsilon',
      '4',
      '--delta',
      '0.001',
      '--per-peer',
      '6',
    ]);
    expect(out).toMatchObject({ epsilon: '4', delta: '0.001', slots: 15 });
    expect(Number(out['deltaUpper'])).toBeLessThanOrEqual(0.001);
    expect(await here.json(['ledger', 'check', ...with5])).toMatchObject({ slot: 1, left: 5 });
    expect(await here.json(['ledger', 'check', ...config])).toMatchObject({ slot: 1, left: 6 });
  });

  it('notices records that do not continue what was signed or proved here before', async () => {
    cpSync(here.at('a/ledger'), here.at('a/copy'), { recursive: true });
    rmSync(here.at('a/copy/records/00000001.json'));
    const ran = await here.dpca(['ledger', 'show', ...config, '--ledger', 'a/copy']);
    expect([ran.code, ran.stderr.includes('ERR_BUDGET_ROLLBACK')]).toEqual([5, true]);
  });

  it('accepts a lineage of the peer by its id, once', async () => {
    const id = '0123456789abcdef'.repeat(2);
    expect(await here.json(['ledger', 'accept', id, ...config])).toEqual({
      peer: 'advertiser',
      lineage: id,
    });
    const again = await here.dpca(['ledger', 'accept', id, ...config]);
    expect([again.code, again.stderr.includes('ERR_CONFIG_EXISTS')]).toEqual([2, true]);
    const bad = await here.dpca(['ledger', 'accept', 'xyz', ...config]);
    expect([bad.code, bad.stderr.includes('ERR_USAGE')]).toEqual([2, true]);
    const show = await here.dpca(['ledger', 'show', ...config]);
    expect(show.stdout).toContain(`lineage ${id}, accepted, not seen yet`);
  });
});
