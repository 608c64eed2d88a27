/**
 * Re-attestation inside an open channel: every 15 minutes at the latest, and before the peer's leaf certificate ends, both
 * sides attest again to the same statics with new nonces (docs/specification.md section 4.2). The initiator starts; three
 * messages that travel in channel frames. Sans-I/O; times are arguments, in milliseconds of the own security module's clock.
 * Trust: the peer is the attested one until `validUntilMs`; silence, refusal or delay end with ERR_SESSION_UNATTESTED.
 * @module
 */
import { sha384 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalConstantTime, fixed } from '../bytes.ts';
import { lengthPrefixed, u32be, u8, utf8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import type { NowMs } from '../rng.ts';
import { Reader } from '../wire/reader.ts';
import { byRole, present } from './agreement.ts';
import type {
  Appraised,
  HandshakeConfig,
  HandshakeEffect,
  HandshakeRecord,
  OwnDocument,
  Verdict,
} from './handshake-types.ts';
import { assertIdentity, identityHash, signIdentity } from './identity.ts';
import { decodeEvidence, encodeEvidence, type Evidence, otherRole, type Role } from './messages.ts';

/** The longest time between two acceptances of the same peer. */
export const REATTEST_INTERVAL_MS = 900_000;
/** The initiator starts this long before the deadline. */
export const REATTEST_MARGIN_MS = 60_000;
/**
 * A peer accepted less than this ago is not asked again: a security module may hand out the same nearly expired leaf for
 * a while, and the responder may still be appraising.
 */
export const REATTEST_MIN_GAP_MS = 10_000;

const KIND = { request: 1, answer: 2, proof: 3 } as const;

export type ReattestEvent =
  /** Call at `nextMs`, or whenever convenient. */
  | { readonly type: 'tick' }
  /** Initiator: start now, as before a run; nothing happens if one is under way or has just succeeded. */
  | { readonly type: 'begin' }
  /** The body of a re-attestation frame. */
  | { readonly type: 'message'; readonly bytes: Uint8Array }
  | ({ readonly type: 'document' } & OwnDocument)
  | ({ readonly type: 'appraised' } & Verdict);

export type ReattestEffect =
  /** The body of a re-attestation frame. */
  | Extract<HandshakeEffect, { type: 'send' | 'attest' | 'appraise' }>
  /** For the log: T' with everything it is made of, and both documents. */
  | {
      readonly type: 'renewed';
      readonly epoch: number;
      readonly nonces: Readonly<Record<Role, Bytes<32>>>;
      readonly transcript: Bytes<48>;
      readonly own: OwnDocument & { readonly signature: Bytes<64> };
      readonly peer: Appraised & Evidence;
      readonly validUntilMs: NowMs;
    }
  /** Terminal: tell the peer and close the channel. */
  | { readonly type: 'failed'; readonly error: DpcaError };

/** T' of epoch 1, 2, ..: chained to the handshake by T, fresh by both nonces. */
export function againTranscript(
  transcript: Bytes<48>,
  epoch: number,
  nonces: Readonly<Record<Role, Bytes<32>>>,
): Bytes<48> {
  const parts = lengthPrefixed(transcript, u32be(epoch), nonces.init, nonces.resp);
  return fixed(sha384(concat(utf8('dpca-attest/v1 again'), parts)), 48, 'transcript');
}

/** Of one epoch. */
interface Round {
  readonly nonces: Readonly<Record<Role, Bytes<32>>>;
  readonly transcript: Bytes<48>;
  evidence: Evidence | undefined;
  own: (OwnDocument & { readonly signature: Bytes<64> }) | undefined;
}

type Phase = 'fresh' | 'answer' | 'document' | 'proof' | 'verdict' | 'failed';

export class Reattestation {
  private readonly config: HandshakeConfig;
  private readonly record: HandshakeRecord;
  private acceptedMs: NowMs;
  private expiresMs: NowMs;
  private epoch = 0;
  private phase: Phase = 'fresh';
  private nonce: Bytes<32> | undefined;
  private round: Round | undefined;

  /** `record` is the `open` effect of the handshake, `nowMs` the time at which it opened. */
  constructor(config: HandshakeConfig, record: HandshakeRecord, nowMs: NowMs) {
    this.config = config;
    this.record = record;
    this.acceptedMs = nowMs;
    this.expiresMs = record.peer.expiresMs;
  }

  /** From here on the peer is not attested any more. */
  get validUntilMs(): NowMs {
    return Math.min(this.acceptedMs + REATTEST_INTERVAL_MS, this.expiresMs);
  }

  /** When a `tick` is due: the start (initiator), or the deadline. */
  get nextMs(): NowMs {
    if (this.record.role === 'resp' || this.phase !== 'fresh') return this.validUntilMs;
    const start = this.validUntilMs - REATTEST_MARGIN_MS;
    return Math.min(Math.max(start, this.acceptedMs + REATTEST_MIN_GAP_MS), this.validUntilMs);
  }

  /** Takes one event at time `nowMs`; never throws on anything a peer sent; after `failed` nothing happens. */
  step(event: ReattestEvent, nowMs: NowMs): readonly ReattestEffect[] {
    if (this.phase === 'failed') return [];
    try {
      if (!(nowMs < this.validUntilMs))
        return [this.fail('the peer was not attested again in time')];
      return this.advance(event, nowMs);
    } catch (error) {
      this.phase = 'failed';
      const known = error instanceof DpcaError;
      return [
        {
          type: 'failed',
          error: known
            ? error
            : new DpcaError('ERR_INTERNAL', 're-attestation failed', { cause: error }),
        },
      ];
    }
  }

  private advance(event: ReattestEvent, nowMs: NowMs): readonly ReattestEffect[] {
    switch (event.type) {
      case 'tick':
        return nowMs >= this.nextMs ? this.begin(nowMs) : [];
      case 'begin':
        return this.begin(nowMs);
      case 'message':
        return this.onMessage(event.bytes);
      case 'document':
        return this.onDocument(event);
      case 'appraised':
        if (!event.accept) return [this.fail(`the peer was not accepted: ${event.code}`)];
        return this.onAccepted(event, nowMs);
    }
  }

  private begin(nowMs: NowMs): readonly ReattestEffect[] {
    if (this.record.role === 'resp' || this.phase !== 'fresh') return [];
    if (nowMs < this.acceptedMs + REATTEST_MIN_GAP_MS) return [];
    this.epoch += 1;
    this.nonce = this.draw();
    this.phase = 'answer';
    return [this.send(KIND.request, this.nonce)];
  }

  private onMessage(bytes: Uint8Array): readonly ReattestEffect[] {
    const reader = new Reader(bytes);
    const kind = reader.u8();
    const epoch = reader.u32();
    const { role } = this.record;
    if (role === 'resp' && this.phase === 'fresh' && kind === KIND.request) {
      this.epoch += 1;
      this.assertEpoch(epoch);
      const peerNonce = fixed(reader.take(32).slice(), 32, 'nonce');
      reader.finish();
      this.nonce = this.draw();
      return [this.attest(peerNonce)];
    }
    this.assertEpoch(epoch);
    if (role === 'init' && this.phase === 'answer' && kind === KIND.answer) {
      const peerNonce = fixed(reader.take(32).slice(), 32, 'nonce');
      const evidence = decodeEvidence(reader.rest());
      const effect = this.attest(peerNonce);
      present(this.round).evidence = evidence;
      return [effect];
    }
    if (role === 'resp' && this.phase === 'proof' && kind === KIND.proof) {
      return [this.appraise(decodeEvidence(reader.rest()))];
    }
    throw new DpcaError('ERR_WIRE_UNEXPECTED', 'a re-attestation message out of order');
  }

  /** Both nonces are known: asks for the own document. */
  private attest(peerNonce: Bytes<32>): ReattestEffect {
    const { role, sessionId, transcript, inputs } = this.record;
    const nonce = present(this.nonce);
    if (equalConstantTime(peerNonce, nonce)) {
      throw new DpcaError('ERR_SESSION_REFLECTION', "expected the peer's nonce, got our own");
    }
    const nonces = byRole(role, nonce, peerNonce);
    const again = againTranscript(transcript, this.epoch, nonces);
    this.round = { nonces, transcript: again, evidence: undefined, own: undefined };
    this.phase = 'document';
    const { identity, manifestHash, enclaveKeyHash } = this.config;
    return {
      type: 'attest',
      publicKey: inputs.statics[role],
      nonce: peerNonce,
      userData: {
        role,
        sessionId,
        transcript: again,
        identityHash: identityHash(identity.publicKey),
        manifestHash,
        enclaveKeyHash,
      },
    };
  }

  private onDocument(own: OwnDocument): readonly ReattestEffect[] {
    if (this.phase !== 'document') throw new DpcaError('ERR_INTERNAL', 'no document was asked for');
    const { role } = this.record;
    const round = present(this.round);
    const { document, payloadHash } = own;
    const signature = signIdentity(this.config.identity, role, round.transcript, payloadHash);
    round.own = { document, payloadHash, signature };
    if (role === 'init') return [this.appraise(present(round.evidence))];
    this.phase = 'proof';
    return [this.send(KIND.answer, present(this.nonce), encodeEvidence(round.own))];
  }

  private appraise(evidence: Evidence): ReattestEffect {
    const { role, sessionId, inputs } = this.record;
    const round = present(this.round);
    const peerRole = otherRole(role);
    round.evidence = evidence;
    this.phase = 'verdict';
    const expected = {
      publicKey: inputs.statics[peerRole],
      ownPublicKey: inputs.statics[role],
      nonce: round.nonces[role],
      role: peerRole,
      sessionId,
      transcript: round.transcript,
      identityHash: identityHash(this.config.peerIdentity),
    };
    return { type: 'appraise', document: evidence.document, expected };
  }

  private onAccepted(accepted: Appraised, nowMs: NowMs): readonly ReattestEffect[] {
    if (this.phase !== 'verdict') throw new DpcaError('ERR_INTERNAL', 'no verdict was asked for');
    const { role, peer } = this.record;
    const { nonces, transcript, evidence, own } = present(this.round);
    const { document, signature } = present(evidence);
    const { payloadHash, manifestHash, enclaveKeyHash, expiresMs } = accepted;
    const { peerIdentity } = this.config;
    assertIdentity(peerIdentity, otherRole(role), transcript, payloadHash, signature);
    if (
      !equalConstantTime(manifestHash, peer.manifestHash) ||
      !equalConstantTime(enclaveKeyHash, peer.enclaveKeyHash)
    ) {
      return [this.fail('the peer attested another manifest or enclave key than before')];
    }
    this.acceptedMs = nowMs;
    this.expiresMs = expiresMs;
    this.phase = 'fresh';
    const attested = present(own);
    const renewed: ReattestEffect = {
      type: 'renewed',
      epoch: this.epoch,
      nonces,
      transcript,
      own: attested,
      peer: { document, signature, payloadHash, manifestHash, enclaveKeyHash, expiresMs },
      validUntilMs: this.validUntilMs,
    };
    return role === 'init' ? [this.send(KIND.proof, encodeEvidence(attested)), renewed] : [renewed];
  }

  private assertEpoch(epoch: number): void {
    if (epoch !== this.epoch) {
      throw new DpcaError('ERR_WIRE_VALUE', 'a re-attestation message of another epoch');
    }
  }

  private draw(): Bytes<32> {
    const drawn = this.config.rng(32);
    if (drawn.length === 32) return fixed(drawn, 32, 'nonce');
    throw new DpcaError('ERR_RNG_SHORT', `expected 32 random bytes, got ${drawn.length}`);
  }

  private send(kind: number, ...parts: readonly Uint8Array[]): ReattestEffect {
    return { type: 'send', bytes: concat(u8(kind), u32be(this.epoch), ...parts) };
  }

  private fail(message: string): ReattestEffect {
    this.phase = 'failed';
    return { type: 'failed', error: new DpcaError('ERR_SESSION_UNATTESTED', message) };
  }
}
