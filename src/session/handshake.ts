/**
 * The handshake between two enclaves as a sans-I/O state machine: Noise XX, then attestation of the finished transcript
 * in both directions, identity signatures, finish MACs, new traffic keys (docs/specification.md section 2; RFC 9334 terms). Both
 * parties run this code; initiator and responder differ in the order of messages only.
 *
 *   initiator  idle -> hello ---------> document -> evidence -> verdict -> finish -> open
 *   responder  idle -> hello -> static -> document -> evidence -> verdict -> finish -> open
 *
 * `hello` waits for the peer's first message, `static` for Noise message 3, `document` for the own attestation document,
 * `evidence` for the peer's, `verdict` for its appraisal, `finish` for the peer's finish MAC. Trust: everything received
 * is hostile until `open`. Any failure is terminal, wipes the secrets, and yields one alert that holds only a code.
 * @module
 */
import { type Bytes, concat, equalConstantTime } from '../bytes.ts';
import { u8 } from '../encoding.ts';
import { DpcaError, type ErrorCode, exitOf } from '../errors.ts';
import { Agreement, byRole, present } from './agreement.ts';
import { directed, SecureChannel } from './channel.ts';
import type {
  Appraised,
  HandshakeConfig,
  HandshakeEffect,
  HandshakeEvent,
  HandshakeRecord,
  OwnDocument,
} from './handshake-types.ts';
import { assertIdentity, identityHash, signIdentity } from './identity.ts';
import {
  decodeAlert,
  decodeEvidence,
  encodeAlert,
  encodeEvidence,
  type Evidence,
  HANDSHAKE_FRAME,
  MAX_HANDSHAKE_FRAME_BYTES,
  otherRole,
  type Role,
} from './messages.ts';
import {
  KeySchedule,
  type PayloadHashes,
  sessionId,
  transcriptHash,
  type TranscriptInputs,
} from './transcript.ts';

export type HandshakePhase =
  'idle' | 'hello' | 'static' | 'document' | 'evidence' | 'verdict' | 'finish' | 'open' | 'failed';

/** What exists once Noise is finished. */
interface Bound {
  readonly inputs: TranscriptInputs;
  readonly transcript: Bytes<48>;
  readonly sessionId: Bytes<32>;
  readonly schedule: KeySchedule;
  /** Under the Noise traffic keys; ends with the handshake. */
  readonly channel: SecureChannel;
}

export class Handshake {
  private readonly config: HandshakeConfig;
  private readonly agreement: Agreement;
  private current: HandshakePhase = 'idle';
  private bound: Bound | undefined;
  private own: (OwnDocument & Evidence) | undefined;
  private early: Evidence | undefined;
  private evidence: Evidence | undefined;
  private peer: Appraised | undefined;

  /** ERR_CONFIG for a configuration that cannot work, ERR_RNG_SHORT. */
  constructor(config: HandshakeConfig) {
    if (equalConstantTime(config.identity.publicKey, config.peerIdentity)) {
      throw new DpcaError('ERR_CONFIG', "the peer's identity key is our own");
    }
    this.config = config;
    this.agreement = new Agreement(config);
  }

  get phase(): HandshakePhase {
    return this.current;
  }

  /** Takes one event; never throws on anything a peer sent. After `open` or `failed` nothing happens any more. */
  step(event: HandshakeEvent): readonly HandshakeEffect[] {
    if (this.current === 'open' || this.current === 'failed') return [];
    try {
      return this.advance(event);
    } catch (error) {
      return [this.fail(error)];
    }
  }

  private advance(event: HandshakeEvent): readonly HandshakeEffect[] {
    switch (event.type) {
      case 'start':
        return this.onStart();
      case 'message':
        return this.onFrame(event.bytes);
      case 'document':
        return this.onDocument(event);
      case 'appraised':
        if (!event.accept) throw new DpcaError(event.code, 'the peer was not accepted');
        return this.onAccepted(event);
      case 'abort':
        throw new DpcaError(event.code, 'the handshake was ended by this side');
    }
  }

  private onStart(): readonly HandshakeEffect[] {
    this.expect('idle');
    this.current = 'hello';
    if (this.config.role === 'resp') return [];
    return [this.send(HANDSHAKE_FRAME.hello, this.agreement.writeHello())];
  }

