/**
 * One session with the peer's enclave: drives the handshake and the run machines, seals and opens frames, keeps time.
 * It decides nothing about the protocol; those decisions are the machines' (src/session, src/run).
 * @module
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CoinGuard } from '../src/dp/coins.ts';
import { toHex } from '../src/encoding.ts';
import { DpcaError, type ErrorCode } from '../src/errors.ts';
import type { Kernel } from '../src/group/kernel.ts';
import type { JsonObject } from '../src/json.ts';
import type { Ciphers } from '../src/mpc/ciphers.ts';
import type { Table } from '../src/matching/table.ts';
import type { NowMs, Rng } from '../src/rng.ts';
import { type MaskCommitments, Run, type RunEffect, type RunEvent } from '../src/run/run.ts';
import type { Aead } from '../src/session/aead.ts';
import { SecureChannel } from '../src/session/channel.ts';
import type {
  Appraised,
  ExpectedEvidence,
  HandshakeConfig,
  HandshakeEffect,
  HandshakeEvent,
  HandshakeRecord,
  OwnDocument,
  UserData,
} from '../src/session/handshake-types.ts';
import { Handshake } from '../src/session/handshake.ts';
import {
  columnChunks,
  decodeMessage,
  encodeMessage,
  MESSAGE,
  type Message,
} from '../src/wire/messages.ts';
import { revealed, toldBy } from './alerts.ts';
import type { SessionConfiguration } from './configuration.ts';
import type { LedgerPort } from './ledger-port.ts';
import { computeSlice, type KernelEffect } from './kernel/compute.ts';
import { ProtocolDriver } from './protocol-driver.ts';
import type { ReceiptPort } from './receipt-port.ts';
import { reattestedEvent, Renewal } from './renewal.ts';

const HEARTBEAT_MS = 2_000;
const SILENCE_MS = 10_000;
/** Heartbeats without any other message: longer than the largest column takes on the slowest kernel. */
const STALL_MS = 3_600_000;
/** The same before the matching, where nothing takes long: a peer must not hold this enclave, and its ledger. */
const SETUP_STALL_MS = 120_000;
const TICK_MS = 500;
const FLUSH_MS = 2_000;

export interface SessionPorts {
  readonly sendFrame: (frame: Uint8Array) => Promise<void>;
  /** Tells the own host what happened. */
  readonly report: (event: JsonObject) => void;
  /** Gives the own host one column of its shares (docs/shares.md). */
  readonly share: (column: number, cells: BigUint64Array) => void;
  readonly attest: (
    publicKey: Uint8Array,
    nonce: Uint8Array,
    userData: UserData,
  ) => Promise<OwnDocument>;
  /** Throws the refusal; its code goes to the peer, its words only to the own host. */
  readonly appraise: (document: Uint8Array, expected: ExpectedEvidence) => Promise<Appraised>;
  /** The security module's time, milliseconds since 1970. */
  readonly now: () => Promise<NowMs>;
  /** The own ledger's side of the charge, for the session that has opened. */
  readonly ledger: (opened: HandshakeRecord) => Pick<LedgerPort, 'handle' | 'entries'>;
  /** The own log's side of the receipt, for the same session. */
  readonly receipt: (
    opened: HandshakeRecord,
    ledger: Pick<LedgerPort, 'entries'>,
  ) => Pick<ReceiptPort, 'handle' | 'id'>;
  readonly kernel: Kernel;
  readonly aead: Aead;
  readonly ciphers: Ciphers;
  readonly rng: Rng;
  readonly coinGuard: CoinGuard;
  /** Milliseconds from any origin, monotonic. */
  readonly clock: () => number;
}

export class PeerSession {
  private readonly ports: SessionPorts;
  private readonly configuration: SessionConfiguration;
  private readonly handshake: Handshake;
  private readonly handshakeConfig: HandshakeConfig;
  private renewal: Renewal | undefined;
  private channel: SecureChannel | undefined;
  private run: Run | undefined;
  private driver: ProtocolDriver | undefined;
  private ledger: Pick<LedgerPort, 'handle'> | undefined;
  private receipt: Pick<ReceiptPort, 'handle' | 'id'> | undefined;
  private table: Table | undefined;
  private outbox: Promise<void> = Promise.resolve();
  private queued = 0;
  private heardMs: number;
  private progressMs: number;
  private beatMs: number;
  private tickMs: number;
  private released = false;
  private ended = false;
  private readonly timer: NodeJS.Timeout;
  private readonly finish: (error: DpcaError | undefined) => void;
  /** Resolves with the failure, or undefined after an orderly end, when the last frame has been handed over. */
  readonly outcome: Promise<DpcaError | undefined>;

