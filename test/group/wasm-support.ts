/**
 * The WebAssembly kernels for tests: raw instances of what the generator emits, and elements as limbs in their memory.
 * @module
 */
import { wasmImplementation } from '../../enclave/kernel/wasm.ts';
import { type Emitted, type Variant, emitModule } from '../../src/group/wasm/batch.ts';
import type { Field } from '../../src/group/wasm/field.ts';
import { type WasmMemory, compileModule, instantiateModule } from '../../src/web-assembly.ts';

export const VARIANTS: readonly Variant[] = ['wasm-fma', 'wasm-scalar'];
VARIANTS.forEach(wasmImplementation); // which also lets Node 20 know relaxed SIMD

export type Exports = Readonly<Record<string, (...args: number[]) => void>>;
export interface Instance extends Emitted {
  readonly exports: Exports;
  readonly memory: WasmMemory;
}

export function instantiate(bytes: Uint8Array): { exports: Exports; memory: WasmMemory } {
  const exports = instantiateModule(compileModule(bytes)) as Exports & { memory: WasmMemory };
  exports['init']!();
  return { exports, memory: exports.memory };
}

export function openRaw(variant: Variant, dst: Uint8Array): Instance {
  const emitted = emitModule(variant, dst);
  return { ...emitted, ...instantiate(emitted.bytes) };
}

/** An element as the field keeps it: signed limbs for each lane. */
export type Limbs = readonly bigint[];

/** Largest limbs of reduced elements, as the fields' comments prove them. */
export function reducedBound(field: Field, k: number): bigint {
  if (field.lanes === 2) return 2n ** 50n + 2n ** 9n;
  return k % 2 === 0 ? 2n ** 25n : 2n ** 24n + 2n ** 15n;
}

export function valueOf(field: Field, limbs: Limbs): bigint {
  let [value, at] = [0n, 0n];
  limbs.forEach((limb, k) => {
    value += limb << at;
    at += BigInt(field.widths[k]!);
  });
  return value;
}

/** Reads and writes elements of `field` in `memory`, a list of limbs for each lane. */
export function elements(
  field: Field,
  memory: WasmMemory,
): {
  readonly put: (at: number, lanes: readonly Limbs[]) => void;
  readonly take: (at: number) => Limbs[];
} {
  const { lanes, widths } = field;
  const indices = (at: number): number[][] =>
    Array.from({ length: lanes }, (_, lane) => widths.map((_, k) => at / 8 + lanes * k + lane));
  return {
    put: (at, values) => {
      const [words, doubles] = [new BigInt64Array(memory.buffer), new Float64Array(memory.buffer)];
      indices(at).forEach((places, lane) =>
        places.forEach((place, k) => {
          const limb = values[lane]![k]!;
          if (lanes === 2) doubles[place] = Number(limb);
          else words[place] = limb;
        }),
      );
    },
    take: (at) =>
      indices(at).map((places) =>
        places.map((place) =>
          lanes === 2
            ? BigInt(new Float64Array(memory.buffer)[place]!)
            : new BigInt64Array(memory.buffer)[place]!,
        ),
      ),
  };
}

/** How often each function of a module uses an instruction: opcodes, with 0xfd and 0xfc as they begin vector ones. */
export function opcodes(bytes: Uint8Array): ReadonlyMap<string, ReadonlyMap<number, number>> {
  let at = 8;
  const leb = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const skip = (n: number) => (): void => void (at += n);
  const lebs = (n: number) => (): void => {
    for (let i = 0; i < n; i++) leb();
  };
  const immediates = (opcode: number): (() => void) => {
    if ([0x02, 0x03, 0x04].includes(opcode)) return skip(1);
    if ([0x0c, 0x0d, 0x10, 0x20, 0x21, 0x22, 0x41, 0x42].includes(opcode)) return lebs(1);
    if (opcode >= 0x28 && opcode <= 0x3e) return lebs(2);
    if (opcode === 0xfc) return skip(leb() === 10 ? 2 : 1);
    if (opcode === 0xfd) {
      const vector = leb();
      if ([0, 10, 11].includes(vector)) return lebs(2);
      if (vector === 12 || vector === 13) return skip(16);
      return vector >= 84 && vector <= 91 ? lebs(3) : skip(0);
    }
    if ([0x05, 0x0b, 0x0f, 0x1b].includes(opcode) || (opcode >= 0x45 && opcode <= 0xc4))
      return skip(0);
    throw new Error(`opcode ${opcode} is unknown here`);
  };
  const names: string[] = [];
  const found = new Map<string, ReadonlyMap<number, number>>();
  while (at < bytes.length) {
    const section = bytes[at++]!;
    const end = leb() + at;
    if (section === 7) {
      for (let n = leb(); n > 0; n--) {
        const length = leb();
        const name = new TextDecoder().decode(bytes.subarray(at, (at += length)));
        if (bytes[at++] === 0) names[leb()] = name;
        else leb();
      }
    } else if (section === 10) {
      const count = leb();
      for (let i = 0; i < count; i++) {
        const bodyEnd = leb() + at;
        for (let n = leb(); n > 0; n--) lebs(2)();
        const counts = new Map<number, number>();
        while (at < bodyEnd) {
          const opcode = bytes[at++]!;
          counts.set(opcode, (counts.get(opcode) ?? 0) + 1);
          immediates(opcode)();
        }
        found.set(names[i]!, counts);
      }
    }
    at = end;
  }
  return found;
}
