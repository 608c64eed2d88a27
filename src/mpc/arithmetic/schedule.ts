/**
 * A program as rounds of gates over registers: what depends on nothing unfinished goes into the earliest round, and
 * gates of a round that share an operand share their transfers. Both parties derive the same schedule from the same
 * program, which is validated here (ERR_INTERNAL: programs are made by this code, not received).
 * @module
 */
import { DpcaError } from '../../errors.ts';
import type { InputColumn, Instruction, PartyName, Program } from '../program.ts';
import { digits } from './digits.ts';
import { type Round, RoundDraft } from './round.ts';
import { plane, subtractAt } from './words.ts';

export interface Schedule {
  /** The OT sender of gates that need one direction: the one whose columns are shared through that direction too. */
  readonly dealer: PartyName;
  /** Round 0 has no gates. */
  readonly rounds: readonly Round[];
  /** Kind and register of each instruction. */
  readonly results: readonly Register[];
}

export interface Register {
  readonly kind: 'words' | 'bits';
  readonly index: number;
  /** The round after which it is final. */
  readonly ready: number;
}

const WIDEST_FACTOR = 40;
const WIDEST_RANGE = 62;

function refuse(what: string): never {
  throw new DpcaError('ERR_INTERNAL', `a program is not valid: ${what}`);
}

class Lowering {
  readonly results: Register[] = [];
  private readonly columns: readonly InputColumn[];
  private readonly drafts: RoundDraft[] = [];
  private readonly inputBits: Map<string, Register> = new Map();
  private registers = 0;

  constructor(columns: readonly InputColumn[]) {
    this.columns = columns;
    for (const { sharing, bits } of columns) {
      const least = sharing === 'additive' ? 64 : 1;
      if (!(Number.isInteger(bits) && bits >= least && bits <= 64)) refuse('bits of a column');
    }
  }

  lower(instruction: Instruction): Register {
    switch (instruction.op) {
      case 'word': {
        const { column } = instruction;
        this.column(column, 'additive');
        const out = this.register('words', 0);
        this.round(0).local((file, inputs) => file.words(out.index).set(inputs(column)));
        return out;
      }
      case 'bit':
        return this.bit(instruction.column, instruction.bit);
      case 'subtract': {
        const left = this.operand(instruction.left, 'words');
        const right = this.operand(instruction.right, 'words');
        const out = this.register('words', Math.max(left.ready, right.ready));
        this.round(out.ready).local((file) => {
          const words = file.words(out.index);
          words.set(file.words(left.index));
          const minus = file.words(right.index);
          for (let at = 0; at < words.length; at += 2) {
            subtractAt(words, at, minus[at] ?? 0, minus[at + 1] ?? 0);
          }
        });
        return out;
      }
      case 'and':
        return this.and(
          this.operand(instruction.left, 'bits'),
          this.operand(instruction.right, 'bits'),
        );
      case 'select': {
        const bit = this.operand(instruction.bit, 'bits');
        return this.product([bit], false, this.operand(instruction.word, 'words'));
      }
      case 'multiply': {
        const { bits } = this.column(instruction.column, 'boolean');
        if (bits > WIDEST_FACTOR) refuse('a factor of too many bits');
        const factor = Array.from({ length: bits }, (_, j) => this.bit(instruction.column, j));
        return this.product(factor, instruction.signed, this.operand(instruction.word, 'words'));
      }
      case 'within':
        return this.within(instruction);
    }
  }

  rounds(): Round[] {
    return this.drafts.map((draft) => draft.finish());
  }

  private round(at: number): RoundDraft {
    while (this.drafts.length <= at) this.drafts.push(new RoundDraft());
    return this.drafts[at] ?? refuse('a round');
  }

  private register(kind: Register['kind'], ready: number): Register {
    return { kind, index: this.registers++, ready };
  }

  private column(index: number, sharing: InputColumn['sharing']): InputColumn {
    const column = this.columns[index] ?? refuse('a column that is not there');
    return column.sharing === sharing ? column : refuse(`expected a column shared ${sharing}`);
  }

  private operand(index: number, kind: Register['kind']): Register {
    const operand = this.results[index] ?? refuse('an operand that is not there yet');
    return operand.kind === kind ? operand : refuse(`expected ${kind} as operand`);
  }