  private onFrame(bytes: Uint8Array): readonly HandshakeEffect[] {
    if (bytes.length > MAX_HANDSHAKE_FRAME_BYTES) {
      const message = `expected a frame of at most ${MAX_HANDSHAKE_FRAME_BYTES} bytes`;
      throw new DpcaError('ERR_WIRE_TOO_LARGE', message);
    }
    const [type] = bytes;
    const body = bytes.subarray(1);
    switch (type) {
      case HANDSHAKE_FRAME.hello:
        return this.onHello(body);
      case HANDSHAKE_FRAME.reply:
        return this.onReply(body);
      case HANDSHAKE_FRAME.static:
        return this.onStatic(body);
      case HANDSHAKE_FRAME.clearAlert:
        // anyone on the path can send this: it can end the attempt, as cutting the wire can, and proves nothing
        throw new PeerAlert('ERR_PEER_ABORTED', `without authentication: ${decodeAlert(body)}`);
      case HANDSHAKE_FRAME.evidence:
      case HANDSHAKE_FRAME.finish:
      case HANDSHAKE_FRAME.alert:
        return this.onSealed(bytes);
      default:
        throw new DpcaError('ERR_WIRE_TYPE', 'unknown handshake frame type');
    }
  }

  private onHello(body: Uint8Array): readonly HandshakeEffect[] {
    this.expectFrame('hello', 'resp');
    const reply = this.agreement.answerHello(body);
    this.current = 'static';
    return [this.send(HANDSHAKE_FRAME.reply, reply)];
  }

  private onReply(body: Uint8Array): readonly HandshakeEffect[] {
    this.expectFrame('hello', 'init');
    const message = this.send(HANDSHAKE_FRAME.static, this.agreement.answerReply(body));
    return [message, this.bind()];
  }

  private onStatic(body: Uint8Array): readonly HandshakeEffect[] {
    this.expectFrame('static', 'resp');
    this.agreement.readStatic(body);
    return [this.bind()];
  }

  /** Noise is finished: fixes the transcript and asks for the own document, which is bound to it. */
  private bind(): HandshakeEffect {
    const { role, aead, identity, manifestHash, enclaveKeyHash } = this.config;
    const { inputs, ck, keys } = this.agreement.finish();
    const bound: Bound = {
      inputs,
      transcript: transcriptHash(inputs),
      sessionId: sessionId(inputs),
      schedule: new KeySchedule(ck, inputs.h),
      channel: new SecureChannel(aead, directed(keys, role)),
    };
    this.bound = bound;
    this.current = 'document';
    return {
      type: 'attest',
      publicKey: inputs.statics[role],
      nonce: inputs.nonces[otherRole(role)],
      userData: {
        role,
        sessionId: bound.sessionId,
        transcript: bound.transcript,
        identityHash: identityHash(identity.publicKey),
        manifestHash,
        enclaveKeyHash,
      },
    };
  }

  private onDocument(own: OwnDocument): readonly HandshakeEffect[] {
    this.expect('document');
    const { identity, role } = this.config;
    const { transcript } = present(this.bound);
    const signature = signIdentity(identity, role, transcript, own.payloadHash);
    this.own = { document: own.document, payloadHash: own.payloadHash, signature };
    this.current = 'evidence';
    if (role === 'init') return [this.sendEvidence()];
    // the responder shows its document only to a peer that it has accepted
    const { early } = this;
    return early === undefined ? [] : this.onEvidence(early);
  }

  private sendEvidence(): HandshakeEffect {
    return this.sealed(HANDSHAKE_FRAME.evidence, encodeEvidence(present(this.own)));
  }

  private onSealed(frame: Uint8Array): readonly HandshakeEffect[] {
    if (this.bound === undefined) throw new DpcaError('ERR_WIRE_UNEXPECTED', 'no keys exist yet');
    const { type, plaintext } = this.bound.channel.open(frame);
    if (type === HANDSHAKE_FRAME.alert) throw alertFrom(decodeAlert(plaintext));
    if (type === HANDSHAKE_FRAME.finish) return this.onFinish(plaintext);
    const evidence = decodeEvidence(plaintext);
    if (this.current === 'document' && this.config.role === 'resp' && this.early === undefined) {
      this.early = evidence; // our own module has not answered yet
      return [];
    }
    return this.onEvidence(evidence);
  }

  private onEvidence(evidence: Evidence): readonly HandshakeEffect[] {
    this.expectFrame('evidence', this.config.role);
    const { role, peerIdentity } = this.config;
    const { inputs, transcript, sessionId: session } = present(this.bound);
    const peerRole = otherRole(role);
    this.evidence = evidence;
    this.current = 'verdict';
    const expected = {
      publicKey: inputs.statics[peerRole],
      ownPublicKey: inputs.statics[role],
      nonce: inputs.nonces[role],
      role: peerRole,
      sessionId: session,
      transcript,
      identityHash: identityHash(peerIdentity),
    };
    return [{ type: 'appraise', document: evidence.document, expected }];
  }

