/**
 * Builds columns and instructions for terms. A sum over rows is a word that its owner nulled by its own conditions, then
 * selected by the peer's conditions, group and window: whatever the bits are in a dummy row, its word is 0, which ANDs
 * all of them with the row's being real. No secret.
 * @module
 */
import type { Instruction, PartyName } from '../mpc/program.ts';
import type { OwnColumn, OwnTerm } from './columns.ts';
import type { Condition } from './definition.ts';
import type { Factor, Term, Window } from './moments.ts';

const BITS_PER_COLUMN = 64;

function other(party: PartyName): PartyName {
  return party === 'a' ? 'b' : 'a';
}

/** Bits of a two's complement (or, from 0 on, unsigned) integer that holds low..high. */
function widthOf(low: bigint, high: bigint): number {
  const width = (x: bigint): number => (x === 0n ? 0 : x.toString(2).length);
  return low < 0n ? 1 + Math.max(width(high), width(-low - 1n)) : Math.max(width(high), 1);
}

function span({ value, offset }: Factor): { low: bigint; high: bigint; width: number } {
  const [low, high] = [BigInt(value.low) - BigInt(offset), BigInt(value.high) - BigInt(offset)];
  // a nulled row holds 0
  const [least, most] = [low < 0n ? low : 0n, high > 0n ? high : 0n];
  return { low, high, width: widthOf(least, most) };
}

/** Columns and instructions, each once. */
export class Builder {
  readonly columns: OwnColumn[] = [];
  readonly instructions: Instruction[] = [];
  private readonly known: Map<string, number> = new Map();
  private readonly ownerOf: (name: string) => PartyName;

  constructor(ownerOf: (name: string) => PartyName) {
    this.ownerOf = ownerOf;
  }

  private once(key: string, make: () => number): number {
    const index = this.known.get(key) ?? make();
    this.known.set(key, index);
    return index;
  }

  private push(instruction: Instruction): number {
    const key = JSON.stringify(instruction, (_, v: unknown) =>
      typeof v === 'bigint' ? `${v}n` : v,
    );
    return this.once(key, () => this.instructions.push(instruction) - 1);
  }

  private of(where: readonly Condition[], party: PartyName): readonly Condition[] {
    return where.filter(({ value }) => this.ownerOf(value) === party);
  }

  /** Own term of a party, conditions of the other one left out. */
  private own(party: PartyName, factors: readonly Factor[], where: readonly Condition[]): OwnTerm {
    return { factors, where: this.of(where, party) };
  }

  word(party: PartyName, factors: readonly Factor[], where: readonly Condition[]): number {
    const term = this.own(party, factors, where);
    const column = this.once(`word ${party} ${JSON.stringify(term)}`, () => {
      return this.columns.push({ owner: party, sharing: 'additive', bits: 64, terms: [term] }) - 1;
    });
    return this.push({ op: 'word', column });
  }

  /** Bits travel many to a column: a column costs as much whether one or 64 of its bits are used. */
  bit(party: PartyName, where: readonly Condition[]): number {
    const term = this.own(party, [], where);
    const place = this.once(`bit ${party} ${JSON.stringify(term)}`, () => {
      let column = this.columns.findIndex(
        ({ owner, sharing, bits, terms }) =>
          owner === party &&
          sharing === 'boolean' &&
          bits === terms.length &&
          bits < BITS_PER_COLUMN &&
          terms.every(({ factors }) => factors.length === 0),
      );
      if (column < 0) {
        column = this.columns.push({ owner: party, sharing: 'boolean', bits: 0, terms: [] }) - 1;
      }
      const before = this.columns[column] as OwnColumn;
      const bits = before.bits + 1;
      this.columns[column] = { ...before, bits, terms: [...before.terms, term] };
      return column * BITS_PER_COLUMN + before.bits;
    });
    const [column, bit] = [Math.floor(place / BITS_PER_COLUMN), place % BITS_PER_COLUMN];
    return this.push({ op: 'bit', column, bit });
  }

  /** Words of left * right, values of different parties; the narrower one is shared bit by bit. */
  product(left: Factor, right: Factor, where: readonly Condition[]): number {
    const [narrow, wide] =
      span(left).width <= span(right).width ? ([left, right] as const) : ([right, left] as const);
    const { low, width } = span(narrow);
    const party = narrow.value.owner;
    const term = this.own(party, [narrow], where);
    const column = this.once(`integer ${party} ${JSON.stringify(term)}`, () => {
      return (
        this.columns.push({ owner: party, sharing: 'boolean', bits: width, terms: [term] }) - 1
      );
    });
    const word = this.word(wide.value.owner, [wide], where);
    return this.push({ op: 'multiply', column, signed: low < 0n, word });
  }

  /** Bits: from <= conversion - exposure <= to, of values that were moved to start at 0. */
  within({ conversion, exposure, from, to }: Window): number {
    const [c, e] = [conversion, exposure].map((value) => ({ value, offset: value.low })) as [
      Factor,
      Factor,
    ];
    const [least, most] = [-span(e).high, span(c).high];
    const moved = BigInt(conversion.low) - BigInt(exposure.low);
    const [low, high] = [BigInt(from) - moved, BigInt(to) - moved];
    const word = this.push({
      op: 'subtract',
      left: this.word(conversion.owner, [c], []),
      right: this.word(exposure.owner, [e], []),
    });
    return this.push({
      ...{ op: 'within', word },
      // bounds are below 2^53, so it is 56 at most
      width: widthOf(least < 0n ? least : -1n, most),
      low: low < least ? least : low,
      high: high > most ? most : high,
    });
  }

  /** The word of each moment of a term. */
  term(term: Term): number[] {
    const { factors, where, groups, window } = term;
    const [first, second] = factors;
    if (first !== undefined && second !== undefined && first.value.owner !== second.value.owner) {
      return [this.product(first, second, where)];
    }
    const conditioned = where.map(({ value }) => this.ownerOf(value));
    const counted = groups === undefined ? conditioned[0] : other(groups.value.owner);
    const party = first?.value.owner ?? counted ?? 'a';
    const peer = other(party);
    const isGatedByGroup = groups?.value.owner === peer;
    let gate =
      this.of(where, peer).length > 0 && !isGatedByGroup ? this.bit(peer, where) : undefined;
    if (window !== undefined) {
      const within = this.within(window);
      gate = gate === undefined ? within : this.push({ op: 'and', left: gate, right: within });
    }
    let word = this.word(party, factors, where);
    if (gate !== undefined) word = this.push({ op: 'select', bit: gate, word });
    if (groups === undefined) return [word];
    return groups.members.map((equals) => {
      const bit = this.bit(groups.value.owner, [...where, { value: groups.value.name, equals }]);
      return this.push({ op: 'select', bit, word });
    });
  }
}
