/**
 * Random oblivious transfer in batches, the only thing that permute-and-share and the arithmetic ask of an OT
 * extension (src/mpc/ot). In one direction a party is sender, in the other receiver.
 * @module
 */
import type { Protocol } from './protocol.ts';

export interface PadPair {
  readonly zeros: Uint8Array;
  readonly ones: Uint8Array;
}

/**
 * Holds both pads of each transfer and does not learn which one the receiver has. Pads are handed out only after the
 * receiver's consistency in this batch was checked (ERR_MPC_CHECK), so nothing is ever sent under unchecked pads.
 */
export interface OtSender {
  /** `count` transfers with pads of `padBytes` bytes (a multiple of 8): record i at i * padBytes of each. */
  transfer(count: number, padBytes: number): Protocol<PadPair>;
  /** Forgets the secrets; nothing may be transferred afterwards. */
  wipe(): void;
}

/** Holds the pad of its choice and learns nothing about the other. */
export interface OtReceiver {
  /** `choices`: bit i at byte i >> 3, bit i & 7 (least significant first); unused bits are 0. */
  transfer(count: number, padBytes: number, choices: Uint8Array): Protocol<Uint8Array>;
  wipe(): void;
}

/**
 * The pads of the next n transfers of a batch, n at most what the extension makes at once: made when they are asked
 * for, and overwritten by the next call.
 */
export type Take<T> = (n: number) => T;

/** Transfers whose pads never stand in memory together. */
export interface StreamingSender extends OtSender {
  /** One batch; its pads are gone once another transfer is begun. */
  begin(count: number, padBytes: number): Protocol<Take<PadPair>>;
}

export interface StreamingReceiver extends OtReceiver {
  /** Likewise, but pads of the batch before may be taken until the peer's first message in this one is used. */
  begin(count: number, padBytes: number, choices: Uint8Array): Protocol<Take<Uint8Array>>;
}
