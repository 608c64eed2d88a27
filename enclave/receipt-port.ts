/**
 * Joins the receipt of a run to the own host's log: requests of the run machine are answered one after the other, and
 * nothing is shown to the peer before the host has said that it is durable (docs/specification.md section 9.1).
 * @module
 */
import { type EarSession, sessionEar } from '../attestation/ear-binding.ts';
import type { SigningKey } from '../attestation/ledger-session.ts';
import { type Completion, type Envelope, unhexes } from '../attestation/log-record.ts';
import type { LedgerEntry } from '../attestation/receipt.ts';
import type { ReceiptSession } from '../attestation/receipt-session.ts';
import { type ShownLog } from '../attestation/receipt-session.ts';
import type { AttestationVerdict } from '../attestation/verify.ts';
import { fromUtf8, toHex, utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import type { Json, JsonObject } from '../src/json.ts';
import type { NowMs } from '../src/rng.ts';
import type { Role } from '../src/run/manifest.ts';
import type { ReceiptRequest } from '../src/run/receipt.ts';
import type { ReceiptMessage } from '../src/wire/receipt-messages.ts';
import type { HostStorage } from './ledger-port.ts';

export interface ReceiptPorts {
  readonly storage: HostStorage;
  /** The security module's time. */
  readonly now: () => Promise<NowMs>;
  /** The accepted verdict on the peer's document, and the session that it opened. */
  readonly verdict: () => AttestationVerdict;
  readonly session: EarSession;
  readonly enclave: SigningKey;
  /** Both charges, once they are settled. */
  readonly ledgers: () => Readonly<Record<Role, LedgerEntry>>;
}

export class ReceiptPort {
  private readonly session: ReceiptSession;
  private readonly ports: ReceiptPorts;
  private opening = '';
  private held = 0;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(session: ReceiptSession, ports: ReceiptPorts) {
    this.session = session;
    this.ports = ports;
  }

  /** The receipt's name, hex. */
  get id(): string {
    return this.session.id;
  }

  /** Answers the requests in their order. */
  handle(request: ReceiptRequest): Promise<ReceiptMessage | undefined> {
    const answer = this.queue.then(() => this.perform(request));
    this.queue = answer.catch(() => undefined);
    return answer;
  }

  private async perform(request: ReceiptRequest): Promise<ReceiptMessage | undefined> {
    const { session, ports } = this;
    const { storage } = ports;
    switch (request.step) {
      case 'account': {
        this.opening = toHex(request.input.salt);
        const ear = await sessionEar(ports.verdict(), ports.session, ports.enclave);
        return { kind: 'account', ...session.account(ear, request.input) };
      }
      case 'accept': {
        this.held = await session.accept(request.message);
        const shown = await storage.store('log-head', { from: this.held });
        session.assertContinues(shownLog(shown));
        return undefined;
      }
      case 'agree':
        return { kind: 'receipt', signature: session.agree(request.facts, ports.ledgers()) };
      case 'record': {
        const entry = { type: 'run', ...session.sign(request.message.signature) };
        const shown = await storage.store('log-append', {
          entry: entry,
          time: await ports.now(),
          opening: this.opening,
          from: this.held,
        });
        const envelope = shown['envelope'] as unknown as Envelope;
        const inclusion = hashes(shown['inclusion']);
        return { kind: 'logged', ...session.logged({ ...shownLog(shown), envelope, inclusion }) };
      }
      case 'witness': {
        const note = session.witness(request.message);
        await storage.store('log-memory', { note: fromUtf8(note) });
        const time = BigInt(Math.floor((await ports.now()) / 1000));
        return { kind: 'witnessed', cosignature: session.witnessed(time) };
      }
      case 'finish': {
        const completion: Completion = session.finish(request.message.cosignature);
        await storage.store('log-complete', { completion: completion });
        return undefined;
      }
    }
  }
}

function hashes(value: Json | undefined): readonly Uint8Array[] {
  const isHash = (entry: Json): entry is string =>
    typeof entry === 'string' && /^[0-9a-f]{64}$/.test(entry);
  const entries = Array.isArray(value) ? (value as readonly Json[]) : [];
  if (!Array.isArray(value) || !entries.every(isHash)) {
    throw new DpcaError('ERR_LOG_STORE', 'the host shows no proof');
  }
  return unhexes(entries);
}

/** What the host shows of its log; the session verifies it. */
function shownLog(body: JsonObject): ShownLog {
  const note = body['note'];
  if (typeof note !== 'string')
    throw new DpcaError('ERR_LOG_STORE', 'the host shows no checkpoint');
  return { note: utf8(note), consistency: hashes(body['consistency']) };
}
