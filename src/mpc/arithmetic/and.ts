/**
 * AND of one XOR-shared bit with up to 32 others: one transfer in each direction for all of them.
 *
 * x = x_A xor x_B, z = z_A xor z_B: x z is the XOR of four products, two of them local. For x_B z_A party A is OT
 * sender, the choice is x_B, the correction R0 xor R1 xor z_A, and as in product.ts A keeps R0, B has
 * R0 xor x_B z_A. The other direction gives x_A z_B.
 * @module
 */
import type { Gate, Registers } from './gate.ts';
import type { Bits } from './words.ts';

export const MOST_RIGHTS = 32;

export interface AndSpec {
  readonly left: number;
  /** Up to {@link MOST_RIGHTS} bit registers, and for each the register of its AND with `left`. */
  readonly rights: readonly number[];
  readonly outs: readonly number[];
}

/** Bit t of the low half of every pad. */
function padPlane(pads: Int32Array, t: number): Bits {
  const out = new Uint8Array(pads.length >> 4);
  for (let byte = 0; byte < out.length; byte++) {
    let value = 0;
    for (let i = 0; i < 8; i++) value |= (((pads[16 * byte + 2 * i] ?? 0) >>> t) & 1) << i;
    out[byte] = value;
  }
  return out;
}

export function and({ left, rights, outs }: AndSpec): Gate {
  const out = (registers: Registers, t: number): Bits => registers.bits(outs[t] ?? -1);
  return {
    padBytes: 8,
    transfers: 1,
    correctionBits: rights.length,
    oneWay: false,

    choices: (registers) => registers.bits(left).slice(),

    correct(registers, zeros, ones) {
      const own = registers.bits(left);
      const bytes = own.length;
      const correction = new Uint8Array(rights.length * bytes);
      rights.forEach((right, t) => {
        const share = registers.bits(right);
        const zero = padPlane(zeros, t);
        const one = padPlane(ones, t);
        const result = out(registers, t);
        for (let i = 0; i < bytes; i++) {
          const z = share[i] ?? 0;
          correction[t * bytes + i] = (zero[i] ?? 0) ^ (one[i] ?? 0) ^ z;
          result[i] = (result[i] ?? 0) ^ (zero[i] ?? 0) ^ ((own[i] ?? 0) & z);
        }
        zero.fill(0);
        one.fill(0);
      });
      return correction;
    },

    finish(registers, pads, correction) {
      const choice = registers.bits(left);
      const bytes = choice.length;
      rights.forEach((_, t) => {
        const pad = padPlane(pads, t);
        const result = out(registers, t);
        for (let i = 0; i < bytes; i++) {
          const chosen = (choice[i] ?? 0) & (correction[t * bytes + i] ?? 0);
          result[i] = (result[i] ?? 0) ^ (pad[i] ?? 0) ^ chosen;
        }
        pad.fill(0);
      });
    },
  };
}
