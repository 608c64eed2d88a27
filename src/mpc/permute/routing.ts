/**
 * Control bits of an AS-Waksman network for a secret selection (Beauquier and Darrot 2002; Waksman 1968). The time it
 * takes depends on the selection, so nobody reports it.
 * @module
 */
import { DpcaError } from '../../errors.ts';
import { type Protocol, pause } from '../protocol.ts';
import { type Level, networkLevels, outputSwitches, stageSwitches } from './network.ts';

/**
 * Bits, in the order of the stages and least significant first, that bring input selection[o] to output o for
 * o < selection.length: 0 is a straight switch. `selection` lists different numbers below `inputs`, at least one.
 */
export function* routeSelection(selection: Uint32Array, inputs: number): Protocol<Uint8Array> {
  const levels = networkLevels(inputs, selection.length);
  const counts = stageSwitches(levels);
  const starts = [0];
  for (const count of counts) starts.push((starts.at(-1) ?? 0) + count);
  const bits = new Uint8Array(Math.ceil((starts.at(-1) ?? 0) / 8));
  let wanted = completed(selection, inputs);
  let next: Int32Array = new Int32Array(inputs);
  const source = new Int32Array(inputs);
  for (const [depth, level] of levels.entries()) {
    const mirror = 2 * levels.length - 2 - depth;
    routeLevel(level, wanted, source, bits, starts[depth] ?? 0, starts[mirror] ?? 0);
    descend(level, wanted, next);
    [wanted, next] = [next, wanted];
    yield* pause();
  }
  for (const secret of [wanted, next, source]) secret.fill(0);
  return bits;
}

/**
 * The selection as a permutation of all inputs: unused ones follow in ascending order. Nobody but the permuter could
 * tell: control bits are hidden by the transfers, and unused outputs are dropped.
 */
function completed(selection: Uint32Array, inputs: number): Int32Array {
  const wanted = new Int32Array(inputs);
  const used = new Uint8Array(inputs);
  selection.forEach((input, output) => {
    if (input >= inputs || used[input] !== 0) {
      throw new DpcaError('ERR_INTERNAL', 'a selection is not a list of different inputs');
    }
    used[input] = 1;
    wanted[output] = input;
  });
  let output = selection.length;
  used.forEach((taken, input) => {
    if (taken === 0) wanted[output++] = input;
  });
  return wanted;
}

/**
 * Sets the switches of one level. wanted[at + o] is the input of the subnetwork at `at` that its output o must carry.
 * Each pair of outputs is overwritten by what the two subnetworks below must carry there, the upper one first, as ~x:
 * that marks it, and a step of a cycle then touches two places of memory that are far apart, not five.
 */
function routeLevel(
  { sizes, needed }: Level,
  wanted: Int32Array,
  source: Int32Array,
  bits: Uint8Array,
  inputStart: number,
  outputStart: number,
): void {
  let at = 0;
  let inputBit = inputStart;
  let outputBit = outputStart;
  for (let index = 0; index < sizes.length; index++) {
    const n = sizes[index] ?? 0;
    const h = n >> 1;
    const odd = n % 2 === 1;
    const switches = outputSwitches(n, needed[index] ?? 0);
    for (let o = 0; o < n; o++) source[at + (wanted[at + o] ?? 0)] = o;
    // the first chain starts at the last output, which only the lower half reaches; then one cycle per free pair
    for (let pair = odd ? h : h - 1; pair >= 0; pair--) {
      const start = pair === h ? n - 1 : 2 * pair + 1;
      let input = wanted[at + start] ?? 0;
      if (input < 0) continue;
      if (pair === h) wanted[at + start] = ~(input >> 1);
      while (!(odd && input === n - 1)) {
        setBit(bits, inputBit + (input >> 1), (input & 1) ^ 1);
        const sibling = input ^ 1;
        const upper = source[at + sibling] ?? 0;
        const output = upper ^ 1;
        input = wanted[at + output] ?? 0;
        wanted[at + (upper & ~1)] = ~(sibling >> 1);
        wanted[at + (upper | 1)] = ~(input >> 1);
        if (upper >> 1 < switches) setBit(bits, outputBit + (upper >> 1), upper & 1);
        if (output === start) break;
      }
    }
    at += n;
    inputBit += h;
    outputBit += switches;
  }
}

/** What all outputs of the level below must carry, from what {@link routeLevel} left behind. */
function descend({ sizes }: Level, pairs: Int32Array, next: Int32Array): void {
  let at = 0;
  for (const n of sizes) {
    const h = n >> 1;
    for (let pair = 0; pair < h; pair++) {
      next[at + pair] = ~(pairs[at + 2 * pair] ?? 0);
      next[at + h + pair] = ~(pairs[at + 2 * pair + 1] ?? 0);
    }
    if (n % 2 === 1) next[at + 2 * h] = ~(pairs[at + 2 * h] ?? 0);
    at += n;
  }
}

function setBit(bits: Uint8Array, at: number, bit: number): void {
  bits[at >> 3] = (bits[at >> 3] ?? 0) | (bit << (at & 7));
}
