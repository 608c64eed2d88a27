/**
 * Noise_XX_25519_AESGCM_SHA256 (The Noise Protocol Framework, revision 34, sections 5 to 7 and 12): cipher state,
 * symmetric state and the XX handshake, one message per call. Both static keys are fresh per connection here, so XX
 * proves possession only; who the peer is follows from attestation and identity signature (handshake.ts).
 * Stricter than Noise: public keys have bit 255 clear, and an all-zero shared secret is refused.
 * Every refusal of received bytes is ERR_SESSION_NOISE. Secret inputs: yes.
 * @module
 */
import { x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, wipe } from '../bytes.ts';
import { utf8 } from '../encoding.ts';
import { DpcaError, orCode } from '../errors.ts';
import { type Aead, AEAD_TAG_BYTES, counterNonce } from './aead.ts';

export const NOISE_PROTOCOL = 'Noise_XX_25519_AESGCM_SHA256';
export const DH_BYTES = 32;
const EMPTY: Uint8Array = new Uint8Array(0);

type Token = 'e' | 's' | 'ee' | 'es' | 'se';
/** Section 7.5, pattern XX; message 0 and 2 are the initiator's. */
const XX: readonly (readonly Token[])[] = [['e'], ['e', 'ee', 's', 'es'], ['s', 'se']];

/** What a finished handshake yields (section 5.2, Split); all but `h` are secret. */
export interface NoiseResult {
  /** Handshake hash, 32 bytes: covers prologue, both ephemerals, both statics, all payloads. */
  readonly h: Uint8Array;
  /** Chaining key, 32 bytes, from which exporters are derived. */
  readonly ck: Uint8Array;
  /** Traffic key from initiator to responder, and back. */
  readonly initKey: Uint8Array;
  readonly respKey: Uint8Array;
}

export interface NoiseOptions {
  readonly initiator: boolean;
  readonly prologue: Uint8Array;
  readonly aead: Aead;
  /** X25519 secrets of 32 bytes; owned, and wiped, by the handshake from here on. */
  readonly staticSecret: Uint8Array;
  readonly ephemeralSecret: Uint8Array;
}

function refuse(message: string): never {
  throw new DpcaError('ERR_SESSION_NOISE', message);
}

/** X25519 (RFC 7748 section 6.1) with the all-zero result and set top bits refused. */
function agree(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  if (publicKey.length !== DH_BYTES || ((publicKey[DH_BYTES - 1] ?? 0x80) & 0x80) !== 0) {
    refuse('expected a public key of 32 bytes with its top bit clear');
  }
  return orCode('ERR_SESSION_NOISE', 'expected a public key that is not of low order', () =>
    x25519.getSharedSecret(secret, publicKey),
  );
}

export class NoiseXX {
  readonly staticPublic: Uint8Array;
  readonly ephemeralPublic: Uint8Array;
  private readonly options: NoiseOptions;
  private peerStatic: Uint8Array | undefined;
  private peerEphemeral: Uint8Array | undefined;
  private h: Uint8Array;
  private ck: Uint8Array;
  private key: Uint8Array | undefined;
  private counter = 0;
  private turn = 0;

  constructor(options: NoiseOptions) {
    this.options = options;
    this.staticPublic = x25519.getPublicKey(options.staticSecret);
    this.ephemeralPublic = x25519.getPublicKey(options.ephemeralSecret);
    // the name has 28 bytes <= HASHLEN, so it is padded with zeros and not hashed (section 5.2)
    this.h = concat(utf8(NOISE_PROTOCOL), new Uint8Array(32 - NOISE_PROTOCOL.length));
    this.ck = this.h.slice();
    this.mixHash(options.prologue);
  }

  /** The peer's public keys, once received. */
  get peer(): {
    readonly static: Uint8Array | undefined;
    readonly ephemeral: Uint8Array | undefined;
  } {
    return { static: this.peerStatic, ephemeral: this.peerEphemeral };
  }

