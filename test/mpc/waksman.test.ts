/** AS-Waksman networks: every selection of small sizes, random ones of large and odd sizes, switch counts. */
import { describe, expect, it } from 'vitest';
import {
  networkLevels,
  stageSwitches,
  stagesOf,
  switchCount,
} from '../../src/mpc/permute/network.ts';
import { routeSelection } from '../../src/mpc/permute/routing.ts';
import { Wiring } from '../../src/mpc/permute/wiring.ts';
import type { Protocol } from '../../src/mpc/protocol.ts';
import { Kernel } from '../../src/mpc/simd/kernel.ts';
import { UniformSource } from '../../src/rng.ts';
import { seededRng } from '../support/test-rng.ts';

const uniform = new UniformSource(seededRng('waksman'));

function finish<T>(protocol: Protocol<T>): T {
  for (;;) {
    const next = protocol.next();
    if (next.done === true) return next.value;
    if (!('pause' in next.value)) throw new Error('routing wants to talk');
  }
}

let last: { inputs: number; kernel: Kernel; wiring: Wiring } | undefined;

/** The memory of the network that was used last, if it fits. */
function wiringOf(inputs: number): { kernel: Kernel; wiring: Wiring } {
  if (last?.inputs !== inputs) {
    const kernel = new Kernel(Wiring.regions(inputs));
    last = { inputs, kernel, wiring: new Wiring(kernel, inputs) };
  }
  return last;
}

/** Sends labels 0..inputs-1 through the network and returns what arrives at the kept outputs. */
function pass(bits: Uint8Array, inputs: number, outputs: number): Int32Array {
  let wires = Int32Array.from({ length: inputs }, (_, i) => i);
  let at = 0;
  const levels = networkLevels(inputs, outputs);
  const counts = stageSwitches(levels);
  const { kernel, wiring } = wiringOf(inputs);
  stagesOf(levels).forEach((stage, index) => {
    const { switches, moves, ...lists } = wiring.write(stage);
    expect(switches).toBe(counts[index]);
    expect(2 * switches + moves).toBeLessThanOrEqual(inputs);
    const list = (at: number, length: number) => kernel.words(at, length);
    const [from, to] = [list(lists.from, 2 * switches), list(lists.to, 2 * switches)];
    const [movesFrom, movesTo] = [list(lists.movesFrom, moves), list(lists.movesTo, moves)];
    const next = new Int32Array(inputs).fill(-1);
    for (let s = 0; s < switches; s++, at++) {
      const crossed = (bits[at >> 3]! >> (at & 7)) & 1;
      next[to[2 * s]!] = wires[from[2 * s + crossed]!]!;
      next[to[2 * s + 1]!] = wires[from[2 * s + 1 - crossed]!]!;
    }
    for (let i = 0; i < moves; i++) next[movesTo[i]!] = wires[movesFrom[i]!]!;
    wires = next;
  });
  expect(at).toBe(switchCount(inputs, outputs));
  expect(bits.length).toBe(Math.ceil(at / 8));
  return wires.subarray(0, outputs);
}

function* selections(inputs: number, outputs: number, chosen: number[] = []): Generator<number[]> {
  if (chosen.length === outputs) yield chosen;
  else {
    for (let i = 0; i < inputs; i++) {
      if (!chosen.includes(i)) yield* selections(inputs, outputs, [...chosen, i]);
    }
  }
}

function check(selection: Uint32Array, inputs: number): boolean {
  const arrived = pass(finish(routeSelection(selection, inputs)), inputs, selection.length);
  return arrived.every((label, o) => label === selection[o]);
}

describe('AS-Waksman', () => {
  it.each([1, 2, 3, 4, 5, 6, 7])('routes every permutation and every selection of %i', (inputs) => {
    for (let outputs = inputs === 7 ? 7 : 1; outputs <= inputs; outputs++) {
      let seen = 0;
      for (const selection of selections(inputs, outputs)) {
        if (!check(Uint32Array.from(selection), inputs)) expect.fail(selection.join(' '));
        seen += 1;
      }
      let expected = 1;
      for (let i = 0; i < outputs; i++) expected *= inputs - i;
      expect(seen).toBe(expected);
    }
  });

  it.each([
    [15, 15],
    [16, 9],
    [17, 17],
    [1023, 1023],
    [1025, 512],
    [4097, 1],
    [65_537, 65_537],
    [70_001, 69_999],
    [69_998, 35_001],
  ])('routes random selections from %i of %i', (inputs, outputs) => {
    const selection = uniform.permutation(inputs).subarray(0, outputs);
    expect(check(selection, inputs)).toBe(true);
  });

  it('has N log2 N - N + 1 switches, and the sum of ceil(log2 i) in between', () => {
    let sum = 0;
    for (let n = 1; n <= 300; n++) {
      sum += Math.ceil(Math.log2(n));
      expect(switchCount(n, n)).toBe(sum);
    }
    expect(switchCount(1 << 17, 1 << 17)).toBe(2_097_153);
    expect(switchCount(1_000_000, 1_000_000)).toBe(18_951_425);
  });

  it('saves most of the output half when few outputs are kept', () => {
    expect(switchCount(1 << 16, 1)).toBeLessThan(0.57 * switchCount(1 << 16, 1 << 16));
    for (const outputs of [1, 100, 40_000, 65_535]) {
      expect(switchCount(1 << 16, outputs)).toBeLessThanOrEqual(switchCount(1 << 16, outputs + 1));
    }
    expect(switchCount(10, 0)).toBe(0);
  });

  it('refuses a selection that names a row twice or one that is not there', () => {
    expect(() => finish(routeSelection(Uint32Array.of(1, 1), 3))).toThrowCode('ERR_INTERNAL');
    expect(() => finish(routeSelection(Uint32Array.of(0, 3), 3))).toThrowCode('ERR_INTERNAL');
  });
});
