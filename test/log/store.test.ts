/**
 * The log on disk: what is acknowledged survives an end at any point and a full disk; what is not the newest copy, or
 * not this log, is refused.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../attestation/checkpoint.ts';
import { type Completion, type LogEntry, logOrigin } from '../../attestation/log-record.ts';
import { assertConsistency, assertInclusion, leafHash } from '../../attestation/merkle.ts';
import { unhexes } from '../../attestation/log-record.ts';
import { createKeys } from '../../host/keys/keys.ts';
import { openLog } from '../../host/log/run-log.ts';
import { type LogOwner, LogStore } from '../../host/log/store.ts';
import { fromUtf8, toHex, utf8 } from '../../src/encoding.ts';
import { Dead, dyingFiles, fullFiles } from './dying-files.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dpca-log-'));
  folders.push(folder);
  return folder;
}

const keysFolder = mkdtempSync(join(tmpdir(), 'dpca-log-keys-'));
const keys = createKeys(keysFolder, 'owner');
rmSync(keysFolder, { recursive: true });
const owner: LogOwner = {
  ...{ name: 'owner', identity: toHex(keys.identity.publicKey), log: keys.log },
};
const { signal } = new AbortController();
const at = { time: 1_800_000_000_000, clock: 'host' } as const;
const abort = (code: string): LogEntry => ({
  ...{ type: 'abort', session: null, peer: '11'.repeat(32), phase: 'match', code, charged: null },
});
const completion = (seq: number): Completion => ({
  ...{ seq, opened: null, checkpoint: 'note\n' },
  peer: {
    checkpoint: 'note\n',
    envelope: { seq: 1, prev: '00'.repeat(32), time: 1, clock: 'nsm' },
    inclusion: [],
  },
});

describe('the store', () => {
  it('appends, shows proofs that hold, and opens again', async () => {
    const folder = newFolder();
    const store = new LogStore(folder);
    await openLog(store, owner, signal);
    const key = { name: logOrigin(toHex(keys.log.publicKey)), publicKey: keys.log.publicKey };
    let before = openCheckpoint(utf8(store.head(owner, 0).note), key, []);
    for (let n = 1; n <= 9; n++) {
      const shown = await store.append(owner, abort('ERR_PEER_LOST'), at, signal, {
        from: before.size,
      });
      const head = openCheckpoint(utf8(shown.note), key, []);
      expect(shown.envelope).toMatchObject({ seq: n, ...at });
      assertInclusion(
        leafHash(store.records[n]!),
        n,
        head.size,
        head.root,
        unhexes(shown.inclusion),
      );
      assertConsistency(before.size, before.root, head.size, head.root, unhexes(shown.consistency));
      before = head;
    }
    await store.complete(completion(3), signal);
    const again = new LogStore(folder);
    expect(again.records).toEqual(store.records);
    expect(toHex(again.tree.root())).toBe(toHex(before.root));
    expect([...again.completions().keys()]).toEqual([3]);
    again.assertContinues(owner);
  });

  it('is one log for two processes that write at the same time', async () => {
    const folder = newFolder();
    const stores = [new LogStore(folder), new LogStore(folder)] as const;
    await openLog(stores[0], owner, signal);
    const seqs = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const shown = await stores[i % 2 === 0 ? 0 : 1].append(
          owner,
          abort('ERR_PEER_LOST'),
          at,
          signal,
        );
        return shown.envelope.seq;
      }),
    );
    expect([...seqs].sort((x, y) => x - y)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(new LogStore(folder).records.length).toBe(13);
  });

  it('refuses an older copy, a changed byte, and the log of another key', async () => {
    const folder = newFolder();
    const store = new LogStore(folder);
    await openLog(store, owner, signal);
    for (let n = 0; n < 4; n++) await store.append(owner, abort('ERR_PEER_LOST'), at, signal);
    const path = join(folder, 'records.jsonl');
    const whole = readFileSync(path, 'utf8');
    const lines = whole.split('\n');
    writeFileSync(path, `${lines.slice(0, 3).join('\n')}\n`);
    expect(() => {
      new LogStore(folder).assertContinues(owner);
    }).toThrowCode('ERR_LOG_ROLLBACK');
    await expect(
      new LogStore(folder).append(owner, abort('ERR_PEER_LOST'), at, signal),
    ).rejects.toThrowCode('ERR_LOG_ROLLBACK');
    for (const spoilt of [
      whole.replace('ERR_PEER_LOST', 'ERR_PEER_LAST'),
      lines.filter((_, i) => i !== 2).join('\n'),
      `\n${whole}`,
      whole.replace('"seq":2', '"seq":3'),
    ]) {
      writeFileSync(path, spoilt);
      expect(() => new LogStore(folder)).toThrowCode('ERR_LOG_RECORD');
    }
    writeFileSync(path, whole);
    // the last record has no successor: the signed head notices
    writeFileSync(path, whole.replace(/ERR_PEER_LOST(?![^]*ERR_PEER_LOST)/, 'ERR_PEER_LAST'));
    expect(() => {
      new LogStore(folder).assertContinues(owner);
    }).toThrowCode('ERR_LOG_ROLLBACK');
    writeFileSync(path, whole);
    const other = { ...owner, log: keys.identity };
    expect(() => {
      new LogStore(folder).assertContinues(other);
    }).toThrowCode('ERR_LOG_RECORD');
    expect(() => new LogStore(folder).head(owner, 6)).toThrowCode('ERR_LOG_ROLLBACK');
  });
});

/** Opens a log and writes to it until the disk's process ends; the records and completions acknowledged. */
async function writeUntilDead(
  folder: string,
  killAt: number,
): Promise<{ acknowledged: number; completed: number; points: number }> {
  const { files, points } = dyingFiles(killAt);
  let acknowledged = 0;
  let completed = 0;
  try {
    const store = new LogStore(folder, files);
    await openLog(store, owner, signal);
    acknowledged += 1;
    for (let n = 0; n < 2; n++) {
      await store.append(owner, abort('ERR_PEER_LOST'), at, signal, { opening: '22'.repeat(32) });
      acknowledged += 1;
    }
    await store.complete(completion(1), signal);
    completed += 1;
    await store.complete(completion(2), signal);
    completed += 1;
  } catch (error) {
    const isEnd = error instanceof Dead || (error as { cause?: unknown }).cause instanceof Dead;
    if (!isEnd && !String((error as { cause?: unknown }).cause ?? error).includes('dead'))
      throw error;
  }
  return { acknowledged, completed, points: points() };
}