  /** Writes the next message; out of turn is ERR_INTERNAL. */
  write(payload: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const token of this.tokens(true)) {
      if (token === 'e') {
        this.mixHash(this.ephemeralPublic);
        parts.push(this.ephemeralPublic);
      } else if (token === 's') {
        parts.push(this.encryptAndHash(this.staticPublic));
      } else {
        this.mixDh(token);
      }
    }
    return concat(...parts, this.encryptAndHash(payload));
  }

  /** Reads the next message and returns its payload. */
  read(message: Uint8Array): Uint8Array {
    let rest = message;
    const take = (n: number): Uint8Array => {
      if (rest.length < n) refuse('expected a longer handshake message');
      const part = rest.slice(0, n);
      rest = rest.subarray(n);
      return part;
    };
    for (const token of this.tokens(false)) {
      if (token === 'e') {
        this.peerEphemeral = take(DH_BYTES);
        this.mixHash(this.peerEphemeral);
      } else if (token === 's') {
        const sealed = this.key === undefined ? DH_BYTES : DH_BYTES + AEAD_TAG_BYTES;
        this.peerStatic = this.decryptAndHash(take(sealed));
      } else {
        this.mixDh(token);
      }
    }
    return this.decryptAndHash(rest).slice();
  }

  /** Section 5.2, Split, after the last message; the secrets of the handshake are wiped. */
  split(): NoiseResult {
    if (this.turn !== XX.length) throw new DpcaError('ERR_INTERNAL', 'Noise: split before the end');
    const keys = hkdf(sha256, EMPTY, this.ck, EMPTY, 64);
    const result = {
      h: this.h.slice(),
      ck: this.ck.slice(),
      initKey: keys.slice(0, 32),
      respKey: keys.slice(32),
    };
    wipe(keys);
    this.destroy();
    return result;
  }

  destroy(): void {
    wipe(this.options.staticSecret, this.options.ephemeralSecret, this.ck);
    if (this.key !== undefined) wipe(this.key);
    this.turn = Infinity;
  }

  private tokens(writing: boolean): readonly Token[] {
    const pattern = XX[this.turn];
    if (pattern === undefined || (this.turn % 2 === 0) !== (writing === this.options.initiator)) {
      throw new DpcaError('ERR_INTERNAL', 'Noise: message out of turn');
    }
    this.turn += 1;
    return pattern;
  }

  private mixHash(data: Uint8Array): void {
    this.h = sha256(concat(this.h, data));
  }

  /** MixKey(DH): the first letter names the initiator's key, the second the responder's. */
  private mixDh(token: Exclude<Token, 'e' | 's'>): void {
    const [own, theirs] = this.options.initiator ? [token[0], token[1]] : [token[1], token[0]];
    const { staticSecret, ephemeralSecret } = this.options;
    const peer = theirs === 's' ? this.peerStatic : this.peerEphemeral;
    const shared = agree(own === 's' ? staticSecret : ephemeralSecret, peer ?? EMPTY);
    const output = hkdf(sha256, shared, this.ck, EMPTY, 64);
    wipe(shared, this.ck);
    if (this.key !== undefined) wipe(this.key);
    this.ck = output.slice(0, 32);
    this.key = output.slice(32);
    this.counter = 0;
    wipe(output);
  }

  private encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const out =
      this.key === undefined
        ? plaintext
        : this.options.aead.seal(this.key, counterNonce(this.counter++), this.h, plaintext);
    this.mixHash(out);
    return out;
  }

  private decryptAndHash(ciphertext: Uint8Array): Uint8Array {
    const out =
      this.key === undefined
        ? ciphertext
        : this.options.aead.open(this.key, counterNonce(this.counter++), this.h, ciphertext);
    this.mixHash(ciphertext);
    return out ?? refuse('a handshake message failed authentication');
  }
}
