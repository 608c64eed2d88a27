/**
 * The own log during one run: opened before the peer is spoken to, written at the enclave's request, and told of every
 * end that is not a release (docs/auditing.md section 3).
 * @module
 */
import { dirname, join } from 'node:path';
import type { Completion, LogEntry } from '../../attestation/log-record.ts';
import { parsePolicy, policyHash } from '../../attestation/policy.ts';
import { fromUtf8, toHex, utf8 } from '../../src/encoding.ts';
import { DpcaError, exitOf } from '../../src/errors.ts';
import { type JsonObject, parseJson } from '../../src/json.ts';
import type { Config } from '../config/config.ts';
import type { Party } from '../config/party.ts';
import { readTextFile } from '../keys/files.ts';
import { type LogFiles, logFiles } from './files.ts';
import { type LogOwner, LogStore } from './store.ts';

/** One log per organisation; beside the ledger unless the configuration says otherwise. */
export function logFolder({ log, ledger }: Pick<Config, 'log' | 'ledger'>): string {
  return log ?? join(dirname(ledger), 'log');
}

export function logOwner({ own, keys }: Pick<Party, 'own' | 'keys'>): LogOwner {
  return { name: own.name, identity: own.identity, log: keys.log };
}

function host(): { time: number; clock: 'host' } {
  return { time: Date.now(), clock: 'host' };
}

/** Begins a log if there is none (ERR_LOG_RECORD for another key's). @param previous checkpoint of the log continued */
export async function openLog(
  store: LogStore,
  owner: LogOwner,
  signal: AbortSignal,
  previous: string | null = null,
): Promise<void> {
  if (store.records.length > 0) {
    store.assertContinues(owner);
    return;
  }
  const log = toHex(owner.log.publicKey);
  const party = { name: owner.name, identity: owner.identity, log };
  await store.append(owner, { type: 'open', party, previous }, host(), signal);
}

/** Logs a policy before its first use. */
async function logPolicy(store: LogStore, owner: LogOwner, text: string, signal: AbortSignal) {
  const hash = toHex(policyHash(parsePolicy(text)));
  for (let seq = store.records.length - 1; seq >= 0; seq--) {
    const line = fromUtf8(store.records[seq] ?? new Uint8Array(0));
    if (!line.includes('"type":"policy"')) continue;
    const record = store.record(seq);
    if (record.type !== 'policy') continue;
    if (record.hash === hash) return;
    break;
  }
  const policy = parseJson(text, 'policy') as JsonObject;
  await store.append(owner, { type: 'policy', policy, hash }, host(), signal);
}

/** Says of runs that a process left in the middle that they ended; a release may still be fetched for them. */
async function settle(store: LogStore, owner: LogOwner, party: Party, signal: AbortSignal) {
  const completions = store.completions();
  const ended = new Set<string | null>();
  const open: string[] = [];
  store.records.forEach((line, seq) => {
    const head = fromUtf8(line);
    if (/"type":"(abort|refusal)"/.test(head)) {
      const record = store.record(seq);
      if (record.type === 'abort' || record.type === 'refusal') ended.add(record.session);
    }
    if (completions.has(seq) || !head.includes('"type":"run"')) return;
    const record = store.record(seq);
    if (record.type === 'run') open.push(record.receipt.session);
  });
  const peer = party.other.identity;
  for (const session of open.filter((name) => !ended.has(name))) {
    const entry = {
      type: 'abort',
      session,
      peer,
      phase: 'receipt',
      code: 'ERR_HOST_LOST',
    } as const;
    await store.append(owner, { ...entry, charged: null }, host(), signal);
  }
}

export interface RunLog {
  /** The last checkpoint of the peer's log that was seen here, for the enclave's configuration. */
  readonly memory: string | null;
  /** Performs a request of the enclave; the answer says whether it is durable. */
  perform(request: JsonObject): Promise<JsonObject>;
  /** Hears the enclave's events, to know how far the run came. */
  hear(event: JsonObject): void;
  /** Logs an end without a release; its own failure is reported, not thrown. */
  failed(error: DpcaError): Promise<void>;
}

function text(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') throw new DpcaError('ERR_LOG_STORE', `a request without ${name}`);
  return value;
}

/** Takes the log for one run (ERR_LOG_*). @param report what could not be logged */
export async function takeLog(
  party: Party,
  signal: AbortSignal,
  report: (problem: string) => void,
  files: LogFiles = logFiles,
): Promise<RunLog> {
  const owner = logOwner(party);
  const store = new LogStore(logFolder(party.config), files);
  await openLog(store, owner, signal);
  await settle(store, owner, party, signal);
  await logPolicy(store, owner, readTextFile(party.config.policy), signal);
  const peer = party.other.log;
  const note = store.remembered(peer);
  // what is to be kept is kept also when the run has been stopped meanwhile
  const always = new AbortController().signal;
  const seen: {
    session: string | null;
    phase: string;
    refused: string | null;
    slot: JsonObject | null;
  } = {
    ...{ session: null, phase: 'start', refused: null, slot: null },
  };
  const act = async (request: JsonObject): Promise<JsonObject> => {
    const from = Number(request['from'] ?? 0);
    switch (request['what']) {
      case 'log-head':
        return store.head(owner, from);
      case 'log-append': {
        const entry = request['entry'] as unknown as LogEntry;
        const at = { time: Number(request['time']), clock: 'nsm' } as const;
        const opening = text(request, 'opening');
        return store.append(owner, entry, at, always, { from, opening });
      }
      case 'log-memory':
        store.remember(peer, utf8(text(request, 'note')));
        return {};
      case 'log-complete':
        await store.complete(request['completion'] as unknown as Completion, always);
        return {};
      default:
        throw new DpcaError('ERR_LOG_STORE', 'an unknown request of the enclave');
    }
  };
  return {
    memory: note === undefined ? null : fromUtf8(note),
    perform: async (request) => {
      const id = request['id'] ?? null;
      try {
        return { ...(await act(request)), id, code: null, message: '' };
      } catch (error) {
        const code = error instanceof DpcaError ? error.code : 'ERR_LOG_STORE';
        return { id, code, message: error instanceof Error ? error.message : 'unknown' };
      }
    },
    hear: (event) => {
      if (event['event'] === 'phase') seen.phase = text(event, 'phase');
      if (event['event'] === 'accepted') seen.session = text(event, 'session');
      if (event['event'] === 'charged') {
        seen.slot = { lineage: event['lineage'] ?? null, slot: event['slot'] ?? null };
      }
      if (event['event'] === 'verdict' && event['accepted'] === false) {
        seen.refused = text(event, 'refused');
      }
      if (event['event'] === 'reattested') {
        const entry = Object.entries(event).filter(([name]) => name !== 'event');
        const record = { ...Object.fromEntries(entry), type: 'reattest' } as unknown as LogEntry;
        store.append(owner, record, host(), always).catch((error: unknown) => {
          report(error instanceof Error ? error.message : 'unknown');
        });
      }
    },
    failed: async ({ code }) => {
      const { session, phase, refused: document, slot } = seen;
      const common = { session, peer: party.other.identity, code };
      const entry: LogEntry =
        exitOf(code) === 'attestation'
          ? {
              ...{ type: 'refusal', ...common, document },
              by: code === 'ERR_SESSION_REFUSED' ? 'peer' : 'own',
            }
          : ({ type: 'abort', ...common, phase, charged: slot } as unknown as LogEntry);
      try {
        await store.append(owner, entry, host(), always);
      } catch (error) {
        report(error instanceof Error ? error.message : 'unknown');
      }
    },
  };
}
