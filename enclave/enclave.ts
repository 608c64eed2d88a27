/**
 * The enclave's main loop: one run for its host, then the process ends. Coins, scalars, keys and permutations live in
 * this process only and die with it (docs/specification.md section 2).
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { MAX_RECORDS } from '../attestation/ledger-record.ts';
import { policyHash } from '../attestation/policy.ts';
import type { LedgerEntry } from '../attestation/receipt.ts';
import { ReceiptSession } from '../attestation/receipt-session.ts';
import { fixed } from '../src/bytes.ts';
import { CoinGuard } from '../src/dp/coins.ts';
import { toHex } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import type { Kernel } from '../src/group/kernel.ts';
import type { JsonObject } from '../src/json.ts';
import type { Table } from '../src/matching/table.ts';
import type { Rng } from '../src/rng.ts';
import { manifestHash, type Role } from '../src/run/manifest.ts';
import { RUN_COUNTER } from '../src/run/run.ts';
import type { HandshakeRecord } from '../src/session/handshake-types.ts';
import { decodeLocal, encodeLocal, type LocalMessage, sharesChunks } from '../src/wire/local.ts';
import { nodeAead } from './aead.ts';
import { nodeCiphers } from './ciphers.ts';
import { AttestationPort } from './attestation-port.ts';
import { readConfiguration } from './configuration.ts';
import { nodeEd25519 } from './ed25519.ts';
import { HostStorage, type LedgerPort, openLedger } from './ledger-port.ts';
import { acceptOne } from './local-server.ts';
import type { Nsm } from './nsm/nsm.ts';
import { PeerSession } from './peer-session.ts';
import { ReceiptPort } from './receipt-port.ts';
import { TableBuilder } from './table-builder.ts';

export interface EnclaveParts {
  /** Folder of the two sockets, private to the host's user. */
  readonly sockets: string;
  readonly nsm: Nsm;
  /** Seeded by the security module; see random.ts. */
  readonly rng: Rng;
  readonly kernel: Kernel & { close(): Promise<void> };
  /** Called when both sockets are there. */
  readonly onReady: () => void;
}

