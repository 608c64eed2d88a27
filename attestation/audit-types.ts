/**
 * What an audit is given and what it says (docs/auditing.md section 5).
 * @module
 */
import type { JsonObject } from '../src/json.ts';
import type { NowMs } from '../src/rng.ts';
import type { Manifest, Role } from '../src/run/manifest.ts';
import type { Bundle } from './bundle.ts';
import type { NoteKey, VerifyEd25519 } from './checkpoint.ts';
import type { Completion, LogRecord } from './log-record.ts';
import type { VerifyP384 } from './p384.ts';
import type { AppraisalPolicy } from './policy.ts';

/**
 * `tamper`: somebody changed, removed or made up something. `policy`: authentic, but not what was to be accepted.
 * `incomplete`: something that must be there is not. `notice`: worth a look; does not fail the audit.
 */
export type FindingClass = 'tamper' | 'policy' | 'incomplete' | 'notice';

export interface Finding {
  /** Number of the record, or null for the log as a whole. */
  readonly record: number | null;
  /** JSON pointer within the record or its completion, or a part of the bundle. */
  readonly field: string;
  readonly class: FindingClass;
  readonly code: string;
  readonly detail: string;
}

/** An organisation as the auditor knows it: public keys, 64 hex digits. */
export interface KnownParty {
  readonly name: string;
  readonly identity: string;
  readonly log: string;
}

export interface AuditOptions {
  /** The organisations whose keys the auditor trusts; the bundle's owner among them. */
  readonly parties: readonly KnownParty[];
  /** SHA-256 of the accepted root certificates, hex. */
  readonly roots: readonly string[];
  /** Reference values that every document is judged under, at its own time. */
  readonly policy: AppraisalPolicy;
  /** Third witnesses that must have cosigned. */
  readonly witnesses?: readonly NoteKey[];
  /** Older checkpoints (signed notes) or bundles of the same log. */
  readonly against?: readonly (Uint8Array | Bundle)[];
  /** The other party's bundle. */
  readonly peer?: Bundle;
  readonly verifyP384?: VerifyP384;
  /** The platform's, for speed; without it, or where it says no, @noble/curves decides. */
  readonly verifyEd25519?: VerifyEd25519;
  /** Results of records that were audited before under the same options; filled and used. */
  readonly memory?: AuditMemory;
}

/**
 * What was read and verified before, each under a hash of everything that it was read or derived from, except keys and
 * policies: use one per set of options.
 */
export interface AuditMemory {
  readonly runs: Map<string, RunAudit>;
  /** By the hash of a record's bytes, a hash of it without its predecessor's. */
  readonly alone: Map<string, string>;
  readonly certificates: Map<string, string | null>;
  readonly lines: Map<string, LogRecord | Completion>;
  readonly p384: Map<string, Promise<boolean>>;
  readonly ed25519: Map<string, boolean>;
}

/** The options as the parts of an audit use them: with verifiers, each signature once. */
export type Auditing = AuditOptions & {
  readonly verifyP384: VerifyP384;
  readonly verifyEd25519: VerifyEd25519;
};

/** Tree size and root, hex. */
export interface Head {
  readonly size: number;
  readonly root: string;
}

/** One party's charge as a run's receipt shows it. */
export interface Charge {
  readonly lineage: string;
  readonly slot: number;
  readonly of: number;
  /** Index of the slot in the ledger, leaf hash of the record before, and of the record. */
  readonly index: number;
  readonly prev: string;
  readonly leaf: string;
  readonly plan: string;
  /** Slots of the plan. */
  readonly runs: number;
}

/** What other records must agree with. */
export interface RunFacts {
  readonly nonces: readonly string[];
  readonly documents: readonly string[];
  readonly charges: Readonly<Partial<Record<Role, Charge>>>;
  /** Heads of the own log: cosigned after this run, and held by the peer before it. */
  readonly own: { readonly after: Head | null; readonly before: Head | null };
  /** Heads of the peer's log, the same. */
  readonly peer: { readonly after: Head | null; readonly before: Head | null };
}

export interface RunAudit {
  readonly findings: readonly Finding[];
  readonly passed: ReadonlyMap<string, number>;
  readonly facts: RunFacts;
  readonly run: AuditedRun;
}

/** One side of a run, for people. */
export interface AuditedSide {
  readonly name: string;
  readonly identity: string;
  readonly log: string;
  readonly moduleId: string | null;
  readonly pcr0: string | null;
  /** Time of its document, milliseconds since 1970. */
  readonly attestedAt: NowMs | null;
  readonly build: string;
  readonly kernel: string;
  readonly lineage: string | null;
  readonly slot: number | null;
}

export interface AuditedRun {
  readonly record: number;
  readonly receipt: string;
  readonly session: string;
  readonly time: NowMs;
  /** The bundle's owner. */
  readonly own: Role | null;
  readonly manifest: Manifest | null;
  readonly manifestHash: string;
  readonly sides: Readonly<Record<Role, AuditedSide>>;
  /** Null when nothing completes the record. */
  readonly release: JsonObject | null;
  /** Seconds since 1970 at which the other party cosigned. */
  readonly cosignedAt: number | null;
  readonly ok: boolean;
}

export interface AuditResult {
  readonly origin: string;
  readonly records: number;
  readonly runs: readonly AuditedRun[];
  /** Everything that is not as it should be, and notices; empty of all but notices when the audit passes. */
  readonly checks: readonly Finding[];
  /** How often each kind of check passed. */
  readonly passed: readonly { readonly name: string; readonly count: number }[];
  readonly verdict: 'pass' | 'fail';
}
