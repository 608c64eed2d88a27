/**
 * A log against what others know of it (docs/auditing.md section 5): older checkpoints and bundles, and the log of the
 * other party. Truncation, forks and runs that only one side tells of are found here and nowhere else.
 * @module
 */
import { equalConstantTime } from '../src/bytes.ts';
import { fromHex, toHex, utf8 } from '../src/encoding.ts';
import { Notes } from './audit-notes.ts';
import type { Auditing, KnownParty, RunAudit } from './audit-types.ts';
import { type Bundle, forkPoint } from './bundle.ts';
import { type Checkpoint, type NoteKey, openCheckpoint, type VerifyEd25519 } from './checkpoint.ts';
import { cosigner } from './ledger-session.ts';
import { logOrigin, type RunRecord } from './log-record.ts';
import { MerkleTree } from './merkle.ts';
import { receiptId } from './receipt.ts';

const logKey = ({ log }: KnownParty): NoteKey => ({
  name: logOrigin(log),
  publicKey: fromHex(log),
});

/** Whether the tree continues a checkpoint of its log. */
function compare(notes: Notes, tree: MerkleTree, field: string, seen: Checkpoint): boolean {
  if (seen.size > tree.size) {
    notes.add(
      field,
      'tamper',
      'ERR_AUDIT_TRUNCATED',
      `${seen.size} records were signed, the bundle has ${tree.size}`,
    );
    return false;
  }
  if (!equalConstantTime(tree.root(seen.size), seen.root)) {
    notes.add(
      field,
      'tamper',
      'ERR_AUDIT_FORK',
      `other records among the first ${seen.size} were signed`,
    );
    return false;
  }
  notes.pass('log continues an older checkpoint');
  return true;
}

/** Older checkpoints and bundles of the same log. */
export function auditAgainst(
  bundle: Bundle,
  tree: MerkleTree,
  options: Auditing,
  owner: KnownParty,
): readonly Notes[] {
  const cosigners = [
    ...options.parties.filter((party) => party !== owner).map(cosigner),
    ...(options.witnesses ?? []),
  ];
  return (options.against ?? []).map((older, i) => {
    const field = `against ${i + 1}`;
    const isBundle = !(older instanceof Uint8Array);
    const log = new Notes(null);
    const seen = log.check('older checkpoint is signed', field, 'ERR_LOG_NOTE', () =>
      openCheckpoint(
        isBundle ? utf8(older.checkpoint) : older,
        logKey(owner),
        cosigners,
        options.verifyEd25519,
      ),
    );
    if (seen === undefined || compare(log, tree, field, seen) || !isBundle) return log;
    const at = forkPoint(bundle, older);
    if (at === undefined) return log;
    const notes = new Notes(at);
    notes.add(
      field,
      'tamper',
      'ERR_AUDIT_FORK',
      `the two histories fork at record ${at}: the older bundle has another one`,
    );
    notes.findings.push(...log.findings);
    return notes;
  });
}

interface Told {
  readonly record: RunRecord;
  readonly id: string;
}

function runsWith(
  bundle: Bundle,
  other: string,
  known: readonly RunAudit[],
): ReadonlyMap<string, Told> {
  const ids = new Map(known.map(({ run }) => [run.record, run.receipt]));
  return new Map(
    bundle.records.flatMap((record) => {
      if (record.type !== 'run') return [];
      const { parties } = record.receipt.manifest as {
        parties?: { a?: { log?: string }; b?: { log?: string } };
      };
      const isOther = parties?.a?.log === other || parties?.b?.log === other;
      if (!isOther) return [];
      const id = ids.get(record.seq) ?? toHex(receiptId(record.receipt));
      return [[record.receipt.session, { record, id }] as const];
    }),
  );
}

