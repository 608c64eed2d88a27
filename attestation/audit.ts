/**
 * The audit of a log, offline (docs/auditing.md section 5): the chain and tree of its records, the notes of both
 * parties and of witnesses, every run by itself (audit-run.ts), what runs say of each other, older checkpoints, and
 * the other party's log. Trust: the keys, roots and policy that the auditor brings, and nothing in the bundle.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { equalConstantTime } from '../src/bytes.ts';
import { fromHex, toHex, utf8 } from '../src/encoding.ts';
import { DpcaError, isErrorCode } from '../src/errors.ts';
import { canonicalJson } from '../src/json.ts';
import type { Manifest } from '../src/run/manifest.ts';
import { auditAgainst, auditPeer } from './audit-compare.ts';
import { auditChain, auditHistory } from './audit-history.ts';
import { Notes, reasonOf, rememberEd25519, rememberP384 } from './audit-notes.ts';
import { auditReattestation } from './audit-reattest.ts';
import { auditRun } from './audit-run.ts';
import type { RunContext } from './audit-session.ts';
import type {
  Auditing,
  AuditMemory,
  AuditOptions,
  AuditResult,
  Finding,
  Head,
  KnownParty,
  RunAudit,
} from './audit-types.ts';
import { type Bundle, BundleFault, readBundle } from './bundle.ts';
import { type NoteKey, openCheckpoint } from './checkpoint.ts';
import { cosigner } from './ledger-session.ts';
import { type Completion, completionBytes, type LogRecord, type RunRecord } from './log-record.ts';
import { MerkleTree } from './merkle.ts';
import { nobleP384 } from './p384.ts';
import { type AppraisalPolicy, parsePolicy, policyHash } from './policy.ts';

/** An empty memory; keep it only for audits under the same options. */
export function auditMemory(): AuditMemory {
  return {
    ...{ runs: new Map(), alone: new Map(), certificates: new Map(), lines: new Map() },
    ...{ p384: new Map(), ed25519: new Map() },
  };
}

/**
 * Audits a bundle, given as its bytes or as read before. Resolves to a result for any input; rejects only for misuse
 * (a policy that was not loaded).
 */
export async function auditBundle(
  input: Uint8Array | Bundle,
  options: AuditOptions,
): Promise<AuditResult> {
  try {
    const isRead = !(input instanceof Uint8Array);
    const bundle = isRead ? input : readBundle(input, options.memory?.lines);
    return await new Audit(bundle, options).run();
  } catch (error) {
    if (!(error instanceof BundleFault)) throw error;
    const { record, code, message: detail } = error;
    const checks: Finding[] = [{ record, field: 'bundle', class: 'tamper', code, detail }];
    return { origin: '', records: 0, runs: [], checks, passed: [], verdict: 'fail' };
  }
}

/** The policies that a bundle logs, by hash; those whose hash is wrong are left out. */
export function loggedPolicies(bundle: Bundle): ReadonlyMap<string, AppraisalPolicy> {
  const policies = new Map<string, AppraisalPolicy>();
  for (const record of bundle.records) {
    if (record.type !== 'policy') continue;
    try {
      const policy = parsePolicy(canonicalJson(record.policy));
      if (toHex(policyHash(policy)) === record.hash) policies.set(record.hash, policy);
    } catch {
      // reported where the record is looked at
    }
  }
  return policies;
}

/** How the sessions of a log ended. */
interface Sessions {
  readonly runs: Map<string, Pick<RunRecord, 'receipt'> & { readonly manifest: Manifest | null }>;
  readonly ended: Set<string | null>;
}

class Audit {
  private readonly bundle: Bundle;
  private readonly options: Auditing;
  private readonly memory: AuditMemory;
  private readonly log = new Notes(null);
  private readonly findings: Finding[] = [];
  private readonly passed: Map<string, number> = new Map();
  private readonly tree: MerkleTree;

  constructor(bundle: Bundle, options: AuditOptions) {
    this.bundle = bundle;
    this.memory = options.memory ?? auditMemory();
    this.options = {
      ...options,
      verifyP384: rememberP384(options.verifyP384 ?? nobleP384, this.memory),
      verifyEd25519: rememberEd25519(options.verifyEd25519, this.memory),
    };
    this.tree = new MerkleTree(bundle.leaves);
  }

