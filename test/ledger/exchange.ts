/**
 * One charge between two hosts in memory, with the production machine (src/run/charge.ts) and session logic on both
 * sides, random interleaving, and a crash at any point before or after a send, a receive or a write.
 * @module
 */
import type { LedgerSession, PeerMemory } from '../../attestation/ledger-session.ts';
import { fixed } from '../../src/bytes.ts';
import { DpcaError } from '../../src/errors.ts';
import { UniformSource } from '../../src/rng.ts';
import { Charge, type ChargeEffect, type LedgerRequest } from '../../src/run/charge.ts';
import type { Manifest, Role } from '../../src/run/manifest.ts';
import type { LedgerMessage } from '../../src/wire/ledger-messages.ts';
import { decodeMessage, encodeMessage, MESSAGE } from '../../src/wire/messages.ts';
import { type Organisations, OTHER, ROLES, side } from './world.ts';

/** What a host's disk holds; operations are atomic here (test/ledger/store.test.ts cuts them). */
export interface Disk {
  append(index: number, record: Uint8Array): void;
  records(): readonly Uint8Array[];
  memory(): readonly PeerMemory[];
  remember(seen: PeerMemory): void;
}

/** Thrown where the process would be gone. */
export class Crash extends Error {}

export interface Outcome {
  /** Ready to commit to the mask: from here on rows would leave. */
  readonly settled: Readonly<Record<Role, boolean>>;
  readonly failures: Readonly<Partial<Record<Role, unknown>>>;
  readonly session: Uint8Array;
  /** Points passed by each side. */
  readonly points: Readonly<Record<Role, number>>;
}

export interface Plan {
  /** The point, from 1, at which a side is killed. */
  readonly crash?: Readonly<Partial<Record<Role, number>>>;
  /** Of each side, when they differ from the common one. */
  readonly manifests?: Readonly<Partial<Record<Role, Manifest>>>;
}

export function exchange(at: Organisations, disks: Record<Role, Disk>, plan: Plan = {}): Outcome {
  const uniform = new UniformSource(at.rng);
  const session = fixed(at.rng(32), 32, 'session');
  const failures: Partial<Record<Role, unknown>> = {};
  const points = { a: 0, b: 0 };
  const inbox: Record<Role, LedgerMessage[]> = { a: [], b: [] };
  const work: Record<Role, ChargeEffect[]> = { a: [], b: [] };
  const charges = { a: new Charge(), b: new Charge() };
  const sessions: Partial<Record<Role, LedgerSession>> = {};

  const point = (role: Role): void => {
    points[role] += 1;
    if (points[role] === plan.crash?.[role]) throw new Crash(`killed at point ${points[role]}`);
  };
  const durably = (role: Role, write: () => void): void => {
    point(role);
    write();
    point(role);
  };
  const guarded = (role: Role, action: () => void): void => {
    try {
      action();
    } catch (error) {
      failures[role] = error;
      work[role] = [];
      inbox[role] = [];
      // a crash says nothing; a refusal tells the peer its code, and the peer ends too
      if (error instanceof DpcaError && failures[OTHER[role]] === undefined) {
        failures[OTHER[role]] = new DpcaError('ERR_BUDGET_PEER', error.code);
        work[OTHER[role]] = [];
        inbox[OTHER[role]] = [];
      }
    }
  };
  const perform = (role: Role, request: LedgerRequest): LedgerMessage | undefined => {
    const own = sessions[role];
    if (own === undefined) throw new Error('no session');
    switch (request.step) {
      case 'recall':
        return { kind: 'held', notes: own.held() };
      case 'present':
        return { kind: 'head', ...own.present(request.message.notes) };
      case 'examine':
        own.examine(request.message);
        return undefined;
      case 'charge': {
        const { index, record } = own.slot();
        durably(role, () => disks[role].append(index, record));
        return { kind: 'charged', ...own.charged() };
      }
      case 'adopt': {
        const seen = own.adopt(request.message);
        durably(role, () => disks[role].remember(seen));
        return { kind: 'cosigned', ...own.cosigned(1_800_000_000n) };
      }
      case 'complete':
        own.complete(request.message);
        return undefined;
    }
  };
  for (const role of ROLES) {
    guarded(role, () => {
      const change = { manifest: plan.manifests?.[role] ?? at.manifest };
      const disk = disks[role];
      sessions[role] = side(at, role, disk.records(), disk.memory(), session, change);
      work[role].push(...charges[role].start());
    });
  }
  for (;;) {
    const ready = ROLES.filter((role) => work[role].length + inbox[role].length > 0);
    const role = ready[uniform.below(Math.max(1, ready.length))];
    if (role === undefined) break;
    guarded(role, () => {
      const effect =
        inbox[role].length === 0 || uniform.below(2) === 0 ? work[role].shift() : undefined;
      if (effect === undefined) {
        const message = inbox[role].shift();
        if (message === undefined) return;
        point(role);
        work[role].push(...charges[role].receive(message));
        point(role);
      } else if (effect.kind === 'send') {
        const body = encodeMessage(effect.message);
        point(role);
        if (failures[OTHER[role]] === undefined) {
          inbox[OTHER[role]].push(
            decodeMessage(MESSAGE[effect.message.kind], body) as LedgerMessage,
          );
        }
        point(role);
      } else {
        const { request } = effect;
        work[role].push(...charges[role].answer(request.step, perform(role, request)));
      }
    });
  }
  return {
    settled: { a: charges.a.settled, b: charges.b.settled },
    ...{ failures, session, points },
  };
}
