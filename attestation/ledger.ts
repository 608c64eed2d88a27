/**
 * A ledger: the records of one lineage replayed into its state, the rules that every record obeys, and whether one more
 * run fits (docs/ledger.md section 2). The enclave replays what its host gives it and trusts nothing else; the host
 * replays the same files for show and check.
 * @module
 */
import { type Bytes, equalConstantTime } from '../src/bytes.ts';
import { deltaUpper } from '../src/dp/accountant.ts';
import { compositionOf } from '../src/dp/certify.ts';
import { floorNumber, parseDecimal, type Rational } from '../src/dp/decimal.ts';
import { toHex } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import { type Manifest, privacyHash, type Role } from '../src/run/manifest.ts';
import {
  type LedgerRecord,
  MAX_SLOTS,
  parseRecord,
  type PlanRecord,
  recordBytes,
  type RegisteredPlan,
  registeredPlan,
  type SlotPeer,
  type SlotRecord,
  ZERO_HASH,
} from './ledger-record.ts';
import { type Checkpoint } from './checkpoint.ts';
import { leafHash, MerkleTree } from './merkle.ts';

/** Name of a ledger's log: origin of its checkpoints and name of its key. */
export function ledgerOrigin(lineage: string): string {
  return `dpca-enclave/ledger/${lineage}`;
}

/** Slots of one registered plan. */
export interface PlanUse extends RegisteredPlan {
  readonly slots: number;
  readonly used: number;
}

export interface Fit {
  /** Number of the slot that the run would take, over the whole lineage. */
  readonly slot: number;
  /** Slots left to this peer under this plan, this one included. */
  readonly left: number;
}

function broken(index: number, problem: string): never {
  throw new DpcaError('ERR_BUDGET_LEDGER', `ledger record ${index}: ${problem}`);
}

function isLess(a: Rational, b: Rational): boolean {
  return a.num * b.den < b.num * a.den;
}

function sessionOf({ session, run }: SlotRecord): string {
  return `${session} ${run}`;
}

/** Certified upper bound on delta at `epsilon` for all slots of all plans together. */
export function composedDelta(plans: readonly RegisteredPlan[], epsilon: Rational): number {
  const parts = plans.flatMap(({ mask, runs, outputs }) => compositionOf(mask, runs, outputs));
  return deltaUpper(parts, floorNumber(epsilon));
}

export class Ledger {
  /** Leaf hashes of all records. */
  readonly tree: MerkleTree = new MerkleTree();
  private readonly registered: PlanRecord[] = [];
  private readonly planOf: RegisteredPlan[] = [];
  private readonly slots: SlotRecord[] = [];
  /** Slots spent, by privacy hash and by the peer's identity; and every session that was charged. */
  private readonly spentOn: Map<string, number> = new Map();
  private readonly spentBy: Map<string, number> = new Map();
  private readonly sessions: Set<string> = new Set();

  /** Replays and checks all records (ERR_BUDGET_LEDGER, ERR_BUDGET_UNREGISTERED when there is none). */
  constructor(records: readonly Uint8Array[]) {
    if (records.length === 0) {
      throw new DpcaError(
        'ERR_BUDGET_UNREGISTERED',
        'no lineage is registered; see dpca ledger init',
      );
    }
    for (const record of records) this.append(record);
    this.certify();
  }

  /** The plan record in force: the last one. */
  get registration(): PlanRecord {
    return this.registered.at(-1) ?? broken(0, 'expected a registration');
  }

  get plans(): readonly PlanUse[] {
    const merged = new Map<string, PlanUse>();
    for (const plan of this.planOf) {
      const used = this.spentOn.get(plan.hash) ?? 0;
      const slots = (merged.get(plan.hash)?.slots ?? 0) + plan.runs;
      merged.set(plan.hash, { ...plan, slots, used });
    }
    return [...merged.values()];
  }

  get spent(): readonly SlotRecord[] {
    return this.slots;
  }

  /** Slots registered over all plans. */
  get capacity(): number {
    return this.planOf.reduce((sum, plan) => sum + plan.runs, 0);
  }

  get checkpoint(): Checkpoint {
    const { lineage } = this.registration;
    return { origin: ledgerOrigin(lineage), size: this.tree.size, root: this.tree.root() };
  }

  /** Leaf hash of the last record, hex: `prev` of the next. */
  get head(): string {
    const { size } = this.tree;
    return size === 0 ? ZERO_HASH : toHex(this.tree.leaf(size - 1));
  }

  /**
   * Whether one run of `manifest`, of party `own`, fits (ERR_BUDGET_PLAN, _ROWS, _EXHAUSTED, _QUOTA). Free of charge.
   */
  fit(manifest: Manifest, own: Role): Fit {
    const { rowsMax, perPeer, name } = this.registration;
    const hash = toHex(privacyHash(manifest));
    const plan = this.plans.find((known) => known.hash === hash);
    if (plan === undefined) {
      throw new DpcaError(
        'ERR_BUDGET_PLAN',
        `lineage "${name}": expected a manifest with registered privacy fields, got others`,
      );
    }
    if (manifest.parties[own].rowsMax > rowsMax) {
      throw new DpcaError(
        'ERR_BUDGET_ROWS',
        `lineage "${name}": expected a row bound of at most ${rowsMax}, the one registered`,
      );
    }
    const { identity } = manifest.parties[own === 'a' ? 'b' : 'a'];
    const free = plan.slots - plan.used;
    if (free < 1) {
      throw new DpcaError(
        'ERR_BUDGET_EXHAUSTED',
        `lineage "${name}": all ${plan.slots} slots of this plan are spent`,
      );
    }
    const quota = perPeer - this.spentWith(identity);
    if (quota < 1) {
      throw new DpcaError(
        'ERR_BUDGET_QUOTA',
        `lineage "${name}": all ${perPeer} slots of this peer are spent`,
      );
    }
    return { slot: this.slots.length + 1, left: Math.min(free, quota) };
  }

