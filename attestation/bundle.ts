/**
 * A log as one file that needs nothing else (docs/auditing.md section 4): a line that says what follows, every record,
 * what completes runs, checkpoints of third witnesses, and the log's own last checkpoint. One canonical form: the same
 * log gives the same bytes, and other bytes are refused.
 * @module
 */
import { concat, equalConstantTime } from '../src/bytes.ts';
import { fromUtf8, toHex, utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import { canonicalJson, type Json, type JsonObject } from '../src/json.ts';
import type { AuditMemory } from './audit-types.ts';
import { type Form, isObject, parseCanonical } from './form.ts';
import {
  type Completion,
  completionBytes,
  logOrigin,
  type LogRecord,
  parseCompletion,
  parseLogRecord,
} from './log-record.ts';
import { type Hash, leafHash } from './merkle.ts';
import { NOTE_FORM } from './receipt.ts';

export interface Bundle {
  /** `dpca-enclave/log/` and the log key. */
  readonly origin: string;
  /** The organisation's log key, 64 hex digits. */
  readonly log: string;
  readonly records: readonly LogRecord[];
  /** Of the records' bytes. */
  readonly leaves: readonly Hash[];
  /** By the number of the run's record. */
  readonly completions: ReadonlyMap<number, Completion>;
  /** Checkpoints of this log that third witnesses have cosigned; not verified. */
  readonly witnessed: readonly string[];
  /** The log's last checkpoint; not verified. */
  readonly checkpoint: string;
}

/** A file that is not a bundle, with the record at fault where there is one. */
export class BundleFault extends DpcaError {
  readonly record: number | null;

  constructor(record: number | null, message: string, cause?: unknown) {
    super('ERR_AUDIT_FORMAT', message, { cause });
    this.record = record;
  }
}

const MOST = 2 ** 31;
const HEADER: Form = {
  members: {
    bundle: [1, 1],
    completions: [0, MOST],
    origin: /^dpca-enclave\/log\/[0-9a-f]{64}$/,
    records: [1, MOST],
    witnessed: [0, 16],
  },
};
const NOTE: Form = { members: { note: NOTE_FORM } };

/** The lines of a bundle: `records` are bytes as logged; the others are put into their one order. */
export function writeBundle(parts: {
  readonly log: string;
  readonly records: readonly Uint8Array[];
  readonly completions: Iterable<Completion>;
  readonly witnessed: readonly string[];
  readonly checkpoint: string;
}): Uint8Array {
  const { log, records, checkpoint } = parts;
  const completions = [...parts.completions].sort((a, b) => a.seq - b.seq);
  const witnessed = [...parts.witnessed].sort();
  const header = {
    ...{ bundle: 1, origin: logOrigin(log), records: records.length },
    ...{ completions: completions.length, witnessed: witnessed.length },
  };
  const lines = [
    utf8(canonicalJson(header)),
    ...records,
    ...completions.map(completionBytes),
    ...[...witnessed, checkpoint].map((note) => utf8(canonicalJson({ note }))),
  ];
  return concat(...lines.flatMap((line) => [line, Uint8Array.of(10)]));
}

/** Lines that end, and how many bytes follow the last one. */
function linesOf(bytes: Uint8Array): { readonly lines: Uint8Array[]; readonly rest: number } {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return { lines, rest: bytes.length - start };
}

/** The number and type that a line claims; for naming what is missing, not for reading it. */
function claimOf(line: Uint8Array): JsonObject {
  try {
    const value = JSON.parse(fromUtf8(line)) as Json;
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** In lines that do not add up: the first of `n` records that is not in its place, or run that nothing completes there. */
function gapIn(lines: readonly Uint8Array[], n: number): number | null {
  const claims = lines.map(claimOf);
  const open = new Set<number>();
  for (let i = 0; i < n; i++) {
    if (claims[i]?.['seq'] !== i) return i;
    if (claims[i]?.['type'] === 'run') open.add(i);
  }
  let last: number | null = null;
  for (const { seq, type } of claims.slice(n)) {
    if (typeof seq !== 'number' || type !== undefined || seq <= (last ?? -1)) break;
    if (open.delete(seq)) last = seq;
  }
  return [...open][0] ?? last;
}

/**
 * Reads a bundle strictly (ERR_AUDIT_FORMAT, naming the record); nothing in it is true before it is audited.
 * @param known records and completions that were read before, by the hash of their bytes; filled and used
 */
export function readBundle(bytes: Uint8Array, known: AuditMemory['lines'] = new Map()): Bundle {
  const { lines, rest } = linesOf(bytes);
  const first = lines.shift();
  const fault = <T>(record: () => number | null, read: () => T): T => {
    try {
      return read();
    } catch (cause) {
      throw new BundleFault(record(), cause instanceof Error ? cause.message : 'bundle', cause);
    }
  };
  const nowhere = (): null => null;
  const header = fault(nowhere, () =>
    parseCanonical(first ?? new Uint8Array(0), HEADER, 'bundle header', 'ERR_AUDIT_FORMAT'),
  );
  const count = (name: string): number => Number(header[name]);
  const [n, m, w] = [count('records'), count('completions'), count('witnessed')];
  if (lines.length !== n + m + w + 1 || rest > 0) {
    const got = `${lines.length + 1}${rest > 0 ? ' and a part of one' : ''}`;
    throw new BundleFault(gapIn(lines, n), `bundle: expected ${n + m + w + 2} lines, got ${got}`);
  }
  const once = <T extends LogRecord | Completion>(name: string, read: () => T): T => {
    const value = known.get(name) ?? read();
    known.set(name, value);
    // a line's kind is in the name
    return value as T;
  };
  const raw = lines.slice(0, n);
  const leaves = raw.map(leafHash);
  const records = raw.map((line, i) =>
    once(`record ${toHex(leaves[i] ?? line)}`, () =>
      fault(
        () => i,
        () => parseLogRecord(line, `record ${i}`, 'ERR_AUDIT_FORMAT'),
      ),
    ),
  );
  const completions = new Map<number, Completion>();
  let last = -1;
  lines.slice(n, n + m).forEach((line, i) => {
    const named = /"seq":([0-9]{1,10})\}\s*$/.exec(String.fromCharCode(...line.subarray(-32)))?.[1];
    const completion = once(`completion ${toHex(leafHash(line))}`, () =>
      fault(
        () => (named === undefined ? gapIn(lines, n) : Number(named)),
        () => parseCompletion(line, `completion ${i}`, 'ERR_AUDIT_FORMAT'),
      ),
    );
    const { seq } = completion;
    if (seq <= last || records[seq]?.type !== 'run') {
      const at = gapIn(lines, n) ?? seq;
      throw new BundleFault(at, `completion ${i}: expected that of another run, ascending`);
    }
    last = seq;
    completions.set(seq, completion);
  });
  const notes = lines
    .slice(n + m)
    .map((line, i) =>
      fault(nowhere, () =>
        textOf(parseCanonical(line, NOTE, `note ${i}`, 'ERR_AUDIT_FORMAT'), 'note'),
      ),
    );
  const witnessed = notes.slice(0, w);
  if (witnessed.some((note, i) => i > 0 && note <= (witnessed[i - 1] ?? ''))) {
    throw new BundleFault(null, 'bundle: witnessed notes out of order');
  }
  const origin = textOf(header, 'origin');
  return {
    ...{ origin, log: origin.slice(-64), records, leaves, completions },
    ...{ witnessed, checkpoint: notes[w] ?? '' },
  };
}

/** A member whose form has been checked. */
function textOf(object: JsonObject, name: string): string {
  const value = object[name];
  return typeof value === 'string' ? value : '';
}

/** Index of the first record that two bundles of one log do not share, or undefined when one continues the other. */
export function forkPoint(a: Bundle, b: Bundle): number | undefined {
  const shared = Math.min(a.leaves.length, b.leaves.length);
  for (let i = 0; i < shared; i++) {
    const [left, right] = [a.leaves[i], b.leaves[i]];
    if (left === undefined || right === undefined || !equalConstantTime(left, right)) return i;
  }
  return undefined;
}
