/**
 * The module of transfer-code.ts, switch-code.ts and wiring-code.ts with its memory. Written by this project's own assembler, so that
 * no toolchain is needed; 16-byte vectors run in every supported Node. Trust: the code is part of what is measured.
 * @module
 */
import { DpcaError } from '../../errors.ts';
import { assemble } from '../../assembler.ts';
import {
  PAGE_BYTES,
  type WasmMemory,
  type WasmModule,
  compileModule,
  instantiateModule,
} from '../../web-assembly.ts';
import { SWITCH_CODE } from './switch-code.ts';
import { TRANSFER_CODE } from './transfer-code.ts';
import { WIRING_CODE } from './wiring-code.ts';

type Loop = (...args: readonly number[]) => void;
export type KernelFunctions = Readonly<Record<KernelName, Loop>>;
type KernelName =
  | ('fold' | 'addMasked' | 'transpose' | 'collect' | 'collectBits')
  | ('shiftRows' | 'tweak' | 'finish')
  | ('wireInputs' | 'wireOutputs')
  | ('maskAdditive' | 'maskBoolean' | 'passAdditive' | 'passBoolean' | 'moveWires');

let compiled: WasmModule | undefined;

/** One memory with its loops. Regions are laid out once, at construction; nothing is ever freed but the whole. */
export class Kernel {
  readonly run: KernelFunctions;
  private readonly memory: ArrayBuffer;
  private next: number;

  /** Room for regions of these many bytes together, each rounded up to 64. */
  constructor(regions: readonly number[]) {
    compiled ??= compileModule(assemble([...TRANSFER_CODE, ...SWITCH_CODE, ...WIRING_CODE]));
    const exports = instantiateModule(compiled) as KernelFunctions & {
      readonly memory: WasmMemory;
    };
    const total = regions.reduce((sum, bytes) => sum + rounded(bytes), 64);
    const pages = Math.ceil(total / PAGE_BYTES) - 1;
    if (pages > 65_535) {
      throw new DpcaError('ERR_INTERNAL', 'a table of shares is larger than 4 GiB');
    }
    if (pages > 0) exports.memory.grow(pages);
    this.run = exports;
    this.memory = exports.memory.buffer;
    this.next = 64;
  }

  /** The address of the next region. */
  region(bytes: number): number {
    const at = this.next;
    this.next += rounded(bytes);
    return at;
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory, address, length);
  }

  words(address: number, length: number): Int32Array {
    return new Int32Array(this.memory, address, length);
  }

  /** Overwrites everything. */
  wipe(): void {
    new Uint8Array(this.memory).fill(0);
  }
}

function rounded(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
