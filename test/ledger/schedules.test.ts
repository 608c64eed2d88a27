/**
 * Random schedules of runs, crashes, restored copies and forks on two hosts (issue: the (T+1)th run never happens, and
 * no honest pair is locked out). A's storage misbehaves, B's only crashes; B has twice the slots, so that what bounds
 * the runs is A's ledger, and what holds A to it is B's memory. Seeds are fixed: schedule 0 to 49.
 */
import type * as Curves from '@noble/curves/ed25519.js';
import { describe, expect, it, vi } from 'vitest';
import type { PeerMemory } from '../../attestation/ledger-session.ts';
import { planRecord, recordBytes } from '../../attestation/ledger-record.ts';
import { Ledger } from '../../attestation/ledger.ts';
import { fixed } from '../../src/bytes.ts';
import type * as Accountant from '../../src/dp/accountant.ts';
import { toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { UniformSource } from '../../src/rng.ts';
import { seededRng } from '../support/test-rng.ts';
import { Crash, type Disk, exchange, type Outcome } from './exchange.ts';
import { type Organisations, organisations, registration, remember } from './world.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('./native-ed25519.ts')).nativeEd25519(original<typeof Curves>),
);

// the composition of B's two plans is the same every time
vi.mock('../../src/dp/accountant.ts', async (original) => {
  const accountant = await original<typeof Accountant>();
  const known = new Map<string, number>();
  return {
    ...accountant,
    deltaUpper: (parts: Parameters<typeof Accountant.deltaUpper>[0], epsilon: number) => {
      const shape = parts.map(({ count, pair }) => `${count}x${pair.losses.length}`);
      const name = `${epsilon} ${shape.join(' ')}`;
      const value = known.get(name) ?? accountant.deltaUpper(parts, epsilon);
      known.set(name, value);
      return value;
    },
  };
});

const T = 5;
const EVENTS = 30;

interface Image {
  readonly records: readonly Uint8Array[];
  readonly memory: readonly PeerMemory[];
}

/** A disk whose records are added by compare and swap, as host/ledger/store.ts does. */
class MemoryDisk implements Disk {
  image: Image;

  constructor(records: readonly Uint8Array[]) {
    this.image = { records, memory: [] };
  }
  append(index: number, record: Uint8Array): void {
    if (this.image.records.length !== index) throw new DpcaError('ERR_BUDGET_BUSY', 'moved');
    this.image = { ...this.image, records: [...this.image.records, record] };
  }
  records(): readonly Uint8Array[] {
    return this.image.records;
  }
  memory(): readonly PeerMemory[] {
    return this.image.memory;
  }
  remember(seen: PeerMemory): void {
    this.image = { ...this.image, memory: remember(this.image.memory, seen) };
  }
}

function isPrefix(short: readonly Uint8Array[], long: readonly Uint8Array[]): boolean {
  return short.length <= long.length && short.every((record, i) => record === long[i]);
}

/** B's ledger with the plan registered twice: 2 T slots. */
function doubled(at: Organisations): Uint8Array[] {
  const [first] = registration(at.manifest, 'b', at.rng, 2 * T);
  const { lineage, name, rowsMax, perPeer } = new Ledger([first!]).registration;
  const { head } = new Ledger([first!]);
  const record = planRecord(at.manifest, {
    ...{ lineage, name, rowsMax, perPeer, epsilon: '4', delta: '0.001', prev: head },
    salt: fixed(at.rng(32), 32, 'salt'),
  });
  return [first!, recordBytes(record)];
}

function codeOf(error: unknown): string {
  return error instanceof DpcaError ? error.code : error instanceof Crash ? 'crash' : String(error);
}

interface Tally {
  runs: number;
  refusals: number;
  exhausted: number;
  crashes: number;
}

