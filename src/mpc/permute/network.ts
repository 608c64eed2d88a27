/**
 * The AS-Waksman permutation network for any number of wires (Beauquier and Darrot, On arbitrary size Waksman networks
 * and their vulnerability, 2002), stage by stage, without what only unused outputs need. docs/values.md, "Network".
 *
 * A subnetwork of n wires, h = floor(n / 2): input switch i joins wires 2i and 2i + 1 and feeds input i of the upper
 * subnetwork (h wires) and of the lower one (n - h); output switches mirror this. Even n: the last output pair has no
 * switch. Odd n: the last wire enters and leaves the lower subnetwork directly. Subnetworks of one level lie side by
 * side, the upper before the lower one.
 * @module
 */

/** Subnetworks of one level: their sizes, and of how many outputs, from 0 on, each is needed. */
export interface Level {
  readonly sizes: Int32Array;
  readonly needed: Int32Array;
}

/** Levels that have switches, from the outside in: ceil(log2 inputs), and none for a single wire. */
export function levelCount(inputs: number): number {
  return inputs <= 1 ? 0 : 32 - Math.clz32(inputs - 1);
}

/** All levels of the network of `inputs` wires whose first `outputs` outputs are kept, 1 <= outputs <= inputs. */
export function networkLevels(inputs: number, outputs: number): Level[] {
  const levels: Level[] = [];
  let level: Level = { sizes: Int32Array.of(inputs), needed: Int32Array.of(outputs) };
  for (let depth = levelCount(inputs); depth > 0; depth--) {
    levels.push(level);
    level = levelBelow(level);
  }
  return levels;
}

function levelBelow({ sizes, needed }: Level): Level {
  const below = {
    sizes: new Int32Array(2 * sizes.length),
    needed: new Int32Array(2 * sizes.length),
  };
  for (let i = 0; i < sizes.length; i++) {
    const n = sizes[i] ?? 0;
    const h = n >> 1;
    const pairs = ((needed[i] ?? 0) + 1) >> 1;
    below.sizes[2 * i] = h;
    below.sizes[2 * i + 1] = n - h;
    below.needed[2 * i] = Math.min(h, pairs);
    below.needed[2 * i + 1] = Math.min(n - h, pairs);
  }
  return below;
}

/** Switches at the input side of a subnetwork of n wires. */
export function inputSwitches(n: number): number {
  return n >> 1;
}

/** Switches at its output side when `needed` of its outputs are kept. */
export function outputSwitches(n: number, needed: number): number {
  return Math.min((needed + 1) >> 1, (n - 1) >> 1);
}

/**
 * Public switch counts of the stages in the order in which they are passed: stage d < levels is the input side of
 * level d; the others are the output sides of levels - 2 .. 0 (the innermost level has no output switch).
 */
export function stageSwitches(levels: readonly Level[]): number[] {
  const inputs = levels.map(({ sizes }) => sizes.reduce((sum, n) => sum + inputSwitches(n), 0));
  const outputs = levels
    .slice(0, -1)
    .map(({ sizes, needed }) =>
      sizes.reduce((sum, n, i) => sum + outputSwitches(n, needed[i] ?? 0), 0),
    );
  return [...inputs, ...outputs.reverse()];
}

/** All switches of a network; n log2 n - n + 1 for a power of two with every output kept. */
export function switchCount(inputs: number, outputs: number): number {
  if (outputs === 0) return 0;
  return stageSwitches(networkLevels(inputs, outputs)).reduce((sum, n) => sum + n, 0);
}

/** One side of a level: at the input side its wires go to the level below, at the output side they come back. */
export interface Stage {
  readonly side: 'input' | 'output';
  readonly level: Level;
}

/** All stages in the order in which they are passed. What no kept output needs is neither joined nor moved. */
export function stagesOf(levels: readonly Level[]): Stage[] {
  const inputs = levels.map((level): Stage => ({ side: 'input', level }));
  const outputs = levels.slice(0, -1).map((level): Stage => ({ side: 'output', level }));
  return [...inputs, ...outputs.reverse()];
}
