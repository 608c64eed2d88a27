/**
 * Collects what is computed in one round, and lets gates with a common operand share their transfers.
 * @module
 */
import { and, type AndSpec, MOST_RIGHTS } from './and.ts';
import type { Gate, Registers } from './gate.ts';
import { MOST_WORDS, product, type ProductSpec } from './product.ts';
import type { Words } from './words.ts';

/** The input columns of one block: the own shares of its rows, padded with 0. */
export type Inputs = (column: number) => Words;

/** Computed by each party alone, after the gates of its round. */
export type Local = (registers: Registers, inputs: Inputs) => void;

export interface Round {
  readonly gates: readonly Gate[];
  readonly locals: readonly Local[];
}

interface Conjunction {
  readonly operands: readonly [number, number];
  readonly out: number;
}

/** A product that grows as more words turn up for the same bits. */
interface Factored extends ProductSpec {
  readonly words: number[];
  readonly outs: number[];
}

/** All arguments are indices of registers. */
export class RoundDraft {
  private readonly gates: Gate[] = [];
  private readonly ands: Conjunction[] = [];
  private readonly products: Factored[] = [];
  private readonly locals: Local[] = [];

  local(compute: Local): void {
    this.locals.push(compute);
  }

  gate(gate: Gate): void {
    this.gates.push(gate);
  }

  and(left: number, right: number, out: number): void {
    this.ands.push({ operands: [left, right], out });
  }

  product(bits: readonly number[], signed: boolean, word: number, out: number): void {
    let group = this.products.find(
      (other) =>
        other.signed === signed &&
        other.words.length < MOST_WORDS &&
        other.bits.length === bits.length &&
        other.bits.every((bit, j) => bit === bits[j]),
    );
    if (group === undefined) {
      group = { bits, signed, words: [], outs: [], oneWay: false };
      this.products.push(group);
    }
    group.words.push(word);
    group.outs.push(out);
  }

  finish(): Round {
    const gates = [...this.gates, ...sharing(this.ands).map(and), ...this.products.map(product)];
    return { gates, locals: this.locals };
  }
}

/** ANDs with a common operand as one gate, the operand that most of the rest have first. */
function sharing(ands: readonly Conjunction[]): AndSpec[] {
  const gates: AndSpec[] = [];
  let rest = ands;
  while (rest.length > 0) {
    const uses = new Map<number, number>();
    for (const operand of rest.flatMap(({ operands }) => [...new Set(operands)])) {
      uses.set(operand, (uses.get(operand) ?? 0) + 1);
    }
    const [left] = [...uses].reduce((best, next) => (next[1] > best[1] ? next : best));
    const taken = rest.filter(({ operands }) => operands.includes(left)).slice(0, MOST_RIGHTS);
    const rights = taken.map(({ operands: [x, y] }) => (x === left ? y : x));
    gates.push({ left, rights, outs: taken.map(({ out }) => out) });
    rest = rest.filter((conjunction) => !taken.includes(conjunction));
  }
  return gates;
}