  spentWith(identity: string): number {
    return this.spentBy.get(identity) ?? 0;
  }

  /** The slot record of one run that fits; nothing is appended. */
  nextSlot(
    manifest: Manifest,
    own: Role,
    given: {
      readonly session: Bytes<32>;
      readonly run: number;
      readonly peer: SlotPeer;
      readonly salt: Bytes<32>;
    },
  ): Uint8Array {
    const { slot } = this.fit(manifest, own);
    return recordBytes({
      version: 1,
      type: 'slot',
      lineage: this.registration.lineage,
      prev: this.head,
      salt: toHex(given.salt),
      slot,
      of: this.capacity,
      plan: toHex(privacyHash(manifest)),
      session: toHex(given.session),
      run: given.run,
      peer: given.peer,
    });
  }

  /** Checks a record as the next one and takes it over (ERR_BUDGET_LEDGER). */
  append(bytes: Uint8Array): void {
    const index = this.tree.size;
    const record: LedgerRecord = parseRecord(bytes, 'ERR_BUDGET_LEDGER');
    if (record.prev !== this.head) broken(index, 'expected the hash of the record before in prev');
    if ((record.type === 'registration') !== (index === 0)) {
      broken(index, 'expected one registration, first');
    }
    if (index > 0 && record.lineage !== this.registration.lineage) {
      broken(index, 'expected the lineage of the registration');
    }
    if (record.type === 'slot') this.checkSlot(index, record);
    else this.checkPlan(index, record);
    this.tree.append(leafHash(bytes));
    if (record.type === 'slot') this.spend(record);
    else {
      this.planOf.push(registeredPlan(record));
      this.registered.push(record);
    }
  }

  private checkPlan(index: number, record: PlanRecord): void {
    const plan = registeredPlan(record);
    const before = this.registered.at(-1);
    const [epsilon, delta] = [parseDecimal(record.epsilon), parseDecimal(record.delta)];
    if (this.capacity + plan.runs > MAX_SLOTS) broken(index, `expected at most ${MAX_SLOTS} slots`);
    if (delta.num * BigInt(record.rowsMax) > delta.den) {
      broken(index, 'expected delta of at most 1/rowsMax');
    }
    if (before === undefined) {
      if (record.epsilon !== plan.epsilon || record.delta !== plan.delta) {
        broken(index, 'expected the epsilon and delta of the plan');
      }
      return;
    }
    if (record.name !== before.name || record.rowsMax !== before.rowsMax) {
      broken(index, 'expected name and rowsMax of the registration');
    }
    if (
      isLess(epsilon, parseDecimal(before.epsilon)) ||
      isLess(delta, parseDecimal(before.delta))
    ) {
      broken(index, 'expected epsilon and delta of at least those before');
    }
  }

  private checkSlot(index: number, record: SlotRecord): void {
    if (record.slot !== this.slots.length + 1 || record.of !== this.capacity) {
      broken(index, 'expected the next slot number');
    }
    const plan = this.plans.find((known) => known.hash === record.plan);
    if (plan === undefined || plan.used >= plan.slots) {
      broken(index, 'expected a registered plan with a free slot');
    }
    if (this.spentWith(record.peer.identity) >= this.registration.perPeer) {
      broken(index, 'more slots than one peer may have');
    }
    if (this.sessions.has(sessionOf(record))) {
      broken(index, 'a session was charged twice');
    }
  }

  private spend(record: SlotRecord): void {
    const { plan, peer } = record;
    this.slots.push(record);
    this.spentOn.set(plan, (this.spentOn.get(plan) ?? 0) + 1);
    this.spentBy.set(peer.identity, this.spentWith(peer.identity) + 1);
    this.sessions.add(sessionOf(record));
  }

  /** With more than one plan, all slots together must keep the last claim. */
  private certify(): void {
    if (this.planOf.length < 2) return;
    const index = this.tree.size - 1;
    const { epsilon, delta } = this.registration;
    const upper = composedDelta(this.planOf, parseDecimal(epsilon));
    if (!(upper <= floorNumber(parseDecimal(delta)))) {
      broken(
        index,
        `all slots together have delta up to ${upper.toPrecision(4)} at epsilon ${epsilon}`,
      );
    }
  }

  /** Whether a checkpoint of this lineage is a prefix of this ledger: "behind" when it has more records, "fork" else. */
  compare(other: Checkpoint): 'prefix' | 'behind' | 'fork' {
    if (other.size > this.tree.size) return 'behind';
    return equalConstantTime(this.tree.root(other.size), other.root) ? 'prefix' : 'fork';
  }
}
