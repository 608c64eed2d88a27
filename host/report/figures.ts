/**
 * A release as figures to show: every statistic of the manifest with what was released of it. The release may come from
 * a record that did not pass, so nothing in it is taken for granted: what has not the form is said to be unreadable.
 * @module
 */
import type { Json, JsonObject } from '../../src/json.ts';
import type { Manifest, Statistic } from '../../src/run/manifest.ts';
import { statisticWords } from '../config/statistic-flags.ts';

export type Figure = { readonly label: string } & (
  | {
      readonly kind: 'estimate';
      /** Figures of one statistic and unit share a scale. */
      readonly unit: 'rows' | 'value';
      /** Decimal text. */
      readonly value: string;
      readonly deviation: string;
      readonly low: string;
      readonly high: string;
    }
  | { readonly kind: 'suppressed' | 'shares' | 'unreadable' }
  | { readonly kind: 'undefined'; readonly reason: string }
);
export type EstimateFigure = Extract<Figure, { kind: 'estimate' }>;

export interface StatisticFigures {
  readonly title: string;
  readonly figures: readonly Figure[];
}

const DECIMAL = /^-?[0-9]{1,40}(\.[0-9]{1,20})?$/;

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

function decimal(value: Json | undefined): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && DECIMAL.test(text) ? text : undefined;
}

function nameOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '?';
}

/** One figure object of a release. */
function figureOf(label: string, unit: EstimateFigure['unit'], json: Json | undefined): Figure {
  const given = objectOf(json);
  if (given['suppressed'] === true) return { label, kind: 'suppressed' };
  const reason = given['undefined'];
  if (typeof reason === 'string') return { label, kind: 'undefined', reason };
  const interval = objectOf(given['interval']);
  const [value, deviation] = [decimal(given['value']), decimal(given['standardDeviation'])];
  const [low, high] = [decimal(interval['low']), decimal(interval['high'])];
  if (
    value === undefined ||
    deviation === undefined ||
    low === undefined ||
    high === undefined ||
    interval['level'] !== '0.95'
  ) {
    return { label, kind: 'unreadable' };
  }
  return { label, kind: 'estimate', unit, value, deviation, low, high };
}

/** A count, and the sum beside it where one was asked for; both are suppressed together. */
function counted(label: string, sum: string | undefined, json: Json | undefined): Figure[] {
  const given = objectOf(json);
  const rows = label === '' ? 'rows' : `${label}: rows`;
  if (given['suppressed'] === true) return [{ label: rows, kind: 'suppressed' }];
  const added = label === '' ? 'sum of' : `${label}: sum of`;
  return [
    figureOf(rows, 'rows', given['count']),
    ...(sum === undefined ? [] : [figureOf(`${added} ${sum}`, 'value', given['sum'])]),
  ];
}

function figures(statistic: Statistic, given: JsonObject): readonly Figure[] {
  switch (statistic.kind) {
    case 'shares':
      return [{ label: statistic.of.join(', '), kind: 'shares' }];
    case 'histogram': {
      const groups = listOf(given['result']).map(objectOf);
      return statistic.groups.flatMap((group, i) =>
        counted(`${statistic.group} = ${group}`, statistic.sum, groups[i]),
      );
    }
    case 'attributed':
      return counted('', statistic.sum, given['result']);
    case 'count': {
      const columns = listOf(given['columns']).map(objectOf);
      return [
        figureOf('rows', 'rows', given),
        ...(statistic.where === undefined
          ? columns.map((column) =>
              figureOf(`matched by ${nameOf(column['column'])}`, 'rows', column),
            )
          : []),
      ];
    }
    default:
      return [figureOf(statistic.kind, 'value', given)];
  }
}

/** Every statistic of the manifest, in its order, with the figures of `release`. */
export function figuresOf(manifest: Manifest, release: JsonObject): readonly StatisticFigures[] {
  const given = listOf(release['statistics']).map(objectOf);
  return manifest.statistics.map((statistic, i) => {
    const words = statisticWords(statistic);
    return {
      title: words.charAt(0).toUpperCase() + words.slice(1),
      figures: figures(statistic, given[i] ?? {}),
    };
  });
}

/** The figure that stands for the whole release in lists: the first that is an estimate by kind. */
export function headline(statistics: readonly StatisticFigures[]): Figure | undefined {
  return statistics.find(({ figures: [first] }) => first?.kind !== 'shares')?.figures[0];
}