  constructor(
    ports: SessionPorts,
    configuration: SessionConfiguration,
    hashes: Pick<HandshakeConfig, 'policyHash' | 'manifestHash' | 'enclaveKeyHash'>,
  ) {
    this.ports = ports;
    this.configuration = configuration;
    const { role, identity, peerIdentity } = configuration;
    const { aead, rng } = ports;
    this.handshakeConfig = {
      ...{ role, aead, rng, identity, peerIdentity, versions: [1], suites: [1] },
      ...hashes,
    };
    this.handshake = new Handshake(this.handshakeConfig);
    let finish: (error: DpcaError | undefined) => void = () => undefined;
    this.outcome = new Promise((resolve) => (finish = resolve));
    this.finish = finish;
    this.heardMs = this.progressMs = this.beatMs = this.tickMs = ports.clock();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  start(): void {
    this.ports.report({ event: 'phase', phase: 'handshake' });
    this.advanceHandshake({ type: 'start' });
  }

  /** The own table has arrived from the own host. */
  takeTable(table: Table): void {
    this.table = table;
    if (this.run !== undefined) this.advanceRun({ kind: 'table', table });
  }

  /** A frame from the peer; the promise, if any, resolves when more may be read. */
  takeFrame(frame: Uint8Array): void | Promise<void> {
    if (this.ended) return;
    if (this.channel === undefined) {
      this.heardMs = this.progressMs = this.ports.clock();
      this.advanceHandshake({ type: 'message', bytes: frame });
      return;
    }
    try {
      const { type, plaintext } = this.channel.open(frame);
      this.heardMs = this.ports.clock();
      const message = decodeMessage(type, plaintext);
      if (message.kind === 'heartbeat') return;
      if (message.kind !== 'reattest') this.progressMs = this.heardMs;
      if (message.kind === 'alert') this.onAlert(message.code);
      else if (message.kind === 'reattest') {
        this.renewal?.step({ type: 'message', bytes: message.bytes });
      } else if (message.kind === 'values') return this.takeValues(message.bytes);
      else this.advanceRun({ kind: 'message', message });
    } catch (error) {
      this.fail(error);
    }
  }

  /** The connection to the peer has closed. After the own release that is an end, before it a failure. */
  peerClosed(): void {
    if (this.released) this.end(undefined);
    // nothing more is to come: what is left is the own host's to store
    else if (this.run?.told === true) return;
    else this.fail(new DpcaError('ERR_PEER_LOST', 'the connection to the peer closed'));
  }

  /** Ends the session from this side with `code`. */
  stop(code: ErrorCode, message: string): void {
    this.fail(new DpcaError(code, message));
  }

  private tick(): void {
    const now = this.ports.clock();
    // while this process computed, nobody could be heard: that time does not count against the peer
    const late = Math.max(0, now - this.tickMs - 2 * TICK_MS);
    this.tickMs = now;
    this.heardMs += late;
    this.progressMs += late;
    const phase = this.run?.currentPhase;
    const stallMs = phase === 'match' || phase === 'values' ? STALL_MS : SETUP_STALL_MS;
    const silent = now - this.heardMs > SILENCE_MS;
    if (silent || now - this.progressMs > stallMs) {
      if (this.released) return this.end(undefined);
      const message = silent
        ? `nothing was heard from the peer for ${SILENCE_MS / 1000} s`
        : `the peer is there, but did not go on for ${stallMs / 1000} s`;
      return this.fail(new DpcaError('ERR_PEER_SILENT', message));
    }
    this.renewal?.tick(now);
    if (this.channel !== undefined && this.queued === 0 && now - this.beatMs >= HEARTBEAT_MS) {
      this.send({ kind: 'heartbeat' });
    }
  }

  private advanceHandshake(event: HandshakeEvent): void {
    if (this.ended) return;
    for (const effect of this.handshake.step(event)) this.onHandshakeEffect(effect);
  }

  private onHandshakeEffect(effect: HandshakeEffect): void {
    switch (effect.type) {
      case 'send':
        return this.enqueue(() => this.ports.sendFrame(effect.bytes));
      case 'attest':
        return this.pending(
          this.ports.attest(effect.publicKey, effect.nonce, effect.userData),
          (own) => this.advanceHandshake({ type: 'document', ...own }),
        );
      case 'appraise':
        return this.pending(this.ports.appraise(effect.document, effect.expected), (appraised) =>
          this.advanceHandshake({ type: 'appraised', accept: true, ...appraised }),
        );
      case 'failed': {
        const { alert, error } = effect;
        return this.end(error, () => alert);
      }
      case 'open': {
        this.channel = new SecureChannel(this.ports.aead, effect.keys);
        this.ports.report({
          event: 'accepted',
          session: toHex(effect.sessionId),
          transcript: toHex(effect.transcript),
        });
        this.renewal = new Renewal(this.ports, this.handshakeConfig, effect, {
          send: (bytes) => this.send({ kind: 'reattest', bytes }),
          renewed: (renewal) => this.ports.report(reattestedEvent(effect, renewal)),
          fail: (error) => this.fail(error),
        });
        try {
          const ledger = this.ports.ledger(effect);
          this.ledger = ledger;
          this.receipt = this.ports.receipt(effect, ledger);
        } catch (error) {
          return this.fail(error);
        }
        this.run = new Run({
          manifest: this.configuration.manifest,
          party: this.configuration.party,
          peerManifestHash: effect.peer.manifestHash,
          sessionId: effect.sessionId,
          rng: this.ports.rng,
          ciphers: this.ports.ciphers,
          newSha256: () => createHash('sha256'),
          coinGuard: this.ports.coinGuard,
        });
        this.applyRun(this.run.start());
        if (this.table !== undefined) this.advanceRun({ kind: 'table', table: this.table });
      }
    }
  }

  private advanceRun(event: RunEvent): void {
    if (this.ended || this.run === undefined) return;
    try {
      this.applyRun(this.run.step(event));
    } catch (error) {
      this.fail(error);
    }
  }

  private applyRun(effects: readonly RunEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.send(effect.message);
          break;
        case 'column':
          this.sendColumn(effect);
          break;
        case 'hash':
        case 'multiply':
          this.pending(this.compute(effect), (result) =>
            this.advanceRun({ kind: 'kernel', result }),
          );
          break;
        case 'ledger': {
          const { request } = effect;
          if (this.ledger === undefined)
            throw new DpcaError('ERR_INTERNAL', 'a run without session');
          this.pending(this.ledger.handle(request), (message) =>
            this.advanceRun({ kind: 'ledger', step: request.step, message }),
          );
          break;
        }
        case 'protocol': {
          const { protocol } = effect;
          this.driver = new ProtocolDriver((data) => this.sendValues(data));
          this.pending(this.driver.run(protocol), (evaluation) => {
            this.driver = undefined;
            this.advanceRun({ kind: 'evaluated', evaluation });
          });
          break;
        }
        case 'receipt': {
          const { request } = effect;
          if (this.receipt === undefined)
            throw new DpcaError('ERR_INTERNAL', 'a run without session');
          this.pending(this.receipt.handle(request), (message) =>
            this.advanceRun({ kind: 'receipt', step: request.step, message }),
          );
          break;
        }
        case 'shares':
          effect.shares.forEach((kept, column) => {
            const cells = 'words' in kept ? kept.words : BigUint64Array.from(kept.bits, BigInt);
            this.ports.share(column, cells);
          });
          break;
        case 'release':
          this.released = true;
          this.ports.report({
            event: 'release',
            release: effect.release,
            moments: effect.moments.map(String),
            receipt: this.receipt?.id ?? null,
          });
          break;
        case 'committed': {
          const hex = ({ seed, mix, coins }: MaskCommitments): JsonObject => ({
            ...{ seed: toHex(seed), mix: toHex(mix), coins: toHex(coins) },
          });
          const { a, b } = effect.commitments;
          this.ports.report({ event: 'committed', commitments: { a: hex(a), b: hex(b) } });
          break;
        }
        case 'phase':
          this.ports.report({ event: 'phase', phase: effect.phase });
          if (effect.phase === 'done') this.end(undefined);
      }
    }
  }

  private compute(effect: KernelEffect): Promise<Uint8Array> {
    const { kernel, report } = this.ports;
    return computeSlice(kernel, effect, (done, total) => {
      report({ event: 'progress', step: effect.kind, column: effect.column + 1, done, total });
    });
  }

  private sendColumn({
    columnKind,
    column,
    first,
    data,
  }: Extract<RunEffect, { kind: 'column' }>): void {
    this.enqueue(async () => {
      for (const chunk of columnChunks(columnKind, column, first, data)) {
        if (this.ended) return;
        await this.sealAndSend(chunk);
      }
    });
  }

  private takeValues(data: Uint8Array): void | Promise<void> {
    if (this.driver === undefined) {
      throw new DpcaError('ERR_WIRE_UNEXPECTED', 'values arrived in another phase');
    }
    return this.driver.push(data);
  }

  /** In its turn, and resolved when there is room for more. */
  private sendValues(data: Uint8Array): Promise<void> {
    this.enqueue(() => this.sealAndSend({ kind: 'values', bytes: data }));
    return this.outbox;
  }

  private send(message: Message): void {
    this.enqueue(() => this.sealAndSend(message));
  }

  /** Seals at the moment of sending, so that counters follow the order on the wire. */
  private sealAndSend(message: Message): Promise<void> {
    if (this.channel === undefined) return Promise.resolve();
    this.beatMs = this.ports.clock();
    return this.ports.sendFrame(this.channel.seal(MESSAGE[message.kind], encodeMessage(message)));
  }

  private enqueue(action: () => Promise<void>): void {
    this.queued += 1;
    this.outbox = this.outbox
      .then(action)
      .catch((error: unknown) => this.fail(error))
      .finally(() => (this.queued -= 1));
  }

  private pending<T>(work: Promise<T>, then: (value: T) => void): void {
    work.then(then).catch((error: unknown) => this.fail(error));
  }

  /** The peer's last words. Refusals of attestation, identity or budget keep their exit class. */
  private onAlert(code: ErrorCode): void {
    // after both sides agreed on the release, nothing can take it back
    if (this.released) this.end(undefined);
    else this.end(new DpcaError(toldBy(code), `the peer ended the run with ${code}`));
  }

  private fail(cause: unknown): void {
    if (this.ended) return;
    if (this.released) return this.end(undefined);
    const error =
      cause instanceof DpcaError
        ? cause
        : new DpcaError('ERR_INTERNAL', 'an unexpected failure in the enclave', { cause });
    if (this.channel === undefined && this.handshake.phase !== 'failed') {
      const code = revealed(error.code);
      for (const effect of this.handshake.step({ type: 'abort', code })) {
        if (effect.type === 'failed') return this.end(error, () => effect.alert);
      }
    }
    this.end(error, () => this.alertFrame(error.code));
  }

  private alertFrame(code: ErrorCode): Uint8Array | undefined {
    try {
      const body = encodeMessage({ kind: 'alert', code: revealed(code) });
      return this.channel?.seal(MESSAGE.alert, body);
    } catch {
      return undefined; // the channel itself is what failed
    }
  }

  /**
   * Ends after what is already on its way: single messages still leave, so that the peer reads our manifest before
   * our alert and can name the differences itself; columns stop where they are. `alert` is made when its turn comes.
   */
  private end(error: DpcaError | undefined, alert?: () => Uint8Array | undefined): void {
    if (this.ended) return;
    clearInterval(this.timer);
    const flushed = this.outbox;
    if (error !== undefined) {
      this.ended = true;
      this.run?.fail();
      this.driver?.stop(error);
    }
    const lastWords = flushed.then(() => {
      const frame = alert?.();
      return frame === undefined ? undefined : this.ports.sendFrame(frame);
    });
    // a peer that does not read must not keep this side from ending
    void Promise.race([lastWords, delay(FLUSH_MS, undefined, { ref: false })])
      .catch(() => undefined)
      .then(() => {
        this.ended = true;
        this.channel?.close();
        this.finish(error);
      });
  }
}
