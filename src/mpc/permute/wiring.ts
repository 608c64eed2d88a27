/**
 * The wiring of one stage at a time in a kernel's memory, as the loops that pass wires through it read it.
 * @module
 */
import type { Kernel } from '../simd/kernel.ts';
import { type Stage, levelCount } from './network.ts';

/** Addresses of lists of i32 wires: switch s joins from[2 s], from[2 s + 1] into to[2 s], to[2 s + 1]. */
export interface StageWiring {
  readonly switches: number;
  readonly from: number;
  readonly to: number;
  /** Wires that just move. */
  readonly moves: number;
  readonly movesFrom: number;
  readonly movesTo: number;
}

export class Wiring {
  private readonly kernel: Kernel;
  private readonly listBytes: number;
  private readonly at: readonly number[];

  /** What {@link Kernel} must have room for: from, to, sizes, needed, where the lists ended. */
  static regions(wires: number): readonly number[] {
    const networks = 4 * 2 ** Math.max(0, levelCount(wires) - 1);
    return [4 * wires, 4 * wires, networks, networks, 8];
  }

  constructor(kernel: Kernel, wires: number) {
    this.kernel = kernel;
    this.listBytes = 4 * wires;
    this.at = Wiring.regions(wires).map((bytes) => kernel.region(bytes));
  }

  /** Overwrites the wiring of the stage before. */
  write({ side, level: { sizes, needed } }: Stage): StageWiring {
    const { kernel, listBytes } = this;
    const [from = 0, to = 0, sizesAt = 0, neededAt = 0, result = 0] = this.at;
    kernel.words(sizesAt, sizes.length).set(sizes);
    kernel.words(neededAt, needed.length).set(needed);
    const write = side === 'input' ? kernel.run.wireInputs : kernel.run.wireOutputs;
    const lists = [from, to, from + listBytes, to + listBytes];
    write(...[sizesAt, neededAt, sizes.length], ...lists, result);
    const [front = 0, back = 0] = kernel.words(result, 2);
    return {
      ...{ switches: (front - from) / 8, from, to },
      ...{ moves: (from + listBytes - back) / 4, movesFrom: back, movesTo: back - from + to },
    };
  }
}