  async run(): Promise<AuditResult> {
    const { bundle, options } = this;
    const owner = options.parties.find(({ log }) => log === bundle.log);
    for (const notes of auditChain(bundle)) this.take(notes);
    const runs: RunAudit[] = [];
    if (owner === undefined) {
      this.log.add(
        'origin',
        'tamper',
        'ERR_AUDIT_PARTY',
        'expected the log of an organisation that was given',
      );
    } else {
      this.checkNotes(owner);
      const policies = new Map([
        [toHex(policyHash(options.policy)), options.policy],
        ...(options.peer === undefined ? [] : loggedPolicies(options.peer)),
        ...loggedPolicies(bundle),
      ]);
      const context: RunContext = { options, owner, policies, memory: this.memory };
      const sessions: Sessions = { runs: new Map(), ended: new Set() };
      for (const record of bundle.records) {
        if (record.type === 'abort' || record.type === 'refusal')
          sessions.ended.add(record.session);
        if (record.type !== 'run') continue;
        const audited = await this.auditedRun(record, context);
        const { receipt } = record;
        runs.push(audited);
        sessions.runs.set(receipt.session, { receipt, manifest: audited.run.manifest });
      }
      for (const record of bundle.records) {
        if (record.type !== 'run') await this.checkRecord(record, owner, context, sessions);
      }
      this.checkCompletions(runs, sessions.ended);
      for (const notes of auditHistory(bundle, this.tree, runs)) this.take(notes);
      for (const notes of auditAgainst(bundle, this.tree, options, owner)) this.take(notes);
      if (options.peer !== undefined)
        this.take(auditPeer(bundle, this.tree, options.peer, options, owner, runs));
    }
    this.take(this.log);
    for (const run of runs) this.take(run);
    const order = (finding: Finding): number => finding.record ?? -1;
    const checks = [...this.findings].sort((a, b) => order(a) - order(b));
    const failed = new Set(checks.filter((c) => c.class !== 'notice').map((c) => c.record));
    return {
      ...{ origin: bundle.origin, records: bundle.records.length, checks },
      runs: runs.map(({ run }) => ({ ...run, ok: run.ok && !failed.has(run.record) })),
      passed: [...this.passed].map(([name, count]) => ({ name, count })),
      verdict: failed.size === 0 ? 'pass' : 'fail',
    };
  }

  private take(notes: Pick<RunAudit, 'findings' | 'passed'>): void {
    for (const finding of notes.findings) this.findings.push(finding);
    for (const [name, count] of notes.passed) {
      this.passed.set(name, (this.passed.get(name) ?? 0) + count);
    }
  }

  /** The last checkpoint and those of third witnesses: keys, signatures, roots. */
  private checkNotes(owner: KnownParty): void {
    const { bundle, options, log } = this;
    const key: NoteKey = { name: bundle.origin, publicKey: fromHex(owner.log) };
    const peers = options.parties.filter((party) => party !== owner).map(cosigner);
    const witnesses = options.witnesses ?? [];
    const field = 'checkpoint';
    const head = log.check('last checkpoint is signed', field, 'ERR_LOG_NOTE', () =>
      openCheckpoint(utf8(bundle.checkpoint), key, [...peers, ...witnesses], options.verifyEd25519),
    );
    if (head !== undefined) {
      const { size } = this.tree;
      if (head.size !== size) {
        log.add(
          field,
          'tamper',
          'ERR_AUDIT_TRUNCATED',
          `the last checkpoint has ${head.size} records, the bundle ${size}`,
        );
      } else if (!this.isRoot(head.size, head.root)) {
        // the last record has no successor that would name its hash
        const notes = new Notes(size - 1);
        notes.add(
          'record',
          'tamper',
          'ERR_AUDIT_TREE',
          `the first ${size} records do not give the root of the last checkpoint`,
        );
        this.take(notes);
      } else log.pass('records give the root of a checkpoint');
    }
    const seen = new Set<string>();
    for (const note of bundle.witnessed) {
      const opened = log.check('witnessed checkpoint is signed', 'witnessed', 'ERR_LOG_NOTE', () =>
        openCheckpoint(utf8(note), key, witnesses, options.verifyEd25519),
      );
      if (opened === undefined) continue;
      if (opened.size > this.tree.size) {
        log.add(
          'witnessed',
          'tamper',
          'ERR_AUDIT_TRUNCATED',
          `a witness saw ${opened.size} records, here are ${this.tree.size}`,
        );
      } else if (!this.isRoot(opened.size, opened.root)) {
        log.add(
          'witnessed',
          'tamper',
          'ERR_AUDIT_FORK',
          `a witness saw other records among the first ${opened.size}`,
        );
      } else {
        log.pass('records give the root of a checkpoint');
        for (const { name } of opened.cosignatures) seen.add(name);
      }
    }
    for (const { name } of witnesses) {
      if (!seen.has(name))
        log.add(
          'witnessed',
          'incomplete',
          'ERR_AUDIT_WITNESS',
          `no checkpoint is cosigned by ${name}`,
        );
    }
  }

  private isRoot(size: number, root: Uint8Array): boolean {
    return equalConstantTime(this.tree.root(size), root);
  }

  private async auditedRun(record: RunRecord, context: RunContext): Promise<RunAudit> {
    const completion = this.bundle.completions.get(record.seq);
    const name = this.options.memory && this.nameOf(record, completion, context);
    const done = name === undefined ? undefined : this.memory.runs.get(name);
    if (done !== undefined) return done;
    try {
      const audited = await auditRun(record, completion, context);
      if (name !== undefined) this.memory.runs.set(name, audited);
      return audited;
    } catch (error) {
      if (!(error instanceof DpcaError)) throw error;
      throw new BundleFault(record.seq, reasonOf(error), error);
    }
  }

