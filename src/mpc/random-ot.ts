/**
 * Random oblivious transfer in batches, the only thing that permute-and-share and the arithmetic ask of an OT
 * extension (src/mpc/ot). In one direction a party is sender, in the other receiver.
 * @module
 */
import type { Protocol } from './protocol.ts';

/**
 * Holds both pads of each transfer and does not learn which one the receiver has. Pads are handed out only after the
 * receiver's consistency in this batch was checked (ERR_MPC_CHECK), so nothing is ever sent under unchecked pads.
 */
export interface OtSender {
  /** `count` transfers with pads of `padBytes` bytes (a multiple of 8): record i at i * padBytes of each. */
  transfer(
    count: number,
    padBytes: number,
  ): Protocol<{ readonly zeros: Uint8Array; readonly ones: Uint8Array }>;
  /** Forgets the secrets; nothing may be transferred afterwards. */
  wipe(): void;
}

/** Holds the pad of its choice and learns nothing about the other. */
export interface OtReceiver {
  /** `choices`: bit i at byte i >> 3, bit i & 7 (least significant first); unused bits are 0. */
  transfer(count: number, padBytes: number, choices: Uint8Array): Protocol<Uint8Array>;
  wipe(): void;
}