  private bit(column: number, bit: number): Register {
    const { bits } = this.column(column, 'boolean');
    if (!(Number.isInteger(bit) && bit >= 0 && bit < bits)) refuse('a bit outside its column');
    const key = `${column}.${bit}`;
    const held = this.inputBits.get(key);
    if (held !== undefined) return held;
    const out = this.register('bits', 0);
    this.inputBits.set(key, out);
    this.round(0).local((file, inputs) => file.bits(out.index).set(plane(inputs(column), bit)));
    return out;
  }

  private and(left: Register, right: Register): Register {
    const out = this.register('bits', Math.max(left.ready, right.ready) + 1);
    this.round(out.ready).and(left.index, right.index, out.index);
    return out;
  }

  private xor(...operands: readonly Register[]): Register {
    const out = this.register('bits', Math.max(...operands.map(({ ready }) => ready)));
    this.round(out.ready).local((file) => {
      const sum = file.bits(out.index);
      for (const { index } of operands) {
        file.bits(index).forEach((byte, i) => (sum[i] = (sum[i] ?? 0) ^ byte));
      }
    });
    return out;
  }

  private product(factor: readonly Register[], signed: boolean, word: Register): Register {
    const out = this.register('words', Math.max(word.ready, ...factor.map((b) => b.ready)) + 1);
    const bits = factor.map(({ index }) => index);
    this.round(out.ready).product(bits, signed, word.index, out.index);
    return out;
  }

  /** Digits in one round, then a tree over pairs of digits: ceil(log2 digits) rounds of AND. */
  private within(range: Extract<Instruction, { op: 'within' }>): Register {
    const { low, high, width } = range;
    const word = this.operand(range.word, 'words');
    if (!(Number.isInteger(width) && width >= 1 && width <= WIDEST_RANGE)) refuse('a range width');
    const half = 1n << BigInt(width - 1);
    if (!(-half <= low && low <= high && high < half)) refuse('bounds outside the range width');
    // a value within width bits is within more, so that whole digits suffice
    const count = Math.ceil(width / 4);
    const ready = word.ready + 1;
    const first = Array.from({ length: 4 * count + 1 }, () => this.register('bits', ready));
    const at = (i: number): Register => first[i] ?? refuse('a digit');
    const gate = digits({ word: word.index, low, high, digits: count, base: at(0).index });
    this.round(ready).gate(gate);
    const carries = [0, 2].map((offset) =>
      this.carry(
        Array.from({ length: count }, (_, d) => ({
          carries: at(4 * d + offset),
          passes: at(4 * d + offset + 1),
        })),
      ),
    );
    return this.xor(...carries, at(4 * count));
  }

  /** Out of the topmost digit, the first being the lowest: of a pair if the upper carries, or passes the lower's on. */
  private carry(digitsOf: readonly { carries: Register; passes: Register }[]): Register {
    let level = digitsOf;
    while (level.length > 1) {
      const next: { carries: Register; passes: Register }[] = [];
      for (let i = 0; i < level.length; i += 2) {
        const lower = level[i] ?? refuse('a digit');
        const upper = level[i + 1];
        if (upper === undefined) {
          next.push(lower);
        } else {
          // both ANDs share the transfers of upper.passes; a carry and a pass of one digit exclude each other
          const passed = this.and(upper.passes, lower.carries);
          const passes = this.and(upper.passes, lower.passes);
          next.push({ carries: this.xor(upper.carries, passed), passes });
        }
      }
      level = next;
    }
    return (level[0] ?? refuse('no digits')).carries;
  }
}

export function schedule(program: Program): Schedule {
  const lowering = new Lowering(program.columns);
  for (const instruction of program.instructions) {
    lowering.results.push(lowering.lower(instruction));
  }
  const { results } = lowering;
  const least = -(1n << 63n);
  for (const { word, noise, low, high } of program.moments) {
    if (results[word]?.kind !== 'words') refuse('a moment is not of words');
    if (!(least <= low && low <= high && high < -least)) refuse('the bounds of a moment');
    if (!noise.every((value) => value > 0n && value <= 1n << 62n)) refuse('a noise value');
  }
  if (!program.kept.every((index) => results[index] !== undefined)) refuse('a kept vector');
  const { columns } = program;
  const dealer = columns.length === 0 || columns.some(({ owner }) => owner === 'a') ? 'a' : 'b';
  return { dealer, rounds: lowering.rounds(), results };
}
