/**
 * Drives re-attestation in an open session (src/session/reattest.ts): every event is judged at the security module's
 * time, never at the host's.
 * @module
 */
import { toBase64 } from '../attestation/base64.ts';
import { toHex } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import type { JsonObject } from '../src/json.ts';
import type { NowMs } from '../src/rng.ts';
import type { HandshakeConfig, HandshakeRecord } from '../src/session/handshake-types.ts';
import { Reattestation, type ReattestEffect, type ReattestEvent } from '../src/session/reattest.ts';
import type { SessionPorts } from './peer-session.ts';

/** How often the security module is asked for the time, which decides when to attest again. */
const NSM_TIME_MS = 15_000;

export type Renewed = Extract<ReattestEffect, { type: 'renewed' }>;

export interface RenewalHandlers {
  readonly send: (bytes: Uint8Array) => void;
  /** The peer has been attested again. */
  readonly renewed: (renewal: Renewed) => void;
  readonly fail: (error: unknown) => void;
}

export class Renewal {
  private readonly ports: Pick<SessionPorts, 'now' | 'attest' | 'appraise'>;
  private readonly handlers: RenewalHandlers;
  private reattestation: Reattestation | undefined;
  private askedMs = 0;

  constructor(
    ports: Pick<SessionPorts, 'now' | 'attest' | 'appraise'>,
    config: HandshakeConfig,
    opened: HandshakeRecord,
    handlers: RenewalHandlers,
  ) {
    this.ports = ports;
    this.handlers = handlers;
    this.pending(ports.now(), (now) => {
      this.reattestation = new Reattestation(config, opened, now);
    });
  }

  /** Call often, with the monotonic clock. */
  tick(clockMs: number): void {
    if (this.reattestation === undefined || clockMs - this.askedMs < NSM_TIME_MS) return;
    this.askedMs = clockMs;
    this.step({ type: 'tick' });
  }

  step(event: ReattestEvent): void {
    const { reattestation } = this;
    if (reattestation === undefined) {
      const problem = 're-attestation before it can be due';
      this.handlers.fail(new DpcaError('ERR_WIRE_UNEXPECTED', problem));
      return;
    }
    this.pending(this.ports.now(), (now) => this.advance(reattestation, event, now));
  }

  private advance(reattestation: Reattestation, event: ReattestEvent, now: NowMs): void {
    const { ports, handlers } = this;
    for (const effect of reattestation.step(event, now)) {
      switch (effect.type) {
        case 'send':
          handlers.send(effect.bytes);
          break;
        case 'attest':
          this.pending(ports.attest(effect.publicKey, effect.nonce, effect.userData), (own) =>
            this.step({ type: 'document', ...own }),
          );
          break;
        case 'appraise':
          this.pending(ports.appraise(effect.document, effect.expected), (appraised) =>
            this.step({ type: 'appraised', accept: true, ...appraised }),
          );
          break;
        case 'renewed':
          handlers.renewed(effect);
          break;
        case 'failed':
          handlers.fail(effect.error);
      }
    }
  }

  private pending<T>(work: Promise<T>, then: (value: T) => void): void {
    work.then(then).catch((error: unknown) => this.handlers.fail(error));
  }
}

/** For the own log: the renewed evidence of both sides, from which T' can be made again. */
export function reattestedEvent(
  { role, sessionId, transcript }: HandshakeRecord,
  { epoch, nonces, own, peer }: Renewed,
): JsonObject {
  const evidence = (side: Renewed['own'] | Renewed['peer']): JsonObject => ({
    document: toBase64(side.document),
    signature: toHex(side.signature),
  });
  const [init, resp] = role === 'init' ? [own, peer] : [peer, own];
  return {
    event: 'reattested',
    epoch,
    session: toHex(sessionId),
    transcript: toHex(transcript),
    nonces: { init: toHex(nonces.init), resp: toHex(nonces.resp) },
    evidence: { init: evidence(init), resp: evidence(resp) },
  };
}
