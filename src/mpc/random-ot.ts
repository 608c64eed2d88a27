/**
 * Random oblivious transfer in batches, the only thing that permute-and-share and the arithmetic ask of an OT
 * extension (src/mpc/ot). In one direction a party is sender, in the other receiver.
 * @module
 */
import type { Protocol } from './protocol.ts';

/** Holds both pads of each transfer and does not learn which one the receiver has. */
export interface OtSender {
  /** `count` transfers with pads of `padBytes` bytes (a multiple of 8): record i at i * padBytes of each. */
  transfer(
    count: number,
    padBytes: number,
  ): Protocol<{ readonly zeros: Uint8Array; readonly ones: Uint8Array }>;
  /** Ends the batches: checks the receiver's consistency, after which nothing may be transferred. Wipes. */
  finish(): Protocol<void>;
}

/** Holds the pad of its choice and learns nothing about the other. */
export interface OtReceiver {
  /** `choices`: bit i at byte i >> 3, bit i & 7 (least significant first); unused bits are 0. */
  transfer(count: number, padBytes: number, choices: Uint8Array): Protocol<Uint8Array>;
  finish(): Protocol<void>;
}
