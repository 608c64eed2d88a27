/**
 * A module under construction: functions that call each other, and fixed addresses for what they work on.
 * @module
 */
import { type Code, type Func, type Local, assemble, func, i32, store64 } from '../../assembler.ts';
import { PAGE_BYTES } from '../../web-assembly.ts';
import { type Place, at, i64 } from './instructions.ts';

/** Emits a call; all parameters are i32, and results stand in memory. */
export type Callee = (...args: readonly Code[]) => Code;

/** Vectors are aligned, so that none straddles two cache lines. */
const ALIGNMENT = 16;

export class Program {
  private readonly functions: Func[] = [];
  private readonly data: Code[] = [];
  private readonly constants = new Map<bigint, Place>();
  private next = ALIGNMENT;

  /** Reserves memory for the life of the module, within its first page. */
  place(bytes: number): Place {
    const address = this.next;
    this.next += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    if (this.next > PAGE_BYTES) throw new RangeError('the fixed places exceed one page');
    return at(address);
  }

  /** 64-bit words in memory, each `copies` times; there once the function `init` of {@link assemble} has run. */
  table(words: readonly bigint[], copies: 1 | 2): Place {
    const place = this.place(8 * copies * words.length);
    const all = words.flatMap((word) => (copies === 1 ? [word] : [word, word]));
    all.forEach((word, i) => this.data.push(store64(i32(0), i64(word), place.offset + 8 * i)));
    return place;
  }

  /** One word in both lanes of a vector in memory. */
  constant(word: bigint): Place {
    const key = BigInt.asUintN(64, word);
    const place = this.constants.get(key) ?? this.table([key], 2);
    this.constants.set(key, place);
    return place;
  }

  /** `workspace` locals follow the named ones; the body gets the index of the first of them. */
  define<P extends string, L extends string = never>(
    name: string,
    params: readonly P[],
    locals: Readonly<Record<L, Local>>,
    workspace: readonly Local[],
    body: (index: Readonly<Record<P | L, number>>, first: number) => Code,
  ): Callee {
    const first = params.length + Object.keys(locals).length;
    const named = func(name, params, locals, (index) => body(index, first));
    const index = this.functions.length;
    this.functions.push({ ...named, locals: [...named.locals, ...workspace] });
    return (...args) => [args, 0x10, index < 0x80 ? index : [(index & 0x7f) | 0x80, index >> 7]];
  }

  /** Adds `init`, which writes the tables and then does `more`. */
  assemble(more: Code): Uint8Array {
    this.define('init', [], {}, [], () => [this.data, more]);
    return assemble(this.functions);
  }
}
