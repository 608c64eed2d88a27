/**
 * How far a sum over common rows can move when one row is nulled (docs/privacy.md section 10). k identifier columns; the
 * pairs that only one neighbour has form a path of at most k edges from the nulled row, of one neighbour and of the other
 * by turns (Lemma 3).
 * @module
 */

/** What one common row adds, as a closed range. */
export interface Range {
  readonly low: bigint;
  readonly high: bigint;
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

export function withZero({ low, high }: Range): Range {
  return { low: low < 0n ? low : 0n, high: larger(high, 0n) };
}

/** Lemma 4: a function of one party's row. One row joins or, for k > 1, one takes the place of another. */
export function ownShift({ low, high }: Range, k: number): bigint {
  const joined = larger(magnitude(low), magnitude(high));
  return k === 1 ? joined : larger(joined, high - low);
}

/** Lemma 4: a function of both rows of a pair. Up to ceil(k/2) pairs join and floor(k/2) leave. */
export function pairShift(range: Range, k: number): bigint {
  const { low, high } = withZero(range);
  const [most, least] = high > -low ? [high, -low] : [-low, high];
  return BigInt(Math.ceil(k / 2)) * most + BigInt(Math.floor(k / 2)) * least;
}

/** Lemma 5: how many of the sums over `groups` disjoint groups of one party's rows can change at all. */
export function changedGroups(groups: number, k: number, ofPair: boolean): number {
  return Math.min(groups, k, ofPair ? Math.floor(k / 2) + 1 : 2);
}
