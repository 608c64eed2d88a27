/**
 * Messages 1 to 3: Noise XX with the hello fields as payloads, up to the inputs of the transcript
 * (docs/specification.md section 2.2). Nothing here says who the peer is; it refuses our own contributions sent back
 * (ERR_SESSION_REFLECTION) and offers without a common version or suite (ERR_SESSION_DOWNGRADE).
 * @module
 */
import { type Bytes, equalConstantTime, fixed } from '../bytes.ts';
import { DpcaError } from '../errors.ts';
import type { HandshakeConfig } from './handshake-types.ts';
import {
  decodeHello,
  decodeReply,
  encodeHello,
  encodeReply,
  type Hello,
  isOffer,
  type Reply,
  type Role,
} from './messages.ts';
import { DH_BYTES, NoiseXX } from './noise.ts';
import { PROLOGUE, type TranscriptInputs } from './transcript.ts';

/** A finished key agreement; `ck` and the traffic keys are secret and belong to the caller. */
export interface Agreed {
  readonly inputs: TranscriptInputs;
  readonly ck: Uint8Array;
  /** Noise traffic keys by sending role. */
  readonly keys: Readonly<Record<Role, Uint8Array>>;
}

/** The value of each role, given this side's and the peer's. */
export function byRole<T>(role: Role, own: T, peer: T): Readonly<Record<Role, T>> {
  return role === 'init' ? { init: own, resp: peer } : { init: peer, resp: own };
}

/** A value that the phase guarantees. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new DpcaError('ERR_INTERNAL', 'handshake state is incomplete');
  return value;
}

export class Agreement {
  private readonly config: HandshakeConfig;
  private readonly noise: NoiseXX;
  private readonly nonce: Bytes<32>;
  private hello: Hello | undefined;
  private reply: Reply | undefined;

  /** Draws static, ephemeral and nonce from `config.rng`. */
  constructor(config: HandshakeConfig) {
    if (!isOffer(config.versions) || !isOffer(config.suites)) {
      throw new DpcaError('ERR_CONFIG', 'versions and suites: expected 1 to 8 ascending numbers');
    }
    this.config = config;
    this.noise = new NoiseXX({
      initiator: config.role === 'init',
      prologue: PROLOGUE,
      aead: config.aead,
      staticSecret: this.draw(),
      ephemeralSecret: this.draw(),
    });
    this.nonce = this.draw();
  }

  /** Initiator: Noise message 1. */
  writeHello(): Uint8Array {
    const { versions, suites, policyHash } = this.config;
    this.hello = { versions, suites, nonce: this.nonce, policyHash };
    return this.noise.write(encodeHello(this.hello));
  }

  /** Responder: Noise message 1 in, message 2 out. The highest common version and suite are chosen. */
  answerHello(message: Uint8Array): Uint8Array {
    const hello = decodeHello(this.noise.read(message));
    this.assertForeignKey(this.noise.peer.ephemeral);
    this.assertForeignNonce(hello.nonce);
    const { versions, suites, policyHash } = this.config;
    const version = versions.filter((v) => hello.versions.includes(v)).at(-1);
    const suite = suites.filter((s) => hello.suites.includes(s)).at(-1);
    if (version === undefined || suite === undefined) {
      throw new DpcaError('ERR_SESSION_DOWNGRADE', 'no offered version or suite is supported');
    }
    this.hello = hello;
    this.reply = { version, suite, nonce: this.nonce, policyHash };
    return this.noise.write(encodeReply(this.reply));
  }

  /** Initiator: Noise message 2 in, message 3 out. */
  answerReply(message: Uint8Array): Uint8Array {
    // before the DH, so that our own ephemeral sent back is named as what it is
    this.assertForeignKey(message.subarray(0, DH_BYTES));
    const reply = decodeReply(this.noise.read(message));
    this.assertForeignKey(this.noise.peer.static);
    this.assertForeignNonce(reply.nonce);
    const { versions, suites } = this.config;
    if (!versions.includes(reply.version) || !suites.includes(reply.suite)) {
      throw new DpcaError('ERR_SESSION_DOWNGRADE', 'the chosen version or suite was not offered');
    }
    this.reply = reply;
    return this.noise.write(new Uint8Array(0));
  }

  /** Responder: Noise message 3. */
  readStatic(message: Uint8Array): void {
    if (this.noise.read(message).length !== 0) {
      throw new DpcaError('ERR_WIRE_TRAILING', 'expected an empty payload');
    }
    this.assertForeignKey(this.noise.peer.static);
  }

  /** After message 3, on either side; the Noise secrets are wiped. */
  finish(): Agreed {
    const { noise } = this;
    const { role } = this.config;
    const hello = present(this.hello);
    const reply = present(this.reply);
    const key = (bytes: Uint8Array | undefined): Bytes<32> =>
      fixed(present(bytes), DH_BYTES, 'public key');
    const { h, ck, initKey, respKey } = noise.split();
    const inputs = {
      versions: hello.versions,
      suites: hello.suites,
      version: reply.version,
      suite: reply.suite,
      nonces: { init: hello.nonce, resp: reply.nonce },
      policyHashes: { init: hello.policyHash, resp: reply.policyHash },
      ephemerals: byRole(role, key(noise.ephemeralPublic), key(noise.peer.ephemeral)),
      statics: byRole(role, key(noise.staticPublic), key(noise.peer.static)),
      h: fixed(h, 32, 'handshake hash'),
    };
    return { inputs, ck, keys: { init: initKey, resp: respKey } };
  }

  destroy(): void {
    this.noise.destroy();
  }

  private draw(): Bytes<32> {
    const drawn = this.config.rng(32);
    if (drawn.length === 32) return fixed(drawn, 32, 'random bytes');
    throw new DpcaError('ERR_RNG_SHORT', `expected 32 random bytes, got ${drawn.length}`);
  }

  private assertForeignKey(key: Uint8Array | undefined): void {
    const { ephemeralPublic, staticPublic } = this.noise;
    const theirs = present(key);
    if (equalConstantTime(theirs, ephemeralPublic) || equalConstantTime(theirs, staticPublic)) {
      throw new DpcaError('ERR_SESSION_REFLECTION', "expected the peer's key, got our own");
    }
  }

  private assertForeignNonce(nonce: Uint8Array): void {
    if (equalConstantTime(nonce, this.nonce)) {
      throw new DpcaError('ERR_SESSION_REFLECTION', "expected the peer's nonce, got our own");
    }
  }
}
