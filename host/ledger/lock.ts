/**
 * One run per ledger at a time: a lock file that names its holder and is taken over when that process has ended. It only
 * saves slots; that no slot is used twice rests on the store's compare and swap (docs/ledger.md section 5).
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fromUtf8, utf8 } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { diskFiles, isCode, type LedgerFiles } from './files.ts';

/** Below the ten seconds after which the peer's enclave takes this one for lost. */
const WAIT_MS = 5_000;
const POLL_MS = 100;

/** When a process started, so that a reused process id is not taken for its holder; unknown beyond Linux. */
function startOf(pid: number): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the command, in parentheses, may hold spaces; field 22 counted from behind it is the start time
    return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
  } catch {
    return 'unknown';
  }
}

function isAlive(holder: string): boolean {
  const [pid = '', ...start] = holder.split(' ').slice(0, -1);
  if (!/^[1-9][0-9]{0,9}$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (isCode(error, 'ESRCH')) return false;
  }
  const now = startOf(Number(pid));
  return now === 'unknown' || now === start.join(' ');
}

export interface LedgerLock {
  release(): void;
}

let locks = 0;

/** Removes what processes that are gone have left behind; others may do the same at the same time. */
function sweep(folder: string, files: LedgerFiles): void {
  const temporary = join(folder, 'tmp');
  const own = files.list(folder).filter((name) => name.startsWith('lock-'));
  const left = [
    ...own.map((name) => join(folder, name)).filter((path) => !isHeld(path, files)),
    // only the holder of the lock writes here
    ...files.list(temporary).map((name) => join(temporary, name)),
  ];
  for (const path of left) {
    try {
      files.remove(path);
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error;
    }
  }
}

/** A lock file that is gone counts as held: there is nothing to take over. */
function isHeld(path: string, files: LedgerFiles): boolean {
  const holder = files.read(path);
  return holder === undefined || isAlive(fromUtf8(holder));
}

/** Waits up to five seconds for another run (ERR_BUDGET_BUSY). */
export async function lockLedger(
  folder: string,
  signal: AbortSignal,
  files: LedgerFiles = diskFiles,
  waitMs: number = WAIT_MS,
): Promise<LedgerLock> {
  const path = join(folder, 'lock');
  locks += 1;
  const own = join(folder, `lock-${process.pid}-${locks}`);
  const name = `${process.pid} ${startOf(process.pid)} ${locks}`;
  const holderOf = (): string | undefined => {
    const holder = files.read(path);
    return holder === undefined ? undefined : fromUtf8(holder);
  };
  const deadline = Date.now() + waitMs;
  files.makeFolder(folder);
  if (files.read(own) !== undefined) files.remove(own);
  files.write(own, utf8(name));
  try {
    for (;;) {
      try {
        files.link(own, path);
        const release = (): void => {
          if (holderOf() === name) files.remove(path);
        };
        try {
          sweep(folder, files);
        } catch (cause) {
          release();
          throw new DpcaError('ERR_BUDGET_STORE', `${folder}: cannot be swept`, { cause });
        }
        return { release };
      } catch (error) {
        if (error instanceof DpcaError) throw error;
        if (!isCode(error, 'EEXIST')) {
          throw new DpcaError('ERR_BUDGET_STORE', `${path}: cannot be locked`, { cause: error });
        }
      }
      if (!isHeld(path, files)) {
        // moved aside and looked at again, because another waiter may have taken over meanwhile
        const stale = `${own}-stale`;
        try {
          files.rename(path, stale);
          if (isHeld(stale, files)) files.link(stale, path);
          files.remove(stale);
        } catch (error) {
          if (!isCode(error, 'ENOENT') && !isCode(error, 'EEXIST')) throw error;
        }
        continue;
      }
      if (Date.now() >= deadline) {
        throw new DpcaError('ERR_BUDGET_BUSY', `${path}: another run of this lineage is under way`);
      }
      await delay(POLL_MS, undefined, { signal });
    }
  } finally {
    files.remove(own);
  }
}
