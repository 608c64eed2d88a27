/**
 * One party of a charge on a real disk: production storage, lock, session logic and enclave port, joined to its peer by
 * messages that the caller carries. Points lie before and after every file operation, send and receive.
 * @module
 */
import { fixed } from '../../src/bytes.ts';
import { utf8 } from '../../src/encoding.ts';
import { HostStorage, LedgerPort } from '../../enclave/ledger-port.ts';
import type { Party } from '../../host/config/party.ts';
import { fromHex } from '../../src/encoding.ts';
import { takeLedger } from '../../host/ledger/run-ledger.ts';
import { Charge, type ChargeEffect } from '../../src/run/charge.ts';
import type { Manifest, Role } from '../../src/run/manifest.ts';
import type { LedgerMessage } from '../../src/wire/ledger-messages.ts';
import { decodeMessage, encodeMessage, MESSAGE } from '../../src/wire/messages.ts';
import { watchedFiles } from './watched-files.ts';
import { type Organisations, OTHER, side } from './world.ts';

export interface PartyOptions {
  readonly at: Organisations;
  readonly role: Role;
  readonly folder: string;
  readonly session: Uint8Array;
  readonly point: (name: string) => void;
  readonly send: (type: number, body: Uint8Array) => void;
}

export interface HostParty {
  start(): void;
  receive(type: number, body: Uint8Array): void;
  /** Resolves when both slots are spent and known to be; rejects with the refusal. */
  readonly settled: Promise<void>;
}

/** The parts of a Party that the ledger's storage looks at. */
function partyOf(manifest: Manifest, role: Role, folder: string): Party {
  return {
    config: { ledger: folder, peers: `${folder}-peers` },
    other: manifest.parties[OTHER[role]],
    keys: { log: { publicKey: fromHex(manifest.parties[role].log) } },
  } as unknown as Party;
}

export async function openParty(options: PartyOptions): Promise<HostParty> {
  const { at, role, folder, point, send } = options;
  const { signal } = new AbortController();
  const ledger = await takeLedger(partyOf(at.manifest, role, folder), signal, watchedFiles(point));
  const memory = (ledger.memory as readonly { lineage: string; note: string | null }[]).map(
    ({ lineage, note }) => ({ lineage, note: note === null ? undefined : utf8(note) }),
  );
  const session = side(at, role, ledger.records, memory, fixed(options.session, 32, 'session'));
  const storage = new HostStorage();
  storage.connect((request) => {
    queueMicrotask(() => storage.answer(ledger.perform(request)));
  });
  const port = new LedgerPort(session, {
    ...{ storage, rng: at.rng, report: () => undefined },
    now: () => Promise.resolve(1_800_000_000_000),
  });
  const charge = new Charge();
  let over = false;
  let done: () => void = () => undefined;
  let failed: (error: unknown) => void = () => undefined;
  const settled = new Promise<void>((resolve, reject) => {
    done = resolve;
    failed = (error) => {
      over = true;
      ledger.release();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
  });
  const perform = (effects: readonly ChargeEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'send') {
        const { kind } = effect.message;
        point(`before send ${kind}`);
        send(MESSAGE[kind], encodeMessage(effect.message));
        point(`after send ${kind}`);
      } else {
        const { request } = effect;
        port.handle(request).then((message) => {
          if (over) return;
          perform(charge.answer(request.step, message));
          if (!charge.settled) return;
          ledger.release();
          done();
        }, failed);
      }
    }
  };
  return {
    settled,
    start: () => perform(charge.start()),
    receive: (type, body) => {
      if (over) return;
      const message = decodeMessage(type, body) as LedgerMessage;
      point(`before receive ${message.kind}`);
      try {
        perform(charge.receive(message));
      } catch (error) {
        failed(error);
        return;
      }
      point(`after receive ${message.kind}`);
    },
  };
}
