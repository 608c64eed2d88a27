/**
 * Noise as shares: sum of v_i (x_i xor y_i) for coins x_i of one party and y_i of the other, known to neither. The bits
 * are the "rows" of one product with the words v_i, which are public, so that one direction is enough; each party's
 * coins are its XOR shares as they are. One transfer per bit.
 * @module
 */
import type { Program } from '../program.ts';
import type { Protocol } from '../protocol.ts';
import { exchange, type Side } from './exchange.ts';
import { type Gate, Registers } from './gate.ts';
import { product } from './product.ts';
import { addAt, halvesOf, type Words } from './words.ts';

const [BIT, WORD, OUT] = [0, 1, 2] as const;

export const NOISE_GATE: Gate = product({
  bits: [BIT],
  signed: false,
  words: [WORD],
  outs: [OUT],
  oneWay: true,
});

/** Noise bits of all moments. */
export function noiseBits(program: Program): number {
  return program.moments.reduce((sum, { noise }) => sum + noise.length, 0);
}

/** Own share of each moment's noise; `coins` as in `evaluate`. */
export function* noiseShares(program: Program, coins: Uint8Array, side: Side): Protocol<Words> {
  const shares = new Int32Array(2 * program.moments.length);
  if (coins.length === 0) return shares;
  const registers = new Registers(coins.length);
  const bits = registers.bits(BIT);
  coins.forEach((coin, i) => (bits[i >> 3] = (bits[i >> 3] ?? 0) | (coin << (i & 7))));
  const words = registers.words(WORD);
  const values = program.moments.flatMap(({ noise }) => noise);
  values.forEach((value, i) => addAt(words, 2 * i, ...halvesOf(value)));
  yield* exchange([NOISE_GATE], registers, side);
  const sums = registers.words(OUT);
  let at = 0;
  program.moments.forEach(({ noise }, m) => {
    for (const end = at + 2 * noise.length; at < end; at += 2) {
      addAt(shares, 2 * m, sums[at] ?? 0, sums[at + 1] ?? 0);
    }
  });
  registers.wipe();
  return shares;
}
