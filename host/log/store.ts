/**
 * An organisation's log on disk (docs/auditing.md section 3): one file of records and one of what completes them, both
 * only ever appended to, one canonical JSON document per line. A line counts when its line feed is on disk; what
 * follows the last line feed was never acknowledged and is removed by the next writer.
 * @module
 */
import { join } from 'node:path';
import {
  openCheckpoint,
  type OpenedCheckpoint,
  signCheckpoint,
} from '../../attestation/checkpoint.ts';
import {
  type Completion,
  completionBytes,
  type Envelope,
  hexes,
  type LogEntry,
  logOrigin,
  type LogRecord,
  logRecordBytes,
  parseCompletion,
  parseLogRecord,
} from '../../attestation/log-record.ts';
import { leafHash, MerkleTree } from '../../attestation/merkle.ts';
import { concat, equalConstantTime } from '../../src/bytes.ts';
import { fromUtf8, toHex, utf8 } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { canonicalJson, type JsonObject } from '../../src/json.ts';
import type { KeyPair } from '../keys/keys.ts';
import { lockLedger } from '../ledger/lock.ts';
import { type LogFiles, logFiles, replaceFile } from './files.ts';

const LF = Uint8Array.of(10);
const ZERO = '00'.repeat(32);

export interface LogOwner {
  readonly name: string;
  readonly identity: string;
  readonly log: KeyPair;
}

/** The own log for whoever checks it: a signed checkpoint and proofs, in hex. */
export type ShownHead = { readonly note: string; readonly consistency: readonly string[] };
export type ShownRecord = ShownHead & {
  readonly envelope: Envelope;
  readonly inclusion: readonly string[];
};

function refuse(problem: string): never {
  throw new DpcaError('ERR_LOG_RECORD', problem);
}

