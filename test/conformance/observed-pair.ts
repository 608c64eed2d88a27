/**
 * Two run machines joined in memory behind the AEAD, with a log of every plaintext message when it is sent and again
 * when it is delivered. Kernel, randomness, interleaving and message length are arguments, so that a run can be frozen.
 * @module
 */
import { nodeCiphers } from '../../enclave/ciphers.ts';
import type { Bytes } from '../../src/bytes.ts';
import { CoinGuard } from '../../src/dp/coins.ts';
import type { Kernel } from '../../src/group/kernel.ts';
import type { JsonObject } from '../../src/json.ts';
import type { Rng } from '../../src/rng.ts';
import { type Manifest, manifestHash, type Role } from '../../src/run/manifest.ts';
import { Run, type RunEffect } from '../../src/run/run.ts';
import {
  decodeMessage,
  encodeMessage,
  MESSAGE,
  type Message,
  RECORD_BYTES,
} from '../../src/wire/messages.ts';
import { cannedAnswer } from '../support/canned-ledger.ts';
import { cannedReceipt } from '../support/canned-receipt.ts';
import { type Cells, tableOf } from '../support/tables.ts';

export interface TapEvent {
  readonly at: 'sent' | 'delivered';
  readonly from: Role;
  readonly type: number;
  readonly body: Uint8Array;
}

export interface ObservedOptions {
  readonly sessionId: Bytes<32>;
  readonly kernel: Kernel;
  /** One stream per party; a run is reproducible if they are and `choose` is. */
  readonly rng: Readonly<Record<Role, Rng>>;
  /** Which of n things that can happen happens next. */
  readonly choose: (n: number) => number;
  /** Records per message, 1..8064. */
  readonly chunk: number;
}

export interface ObservedRun {
  readonly log: readonly TapEvent[];
  readonly releases: Readonly<Record<Role, JsonObject | undefined>>;
}

export const ROLES = ['a', 'b'] as const;
export const OTHER = { a: 'b', b: 'a' } as const;

/** Runs to the end; throws what a machine throws. */
export async function observedPair(
  manifest: Manifest,
  cells: Readonly<Record<Role, Cells>>,
  options: ObservedOptions,
): Promise<ObservedRun> {
  const { sessionId, kernel, rng, choose, chunk } = options;
  const log: TapEvent[] = [];
  const releases: Record<Role, JsonObject | undefined> = { a: undefined, b: undefined };
  const make = (role: Role) => ({
    run: new Run({
      ...{ manifest, sessionId, party: role, rng: rng[role], ciphers: nodeCiphers },
      peerManifestHash: manifestHash(manifest),
      coinGuard: new CoinGuard(),
    }),
    pending: [] as RunEffect[],
    inbox: [] as TapEvent[],
  });
  const sides = { a: make('a'), b: make('b') };
  const send = (from: Role, message: Message): void => {
    const body = encodeMessage(message).slice();
    log.push({ at: 'sent', from, type: MESSAGE[message.kind], body });
    sides[OTHER[from]].inbox.push({ at: 'delivered', from, type: MESSAGE[message.kind], body });
  };
  const perform = async (role: Role): Promise<void> => {
    const { run, pending } = sides[role];
    const effect = pending.shift();
    switch (effect?.kind) {
      case 'send':
        send(role, effect.message);
        return;
      case 'column': {
        const { columnKind: kind, column, first: from, data } = effect;
        const step = chunk * RECORD_BYTES[kind];
        for (let at = 0; at < data.length; at += step) {
          const first = from + at / RECORD_BYTES[kind];
          send(role, { kind, column, first, data: data.subarray(at, at + step) });
        }
        return;
      }
      case 'hash': {
        const { bytes, offsets } = effect.messages;
        const result = await kernel.hashToGroup(bytes, offsets);
        pending.push(...run.step({ kind: 'kernel', result }));
        return;
      }
      case 'multiply': {
        const result = await kernel.multiply(effect.scalar, effect.points);
        pending.push(...run.step({ kind: 'kernel', result }));
        return;
      }
      case 'ledger':
        pending.push(...run.step(cannedAnswer(effect.request.step)));
        return;
      case 'receipt':
        pending.push(...run.step(cannedReceipt(effect.request.step)));
        return;
      case 'release':
        releases[role] = effect.release;
        return;
      case 'protocol':
      case 'shares':
        throw new Error('these manifests open no moments');
      case 'committed':
      case 'phase':
      case undefined:
        return;
    }
  };
  const deliver = (role: Role): Promise<void> => {
    const { run, pending, inbox } = sides[role];
    const event = inbox.shift();
    if (event === undefined) return Promise.resolve();
    log.push(event);
    const message = decodeMessage(event.type, event.body);
    pending.push(...run.step({ kind: 'message', message }));
    return Promise.resolve();
  };
  for (const role of ROLES) {
    const { run, pending } = sides[role];
    const table = tableOf(cells[role], manifest.columns.length);
    pending.push(...run.start(), ...run.step({ kind: 'table', table }));
  }
  for (;;) {
    const ready = ROLES.flatMap((role) => [
      ...(sides[role].pending.length > 0 ? [() => perform(role)] : []),
      ...(sides[role].inbox.length > 0 ? [() => deliver(role)] : []),
    ]);
    if (ready.length === 0) break;
    await ready[choose(ready.length)]?.();
  }
  return { log, releases };
}