describe('an end at any point', () => {
  it('loses nothing that was acknowledged, and the next process goes on', async () => {
    const { points } = await writeUntilDead(newFolder(), 0);
    expect(points).toBeGreaterThan(60);
    let torn = 0;
    for (let k = 1; k <= points; k++) {
      const folder = newFolder();
      const { acknowledged, completed } = await writeUntilDead(folder, k);
      // the lock of a process that is gone is taken over; here it is this process's own, so it is removed by hand
      rmSync(join(folder, 'lock'), { force: true });
      const records = join(folder, 'records.jsonl');
      const before = ((): string => {
        try {
          return readFileSync(records, 'utf8');
        } catch {
          return '';
        }
      })();
      if (before !== '' && !before.endsWith('\n')) torn += 1;
      const store = new LogStore(folder);
      expect(store.records.length, `point ${k}`).toBeGreaterThanOrEqual(acknowledged);
      expect(store.completions().size, `point ${k}`).toBeGreaterThanOrEqual(completed);
      await openLog(store, owner, signal);
      const kept = store.records.length;
      const shown = await store.append(owner, abort('ERR_PEER_SILENT'), at, signal);
      expect(shown.envelope.seq, `point ${k}`).toBe(kept);
      await store.complete(completion(kept), signal);
      const again = new LogStore(folder);
      again.assertContinues(owner);
      expect(again.records.length).toBe(kept + 1);
      expect(again.completions().has(kept)).toBe(true);
      expect(readFileSync(records, 'utf8').endsWith('\n')).toBe(true);
    }
    expect(torn).toBeGreaterThan(2);
  });
});

describe('a full disk', () => {
  it('is said, leaves no part of a record, and costs nothing that was acknowledged', async () => {
    const folder = newFolder();
    await openLog(new LogStore(folder), owner, signal);
    const path = join(folder, 'records.jsonl');
    const before = readFileSync(path, 'utf8');
    for (const room of [0, 1, 100]) {
      const store = new LogStore(folder, fullFiles(room));
      await expect(store.append(owner, abort('ERR_PEER_LOST'), at, signal)).rejects.toThrowCode(
        'ERR_LOG_STORE',
      );
      await expect(store.complete(completion(0), signal)).rejects.toThrowCode('ERR_LOG_STORE');
      expect(readFileSync(path, 'utf8')).toBe(before);
    }
    const store = new LogStore(folder);
    await store.append(owner, abort('ERR_PEER_LOST'), at, signal);
    await store.complete(completion(1), signal);
    expect(new LogStore(folder).records.length).toBe(2);
    expect(fromUtf8(new LogStore(folder).records[1]!)).toContain('ERR_PEER_LOST');
  });
});
