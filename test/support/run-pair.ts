/**
 * Two run machines joined in memory with the mock group, every plaintext message visible to a tap that may change
 * or drop it. What the machines send is exactly what the secure channel would carry.
 * @module
 */
import { CoinGuard } from '../../src/dp/coins.ts';
import { type Bytes, fixed } from '../../src/bytes.ts';
import type { JsonObject } from '../../src/json.ts';
import type { Rng } from '../../src/rng.ts';
import { UniformSource } from '../../src/rng.ts';
import { type Manifest, manifestHash, type Role } from '../../src/run/manifest.ts';
import type { LedgerRequest } from '../../src/run/charge.ts';
import { Run, type RunEffect, type RunEvent } from '../../src/run/run.ts';
import {
  columnChunks,
  decodeMessage,
  encodeMessage,
  MESSAGE,
  type Message,
} from '../../src/wire/messages.ts';
import { cannedAnswer } from './canned-ledger.ts';
import { mockHash, mockMultiply } from './mock-kernel.ts';
import { type Cells, tableOf } from './tables.ts';

export interface Wire {
  readonly from: Role;
  readonly type: number;
  readonly body: Uint8Array;
}

export interface PairResult {
  readonly releases: Partial<Record<Role, JsonObject>>;
  readonly failures: Partial<Record<Role, unknown>>;
  readonly phases: Record<Role, string>;
  readonly log: readonly Wire[];
}

export interface PairOptions {
  readonly rng: Rng;
  /** Called for every message; returns what the other side gets instead. */
  readonly tap?: (wire: Wire) => readonly Wire[];
  readonly manifests?: Partial<Record<Role, Manifest>>;
  /** Answers a side's ledger requests; the canned ones when absent. May throw, which fails the side. */
  /** Of each side's process; fresh ones when absent. */
  readonly guards?: Readonly<Record<Role, CoinGuard>>;
  readonly ledger?: (role: Role, request: LedgerRequest, sessionId: Bytes<32>) => RunEvent;
}

/** Runs to the end or until a side fails; deliveries interleave at random. */
export function runPair(
  manifest: Manifest,
  cells: Readonly<Record<Role, Cells>>,
  options: PairOptions,
): PairResult {
  const { rng, tap = (wire: Wire) => [wire], manifests = {} } = options;
  const { ledger = (_role: Role, { step }: LedgerRequest) => cannedAnswer(step) } = options;
  const uniform = new UniformSource(rng);
  const sessionId = fixed(rng(32), 32, 'session');
  const roles = ['a', 'b'] as const;
  const other = { a: 'b', b: 'a' } as const;
  const log: Wire[] = [];
  const releases: Partial<Record<Role, JsonObject>> = {};
  const failures: Partial<Record<Role, unknown>> = {};
  const make = (role: Role) => ({
    run: new Run({
      manifest: manifests[role] ?? manifest,
      party: role,
      peerManifestHash: manifestHash(manifests[other[role]] ?? manifest),
      sessionId,
      rng,
      coinGuard: options.guards?.[role] ?? new CoinGuard(),
    }),
    inbox: [] as Wire[],
    pending: [] as RunEffect[],
  });
  const sides = { a: make('a'), b: make('b') };
  const guarded = (role: Role, action: () => RunEffect[]): void => {
    try {
      sides[role].pending.push(...action());
    } catch (error) {
      failures[role] = error;
      sides[role].pending.length = 0;
      sides[role].inbox.length = 0;
    }
  };
  const deliver = (from: Role, message: Message): void => {
    const wire = { from, type: MESSAGE[message.kind], body: encodeMessage(message).slice() };
    log.push(wire);
    for (const changed of tap(wire)) {
      if (failures[other[from]] === undefined) sides[other[from]].inbox.push(changed);
    }
  };
  for (const role of roles) {
    guarded(role, () => sides[role].run.start());
    guarded(role, () =>
      sides[role].run.step({ kind: 'table', table: tableOf(cells[role], manifest.columns.length) }),
    );
  }
  for (;;) {
    const ready = roles.filter((role) => sides[role].pending.length + sides[role].inbox.length > 0);
    if (ready.length === 0) break;
    const role = ready[uniform.below(ready.length)]!;
    const side = sides[role];
    const takeEffect =
      side.inbox.length === 0 || (side.pending.length > 0 && uniform.below(2) === 0);
    const effect = takeEffect ? side.pending.shift() : undefined;
    if (effect === undefined) {
      const wire = side.inbox.shift();
      if (wire !== undefined) {
        guarded(role, () =>
          side.run.step({ kind: 'message', message: decodeMessage(wire.type, wire.body) }),
        );
      }
    } else if (effect.kind === 'send') deliver(role, effect.message);
    else if (effect.kind === 'column') {
      for (const chunk of columnChunks(effect.columnKind, effect.column, effect.data)) {
        deliver(role, chunk);
      }
    } else if (effect.kind === 'hash') {
      const { bytes, offsets } = effect.messages;
      guarded(role, () => side.run.step({ kind: 'kernel', result: mockHash(bytes, offsets) }));
    } else if (effect.kind === 'multiply') {
      const result = mockMultiply(effect.scalar, effect.points);
      guarded(role, () => side.run.step({ kind: 'kernel', result }));
    } else if (effect.kind === 'ledger') {
      guarded(role, () => side.run.step(ledger(role, effect.request, sessionId)));
    } else if (effect.kind === 'release') releases[role] = effect.release;
  }
  return {
    releases,
    failures,
    phases: { a: sides.a.run.currentPhase, b: sides.b.run.currentPhase },
    log,
  };
}
