/**
 * A ledger's folder on a real disk: compare and swap, gaps and foreign files, a full disk, and locks of the living and
 * the dead.
 */
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskFiles, type LedgerFiles } from '../../host/ledger/files.ts';
import { lockLedger } from '../../host/ledger/lock.ts';
import { LedgerStore } from '../../host/ledger/store.ts';
import { utf8 } from '../../src/encoding.ts';

let folder: string;
let store: LedgerStore;
const { signal } = new AbortController();
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'dpca-store-')), 'ledger');
  store = new LedgerStore(folder);
});
afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true, force: true });
});
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const records = (): string[] => store.records().map(text);

describe('records', () => {
  it('are added one after the other, private, and left alone', () => {
    expect(records()).toEqual([]);
    for (const [i, record] of ['zero', 'one', 'two'].entries()) store.append(i, utf8(record));
    expect(records()).toEqual(['zero', 'one', 'two']);
    expect(statSync(join(folder, 'records', '00000001.json')).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
  });

  it('are refused when another run took the place, and that one stays', () => {
    store.append(0, utf8('zero'));
    expect(() => store.append(0, utf8('other'))).toThrowCode('ERR_BUDGET_BUSY');
    expect(() => store.append(2, utf8('gap'))).toThrowCode('ERR_BUDGET_BUSY');
    // the other run comes in between the look and the link
    const racing: LedgerFiles = {
      ...diskFiles,
      link: (from, to) => {
        new LedgerStore(folder).append(1, utf8('quicker'));
        diskFiles.link(from, to);
      },
    };
    const late = new LedgerStore(folder, racing);
    expect(() => late.append(1, utf8('slower'))).toThrowCode('ERR_BUDGET_BUSY');
    expect(records()).toEqual(['zero', 'quicker']);
  });

  it('with a gap or a foreign file are no ledger', () => {
    for (const [i, record] of ['zero', 'one', 'two'].entries()) store.append(i, utf8(record));
    unlinkSync(join(folder, 'records', '00000001.json'));
    expect(() => store.records()).toThrowCode('ERR_BUDGET_LEDGER');
    writeFileSync(join(folder, 'records', '00000001.json'), 'one');
    writeFileSync(join(folder, 'records', 'notes.txt'), '');
    expect(() => store.records()).toThrowCode('ERR_BUDGET_LEDGER');
  });

  it('are not half there after a full disk, at whatever operation it shows', () => {
    const full = () => Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    store.append(0, utf8('zero'));
    for (const operation of ['write', 'sync', 'link'] as const) {
      const files: LedgerFiles = {
        ...diskFiles,
        [operation]: () => {
          throw full();
        },
      };
      const poor = new LedgerStore(folder, files);
      expect(() => poor.append(1, utf8('one'))).toThrowCode('ERR_BUDGET_STORE');
      expect(records()).toEqual(['zero']);
    }
    store.append(1, utf8('one'));
    expect(records()).toEqual(['zero', 'one']);
  });
});

describe('what is kept beside them', () => {
  it('replaces the whole file, and is read per peer', () => {
    const [log, other] = ['ab'.repeat(32), 'cd'.repeat(32)];
    const lineage = '01'.repeat(16);
    store.remember(log, lineage, utf8('first'));
    store.remember(log, lineage, utf8('second'));
    store.remember(log, '02'.repeat(16), new Uint8Array(0));
    store.remember(other, lineage, utf8('third'));
    expect(store.remembered(log).map(({ lineage: id, note }) => [id, text(note)])).toEqual([
      [lineage, 'second'],
      ['02'.repeat(16), ''],
    ]);
    expect(store.remembered(log)[1]!.note).toBeUndefined();
    expect(() => store.remember('../../etc', lineage, utf8('x'))).toThrowCode('ERR_BUDGET_STORE');
    store.saveCheckpoint(utf8('note'));
    expect(text(store.checkpoint())).toBe('note');
  });
});

describe('the lock', () => {
  it('keeps a second run out until the first is over', async () => {
    const first = await lockLedger(folder, signal);
    await expect(lockLedger(folder, signal, diskFiles, 150)).rejects.toThrowCode('ERR_BUDGET_BUSY');
    const second = lockLedger(folder, signal, diskFiles, 5_000);
    first.release();
    (await second).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of a process that has ended is taken over, and what it left is swept', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    mkdirSync(join(folder, 'tmp'), { recursive: true });
    for (const name of ['lock', 'lock-dead-1']) {
      writeFileSync(join(folder, name), `${pid} boot 1 1`);
    }
    writeFileSync(join(folder, 'tmp', 'left'), '');
    const lock = await lockLedger(folder, signal, diskFiles, 150);
    expect(readdirSync(folder).sort()).toEqual(['lock', 'tmp']);
    expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
    lock.release();
  });

  it('of a process id that was given to another process is taken over', async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'lock'), `${process.pid} another-boot 1 1`);
    (await lockLedger(folder, signal, diskFiles, 150)).release();
  });

  it('is not removed by one who lost it', async () => {
    const first = await lockLedger(folder, signal);
    unlinkSync(join(folder, 'lock'));
    const second = await lockLedger(folder, signal);
    first.release();
    expect(readdirSync(folder)).toContain('lock');
    second.release();
  });

  it('is given up when the user interrupts', async () => {
    const held = await lockLedger(folder, signal);
    const stop = new AbortController();
    const waiting = lockLedger(folder, stop.signal, diskFiles, 5_000);
    stop.abort();
    await expect(waiting).rejects.toThrow();
    held.release();
  });
});