  private onAccepted(peer: Appraised): readonly HandshakeEffect[] {
    this.expect('verdict');
    const { role, peerIdentity } = this.config;
    const { transcript } = present(this.bound);
    const { signature } = present(this.evidence);
    assertIdentity(peerIdentity, otherRole(role), transcript, peer.payloadHash, signature);
    const { payloadHash, manifestHash, enclaveKeyHash, expiresMs } = peer;
    this.peer = { payloadHash, manifestHash, enclaveKeyHash, expiresMs };
    this.current = 'finish';
    return [role === 'init' ? this.sendFinish() : this.sendEvidence()];
  }

  private sendFinish(): HandshakeEffect {
    return this.sealed(HANDSHAKE_FRAME.finish, this.finishMac(this.config.role));
  }

  private finishMac(role: Role): Uint8Array {
    const { schedule, transcript } = present(this.bound);
    return schedule.finishMac(role, transcript, this.payloads());
  }

  private payloads(): PayloadHashes {
    return byRole(this.config.role, present(this.own).payloadHash, present(this.peer).payloadHash);
  }

  /** Only a side that accepted sends a finish MAC, so a valid one is the peer's verdict "accept". */
  private onFinish(mac: Uint8Array): readonly HandshakeEffect[] {
    this.expectFrame('finish', this.config.role);
    const { role } = this.config;
    if (!equalConstantTime(mac, this.finishMac(otherRole(role)))) {
      throw new DpcaError('ERR_SESSION_FINISH', 'the finish MAC does not verify');
    }
    const answer = role === 'resp' ? [this.sendFinish()] : [];
    const bound = present(this.bound);
    const keys = directed(bound.schedule.trafficKeys(this.payloads()), role);
    const record = this.record();
    this.wipe();
    this.current = 'open';
    return [...answer, { type: 'open', keys, ...record }];
  }

  private record(): HandshakeRecord {
    const { role } = this.config;
    const { inputs, transcript, sessionId: session } = present(this.bound);
    const own = present(this.own);
    const peer = present(this.peer);
    const evidence = present(this.evidence);
    const { document, payloadHash, signature } = own;
    return {
      role,
      sessionId: session,
      transcript,
      inputs,
      own: { document, payloadHash, signature, finishMac: this.finishMac(role) },
      peer: { ...evidence, ...peer, finishMac: this.finishMac(otherRole(role)) },
    };
  }

  /** An event that this side's own driver must not send now. */
  private expect(phase: HandshakePhase): void {
    if (this.current !== phase) {
      throw new DpcaError('ERR_INTERNAL', `expected phase ${phase}, got ${this.current}`);
    }
  }

  private expectFrame(phase: HandshakePhase, role: Role): void {
    if (this.current !== phase || this.config.role !== role) {
      throw new DpcaError('ERR_WIRE_UNEXPECTED', `this message is not expected in ${this.current}`);
    }
  }

  private send(type: number, body: Uint8Array): HandshakeEffect {
    return { type: 'send', bytes: concat(u8(type), body) };
  }

  private sealed(type: number, plaintext: Uint8Array): HandshakeEffect {
    return { type: 'send', bytes: present(this.bound).channel.seal(type, plaintext) };
  }

  private fail(cause: unknown): HandshakeEffect {
    const error =
      cause instanceof DpcaError
        ? cause
        : new DpcaError('ERR_INTERNAL', 'the handshake failed unexpectedly', { cause });
    let alert: Uint8Array | undefined;
    if (!(error instanceof PeerAlert)) {
      const body = encodeAlert(error.code);
      alert =
        this.bound === undefined
          ? concat(u8(HANDSHAKE_FRAME.clearAlert), body)
          : this.bound.channel.seal(HANDSHAKE_FRAME.alert, body);
    }
    this.wipe();
    this.current = 'failed';
    return { type: 'failed', code: error.code, error, alert };
  }

  private wipe(): void {
    this.agreement.destroy();
    this.bound?.schedule.destroy();
    this.bound?.channel.close();
  }
}

/** The peer ended the handshake; it gets no alert back. */
class PeerAlert extends DpcaError {}

/** An alert that was sealed by whoever holds the Noise static of this session. */
function alertFrom(code: ErrorCode): PeerAlert {
  return exitOf(code) === 'attestation'
    ? new PeerAlert('ERR_SESSION_REFUSED', `the peer refused this side: ${code}`)
    : new PeerAlert('ERR_PEER_ABORTED', `the peer ended the handshake: ${code}`);
}
