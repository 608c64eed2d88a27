/**
 * From statistics to the sums that must be opened for them: each once, however many statistics use it, with its
 * sensitivity, what it costs, and the range it can have (docs/privacy.md section 10).
 * @module
 */
import { OutputNoise, noiseTotal } from '../dp/output-noise.ts';
import { DpcaError } from '../errors.ts';
import type { PartyName } from '../mpc/program.ts';
import type { Condition, ManifestValue, Statistic } from './definition.ts';
import { changedGroups, ownShift, pairShift, type Range, withZero } from './sensitivity.ts';

/** What a manifest says that the statistics depend on. */
export interface Design {
  readonly columns: { readonly length: number };
  readonly values: readonly ManifestValue[];
  readonly statistics: readonly Statistic[];
  readonly threshold?: number;
  readonly privacy: { readonly noise?: readonly number[] };
}

/** value - offset of a row. */
export interface Factor {
  readonly value: ManifestValue;
  readonly offset: number;
}

export interface Window {
  readonly conversion: ManifestValue;
  readonly exposure: ManifestValue;
  readonly from: number;
  readonly to: number;
}

/**
 * The sum over common rows that meet all conditions (and the window, if any) of the product of the factors, a count if
 * there is none; one sum, or one per group.
 */
export interface Term {
  readonly factors: readonly Factor[];
  readonly where: readonly Condition[];
  readonly groups?: { readonly value: ManifestValue; readonly members: readonly number[] };
  readonly window?: Window;
}

/** The opened moments of one term: `members` consecutive ones from `first` on, each with noise `noise`. */
export interface MomentFamily {
  readonly term: Term;
  readonly first: number;
  readonly members: number;
  /** Sensitivity C >= 0 of each. */
  readonly shift: bigint;
  /** How many of them change between neighbours, and when a row is replaced. */
  readonly slots: number;
  readonly replaceSlots: number;
  readonly noise: readonly bigint[];
  /** Of each moment, noise included. */
  readonly range: Range;
}

/** Sums are opened as signed integers mod 2^64; a bit to spare keeps every estimate clear of the edge. */
const LIMIT = 2n ** 62n;

function valueRange({ value, offset }: Factor): Range {
  return { low: BigInt(value.low) - BigInt(offset), high: BigInt(value.high) - BigInt(offset) };
}

function product(a: Range, b: Range): Range {
  const corners = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
  const least = (x: bigint, y: bigint): bigint => (x < y ? x : y);
  const most = (x: bigint, y: bigint): bigint => (x > y ? x : y);
  return { low: corners.reduce(least), high: corners.reduce(most) };
}

/** Range of a row's product of factors: a square is at least 0. */
export function factorRange(factors: readonly Factor[]): Range {
  const [first, second] = factors;
  if (first === undefined) return { low: 1n, high: 1n };
  const range = valueRange(first);
  if (second === undefined) return range;
  const whole = product(range, valueRange(second));
  if (first.value !== second.value) return whole;
  const crosses = range.low < 0n && range.high > 0n;
  const edge = range.low < 0n ? range.high * range.high : range.low * range.low;
  return { low: crosses ? 0n : edge, high: whole.high };
}

/** Middle of a value's bounds: sums of squares and products about it are a quarter as sensitive, or less. */
export function centre({ low, high }: ManifestValue): number {
  return Number((BigInt(low) + BigInt(high)) >> 1n);
}

/** Parties on whose rows a term depends. */
export function ownersOf(
  { factors, where, groups, window }: Term,
  ownerOf: (name: string) => PartyName,
): ReadonlySet<PartyName> {
  return new Set([
    ...factors.map(({ value }) => value.owner),
    ...where.map(({ value }) => ownerOf(value)),
    ...(groups === undefined ? [] : [groups.value.owner]),
    ...(window === undefined ? [] : (['a', 'b'] as const)),
  ]);
}

/** Collects terms, each once, and prices them. */
export class Moments {
  readonly families: MomentFamily[] = [];
  private readonly design: Design;
  private readonly rows: bigint;
  /** Absent if the manifest opens no moment; tests leave it out to compile without noise. */
  readonly noise: OutputNoise | undefined;
  private readonly byKey: Map<string, MomentFamily> = new Map();
  private readonly byName: ReadonlyMap<string, ManifestValue>;
  private readonly rawSums: ReadonlySet<string>;

  /** `rows`: most rows that can be common. */
  constructor(design: Design, rows: number) {
    this.design = design;
    this.rows = BigInt(rows);
    const { noise } = design.privacy;
    this.noise = noise === undefined ? undefined : new OutputNoise(noise);
    this.byName = new Map(design.values.map((value) => [value.name, value]));
    this.rawSums = new Set(
      design.statistics.flatMap((s) => (s.kind === 'sum' ? [keyOf(s.of, s.where)] : [])),
    );
  }

  value(name: string): ManifestValue {
    const known = this.byName.get(name);
    if (known === undefined) throw new DpcaError('ERR_INTERNAL', 'a value that is not declared');
    return known;
  }

  /** The first-order factor of a value: raw where the plain sum is opened anyway, else about its centre. */
  first(name: string, where: readonly Condition[] | undefined): Factor {
    const value = this.value(name);
    return { value, offset: this.rawSums.has(keyOf(name, where)) ? 0 : centre(value) };
  }

  /** The family of a term. `path`: the statistic that asks, for messages. */
  family(term: Term, path: string): MomentFamily {
    const key = JSON.stringify(term);
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const family = this.price(term, path);
    this.byKey.set(key, family);
    this.families.push(family);
    return family;
  }

  private price(term: Term, path: string): MomentFamily {
    const k = this.design.columns.length;
    const ofPair = ownersOf(term, (name) => this.value(name).owner).size > 1;
    const members = term.groups?.members.length ?? 1;
    const row = factorRange(term.factors);
    const shift = ofPair ? pairShift(row, k) : ownShift(row, k);
    const slots = changedGroups(members, k, ofPair);
    const noise = this.noise?.values(shift) ?? [];
    const { rows } = this;
    const { low, high } = withZero(row);
    const range = { low: rows * low, high: rows * high + noiseTotal(noise) };
    if (range.low <= -LIMIT || range.high >= LIMIT) {
      throw new DpcaError(
        'ERR_MANIFEST_PLAN',
        `manifest ${path}: a sum over ${rows} rows, with its noise, could leave 63 bits; ` +
          'expected tighter bounds or fewer rows',
      );
    }
    const first = this.families.reduce((sum, family) => sum + family.members, 0);
    const replaceSlots = Math.min(members, 2 * slots);
    return { term, first, members, shift, slots, replaceSlots, noise, range };
  }
}

function keyOf(name: string, where: readonly Condition[] | undefined): string {
  return JSON.stringify([name, where ?? []]);
}
