/**
 * Encrypted frames: `u8 type || AES-256-GCM(plaintext) || tag(16)`, with type and counter as associated data and the
 * counter as nonce. Counters are not sent: the transport keeps order, so a frame that is changed, repeated, dropped,
 * reordered or from another session fails to open (docs/specification.md section 4.1).
 * Trust: the peer behind these keys was attested by the handshake; everybody else only sees type and length.
 * @module
 */
import { concat, wipe } from '../bytes.ts';
import { u64be, u8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import { type Aead, AEAD_TAG_BYTES, counterNonce } from './aead.ts';
import type { Role } from './messages.ts';

/** A whole frame (docs/specification.md section 2): AEAD throughput is flat from 64 KiB on, and memory stays bounded. */
export const MAX_FRAME_BYTES = 262_144;
const OVERHEAD = 1 + AEAD_TAG_BYTES;
export const MAX_PLAINTEXT_BYTES: number = MAX_FRAME_BYTES - OVERHEAD;
/**
 * Frames per key: 2^20 frames of 2^14 AES blocks are 2^34 blocks (256 GiB), within the 2^34.5 blocks that RFC 8446
 * section 5.5 allows AES-GCM for a distinguishing advantage of about 2^-57.
 */
export const MAX_FRAMES = 1_048_576;

export interface TrafficKeys {
  /** 32 bytes each; owned, and wiped, by the channel. */
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

export interface Frame {
  /** 0..255, authenticated. */
  readonly type: number;
  readonly plaintext: Uint8Array;
}

/** From keys by sending role to keys by direction, as seen by `role`. */
export function directed(keys: Readonly<Record<Role, Uint8Array>>, role: Role): TrafficKeys {
  return role === 'init'
    ? { send: keys.init, receive: keys.resp }
    : { send: keys.resp, receive: keys.init };
}

/** Both directions of one session. A failure to open is sticky; sending still works, for one last alert. */
export class SecureChannel {
  private readonly aead: Aead;
  private readonly keys: TrafficKeys;
  private sent = 0;
  private received = 0;
  private failure: DpcaError | undefined;
  private closed = false;

  constructor(aead: Aead, keys: TrafficKeys) {
    this.aead = aead;
    this.keys = keys;
  }

  /** A frame of `plaintext.length + 17` bytes. ERR_WIRE_TOO_LARGE, ERR_WIRE_TYPE, ERR_SESSION_EXHAUSTED. */
  seal(type: number, plaintext: Uint8Array): Uint8Array {
    this.assertUsable();
    if (plaintext.length > MAX_PLAINTEXT_BYTES) {
      const message = `expected a plaintext of at most ${MAX_PLAINTEXT_BYTES} bytes`;
      throw new DpcaError('ERR_WIRE_TOO_LARGE', message);
    }
    if (!Number.isInteger(type) || type < 0 || type > 255) {
      throw new DpcaError('ERR_WIRE_TYPE', 'expected a frame type in 0..255');
    }
    const { ad, nonce } = counters(type, this.sent);
    this.sent += 1; // before sealing: a counter is never used twice, whatever happens
    const frame = this.aead.seal(this.keys.send, nonce, ad, plaintext, 1);
    frame[0] = type;
    return frame;
  }

  /**
   * Opens the next frame. ERR_WIRE_TOO_LARGE (before anything else), ERR_SESSION_DECRYPT, ERR_SESSION_EXHAUSTED; after
   * the first failure every call fails with the same error.
   */
  open(frame: Uint8Array): Frame {
    if (this.failure !== undefined) throw this.failure;
    this.assertUsable();
    try {
      return this.openNext(frame);
    } catch (error) {
      this.failure =
        error instanceof DpcaError
          ? error
          : new DpcaError('ERR_INTERNAL', 'opening a frame failed', { cause: error });
      wipe(this.keys.receive);
      throw this.failure;
    }
  }

  /** Wipes the keys; nothing can be sealed or opened any more. */
  close(): void {
    this.closed = true;
    wipe(this.keys.send, this.keys.receive);
  }

  private openNext(frame: Uint8Array): Frame {
    if (frame.length > MAX_FRAME_BYTES) {
      const message = `expected a frame of at most ${MAX_FRAME_BYTES} bytes`;
      throw new DpcaError('ERR_WIRE_TOO_LARGE', message);
    }
    const [type] = frame;
    if (type === undefined || frame.length < OVERHEAD) {
      throw new DpcaError('ERR_SESSION_DECRYPT', `expected a frame of at least ${OVERHEAD} bytes`);
    }
    const { ad, nonce } = counters(type, this.received);
    this.received += 1;
    const plaintext = this.aead.open(this.keys.receive, nonce, ad, frame.subarray(1));
    if (plaintext === undefined) {
      throw new DpcaError('ERR_SESSION_DECRYPT', 'a frame failed authentication');
    }
    return { type, plaintext };
  }

  private assertUsable(): void {
    // a wiped key is all zero, and must never encrypt anything
    if (this.closed) throw new DpcaError('ERR_INTERNAL', 'the channel is closed');
  }
}

function counters(type: number, counter: number): { ad: Uint8Array; nonce: Uint8Array } {
  if (counter >= MAX_FRAMES) {
    throw new DpcaError('ERR_SESSION_EXHAUSTED', `expected at most ${MAX_FRAMES} frames`);
  }
  return { ad: concat(u8(type), u64be(BigInt(counter))), nonce: counterNonce(counter) };
}