  /** Everything that the audit of a run by itself depends on, apart from the options; not what stands before it. */
  private nameOf(
    record: RunRecord,
    completion: Completion | undefined,
    { owner, policies }: RunContext,
  ): string {
    const leaf = toHex(this.tree.leaf(record.seq));
    let alone = this.memory.alone.get(leaf);
    if (alone === undefined) {
      alone = toHex(sha256(utf8(canonicalJson({ ...record, prev: '' }))));
      this.memory.alone.set(leaf, alone);
    }
    const rest = completion === undefined ? '' : toHex(sha256(completionBytes(completion)));
    const { init, resp } = record.receipt.handshake.policyHashes;
    const known = [init, resp].map((hash) => policies.has(hash)).join();
    return `${owner.log} ${alone} ${rest} ${known}`;
  }

  /** Records that are no runs. */
  private async checkRecord(
    record: Exclude<LogRecord, RunRecord>,
    owner: KnownParty,
    context: RunContext,
    { runs, ended }: Sessions,
  ): Promise<void> {
    const notes = new Notes(record.seq);
    switch (record.type) {
      case 'open': {
        const { identity, log } = record.party;
        const own = record.seq === 0 && identity === owner.identity && log === owner.log;
        notes.assert(
          'log is opened by its owner',
          '/party',
          'ERR_AUDIT_PARTY',
          own,
          'the owner, once, first',
        );
        break;
      }
      case 'policy':
        notes.check('logged policy has its hash', '/policy', 'ERR_AUDIT_POLICY', () => {
          const policy = parsePolicy(canonicalJson(record.policy));
          if (toHex(policyHash(policy)) !== record.hash)
            throw new DpcaError('POLICY_FORMAT', 'another hash');
        });
        break;
      case 'reattest':
        await auditReattestation(
          ...([record, runs.get(record.session), ended.has(record.session)] as const),
          ...([context, notes] as const),
        );
        break;
      case 'refusal':
      case 'abort': {
        const peer = this.options.parties.some(({ identity }) => identity === record.peer);
        notes.assert(
          'refusal or abort names its reason',
          '/code',
          'ERR_AUDIT_CHAIN',
          isErrorCode(record.code),
          'a known code',
        );
        notes.assert(
          'refusal or abort names a known peer',
          '/peer',
          'ERR_AUDIT_PARTY',
          peer,
          'an organisation that was given',
        );
        notes.add(
          '/code',
          'notice',
          record.code,
          record.type === 'abort'
            ? `a run ended in phase ${record.phase}`
            : `refused by ${record.by === 'own' ? 'this side' : 'the other side'}`,
        );
      }
    }
    this.take(notes);
  }

  /** Every run is completed, or its end is logged; what lies behind the last cosigned checkpoint is this party's word. */
  private checkCompletions(runs: readonly RunAudit[], ended: Sessions['ended']): void {
    let witnessed = 0;
    for (const { run, facts } of runs) {
      const { after } = facts.own;
      const notes = new Notes(run.record);
      const isComplete = this.bundle.completions.has(run.record);
      if (isComplete) {
        if (after !== null) this.checkHead(notes, '/completion/checkpoint', after, run.record + 1);
        witnessed = Math.max(witnessed, after?.size ?? 0);
        notes.pass('run is complete');
      } else if (ended.has(run.session)) {
        notes.add(
          'completion',
          'notice',
          'ERR_AUDIT_INCOMPLETE',
          'the run ended before its release was handed out here',
        );
      } else {
        notes.add(
          'completion',
          'incomplete',
          'ERR_AUDIT_INCOMPLETE',
          'neither a release nor an end of this run is here',
        );
      }
      this.take(notes);
    }
    const rest = this.tree.size - witnessed;
    if (rest > 0) {
      this.log.add(
        'checkpoint',
        'notice',
        'ERR_AUDIT_WITNESS',
        `the last ${rest} records are signed by the log's owner alone`,
      );
    }
  }

  private checkHead(notes: Notes, field: string, head: Head, least: number): void {
    if (head.size > this.tree.size) {
      notes.add(
        field,
        'tamper',
        'ERR_AUDIT_TRUNCATED',
        `it has ${head.size} records, the bundle ${this.tree.size}`,
      );
    } else if (toHex(this.tree.root(head.size)) !== head.root) {
      notes.add(
        field,
        'tamper',
        'ERR_AUDIT_TREE',
        `the first ${head.size} records do not give its root`,
      );
    } else if (head.size < least) {
      notes.add(field, 'tamper', 'ERR_AUDIT_WITNESS', 'it does not have the record');
    } else notes.pass('records give the root of a checkpoint');
  }
}
