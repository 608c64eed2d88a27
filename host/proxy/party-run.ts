/**
 * One run of one party: starts the own enclave, gives it keys, manifest, policy and rows, relays its frames over the
 * WebSocket to the peer's host, and waits for its release. Used by run, serve and demo alike.
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { toHex } from '../../src/encoding.ts';
import { DpcaError, type ErrorCode, isErrorCode } from '../../src/errors.ts';
import type { Json, JsonObject } from '../../src/json.ts';
import { manifestBytes } from '../../src/run/manifest.ts';
import type { Role as SessionRole } from '../../src/session/messages.ts';
import { decodeLocal, encodeLocal, rowsChunks, valuesChunks } from '../../src/wire/local.ts';
import type { FramedStream } from '../../src/wire/framed-stream.ts';
import type { Party } from '../config/party.ts';
import type { IngestedTable } from '../ingest/table.ts';
import type { LedgerFiles } from '../ledger/files.ts';
import { type RunLedger, takeLedger } from '../ledger/run-ledger.ts';
import { readTextFile } from '../keys/files.ts';
import { type RunLog, takeLog } from '../log/run-log.ts';
import type { SharesFile } from '../shares/shares.ts';
import { ledgerClaim, replacementClaim } from './claims.ts';
import { openEnclave } from './enclave-transport.ts';
import { keepAlive, relayInto, sendFrame } from './relay.ts';

export interface PartyRun {
  readonly party: Party;
  readonly table: IngestedTable;
  readonly role: SessionRole;
  readonly socket: WebSocket;
  readonly signal: AbortSignal;
  /** Everything the own enclave reports: phases, progress, the peer's verdict, the release. */
  readonly onEvent: (event: JsonObject) => void;
  /** Simulated mode: where the enclave writes its secret draws, for dpca audit replay. */
  readonly recordDraws?: string;
  /** Takes the own shares, if the manifest has any. */
  readonly shares?: SharesFile | undefined;
  /** Of the ledger; the disk when absent. */
  readonly files?: LedgerFiles;
}

/** After a stop request the enclave says goodbye to its peer; it gets this long. */
const STOP_DEADLINE_MS = 4_000;
/** Without a connection the enclave has nothing to wait for; one that does not end by then is stuck. */
const ORPHAN_DEADLINE_MS = 8_000;
/** An enclave's last frame, mostly an alert, gets this long to leave the machine. */
const LAST_WORDS_MS = 1_000;

function failureOf(event: JsonObject): DpcaError {
  const { code, message } = event;
  return typeof code === 'string' && typeof message === 'string' && isErrorCode(code)
    ? new DpcaError(code, message)
    : new DpcaError('ERR_ENCLAVE_LOST', 'the enclave failed without a known code');
}

/** Resolves to the release; rejects with the enclave's failure, ERR_ENCLAVE_LOST or ERR_INTERRUPTED. */
export async function runParty(run: PartyRun): Promise<JsonObject> {
  const { party, socket, signal } = run;
  // frames that arrive while the enclave starts wait in the paused socket
  socket.pause();
  keepAlive(socket);
  let ledger: RunLedger | undefined;
  let log: RunLog | undefined;
  try {
    log = await takeLog(party, signal, (problem) => {
      run.onEvent({ event: 'unlogged', problem });
    });
    ledger = await takeLedger(party, signal, run.files);
    return await runWith(run, ledger, log);
  } catch (error) {
    const failure =
      error instanceof DpcaError ? error : new DpcaError('ERR_INTERNAL', String(error));
    await log?.failed(failure);
    throw error;
  } finally {
    ledger?.release();
    await closed(socket);
  }
}

