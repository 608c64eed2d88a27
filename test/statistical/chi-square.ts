/**
 * Pearson's chi-square test with an exact tail, for counts over cells of known probability.
 * @module
 */
import { lnGamma } from '../../host/lab/proportions.ts';

/** P(X > x) for X chi-square with `degrees` degrees of freedom: series or continued fraction of Q(degrees/2, x/2). */
export function chiSquareTail(x: number, degrees: number): number {
  const a = degrees / 2;
  const y = x / 2;
  if (y <= 0) return 1;
  const scale = Math.exp(a * Math.log(y) - y - lnGamma(a));
  if (y < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; term > sum * 1e-16; n++) {
      term *= y / (a + n);
      sum += term;
    }
    return Math.max(0, 1 - scale * sum);
  }
  let b = y + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < 10_000; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-14) break;
  }
  return scale * fraction;
}

/**
 * p-value of observed cells against their probabilities; rare cells are merged, rarest first, until each expects at
 * least 5. 0 when a cell of probability 0 was seen.
 */
export function chiSquareTest(cells: readonly number[], probabilities: readonly number[]): number {
  const total = cells.reduce((sum, n) => sum + n, 0);
  const order = probabilities.map((p, i) => ({ p, seen: cells[i] ?? 0 })).sort((x, y) => x.p - y.p);
  const groups = [{ seen: 0, expected: 0 }];
  for (const { p, seen } of order) {
    if (p === 0 && seen > 0) return 0;
    let group = groups.at(-1)!;
    if (group.expected >= 5) {
      group = { seen: 0, expected: 0 };
      groups.push(group);
    }
    group.seen += seen;
    group.expected += p * total;
  }
  if (groups.length < 2) throw new Error('too few runs for a test');
  const statistic = groups.reduce((sum, g) => sum + (g.seen - g.expected) ** 2 / g.expected, 0);
  return chiSquareTail(statistic, groups.length - 1);
}
