/**
 * Two run machines joined in memory with the mock group, every plaintext message visible to a tap that may change
 * or drop it. What the machines send is exactly what the secure channel would carry.
 * @module
 */
import { CoinGuard } from '../../src/dp/coins.ts';
import { type Bytes, fixed } from '../../src/bytes.ts';
import type { JsonObject } from '../../src/json.ts';
import type { Evaluation, KeptShare } from '../../src/mpc/evaluate.ts';
import type { Protocol } from '../../src/mpc/protocol.ts';
import type { Rng } from '../../src/rng.ts';
import { UniformSource } from '../../src/rng.ts';
import { type Manifest, manifestHash, type Role } from '../../src/run/manifest.ts';
import type { LedgerRequest } from '../../src/run/charge.ts';
import type { ReceiptRequest } from '../../src/run/receipt.ts';
import { Run, type RunEffect, type RunEvent } from '../../src/run/run.ts';
import {
  columnChunks,
  decodeMessage,
  encodeMessage,
  MESSAGE,
  type Message,
} from '../../src/wire/messages.ts';
import { nodeCiphers } from '../../enclave/ciphers.ts';
import { cannedAnswer } from './canned-ledger.ts';
import { cannedReceipt } from './canned-receipt.ts';
import { mockHash, mockMultiply } from './mock-kernel.ts';
import { runProtocols } from './protocol-pair.ts';
import { type Cells, tableOf } from './tables.ts';

export interface Wire {
  readonly from: Role;
  readonly type: number;
  readonly body: Uint8Array;
}

export interface PairResult {
  readonly releases: Partial<Record<Role, JsonObject>>;
  /** As handed to each host. */
  readonly moments: Partial<Record<Role, readonly bigint[]>>;
  readonly shares: Partial<Record<Role, readonly KeptShare[]>>;
  /** Bytes of the protocol on shares. */
  readonly valuesSent: Readonly<Record<Role, number>>;
  readonly failures: Partial<Record<Role, unknown>>;
  readonly phases: Record<Role, string>;
  readonly log: readonly Wire[];
}

export interface PairOptions {
  readonly rng: Rng;
  /** Called for every message; returns what the other side gets instead. */
  readonly tap?: (wire: Wire) => readonly Wire[];
  readonly manifests?: Partial<Record<Role, Manifest>>;
  /** Own value columns of either side, in the manifest's order, as the host sends them. */
  readonly values?: Readonly<Record<Role, readonly (readonly bigint[])[]>>;
  /** Sees, and may change, the bytes of the protocol on shares; what it leads to fails both sides. */
  readonly tamperValues?: (from: Role, bytes: Uint8Array, offset: number) => void;
  /** Answers a side's ledger requests; the canned ones when absent. May throw, which fails the side. */
  /** Of each side's process; fresh ones when absent. */
  readonly guards?: Readonly<Record<Role, CoinGuard>>;
  readonly ledger?: (role: Role, request: LedgerRequest, sessionId: Bytes<32>) => RunEvent;
  /** Answers a side's receipt requests, likewise. */
  readonly receipt?: (role: Role, request: ReceiptRequest) => RunEvent;
}

/** Runs to the end or until a side fails; deliveries interleave at random. */
export function runPair(
  manifest: Manifest,
  cells: Readonly<Record<Role, Cells>>,
  options: PairOptions,
): PairResult {
  const { rng, tap = (wire: Wire) => [wire], manifests = {} } = options;
  const { receipt = (_role: Role, { step }: ReceiptRequest) => cannedReceipt(step) } = options;
  const { ledger = (_role: Role, { step }: LedgerRequest) => cannedAnswer(step) } = options;
  const uniform = new UniformSource(rng);
  const sessionId = fixed(rng(32), 32, 'session');
  const roles = ['a', 'b'] as const;
  const other = { a: 'b', b: 'a' } as const;
  const log: Wire[] = [];
  const releases: Partial<Record<Role, JsonObject>> = {};
  const opened: Partial<Record<Role, readonly bigint[]>> = {};
  const failures: Partial<Record<Role, unknown>> = {};
  const make = (role: Role) => ({
    run: new Run({
      manifest: manifests[role] ?? manifest,
      party: role,
      peerManifestHash: manifestHash(manifests[other[role]] ?? manifest),
      sessionId,
      rng,
      ciphers: nodeCiphers,
      coinGuard: options.guards?.[role] ?? new CoinGuard(),
    }),
    inbox: [] as Wire[],
    // what it has to do next; a result comes no sooner than other things, and perhaps behind the peer's next message
    pending: [] as (RunEffect | Extract<RunEvent, { kind: 'evaluated' }>)[],
  });
  const sides = { a: make('a'), b: make('b') };
  const protocols: Partial<Record<Role, Protocol<Evaluation>>> = {};
  const shares: Partial<Record<Role, readonly KeptShare[]>> = {};
  const sent = { a: 0, b: 0 };
  const guarded = (role: Role, action: () => RunEffect[]): void => {
    try {
      sides[role].pending.push(...action());
    } catch (error) {
      failures[role] = error;
      // what is on its way leaves, as from an enclave
      const { pending } = sides[role];
      pending.splice(0, pending.length, ...pending.filter(({ kind }) => kind === 'send'));
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
    const values = (options.values?.[role] ?? []).map((column) => BigInt64Array.from(column));
    const table = { ...tableOf(cells[role], manifest.columns.length), values };
    guarded(role, () => sides[role].run.step({ kind: 'table', table }));
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
      for (const chunk of columnChunks(
        effect.columnKind,
        effect.column,
        effect.first,
        effect.data,
      )) {
        deliver(role, chunk);
      }
    } else if (effect.kind === 'hash') {
      const { bytes, offsets } = effect.messages;
      guarded(role, () => side.run.step({ kind: 'kernel', result: mockHash(bytes, offsets) }));
    } else if (effect.kind === 'multiply') {
      const result = mockMultiply(effect.scalar, effect.points);
      guarded(role, () => side.run.step({ kind: 'kernel', result }));
    } else if (effect.kind === 'protocol') {
      protocols[role] = effect.protocol;
      const { a, b } = protocols;
      if (a === undefined || b === undefined) continue;
      const { tamperValues: tamper } = options;
      let done: ReturnType<typeof runProtocols<Evaluation, Evaluation>>;
      try {
        done = runProtocols(a, b, tamper === undefined ? {} : { tamper });
      } catch (error) {
        for (const each of roles) {
          guarded(each, () => {
            throw error;
          });
        }
        continue;
      }
      sent.a = done.sent.a;
      sent.b = done.sent.b;
      for (const each of roles) {
        sides[each].pending.push({ kind: 'evaluated', evaluation: done[each] });
      }
    } else if (effect.kind === 'evaluated') guarded(role, () => side.run.step(effect));
    else if (effect.kind === 'shares') shares[role] = effect.shares;
    else if (effect.kind === 'ledger') {
      guarded(role, () => side.run.step(ledger(role, effect.request, sessionId)));
    } else if (effect.kind === 'receipt') {
      guarded(role, () => side.run.step(receipt(role, effect.request)));
    } else if (effect.kind === 'release') {
      releases[role] = effect.release;
      opened[role] = effect.moments;
    }
  }
  return {
    releases,
    ...{ moments: opened, shares },
    valuesSent: sent,
    failures,
    phases: { a: sides.a.run.currentPhase, b: sides.b.run.currentPhase },
    log,
  };
}
