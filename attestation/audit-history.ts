/**
 * What runs of one log say of each other (docs/auditing.md section 5): nothing is used twice, charges follow each
 * other, and what the other party held of this log, and this party of the other's, only ever grew.
 * @module
 */
import { toHex } from '../src/encoding.ts';
import { Notes } from './audit-notes.ts';
import type { Charge, Head, RunAudit } from './audit-types.ts';
import type { Bundle } from './bundle.ts';
import type { MerkleTree } from './merkle.ts';
import { PARTIES } from './audit-notes.ts';

/** Numbers and predecessors. A record whose successor names another hash, and only that, was changed itself. */
export function auditChain({ records, leaves }: Bundle): readonly Notes[] {
  const log = new Notes(null);
  const all: Notes[] = [log];
  const broken = records.map((record, i) => {
    const before = i === 0 ? '00'.repeat(32) : toHex(leaves[i - 1] ?? new Uint8Array());
    return record.seq !== i || record.prev !== before;
  });
  broken.forEach((isBroken, i) => {
    if (!isBroken) {
      log.pass('record follows the one before it');
      return;
    }
    const notes = new Notes(i);
    const isNumber = records[i]?.seq === i;
    const expected = isNumber ? `the hash of record ${i - 1}` : `number ${i}`;
    notes.add(isNumber ? '/prev' : '/seq', 'tamper', 'ERR_AUDIT_CHAIN', `expected ${expected}`);
    all.push(notes);
    // either this record's prev or the record before it is not as it was; a broken successor says that it is this one
    if (i === 0 || broken[i + 1] === true) return;
    const before = new Notes(i - 1);
    const detail = `record ${i} names another hash of this record`;
    before.add('record', 'tamper', 'ERR_AUDIT_CHAIN', detail);
    all.push(before);
  });
  if (records[0]?.type !== 'open') {
    log.add('/type', 'tamper', 'ERR_AUDIT_CHAIN', 'expected the opening record first');
  }
  return all;
}

export function auditHistory(
  bundle: Bundle,
  tree: MerkleTree,
  runs: readonly RunAudit[],
): readonly Notes[] {
  return [repetitions(bundle, runs), ...charges(runs), ...heads(tree, runs)].flat();
}

/** Sessions, nonces and documents, each once, over runs and re-attestations. */
function repetitions(bundle: Bundle, runs: readonly RunAudit[]): Notes[] {
  const seen = new Map<string, number>();
  const once = (notes: Notes, record: number, field: string, what: string, value: string): void => {
    const before = seen.get(`${what} ${value}`);
    if (before === undefined) {
      seen.set(`${what} ${value}`, record);
      notes.pass(`${what} occurs once`);
    } else
      notes.add(field, 'tamper', 'ERR_AUDIT_REPEATED', `the same ${what} as in record ${before}`);
  };
  const all: Notes[] = [];
  for (const { run, facts } of runs) {
    const notes = new Notes(run.record);
    once(notes, run.record, '/receipt/session', 'session', run.session);
    facts.nonces.forEach((nonce) => {
      once(notes, run.record, '/receipt/handshake/nonces', 'nonce', nonce);
    });
    facts.documents.forEach((hash) => {
      once(notes, run.record, '/receipt/evidence', 'document', hash);
    });
    all.push(notes);
  }
  for (const record of bundle.records) {
    if (record.type !== 'reattest') continue;
    const notes = new Notes(record.seq);
    once(notes, record.seq, '/nonces/init', 'nonce', record.nonces.init);
    once(notes, record.seq, '/nonces/resp', 'nonce', record.nonces.resp);
    once(notes, record.seq, '/epoch', 're-attestation', `${record.session} ${record.epoch}`);
    all.push(notes);
  }
  return all;
}

/** Budget arithmetic, charge by charge, for every ledger that occurs. */
function charges(runs: readonly RunAudit[]): Notes[] {
  const last = new Map<string, Charge>();
  const used = new Map<string, number>();
  return runs.map(({ run, facts }) => {
    const notes = new Notes(run.record);
    for (const party of PARTIES) {
      const charge = facts.charges[party];
      if (charge === undefined) continue;
      const field = `/receipt/ledgers/${party}/record`;
      const { lineage, slot, index, prev, plan } = charge;
      const before = last.get(lineage);
      const count = (used.get(`${lineage} ${plan}`) ?? 0) + 1;
      used.set(`${lineage} ${plan}`, count);
      const refuse = (detail: string): void => {
        notes.add(field, 'tamper', 'ERR_AUDIT_BUDGET', detail);
      };
      if (before !== undefined && (slot <= before.slot || index <= before.index)) {
        refuse(`slot ${slot} of lineage ${lineage} after slot ${before.slot}`);
      } else if (before !== undefined && index - before.index < slot - before.slot) {
        refuse(`slots ${before.slot} to ${slot} in ${index - before.index} ledger records`);
      } else if (before !== undefined && index === before.index + 1 && prev !== before.leaf) {
        refuse('the ledger does not continue that of the run before');
      } else if (count > charge.of || slot > charge.of) {
        refuse(`run ${count} of a plan with ${charge.of} slots`);
      } else notes.pass('charge follows the charges before it');
      if (before !== undefined && slot > before.slot + 1) {
        notes.add(
          field,
          'notice',
          'ERR_AUDIT_BUDGET',
          `${slot - before.slot - 1} slots of this ledger were spent on runs that are not in this log`,
        );
      }
      last.set(lineage, charge);
    }
    return notes;
  });
}

/** What each side held of the other's log before a run continues what it saw after the run before. */
function heads(tree: MerkleTree, runs: readonly RunAudit[]): Notes[] {
  const peers = new Map<string, Head>();
  return runs.map(({ run, facts }) => {
    const notes = new Notes(run.record);
    const { before } = facts.own;
    if (before !== null) {
      const field = '/receipt/accounts/held';
      if (before.size > run.record) {
        notes.add(
          field,
          'tamper',
          'ERR_AUDIT_FORK',
          `the other party held ${before.size} records before record ${run.record}`,
        );
      } else if (toHex(tree.root(before.size)) !== before.root) {
        notes.add(
          field,
          'tamper',
          'ERR_AUDIT_FORK',
          `the other party held other records among the first ${before.size}`,
        );
      } else notes.pass('other party held a prefix of this log');
    }
    const peer = run.own === null ? '' : run.sides[run.own === 'a' ? 'b' : 'a'].log;
    for (const head of [facts.peer.before, facts.peer.after]) {
      const known = peers.get(peer);
      if (head === null) continue;
      const went =
        known !== undefined &&
        (head.size < known.size || (head.size === known.size && head.root !== known.root));
      if (went)
        notes.add(
          '/completion/peer',
          'tamper',
          'ERR_AUDIT_FORK',
          `the other party's log went from ${known.size} to ${head.size} records, or changed`,
        );
      else notes.pass("other party's log only grew");
      peers.set(peer, head);
    }
    return notes;
  });
}
