/**
 * A ledger's folder: records that are added one by one and never changed, and what is kept beside them (docs/ledger.md
 * section 5). The host stores and decides nothing; the enclave reads the records and checks every rule.
 * @module
 */
import { dirname, join } from 'node:path';
import { utf8 } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { canonicalJson, type JsonObject } from '../../src/json.ts';
import { diskFiles, isCode, type LedgerFiles } from './files.ts';

export interface RememberedLineage {
  /** 32 hex digits. */
  readonly lineage: string;
  /** The last checkpoint seen; undefined when the lineage was accepted and not seen yet. */
  readonly note: Uint8Array | undefined;
}

const RECORD = /^([0-9]{8})\.json$/;
const PEER = /^([0-9a-f]{64})\.([0-9a-f]{32})$/;

function numbered(index: number): string {
  return `${String(index).padStart(8, '0')}.json`;
}

/** Gives failures of the file system the ledger's code; EEXIST is the caller's to judge. */
function storing<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof DpcaError) throw cause;
    const reason = cause instanceof Error ? cause.message : 'unknown';
    throw new DpcaError('ERR_BUDGET_STORE', `${what}: ${reason}`, { cause });
  }
}

let temporaries = 0;

export class LedgerStore {
  readonly folder: string;
  private readonly files: LedgerFiles;

  constructor(folder: string, files: LedgerFiles = diskFiles) {
    this.folder = folder;
    this.files = files;
  }

  /** All records in order; none when nothing is registered (ERR_BUDGET_LEDGER for a gap or a foreign file). */
  records(): readonly Uint8Array[] {
    const folder = join(this.folder, 'records');
    return storing(folder, () =>
      this.files.list(folder).map((name, index) => {
        if (!RECORD.test(name) || name !== numbered(index)) {
          throw new DpcaError(
            'ERR_BUDGET_LEDGER',
            `${folder}: expected ${numbered(index)} and no other files, got ${name}`,
          );
        }
        return this.files.read(join(folder, name)) ?? new Uint8Array(0);
      }),
    );
  }

  /**
   * Adds record `index` durably, if and only if it is the next one: the compare and swap of the charge
   * (ERR_BUDGET_BUSY when another run was quicker, ERR_BUDGET_STORE).
   */
  append(index: number, record: Uint8Array): void {
    const folder = join(this.folder, 'records');
    storing(folder, () => {
      this.files.makeFolder(folder);
      const { length } = this.files.list(folder);
      const path = join(folder, numbered(index));
      if (length === index) {
        try {
          this.through(record, (temporary) => this.files.link(temporary, path));
        } catch (error) {
          if (!isCode(error, 'EEXIST')) throw error;
          busy();
        }
        this.files.sync(folder);
        return;
      }
      busy();
    });
    function busy(): never {
      throw new DpcaError('ERR_BUDGET_BUSY', `${folder}: another run took slot record ${index}`);
    }
  }

  /** The last own checkpoint, signed and cosigned as far as it got. */
  checkpoint(): Uint8Array | undefined {
    return storing('checkpoint', () => this.files.read(join(this.folder, 'checkpoint')));
  }

  saveCheckpoint(note: Uint8Array): void {
    this.replace(join(this.folder, 'checkpoint'), note);
  }

  /** The signatures of both enclaves and the cosigned checkpoint of one slot. */
  saveEvidence(index: number, evidence: JsonObject): void {
    this.replace(join(this.folder, 'evidence', numbered(index)), utf8(canonicalJson(evidence)));
  }

  /** The highest index that evidence was stored for. */
  lastEvidence(): number | undefined {
    const folder = join(this.folder, 'evidence');
    const names = storing(folder, () =>
      this.files.list(folder).filter((name) => RECORD.test(name)),
    );
    const last = names.at(-1);
    return last === undefined ? undefined : Number.parseInt(last, 10);
  }

  /** What is remembered of the ledgers of one peer. @param log its log key, 64 hex digits */
  remembered(log: string): readonly RememberedLineage[] {
    const folder = join(this.folder, 'peers');
    return storing(folder, () =>
      this.files.list(folder).flatMap((name) => {
        const [, owner, lineage] = PEER.exec(name) ?? [];
        if (owner !== log || lineage === undefined) return [];
        const note = this.files.read(join(folder, name));
        return [{ lineage, note: note?.length === 0 ? undefined : note }];
      }),
    );
  }

  /** Remembers the last checkpoint of a peer's lineage; an empty note accepts a lineage that was not seen yet. */
  remember(log: string, lineage: string, note: Uint8Array): void {
    const name = `${log}.${lineage}`;
    if (!PEER.test(name))
      throw new DpcaError('ERR_BUDGET_STORE', 'expected a log key and a lineage');
    this.replace(join(this.folder, 'peers', name), note);
  }

  private replace(path: string, bytes: Uint8Array): void {
    storing(path, () => {
      this.files.makeFolder(dirname(path));
      this.through(bytes, (temporary) => this.files.rename(temporary, path));
      this.files.sync(dirname(path));
    });
  }

  /** Writes a durable temporary file, publishes it under its name, and leaves no temporary behind. */
  private through(bytes: Uint8Array, publish: (temporary: string) => void): void {
    const folder = join(this.folder, 'tmp');
    this.files.makeFolder(folder);
    temporaries += 1;
    const temporary = join(folder, `${process.pid}-${temporaries}`);
    if (this.files.read(temporary) !== undefined) this.files.remove(temporary);
    this.files.write(temporary, bytes);
    try {
      this.files.sync(temporary);
      publish(temporary);
    } finally {
      if (this.files.read(temporary) !== undefined) this.files.remove(temporary);
    }
  }
}
