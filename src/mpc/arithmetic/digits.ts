/**
 * First step of a range test on an additive share: for every digit of 4 bits, does the addition of the two shares carry
 * out of it, and would it pass on a carry? For both bounds at once, since only the dealer's summand differs.
 *
 * **Range test by two carries.** v = a + b mod 2^64, -2^(w-1) <= v < 2^(w-1), low <= high in the same range. As 2^w
 * divides 2^64, a + b = v mod 2^w too, and v mod 2^w determines v. Let u = (v - low) mod 2^w and T = high - low + 1,
 * 1 <= T <= 2^w: subtracting low permutes the residues, so low <= v <= high exactly if u < T. Let x = (a - low) mod 2^w
 * and y = b mod 2^w, so x + y = u + 2^w c with the carry c = [x + y >= 2^w]; x' = (x - T) mod 2^w = x - T + 2^w [x < T]
 * and c' = [x' + y >= 2^w]. Then x' + y = (u - T) + 2^w (c + [x < T]).
 *   u >= T: 0 <= u - T < 2^w, so c' = c + [x < T].    u < T: -2^w <= u - T < 0, so c' = c + [x < T] - 1.
 * Hence [u < T] = c + [x < T] - c', which mod 2 is c xor c' xor [x < T]. The dealer (holder of a) knows [x < T].
 * (u < T = 2^w: x' = x, [x < T] = 1, and the formula gives 1.)
 *
 * **Carries of one digit** by 1-of-16 OT from four transfers, one per bit of the peer's digit s (Naor and Pinkas, STOC
 * 1999): a pad of 64 bits is 16 nibbles, and message s is masked by nibble s of R_(q, bit q of s) for q = 0..3. Who
 * misses one of the four lacks a uniform nibble that masks nothing else. Message s holds, for x and for x', the bits
 * [d + s >= 16] and [d + s = 15] of the dealer's digit d, XORed with the dealer's share r of them. r is chosen such that
 * the correction of message 0 is 0, and is uniform as the pads are.
 * @module
 */
import { concat } from '../../bytes.ts';
import type { Gate, Registers } from './gate.ts';
import { bytesOf, wordsOf } from '../ot/words.ts';
import { type Bits, halvesOf, plane, subtractAt, type Words } from './words.ts';

export interface DigitsSpec {
  readonly word: number;
  readonly low: bigint;
  readonly high: bigint;
  /** w / 4, 1..16. */
  readonly digits: number;
  /**
   * First of 4 x digits + 1 bit registers: of digit d at 4d carry and passing of x, carry and passing of x'; last
   * [x < T].
   */
  readonly base: number;
}

/** Nibbles s whose bit q is 0, in the low half (s = 0..7) and in the high half (8..15). */
const ZERO_CHOICES = [
  [0x0f0f0f0f, 0x0f0f0f0f],
  [0x00ff00ff, 0x00ff00ff],
  [0x0000ffff, 0x0000ffff],
  [-1, 0],
] as const;

/** Halves of the 16 messages for digit d: in nibble s bit 0 is [d + s >= 16], bit 1 is [d + s = 15]. */
const MESSAGES: Int32Array = new Int32Array(32).map((_, at) => {
  let half = 0;
  for (let i = 0; i < 8; i++) {
    const sum = (at >> 1) + 8 * (at & 1) + i;
    half |= (Number(sum >= 16) | (Number(sum === 15) << 1)) << (4 * i);
  }
  return half;
});

/** Bit t of the nibble of row i into plane t. */
function write(planes: readonly Bits[], i: number, nibble: number): void {
  for (let t = 0; t < 4; t++) {
    const out = planes[t] ?? new Uint8Array(0);
    out[i >> 3] = (out[i >> 3] ?? 0) | (((nibble >>> t) & 1) << (i & 7));
  }
}