/** Lines of a file without what follows the last line feed, and how many bytes they are. */
function completeLines(bytes: Uint8Array, from: number): { lines: Uint8Array[]; end: number } {
  const lines: Uint8Array[] = [];
  let start = from;
  for (let end = bytes.indexOf(10, start); end >= 0; end = bytes.indexOf(10, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return { lines, end: start };
}

export class LogStore {
  readonly folder: string;
  readonly tree: MerkleTree = new MerkleTree();
  private readonly files: LogFiles;
  private readonly lines: Uint8Array[] = [];
  /** Bytes of the records file that are in `lines`. */
  private size = 0;

  /** Reads and checks what is there (ERR_LOG_RECORD, ERR_LOG_STORE); changes nothing. */
  constructor(folder: string, files: LogFiles = logFiles) {
    this.folder = folder;
    this.files = files;
    this.refresh();
  }

  /** Every record's bytes, in order. */
  get records(): readonly Uint8Array[] {
    return this.lines;
  }

  record(seq: number): LogRecord {
    return parseLogRecord(
      this.lines[seq] ?? refuse(`no record ${seq}`),
      `record ${seq}`,
      'ERR_LOG_RECORD',
    );
  }

  /** What completes runs, by the record's number; a later line for the same record changes nothing. */
  completions(): ReadonlyMap<number, Completion> {
    const { lines } = completeLines(this.read('completions.jsonl'), 0);
    const found = new Map<number, Completion>();
    lines.forEach((line, i) => {
      const completion = parseCompletion(line, `completions.jsonl line ${i + 1}`, 'ERR_LOG_RECORD');
      if (!found.has(completion.seq)) found.set(completion.seq, completion);
    });
    return found;
  }

  /** The last own checkpoint, signed and cosigned as far as it got. */
  checkpoint(): Uint8Array | undefined {
    const note = this.read('checkpoint');
    return note.length === 0 ? undefined : note;
  }

  /** Checkpoints that third witnesses have cosigned, one per witness. */
  witnessed(): readonly Uint8Array[] {
    const folder = join(this.folder, 'witnesses');
    return this.storing(() =>
      this.files
        .list(folder)
        .map((name) => this.files.read(join(folder, name)) ?? new Uint8Array(0)),
    );
  }

  saveWitnessed(name: string, note: Uint8Array): void {
    const file = join(this.folder, 'witnesses', name.replace(/[^\w.-]/g, '_'));
    this.storing(() => {
      replaceFile(this.files, this.folder, file, note);
    });
  }

  /** The last checkpoint seen of a peer's log. @param log its log key, hex */
  remembered(log: string): Uint8Array | undefined {
    const note = this.read(join('peers', log));
    return note.length === 0 ? undefined : note;
  }

  remember(log: string, note: Uint8Array): void {
    this.storing(() => {
      replaceFile(this.files, this.folder, join(this.folder, 'peers', log), note);
    });
  }

  /** The own opened checkpoint, if one is signed (ERR_LOG_RECORD for another log's). */
  private opened(owner: LogOwner): OpenedCheckpoint | undefined {
    const note = this.checkpoint();
    if (note === undefined) return undefined;
    const name = logOrigin(toHex(owner.log.publicKey));
    const [own] = fromUtf8(note).split('\n');
    if (own !== name) refuse(`${this.folder}: the log of another key; name another folder`);
    return openCheckpoint(note, { name, publicKey: owner.log.publicKey }, []);
  }

  /** Refuses records that do not continue what was signed before (ERR_LOG_ROLLBACK). */
  assertContinues(owner: LogOwner): void {
    const signed = this.opened(owner);
    if (signed === undefined) return;
    const { size } = this.tree;
    if (signed.size > size || !equalConstantTime(this.tree.root(signed.size), signed.root)) {
      throw new DpcaError(
        'ERR_LOG_ROLLBACK',
        `${this.folder}: ${size} records do not continue the ${signed.size} that were signed here; restore the newest copy`,
      );
    }
  }

  /** A signed head and its consistency proof from the first `from` records. */
  head(owner: LogOwner, from: number): ShownHead {
    const { size } = this.tree;
    if (from > size) {
      throw new DpcaError(
        'ERR_LOG_ROLLBACK',
        `${this.folder}: the peer holds our signature on ${from} records, here are ${size}; restore the newest copy`,
      );
    }
    const { publicKey, privateKey } = owner.log;
    const origin = logOrigin(toHex(publicKey));
    const checkpoint = { origin, size, root: this.tree.root() };
    const note = signCheckpoint(checkpoint, { name: origin, publicKey, secretKey: privateKey });
    return { note: fromUtf8(note), consistency: hexes(this.tree.consistency(from)) };
  }

  /**
   * Adds a record durably and signs the new head. @param opening salt of the own input's commitment, kept beside the log
   */
  async append(
    owner: LogOwner,
    entry: LogEntry,
    at: Pick<Envelope, 'time' | 'clock'>,
    signal: AbortSignal,
    how: { readonly from?: number; readonly opening?: string } = {},
  ): Promise<ShownRecord> {
    return this.locked(signal, () => {
      this.refresh();
      this.assertContinues(owner);
      this.repair('records.jsonl', this.size);
      const seq = this.tree.size;
      const last = this.tree.size === 0 ? ZERO : toHex(this.tree.leaf(seq - 1));
      const envelope: Envelope = { seq, prev: last, ...at };
      const bytes = logRecordBytes(envelope, entry);
      parseLogRecord(bytes, `record ${seq}`, 'ERR_LOG_RECORD');
      if (how.opening !== undefined) {
        const { end } = completeLines(this.read('openings.jsonl'), 0);
        this.repair('openings.jsonl', end);
        const line = { opening: how.opening, seq };
        this.addLine('openings.jsonl', utf8(canonicalJson(line)));
      }
      this.addLine('records.jsonl', bytes);
      this.take(bytes);
      const head = this.head(owner, how.from ?? 0);
      replaceFile(this.files, this.folder, join(this.folder, 'checkpoint'), utf8(head.note));
      return { ...head, envelope, inclusion: hexes(this.tree.inclusion(seq)) };
    });
  }

  /** Keeps what completes a run, durably: the release is in the log from here on. */
  async complete(completion: Completion, signal: AbortSignal): Promise<void> {
    await this.locked(signal, () => {
      const { end } = completeLines(this.read('completions.jsonl'), 0);
      this.repair('completions.jsonl', end);
      this.addLine('completions.jsonl', completionBytes(completion));
    });
  }

  private read(name: string): Uint8Array {
    return this.storing(() => this.files.read(join(this.folder, name)) ?? new Uint8Array(0));
  }

  /** Takes over what has been added to the records file since. */
  private refresh(): void {
    const { lines, end } = completeLines(this.read('records.jsonl'), this.size);
    for (const line of lines) {
      const seq = this.tree.size;
      const prev = seq === 0 ? ZERO : toHex(this.tree.leaf(seq - 1));
      // the whole form is checked by whoever reads the record; here, that none is missing or foreign
      if (!follows(line, prev, seq)) {
        refuse(`${this.folder}: record ${seq} does not follow the record before it`);
      }
      this.take(line.slice());
    }
    this.size = end;
  }

  private take(line: Uint8Array): void {
    this.lines.push(line);
    this.tree.append(leafHash(line));
  }

  private addLine(name: string, line: Uint8Array): void {
    const path = join(this.folder, name);
    const before = this.files.read(path)?.length;
    try {
      this.files.append(path, concat(line, LF));
      this.files.sync(path);
      if (before === undefined) this.files.sync(this.folder);
    } catch (error) {
      // a full disk may have taken a part of the line: it must not stand in front of the next one
      if (before !== undefined) this.files.truncate(path, before);
      else if (this.files.read(path) !== undefined) this.files.remove(path);
      throw error;
    }
    if (name === 'records.jsonl') this.size += line.length + 1;
  }

  /** Removes an incomplete last line, which nobody was told of. */
  private repair(name: string, end: number): void {
    const path = join(this.folder, name);
    const size = this.files.read(path)?.length ?? 0;
    if (size <= end) return;
    this.files.truncate(path, end);
    this.files.sync(path);
  }

  private storing<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      if (cause instanceof DpcaError) throw cause;
      const reason = cause instanceof Error ? cause.message : 'unknown';
      throw new DpcaError('ERR_LOG_STORE', `${this.folder}: ${reason}`, { cause });
    }
  }

  private async locked<T>(signal: AbortSignal, action: () => T): Promise<T> {
    let lock: { release(): void };
    try {
      lock = await lockLedger(this.folder, signal, this.files);
    } catch (cause) {
      if (!(cause instanceof DpcaError)) throw cause;
      const code = cause.code === 'ERR_BUDGET_BUSY' ? 'ERR_LOG_BUSY' : 'ERR_LOG_STORE';
      throw new DpcaError(code, `${this.folder}: ${cause.message}`, { cause });
    }
    try {
      return this.storing(action);
    } finally {
      lock.release();
    }
  }
}

/** Whether a record's line names this number and predecessor. */
function follows(line: Uint8Array, prev: string, seq: number): boolean {
  try {
    const record = JSON.parse(fromUtf8(line)) as JsonObject;
    return record['seq'] === seq && record['prev'] === prev;
  } catch {
    return false;
  }
}
