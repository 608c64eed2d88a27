/**
 * What each statistic of a manifest would give and cost, before it is run. The noise of counts and sums does not depend on
 * the data; figures of means and what is above them hold for values spread evenly over their bounds, without conditions.
 * @module
 */
import { maskRows } from '../../src/dp/plan.ts';
import { noiseTotal } from '../../src/dp/output-noise.ts';
import type { Json, JsonObject } from '../../src/json.ts';
import { compileManifest, type Manifest } from '../../src/run/manifest.ts';
import type { Parts } from '../../src/statistics/compile.ts';
import { interpret } from '../../src/statistics/interpret.ts';
import type { MomentFamily } from '../../src/statistics/moments.ts';
import { statisticWords } from '../config/statistic-flags.ts';

export interface FigureForecast {
  /** count, sum, or the statistic's kind. */
  readonly figure: string;
  readonly standardDeviation: number;
  readonly halfWidth: number;
  /** Smallest difference told from none at 95 % confidence in 80 % of runs: 2.8 standard deviations. */
  readonly smallestDetectable: number;
}

export interface StatisticForecast {
  readonly statistic: string;
  /** Sums that it opens and no statistic before it, and how many of them one row can move. */
  readonly moments: number;
  readonly slots: number;
  /** Whether the figures below assume how values are spread. */
  readonly assumes: boolean;
  readonly figures: readonly FigureForecast[];
}

/** What a row adds on average: evenly spread values, independent between parties. */
function perRow({ term: { factors } }: MomentFamily): number {
  const [first, second] = factors.map(({ value: { low, high }, offset }) => ({
    mean: (low + high) / 2 - offset,
    variance: ((high - low + 1) ** 2 - 1) / 12,
  }));
  if (first === undefined) return 1;
  if (second === undefined) return first.mean;
  const isSquare = factors[0]?.value === factors[1]?.value;
  return first.mean * second.mean + (isSquare ? first.variance : 0);
}

function figureOf(figure: string, given: Json | undefined): readonly FigureForecast[] {
  const { standardDeviation, interval } = (given ?? {}) as {
    standardDeviation?: string;
    interval?: { low: string | number; high: string | number };
  };
  if (standardDeviation === undefined || interval === undefined) return [];
  const deviation = Number(standardDeviation);
  return [
    {
      figure,
      standardDeviation: deviation,
      halfWidth: (Number(interval.high) - Number(interval.low)) / 2,
      smallestDetectable: 2.8 * deviation,
    },
  ];
}

function figuresOf(kind: string, given: JsonObject): readonly FigureForecast[] {
  const { result } = given;
  if (result === undefined) return figureOf(kind, given);
  // groups differ in nothing that matters here
  const [first] = (Array.isArray(result) ? result : [result]) as JsonObject[];
  return ['count', 'sum'].flatMap((name) => figureOf(name, first?.[name]));
}

/** One entry per statistic but the count of all common rows; `common` rows are taken to match. */
export function forecastStatistics(
  manifest: Manifest,
  common: number,
): readonly StatisticForecast[] {
  const compiled = compileManifest(manifest);
  const moments = compiled.families.flatMap((family) => {
    const sum = BigInt(Math.round(common * perRow(family))) + noiseTotal(family.noise) / 2n;
    return Array.from({ length: family.members }, () => sum);
  });
  const { mask } = manifest.privacy;
  const sizes = maskRows(mask).map((rows, j) => Math.round(rows / 2) + (j === 0 ? common : 0));
  const opened = { mask, sizes, moments, threshold: undefined, total: () => ({}) };
  const figures = interpret(manifest.statistics, compiled, opened);
  const seen = new Set<MomentFamily>();
  return manifest.statistics.flatMap((statistic, i) => {
    const parts: Parts = compiled.parts[i] ?? {};
    const { firsts = [], squares = [] } = parts;
    const fresh = [parts.count, parts.sum, ...firsts, ...squares, parts.product]
      .filter((family) => family !== undefined)
      .filter((family) => !seen.has(family));
    for (const family of fresh) seen.add(family);
    const sum = (pick: (family: MomentFamily) => number): number =>
      fresh.reduce((total, family) => total + pick(family), 0);
    const forecast = figuresOf(statistic.kind, figures[i] ?? {});
    if (forecast.length === 0) return [];
    return [
      {
        statistic: statisticWords(statistic),
        ...{ moments: sum(({ members }) => members), slots: sum(({ slots }) => slots) },
        assumes: firsts.length > 0,
        figures: forecast,
      },
    ];
  });
}
