/**
 * The enclave's main loop: one run for its host, then the process ends. Coins, scalars, keys and permutations live in
 * this process only and die with it (DESIGN section 4.1).
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { policyHash } from '../attestation/policy.ts';
import { fixed } from '../src/bytes.ts';
import { CoinGuard } from '../src/dp/coins.ts';
import { DpcaError } from '../src/errors.ts';
import type { Kernel } from '../src/group/kernel.ts';
import type { JsonObject } from '../src/json.ts';
import type { Table } from '../src/matching/table.ts';
import { manifestHash } from '../src/run/manifest.ts';
import { decodeLocal, encodeLocal, type LocalMessage } from '../src/wire/local.ts';
import { nodeAead } from './aead.ts';
import { AttestationPort } from './attestation-port.ts';
import { readConfiguration } from './configuration.ts';
import { acceptOne } from './local-server.ts';
import type { Nsm } from './nsm/nsm.ts';
import { PeerSession } from './peer-session.ts';
import { seededRng } from './random.ts';
import { TableBuilder } from './table-builder.ts';

export interface EnclaveParts {
  /** Folder of the two sockets, private to the host's user. */
  readonly sockets: string;
  readonly nsm: Nsm;
  readonly kernel: Kernel & { close(): Promise<void> };
  /** Called when both sockets are there. */
  readonly onReady: () => void;
}

/** Serves one run; resolves when it has ended and the host knows how. */
export async function serveRun(parts: EnclaveParts): Promise<void> {
  const { nsm, kernel } = parts;
  const rng = await seededRng((n) => nsm.getRandom(n));
  const table = new TableBuilder();
  const early: Uint8Array[] = [];
  let ownTable: Table | undefined;
  let session: PeerSession | undefined;
  let peerGone = false;
  let configured: (body: JsonObject) => void = () => undefined;
  let lost: (error: DpcaError) => void = () => undefined;
  const configuration = new Promise<JsonObject>((resolve, reject) => {
    configured = resolve;
    lost = reject;
  });
  configuration.catch(() => undefined);
  const stop = (error: DpcaError): void => {
    lost(error);
    session?.stop(error.code, error.message);
  };

  const onLocal = (message: LocalMessage): void => {
    switch (message.kind) {
      case 'configure':
        return configured(message.body);
      case 'rows':
        return table.add(message);
      case 'rowsEnd':
        ownTable = table.finish(message.rows);
        return session?.takeTable(ownTable);
      case 'stop':
        return stop(new DpcaError('ERR_INTERRUPTED', 'stopped by the own host'));
      case 'event':
        throw new DpcaError('ERR_WIRE_UNEXPECTED', 'events go from the enclave to its host');
    }
  };
  const peer = await acceptOne(parts.sockets, 'peer.sock', {
    onFrame: (frame) => {
      if (session === undefined) early.push(frame);
      else session.takeFrame(frame);
    },
    onClose: () => {
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
    onClose: () => stop(new DpcaError('ERR_HOST_LOST', 'the own host closed its socket')),
  });
  parts.onReady();
  const [toPeer, toHost] = await Promise.all([peer.stream, control.stream]);
  const report = (body: JsonObject): void => void toHost.send(encodeLocal({ kind: 'event', body }));

  let failure: DpcaError | undefined;
  try {
    const run = readConfiguration(await configuration);
    const attestation = new AttestationPort(nsm, run.policy, report);
    const enclaveKey = ed25519.getPublicKey(rng(32));
    session = new PeerSession(
      {
        sendFrame: (frame) => toPeer.send(frame),
        report,
        attest: (...request) => attestation.attest(...request),
        appraise: (...request) => attestation.appraise(...request),
        now: () => attestation.now(),
        ...{ kernel, rng, aead: nodeAead, coinGuard: new CoinGuard() },
        clock: () => performance.now(),
      },
      run,
      {
        policyHash: fixed(policyHash(run.policy), 32, 'policy hash'),
        manifestHash: manifestHash(run.manifest),
        enclaveKeyHash: fixed(sha256(enclaveKey), 32, 'enclave key hash'),
      },
    );
    session.start();
    if (ownTable !== undefined) session.takeTable(ownTable);
    for (const frame of early.splice(0)) session.takeFrame(frame);
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
