/**
 * The ledger during one run: locked, read for the enclave, and written at its request. The host decides nothing; it
 * says that something is stored only when it is durable (docs/ledger.md section 4).
 * @module
 */
import { utf8 } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import type { Json, JsonObject } from '../../src/json.ts';
import { MAX_LINEAGES } from '../../src/wire/limits.ts';
import type { Party } from '../config/party.ts';
import type { LedgerFiles } from './files.ts';
import { diskFiles } from './files.ts';
import { assertContinues, openLedger } from './lineage.ts';
import { lockLedger } from './lock.ts';
import { LedgerStore } from './store.ts';

export interface RunLedger {
  readonly records: readonly Uint8Array[];
  /** For the enclave's configuration. */
  readonly memory: Json;
  /** Performs a storage request of the enclave; the answer says whether it is durable. */
  perform(request: JsonObject): JsonObject;
  release(): void;
}

function text(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') {
    throw new DpcaError('ERR_BUDGET_STORE', `a request without ${name}`);
  }
  return value;
}

/** Takes the ledger for one run (ERR_BUDGET_BUSY, ERR_BUDGET_UNREGISTERED, ERR_BUDGET_LEDGER). */
export async function takeLedger(
  party: Party,
  signal: AbortSignal,
  files: LedgerFiles = diskFiles,
): Promise<RunLedger> {
  const { ledger: folder } = party.config;
  const { log } = party.other;
  const store = new LedgerStore(folder, files);
  if (store.records().length === 0) {
    throw new DpcaError(
      'ERR_BUDGET_UNREGISTERED',
      `${folder}: no lineage is registered; dpca ledger init registers one`,
    );
  }
  const lock = await lockLedger(folder, signal, files);
  let held = true;
  const release = (): void => {
    if (held) lock.release();
    held = false;
  };
  try {
    const known = store.remembered(log);
    if (known.length > MAX_LINEAGES) {
      throw new DpcaError(
        'ERR_BUDGET_LEDGER',
        `${folder}: expected at most ${MAX_LINEAGES} lineages of one peer, got ${known.length}`,
      );
    }
    const act = (request: JsonObject): void => {
      switch (request['what']) {
        case 'record':
          return store.append(Number(request['index']), utf8(text(request, 'record')));
        case 'memory':
          return store.remember(log, text(request, 'lineage'), utf8(text(request, 'note')));
        case 'evidence': {
          const checkpoint = text(request, 'checkpoint');
          const evidence = request['evidence'] as JsonObject;
          store.saveEvidence(Number(request['index']), { ...evidence, checkpoint });
          store.saveCheckpoint(utf8(checkpoint));
          return release();
        }
        default:
          throw new DpcaError('ERR_BUDGET_STORE', 'an unknown request of the enclave');
      }
    };
    assertContinues(party, store, openLedger(store));
    return {
      records: store.records(),
      memory: known.map(({ lineage, note }) => ({
        lineage,
        note: note === undefined ? null : new TextDecoder().decode(note),
      })),
      perform: (request) => {
        const id = request['id'] ?? null;
        try {
          act(request);
          return { id, code: null, message: '' };
        } catch (error) {
          const code = error instanceof DpcaError ? error.code : 'ERR_BUDGET_STORE';
          return { id, code, message: error instanceof Error ? error.message : 'unknown' };
        }
      },
      release,
    };
  } catch (error) {
    release();
    throw error;
  }
}