function runSchedule(seed: number): Tally {
  const rng = seededRng(`schedule ${seed}`);
  const uniform = new UniformSource(seededRng(`events ${seed}`));
  const at = organisations(rng, T);
  const disks = {
    a: new MemoryDisk(registration(at.manifest, 'a', rng)),
    b: new MemoryDisk(doubled(at)),
  };
  const copies: Image[] = [disks.a.image];
  /** The longest ledger of A that B has remembered: what A must not go behind. */
  let held: readonly Uint8Array[] = disks.a.records();
  /** The longest that A's host ever had on top of it: what a repair restores. */
  let newest = disks.a.image;
  const tally: Tally = { runs: 0, refusals: 0, exhausted: 0, crashes: 0 };

  const check = (outcome: Outcome, before: Record<'a' | 'b', Image>, crashed: boolean): void => {
    const { settled, failures } = outcome;
    const spentA = new Ledger(before.a.records).spent.length;
    const spentB = new Ledger(before.b.records).spent.length;
    const isNewest = isPrefix(held, before.a.records);
    if (settled.a || settled.b) {
      tally.runs += 1;
      // whoever goes on has its own slot durable, and the other's too
      const id = toHex(outcome.session);
      for (const role of ['a', 'b'] as const) {
        const sessions = new Ledger(disks[role].records()).spent.map(({ session }) => session);
        expect(sessions).toContain(id);
      }
      expect(isNewest).toBe(true);
      expect(tally.runs).toBeLessThanOrEqual(T);
    }
    if (!isNewest) {
      tally.refusals += 1;
      expect(settled).toEqual({ a: false, b: false });
      expect(disks.a.records()).toBe(before.a.records);
      expect(disks.b.records()).toBe(before.b.records);
      if (!crashed) {
        const codes = [codeOf(failures.a), codeOf(failures.b)];
        expect([
          ['ERR_BUDGET_ROLLBACK', 'ERR_BUDGET_PEER'],
          ['ERR_BUDGET_PEER', 'ERR_BUDGET_PEER_ROLLBACK'],
          ['ERR_BUDGET_EXHAUSTED', 'ERR_BUDGET_PEER'],
        ]).toContainEqual(codes);
      }
      return;
    }
    if (spentA === T) {
      tally.exhausted += 1;
      expect(settled).toEqual({ a: false, b: false });
      expect(disks.a.records()).toBe(before.a.records);
      expect(disks.b.records()).toBe(before.b.records);
      if (!crashed) expect(codeOf(failures.a)).toBe('ERR_BUDGET_EXHAUSTED');
      return;
    }
    if (crashed || spentB === 2 * T) return;
    // no honest lock-out: nothing failed, so it runs
    expect(failures).toEqual({});
    expect(settled).toEqual({ a: true, b: true });
  };

  for (let event = 0; event < EVENTS; event++) {
    const kind = uniform.below(10);
    if (kind < 6) {
      const before = { a: disks.a.image, b: disks.b.image };
      const crash = {
        ...(uniform.below(3) === 0 ? { a: 1 + uniform.below(24) } : {}),
        ...(uniform.below(4) === 0 ? { b: 1 + uniform.below(24) } : {}),
      };
      const outcome = exchange(at, disks, { crash });
      const crashed = Object.values(outcome.failures).some((error) => error instanceof Crash);
      if (crashed) tally.crashes += 1;
      check(outcome, before, crashed);
      const seen = disks.b.memory().find(({ lineage }) => {
        return lineage === new Ledger(disks.a.records()).registration.lineage;
      });
      const changed = seen !== before.b.memory.find(({ lineage }) => lineage === seen?.lineage);
      if (changed) held = disks.a.records();
      if (isPrefix(newest.records, disks.a.records())) newest = disks.a.image;
      else if (isPrefix(held, disks.a.records())) newest = disks.a.image;
    } else if (kind === 6) copies.push(disks.a.image);
    else if (kind === 7) disks.a.image = copies[uniform.below(copies.length)] ?? disks.a.image;
    else if (kind === 8) {
      // records or memory alone; and the machine as it was is a copy that may come back: a fork
      const copy = copies[uniform.below(copies.length)] ?? disks.a.image;
      copies.push(disks.a.image);
      disks.a.image =
        uniform.below(2) === 0
          ? { ...disks.a.image, records: copy.records }
          : { ...disks.a.image, memory: copy.memory };
    } else disks.a.image = newest; // the documented repair
  }
  // after the repair an honest pair runs as long as slots are left
  disks.a.image = newest;
  const left = T - new Ledger(newest.records).spent.length;
  for (let i = 0; i < left; i++) {
    const before = { a: disks.a.image, b: disks.b.image };
    if (new Ledger(before.b.records).spent.length === 2 * T) break;
    check(exchange(at, disks), before, false);
    held = disks.a.records();
  }
  return tally;
}

describe('schedules of crash, restore and fork', () => {
  const total: Tally = { runs: 0, refusals: 0, exhausted: 0, crashes: 0 };
  it.each(Array.from({ length: 50 }, (_, seed) => seed))('number %i', (seed) => {
    const tally = runSchedule(seed);
    for (const name of Object.keys(total) as (keyof Tally)[]) total[name] += tally[name];
  });

  it('were of every kind', () => {
    expect(total.runs).toBeGreaterThan(100);
    expect(total.refusals).toBeGreaterThan(50);
    expect(total.exhausted).toBeGreaterThan(20);
    expect(total.crashes).toBeGreaterThan(100);
  });
});

describe('a crash at every point of a charge', () => {
  const rng = seededRng('every point');
  const at = organisations(rng, T);
  const fresh = () => ({
    a: new MemoryDisk(registration(at.manifest, 'a', rng)),
    b: new MemoryDisk(registration(at.manifest, 'b', rng)),
  });
  const { points } = exchange(at, fresh());

  it('passes the same number of points on both sides', () => {
    expect(points.a).toBe(points.b);
    expect(points.a).toBeGreaterThanOrEqual(20); // 4 sends, 4 receives, 2 writes, each before and after
  });

  it.each(['a', 'b'] as const)(
    'of %s costs each side at most one slot and locks nobody out',
    (role) => {
      for (let k = 1; k <= points[role]; k++) {
        const disks = fresh();
        exchange(at, disks);
        const { settled, failures } = exchange(at, disks, { crash: { [role]: k } });
        expect(failures[role]).toBeInstanceOf(Crash);
        const spent = (side: 'a' | 'b') => new Ledger(disks[side].records()).spent.length;
        expect([1, 2]).toContain(spent('a'));
        expect([1, 2]).toContain(spent('b'));
        if (settled.a || settled.b) expect([spent('a'), spent('b')]).toEqual([2, 2]);
        const left = T - Math.max(spent('a'), spent('b'));
        for (let i = 0; i < left; i++) {
          expect(exchange(at, disks).settled).toEqual({ a: true, b: true });
        }
        expect(exchange(at, disks).settled).toEqual({ a: false, b: false });
      }
    },
  );
});
