/**
 * Statistics written down once more, on plain rows and without shares, moments or noise: the oracle of
 * src/statistics. A row is the values of one common pair by name.
 * @module
 */
import type { Condition, Statistic } from '../../src/statistics/definition.ts';

export type Row = Readonly<Record<string, bigint>>;

/** Figures as a release would state them without noise: whole numbers as text, ratios to six places, or undefined. */
export type PlainFigure =
  string | undefined | readonly { readonly count: string; readonly sum?: string }[];

function meets(row: Row, where: readonly Condition[] | undefined): boolean {
  return (where ?? []).every((condition) => {
    const x = row[condition.value]!;
    return 'equals' in condition
      ? x === BigInt(condition.equals)
      : x >= BigInt(condition.from) && x <= BigInt(condition.to);
  });
}

const total = (all: readonly bigint[]): bigint => all.reduce((sum, x) => sum + x, 0n);

/** num/den (den > 0) to six places, halves towards plus infinity. */
export function sixPlaces(num: bigint, den: bigint): string {
  const scaled = 2n * num * 1_000_000n + den;
  const floor = scaled / (2n * den) - (scaled % (2n * den) < 0n ? 1n : 0n);
  const size = floor < 0n ? -floor : floor;
  return `${floor < 0n ? '-' : ''}${size / 1_000_000n}.${(size % 1_000_000n).toString().padStart(6, '0')}`;
}

/** n sum xy - sum x sum y: n^2 times the covariance. */
function scatter(xs: readonly bigint[], ys: readonly bigint[]): bigint {
  const products = xs.map((x, i) => x * ys[i]!);
  return BigInt(xs.length) * total(products) - total(xs) * total(ys);
}

export function plainFigure(statistic: Statistic, rows: readonly Row[]): PlainFigure {
  if (statistic.kind === 'shares') return undefined;
  const kept = rows.filter((row) => meets(row, statistic.where));
  const of = (name: string): bigint[] => kept.map((row) => row[name]!);
  const n = BigInt(kept.length);
  switch (statistic.kind) {
    case 'count':
      return String(n);
    case 'sum':
      return String(total(of(statistic.of)));
    case 'mean':
      return n === 0n ? undefined : sixPlaces(total(of(statistic.of)), n);
    case 'variance': {
      const square = scatter(of(statistic.of), of(statistic.of));
      return square === 0n ? undefined : sixPlaces(square, n * n);
    }
    case 'covariance': {
      const [x = '', y = ''] = statistic.of;
      return n === 0n ? undefined : sixPlaces(scatter(of(x), of(y)), n * n);
    }
    case 'correlation': {
      const [x = '', y = ''] = statistic.of;
      const [xx, yy] = [scatter(of(x), of(x)), scatter(of(y), of(y))];
      if (xx === 0n || yy === 0n) return undefined;
      return String(Number(scatter(of(x), of(y))) / Math.sqrt(Number(xx)) / Math.sqrt(Number(yy)));
    }
    case 'histogram':
    case 'attributed': {
      const sections =
        statistic.kind === 'histogram'
          ? statistic.groups.map((group) =>
              kept.filter((row) => row[statistic.group] === BigInt(group)),
            )
          : [
              kept.filter((row) => {
                const gap = row[statistic.conversion]! - row[statistic.exposure]!;
                const { from, to } = statistic.window;
                return gap >= BigInt(from) && gap <= BigInt(to);
              }),
            ];
      const { sum } = statistic;
      return sections.map((section) => ({
        count: String(section.length),
        ...(sum === undefined ? {} : { sum: String(total(section.map((row) => row[sum]!))) }),
      }));
    }
  }
}