async function runWith(run: PartyRun, ledger: RunLedger, log: RunLog): Promise<JsonObject> {
  const { party, socket, signal } = run;
  const opening = openEnclave(party.config.enclave, run.recordDraws);
  // while the enclave starts
  const replaceEpsilon = replacementClaim(party.manifest);
  const enclave = await opening;
  const timers: NodeJS.Timeout[] = [];
  let onAbort: () => void = () => undefined;
  try {
    let release: JsonObject | undefined;
    let receipt: Json = null;
    let moments: Json = [];
    let commitments: JsonObject = {};
    let settle: (error: DpcaError | undefined) => void = () => undefined;
    const ended = new Promise<DpcaError | undefined>((resolve) => (settle = resolve));
    const settleIn = (ms: number, code: ErrorCode, message: string): void =>
      void timers.push(setTimeout(() => settle(new DpcaError(code, message)), ms));
    let spoken: () => void = () => undefined;
    const silent = new Promise<void>((resolve) => (spoken = resolve));
    const peer = await enclave.openPeer({
      onFrame: (frame) => sendFrame(socket, frame),
      onClose: () => {
        socket.close();
        spoken();
      },
    });
    const control = await enclave.openControl({
      onFrame: (frame) => {
        const message = decodeLocal(frame);
        if (message.kind === 'request') {
          const answer = (body: JsonObject): void =>
            void control.send(encodeLocal({ kind: 'answer', body }));
          const { what } = message.body;
          if (typeof what === 'string' && what.startsWith('log-')) {
            void log.perform(message.body).then(answer);
          } else answer(ledger.perform(message.body));
        }
        if (message.kind === 'shares') run.shares?.add(message);
        if (message.kind !== 'event') return;
        const { body } = message;
        log.hear(body);
        if (body['event'] === 'release') {
          release = body['release'] as JsonObject;
          receipt = body['receipt'] ?? null;
          moments = body['moments'] ?? [];
        }
        if (body['event'] === 'committed') commitments = body['commitments'] as JsonObject;
        run.onEvent(body);
        if (body['event'] === 'failed') settle(failureOf(body));
        if (body['event'] === 'done') settle(undefined);
      },
      onClose: () => settle(new DpcaError('ERR_ENCLAVE_LOST', 'the enclave process ended')),
    });
    onAbort = () => {
      void control.send(encodeLocal({ kind: 'stop' }));
      settleIn(STOP_DEADLINE_MS, 'ERR_INTERRUPTED', 'stopped by the user');
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const onLost = (): void => {
      peer.end();
      settleIn(ORPHAN_DEADLINE_MS, 'ERR_ENCLAVE_LOST', 'the enclave does not answer');
    };
    socket.on('close', onLost);
    relayInto(socket, peer);
    for (const bytes of ledger.records) await control.send(encodeLocal({ kind: 'record', bytes }));
    const body = { ...configurationOf(run), memory: ledger.memory, logMemory: log.memory };
    await control.send(encodeLocal({ kind: 'configure', body }));
    socket.resume();
    if (socket.readyState === socket.CLOSED) onLost();
    void sendRows(control, run.table);
    const failure = await ended;
    await Promise.race([silent, delay(LAST_WORDS_MS, undefined, { ref: false })]);
    // a release that both enclaves agreed on stands, whatever happens to the connection afterwards
    if (release !== undefined) {
      run.shares?.write(matchedRows(release));
      return {
        ...release,
        ...(run.shares === undefined ? {} : { sharesFile: run.shares.path }),
        ...{ moments, commitments, receipt },
        claims: { replaceEpsilon, ledger: ledgerClaim(party) },
      };
    }
    throw failure ?? new DpcaError('ERR_ENCLAVE_LOST', 'no release came');
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    await enclave.close();
  }
}

/** Rows of each share column: all that matched, dummies included. */
function matchedRows({ maskedSizes }: JsonObject): number {
  const sizes = Array.isArray(maskedSizes) ? (maskedSizes as readonly Json[]) : [];
  return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
}

/** Closes the connection behind everything that was sent; a peer that does not close too is not waited for. */
async function closed(socket: WebSocket): Promise<void> {
  if (socket.readyState === socket.CLOSED) return;
  const gone = new Promise((resolve) => socket.once('close', resolve));
  socket.resume();
  socket.close();
  await Promise.race([gone, delay(LAST_WORDS_MS)]);
  socket.terminate();
}

function configurationOf({ party, role }: PartyRun): JsonObject {
  return {
    role,
    party: party.role,
    identityKey: toHex(party.keys.identity.privateKey),
    logKey: toHex(party.keys.log.privateKey),
    manifest: Buffer.from(manifestBytes(party.manifest)).toString('utf8'),
    policy: readTextFile(party.config.policy),
    ...(party.config.allowShares === true ? { allowShares: true } : {}),
  };
}

async function sendRows(control: FramedStream, table: IngestedTable): Promise<void> {
  for (const [index, column] of table.columns.entries()) {
    for (const chunk of rowsChunks(index, column)) await control.send(encodeLocal(chunk));
  }
  for (const [index, { cells }] of table.values.entries()) {
    for (const chunk of valuesChunks(index, cells)) await control.send(encodeLocal(chunk));
  }
  await control.send(encodeLocal({ kind: 'rowsEnd', rows: table.rows }));
}
