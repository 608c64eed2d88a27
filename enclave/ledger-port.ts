/**
 * Joins the charge of a run to the own host's storage: requests of the run machine are answered one after the other,
 * and nothing is signed before the host has said that what it signs is durable (docs/ledger.md section 4).
 * @module
 */
import { LedgerSession, type SigningKey } from '../attestation/ledger-session.ts';
import type { LedgerEntry } from '../attestation/receipt.ts';
import type { Bytes } from '../src/bytes.ts';
import { fromUtf8, toHex } from '../src/encoding.ts';
import { DpcaError, type ErrorCode, exitOf, isErrorCode } from '../src/errors.ts';
import type { JsonObject } from '../src/json.ts';
import type { NowMs, Rng } from '../src/rng.ts';
import type { LedgerRequest } from '../src/run/charge.ts';
import type { Role } from '../src/run/manifest.ts';
import { RUN_COUNTER } from '../src/run/run.ts';
import type { HandshakeRecord } from '../src/session/handshake-types.ts';
import type { LedgerMessage } from '../src/wire/ledger-messages.ts';
import type { RunConfiguration } from './configuration.ts';
import { nodeEd25519 } from './ed25519.ts';

/** A disk that takes longer is as good as full. */
const STORE_DEADLINE_MS = 30_000;

type StoreCode = 'ERR_BUDGET_STORE' | 'ERR_LOG_STORE';

/** Codes with which a host may refuse: those of its ledger or of its log. */
function mayRefuse(code: ErrorCode, own: StoreCode): boolean {
  return own === 'ERR_LOG_STORE' ? code.startsWith('ERR_LOG_') : exitOf(code) === 'budget';
}

/** Requests to the own host, each answered once. */
export class HostStorage {
  private send: (body: JsonObject) => void = () => undefined;
  private readonly open: Map<number, (answer: JsonObject) => void> = new Map();
  private next = 1;

  /** Where requests go. */
  connect(send: (body: JsonObject) => void): void {
    this.send = send;
  }

  /** Resolves, with the host's answer, when it is stored durably; rejects with its ERR_BUDGET_* or ERR_LOG_* code. */
  store(what: string, body: JsonObject): Promise<JsonObject> {
    const failed: StoreCode = what.startsWith('log-') ? 'ERR_LOG_STORE' : 'ERR_BUDGET_STORE';
    const id = this.next;
    this.next += 1;
    return new Promise((resolve, reject) => {
      const refuse = (message: string): void => reject(new DpcaError(failed, message));
      const timer = setTimeout(() => {
        this.open.delete(id);
        refuse(`the host did not store the ${what} in time`);
      }, STORE_DEADLINE_MS);
      this.open.set(id, (answer) => {
        const { code, message } = answer;
        clearTimeout(timer);
        if (code === null) resolve(answer);
        else if (typeof code === 'string' && isErrorCode(code) && mayRefuse(code, failed)) {
          reject(new DpcaError(code, typeof message === 'string' ? message : what));
        } else refuse(`the host refused to store the ${what}`);
      });
      this.send({ id, what, ...body });
    });
  }

  /** The host's answer; one to nothing is ignored (its request has timed out). */
  answer(body: JsonObject): void {
    const id = Number(body['id']);
    this.open.get(id)?.(body);
    this.open.delete(id);
  }
}

export interface LedgerPorts {
  readonly storage: HostStorage;
  readonly report: (event: JsonObject) => void;
  readonly rng: Rng;
  /** The security module's time. */
  readonly now: () => Promise<NowMs>;
}

/** The own ledger's side of the charge in the session that has opened. @param pcr0 of the peer's enclave */
export function openLedger(
  { ledger, manifest, party, log, memory }: RunConfiguration,
  { sessionId, peer }: HandshakeRecord,
  pcr0: Bytes<48>,
  enclave: SigningKey,
  ports: LedgerPorts,
): LedgerPort {
  const session = new LedgerSession({
    ...{ ledger, manifest, party, log, memory, sessionId, enclave, rng: ports.rng },
    run: Number(RUN_COUNTER),
    ed25519: nodeEd25519(),
    peerEnclaveKeyHash: peer.enclaveKeyHash,
    peerEnclave: { document: toHex(peer.payloadHash), pcr0: toHex(pcr0) },
  });
  return new LedgerPort(session, ports);
}

export class LedgerPort {
  private readonly session: LedgerSession;
  private readonly ports: LedgerPorts;
  private index = 0;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(session: LedgerSession, ports: LedgerPorts) {
    this.session = session;
    this.ports = ports;
  }

  /** Both charges, for the receipt. */
  entries(): Readonly<Record<Role, LedgerEntry>> {
    return this.session.entries();
  }

  /** Answers the requests in their order. */
  handle(request: LedgerRequest): Promise<LedgerMessage | undefined> {
    const answer = this.queue.then(() => this.perform(request));
    this.queue = answer.catch(() => undefined);
    return answer;
  }

  private async perform(request: LedgerRequest): Promise<LedgerMessage | undefined> {
    const { session, ports } = this;
    const { storage, report } = ports;
    switch (request.step) {
      case 'recall':
        return { kind: 'held', notes: session.held() };
      case 'present':
        return { kind: 'head', ...session.present(request.message.notes) };
      case 'examine':
        session.examine(request.message);
        return undefined;
      case 'charge': {
        const { index, record } = session.slot();
        this.index = index;
        await storage.store('record', { index, record: fromUtf8(record) });
        const charged = session.charged();
        report({ event: 'charged', ...session.spent() });
        return { kind: 'charged', ...charged };
      }
      case 'adopt': {
        const { lineage, note } = session.adopt(request.message);
        await storage.store('memory', { lineage, note: fromUtf8(note) });
        const time = BigInt(Math.floor((await ports.now()) / 1000));
        return { kind: 'cosigned', ...session.cosigned(time) };
      }
      case 'complete': {
        const { checkpoint, evidence } = session.complete(request.message);
        await storage.store('evidence', {
          index: this.index,
          checkpoint: fromUtf8(checkpoint),
          evidence,
        });
        return undefined;
      }
    }
  }
}