/** The other party's log: signed, whole, and telling the same of every common run and of this log. */
export function auditPeer(
  bundle: Bundle,
  tree: MerkleTree,
  peer: Bundle,
  options: Auditing,
  owner: KnownParty,
  runs: readonly RunAudit[],
): Notes {
  const notes = new Notes(null);
  const verify = options.verifyEd25519;
  const other = options.parties.find(({ log }) => log === peer.log);
  if (other === undefined || other === owner) {
    notes.add(
      'peer bundle',
      'tamper',
      'ERR_AUDIT_PARTY',
      'expected the log of the other organisation',
    );
    return notes;
  }
  const theirs = new MerkleTree(peer.leaves);
  const head = notes.check("other party's log is signed", 'peer bundle', 'ERR_LOG_NOTE', () =>
    openCheckpoint(
      utf8(peer.checkpoint),
      logKey(other),
      [cosigner(owner), ...(options.witnesses ?? [])],
      verify,
    ),
  );
  if (head !== undefined) compare(notes, theirs, 'peer bundle', head);
  compareRuns(notes, bundle, peer, [
    runsWith(bundle, other.log, runs),
    runsWith(peer, owner.log, []),
  ]);
  // both logs against what the other one holds of them
  const held = heldBy(peer, logKey(owner), other, verify);
  fork(notes, tree, held, 'this log', (at) => at);
  const holds = heldBy(bundle, logKey(other), owner, verify);
  fork(notes, theirs, holds, "the other party's log", () => null);
  return notes;
}

function compareRuns(
  notes: Notes,
  bundle: Bundle,
  peer: Bundle,
  [here, there]: readonly [ReadonlyMap<string, Told>, ReadonlyMap<string, Told>],
): void {
  for (const [session, { record, id }] of here) {
    const told = there.get(session);
    const at = new Notes(record.seq);
    if (told === undefined) {
      const kind = bundle.completions.has(record.seq) ? 'tamper' : 'notice';
      at.add('/receipt', kind, 'ERR_AUDIT_PEER', "this run is not in the other party's log");
    } else if (told.id !== id) {
      at.add(
        '/receipt',
        'tamper',
        'ERR_AUDIT_PEER',
        `the other party's log, record ${told.record.seq}, has another receipt of this session`,
      );
    } else notes.pass("run is in both parties' logs, the same");
    notes.findings.push(...at.findings);
  }
  for (const [session, { record }] of there) {
    if (here.has(session)) continue;
    const kind = peer.completions.has(record.seq) ? 'tamper' : 'notice';
    notes.add(
      'records',
      kind,
      'ERR_AUDIT_PEER',
      `a run of the other party's log, record ${record.seq}, is missing here`,
    );
  }
}

/** Checkpoints of `log` that `holder`'s bundle holds, oldest first; those that do not verify are reported elsewhere. */
function heldBy(
  bundle: Bundle,
  log: NoteKey,
  holder: KnownParty,
  verify: VerifyEd25519,
): readonly Checkpoint[] {
  const notes = bundle.records.flatMap((record) => {
    if (record.type !== 'run') return [];
    const { a, b } = record.receipt.accounts;
    const completed = bundle.completions.get(record.seq)?.peer.checkpoint;
    return [a.held, b.held, completed].flatMap((note) => {
      const isOf = note?.startsWith(`${log.name}\n`) === true;
      return isOf && typeof note === 'string' ? [note] : [];
    });
  });
  return notes
    .flatMap((note) => {
      try {
        return [openCheckpoint(utf8(note), log, [cosigner(holder)], verify)];
      } catch {
        return [];
      }
    })
    .sort((a, b) => a.size - b.size);
}

/** Names where a log and the checkpoints held of it part. */
function fork(
  notes: Notes,
  tree: MerkleTree,
  held: readonly Checkpoint[],
  what: string,
  recordOf: (at: number) => number | null,
): void {
  let agreed = 0;
  for (const { size, root } of held) {
    if (size > tree.size) {
      notes.add(
        'records',
        'tamper',
        'ERR_AUDIT_TRUNCATED',
        `${what}: ${size} records were cosigned, ${tree.size} are here`,
      );
      return;
    }
    if (!equalConstantTime(tree.root(size), root)) {
      const at = new Notes(recordOf(agreed));
      at.add(
        'record',
        'tamper',
        'ERR_AUDIT_FORK',
        `${what} forks from what was cosigned: the first ${agreed} records agree, the first ${size} do not`,
      );
      notes.findings.push(...at.findings);
      return;
    }
    agreed = size;
    notes.pass('log continues what the other party holds of it');
  }
}
