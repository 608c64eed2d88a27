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
  sizes.forEach((n, i) => {
    const h = n >> 1;
    const pairs = ((needed[i] ?? 0) + 1) >> 1;
    below.sizes[2 * i] = h;
    below.sizes[2 * i + 1] = n - h;
    below.needed[2 * i] = Math.min(h, pairs);
    below.needed[2 * i + 1] = Math.min(n - h, pairs);
  });
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

/** Room for the wiring of one stage: as many entries as the network has wires. */
export interface Wiring {
  readonly from: Int32Array;
  readonly to: Int32Array;
}

/**
 * Writes one stage: switch s joins wires from[2s], from[2s + 1] into to[2s], to[2s + 1]; behind the switches stand the
 * wires that just move.
 */
export type StageWriter = (wiring: Wiring) => {
  readonly switches: number;
  readonly moves: number;
};

/** All stages in the order in which they are passed. */
export function stageWriters(levels: readonly Level[]): StageWriter[] {
  const inputs = levels.map((level) => (wiring: Wiring) => writeInputStage(level, wiring));
  const outputs = levels
    .slice(0, -1)
    .map((level) => (wiring: Wiring) => writeOutputStage(level, wiring));
  return [...inputs, ...outputs.reverse()];
}

/** Wires of the level go to the level below. */
function writeInputStage({ sizes }: Level, wiring: Wiring): ReturnType<StageWriter> {
  const cursor = new Cursor(wiring);
  let at = 0;
  for (const n of sizes) {
    const h = n >> 1;
    for (let i = 0; i < h; i++) cursor.join(at + 2 * i, at + 2 * i + 1, at + i, at + h + i);
    if (n % 2 === 1) cursor.move(at + n - 1, at + n - 1);
    at += n;
  }
  return cursor.done();
}

/** Wires of the level below come back; what no kept output needs is neither joined nor moved. */
function writeOutputStage({ sizes, needed }: Level, wiring: Wiring): ReturnType<StageWriter> {
  const cursor = new Cursor(wiring);
  let at = 0;
  for (let index = 0; index < sizes.length; index++) {
    const n = sizes[index] ?? 0;
    const h = n >> 1;
    const kept = needed[index] ?? 0;
    const switches = outputSwitches(n, kept);
    for (let i = 0; i < switches; i++) {
      cursor.join(at + i, at + h + i, at + 2 * i, at + 2 * i + 1);
    }
    // without a switch: the last pair of an even network, the last wire of an odd one
    for (let wire = 2 * switches; wire < kept; wire++) {
      const lower = wire % 2 === 1 || wire === 2 * h;
      cursor.move(at + (lower ? h : 0) + (wire >> 1), at + wire);
    }
    at += n;
  }
  return cursor.done();
}

/** Switches fill the arrays from the front, moves from the back; together they never exceed the wires. */
class Cursor {
  private readonly from: Int32Array;
  private readonly to: Int32Array;
  private front = 0;
  private back: number;

  constructor({ from, to }: Wiring) {
    this.from = from;
    this.to = to;
    this.back = from.length;
  }

  join(a: number, b: number, p: number, q: number): void {
    this.from[this.front] = a;
    this.from[this.front + 1] = b;
    this.to[this.front] = p;
    this.to[this.front + 1] = q;
    this.front += 2;
  }

  move(from: number, to: number): void {
    this.back -= 1;
    this.from[this.back] = from;
    this.to[this.back] = to;
  }

  done(): { readonly switches: number; readonly moves: number } {
    this.from.copyWithin(this.front, this.back);
    this.to.copyWithin(this.front, this.back);
    return { switches: this.front / 2, moves: this.from.length - this.back };
  }
}