export function digits(spec: DigitsSpec): Gate {
  const bits = 4 * spec.digits;

  /** x and x' of the dealer; writes [x < T]. Only their low w bits are meant. */
  function summands(registers: Registers): readonly [Words, Words] {
    const [lowLow, lowHigh] = halvesOf(spec.low);
    const [countLow, countHigh] = halvesOf(spec.high - spec.low + 1n);
    const [maskLow, maskHigh] = halvesOf((1n << BigInt(bits)) - 1n);
    const below = registers.bits(spec.base + bits);
    const first = registers.words(spec.word).slice();
    for (let i = 0; i < registers.rows; i++) subtractAt(first, 2 * i, lowLow, lowHigh);
    for (let at = 0; at < first.length; at += 2) {
      first[at] = (first[at] ?? 0) & maskLow;
      first[at + 1] = (first[at + 1] ?? 0) & maskHigh;
    }
    const second = first.slice();
    for (let i = 0; i < registers.rows; i++) {
      const smaller = subtractAt(second, 2 * i, countLow, countHigh);
      below[i >> 3] = (below[i >> 3] ?? 0) | (smaller << (i & 7));
    }
    return [first, second];
  }

  /** The registers of digit d. */
  const planes = (registers: Registers, d: number): Bits[] =>
    [0, 1, 2, 3].map((t) => registers.bits(spec.base + 4 * d + t));

  return {
    padBytes: 8,
    transfers: bits,
    correctionBits: 64 * spec.digits,
    oneWay: true,

    choices(registers) {
      const word = registers.words(spec.word);
      return concat(...Array.from({ length: bits }, (_, bit) => plane(word, bit)));
    },

    correct(registers, zeros, ones) {
      const { rows } = registers;
      const [first, second] = summands(registers);
      const correction = new Int32Array(2 * spec.digits * rows);
      for (let d = 0; d < spec.digits; d++) {
        const shift = 4 * (d & 7);
        const outs = planes(registers, d);
        for (let i = 0; i < rows; i++) {
          const x = ((first[2 * i + (d >> 3)] ?? 0) >>> shift) & 15;
          const shifted = ((second[2 * i + (d >> 3)] ?? 0) >>> shift) & 15;
          let low = (MESSAGES[2 * x] ?? 0) ^ ((MESSAGES[2 * shifted] ?? 0) << 2);
          let high = (MESSAGES[2 * x + 1] ?? 0) ^ ((MESSAGES[2 * shifted + 1] ?? 0) << 2);
          for (let q = 0; q < 4; q++) {
            const at = 2 * ((4 * d + q) * rows + i);
            const [keepLow = 0, keepHigh = 0] = ZERO_CHOICES[q] ?? [];
            low ^= ((zeros[at] ?? 0) & keepLow) | ((ones[at] ?? 0) & ~keepLow);
            high ^= ((zeros[at + 1] ?? 0) & keepHigh) | ((ones[at + 1] ?? 0) & ~keepHigh);
          }
          const share = low & 15;
          const everywhere = Math.imul(share, 0x11111111);
          correction[2 * (d * rows + i)] = low ^ everywhere;
          correction[2 * (d * rows + i) + 1] = high ^ everywhere;
          write(outs, i, share);
        }
      }
      first.fill(0);
      second.fill(0);
      return bytesOf(correction);
    },

    finish(registers, pads, correction) {
      const { rows } = registers;
      const word = registers.words(spec.word);
      const corrections = wordsOf(correction);
      for (let d = 0; d < spec.digits; d++) {
        const outs = planes(registers, d);
        for (let i = 0; i < rows; i++) {
          let low = corrections[2 * (d * rows + i)] ?? 0;
          let high = corrections[2 * (d * rows + i) + 1] ?? 0;
          for (let q = 0; q < 4; q++) {
            const at = 2 * ((4 * d + q) * rows + i);
            low ^= pads[at] ?? 0;
            high ^= pads[at + 1] ?? 0;
          }
          const s = ((word[2 * i + (d >> 3)] ?? 0) >>> (4 * (d & 7))) & 15;
          const upper = -(s >>> 3);
          write(outs, i, (((low & ~upper) | (high & upper)) >>> (4 * (s & 7))) & 15);
        }
      }
    },
  };
}