/** Serves one run; resolves when it has ended and the host knows how. */
export async function serveRun(parts: EnclaveParts): Promise<void> {
  const { nsm, kernel, rng } = parts;
  const table = new TableBuilder();
  const early: Uint8Array[] = [];
  const records: Uint8Array[] = [];
  let ownTable: Table | undefined;
  let session: PeerSession | undefined;
  const storage = new HostStorage();
  let peerGone = false as boolean; // set in a callback, which narrowing does not see
  let configured: (body: JsonObject) => void = () => undefined;
  let lost: (error: DpcaError) => void = () => undefined;
  const configuration = new Promise<JsonObject>((resolve, reject) => {
    configured = resolve;
    lost = reject;
  });
  configuration.catch(() => undefined);
  let abandon: () => void = () => undefined;
  const abandoned = new Promise<undefined>((resolve) => (abandon = () => resolve(undefined)));
  const stop = (error: DpcaError): void => {
    lost(error);
    session?.stop(error.code, error.message);
  };

  const onLocal = (message: LocalMessage): void => {
    switch (message.kind) {
      case 'configure':
        return configured(message.body);
      case 'rows':
      case 'values':
        return table.add(message);
      case 'rowsEnd':
        ownTable = table.finish(message.rows);
        return session?.takeTable(ownTable);
      case 'stop':
        return stop(new DpcaError('ERR_INTERRUPTED', 'stopped by the own host'));
      case 'record':
        if (records.length === MAX_RECORDS) {
          throw new DpcaError('ERR_BUDGET_LEDGER', `expected at most ${MAX_RECORDS} records`);
        }
        records.push(message.bytes);
        return;
      case 'answer':
        return storage.answer(message.body);
      case 'event':
      case 'request':
      case 'shares':
        throw new DpcaError('ERR_WIRE_UNEXPECTED', 'events go from the enclave to its host');
    }
  };
  const peer = await acceptOne(parts.sockets, 'peer.sock', {
    onFrame: (frame) => {
      if (session === undefined) early.push(frame);
      else return session.takeFrame(frame);
      return undefined;
    },
    onClose: () => {
      abandon();
      peerGone = true;
      session?.peerClosed();
    },
  });
  const control = await acceptOne(parts.sockets, 'control.sock', {
    onFrame: (frame) => {
      try {
        onLocal(decodeLocal(frame));
      } catch (error) {
        stop(error instanceof DpcaError ? error : new DpcaError('ERR_INTERNAL', 'local message'));
      }
    },
    onClose: () => {
      abandon();
      stop(new DpcaError('ERR_HOST_LOST', 'the own host closed its socket'));
    },
  });
  parts.onReady();
  const streams = await Promise.race([Promise.all([peer.stream, control.stream]), abandoned]);
  if (streams === undefined) {
    // a host that ended between its two connections; the next one gets a fresh process
    peer.close();
    control.close();
    await kernel.close();
    return;
  }
  const [toPeer, toHost] = streams;
  const report = (body: JsonObject): void => void toHost.send(encodeLocal({ kind: 'event', body }));

  storage.connect((body) => void toHost.send(encodeLocal({ kind: 'request', body })));

  let failure: DpcaError | undefined;
  try {
    const run = readConfiguration(await configuration, records);
    const attestation = new AttestationPort(nsm, run.policy, report);
    const secretKey = fixed(rng(32), 32, 'enclave key');
    const publicKey = fixed(ed25519.getPublicKey(secretKey), 32, 'enclave key');
    const ports = { storage, report, rng, now: () => attestation.now() };
    const ledger = (opened: HandshakeRecord): LedgerPort =>
      openLedger(run, opened, attestation.peerMeasurement, { secretKey, publicKey }, ports);
    const receipt = (
      opened: HandshakeRecord,
      charges: { entries(): Readonly<Record<Role, LedgerEntry>> },
    ): ReceiptPort => {
      const { manifest, party, log, identity, peerIdentity, logMemory: memory } = run;
      const enclave = { secretKey, publicKey };
      const { sessionId, transcript } = opened;
      return new ReceiptPort(
        new ReceiptSession({
          ...{ manifest, party, opened, log, enclave, memory, kernel: kernel.name },
          run: Number(RUN_COUNTER),
          salt: fixed(rng(32), 32, 'salt'),
          ed25519: nodeEd25519(),
        }),
        {
          ...{ storage, enclave, now: ports.now },
          verdict: () => attestation.verdict,
          session: {
            ...{ sessionId, transcript, issuer: toHex(identity.publicKey) },
            audience: toHex(peerIdentity),
          },
          ledgers: () => charges.entries(),
        },
      );
    };
    session = new PeerSession(
      {
        sendFrame: (frame) => toPeer.send(frame),
        report,
        share: (column, cells) => {
          for (const chunk of sharesChunks(column, cells)) void toHost.send(encodeLocal(chunk));
        },
        attest: (...request) => attestation.attest(...request),
        appraise: (...request) => attestation.appraise(...request),
        now: ports.now,
        ledger,
        receipt,
        ...{ kernel, rng, aead: nodeAead, ciphers: nodeCiphers, coinGuard: new CoinGuard() },
        clock: () => performance.now(),
      },
      run,
      {
        policyHash: fixed(policyHash(run.policy), 32, 'policy hash'),
        manifestHash: manifestHash(run.manifest),
        enclaveKeyHash: fixed(sha256(publicKey), 32, 'enclave key hash'),
      },
    );
    session.start();
    if (ownTable !== undefined) session.takeTable(ownTable);
    for (const frame of early.splice(0)) void session.takeFrame(frame);
    if (peerGone) session.peerClosed();
    failure = await session.outcome;
  } catch (error) {
    failure = error instanceof DpcaError ? error : new DpcaError('ERR_INTERNAL', String(error));
  }
  report(
    failure === undefined
      ? { event: 'done' }
      : { event: 'failed', code: failure.code, message: failure.message },
  );
  toPeer.end();
  toHost.end();
  await kernel.close();
}
