/**
 * A release for people, figure by figure; what is suppressed, undefined or withheld is said in words and never looks
 * like a number.
 * @module
 */
import type { Json, JsonObject } from '../../src/json.ts';
import type { Statistic } from '../../src/statistics/definition.ts';
import { statisticWords } from '../config/statistic-flags.ts';

function textOf(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '?';
}

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}

function listOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).map(objectOf) : [];
}

function figureText(figure: JsonObject): string {
  const { value, suppressed, undefined: reason, standardDeviation, interval } = figure;
  if (suppressed === true) return 'suppressed by the threshold (not zero)';
  if (reason !== undefined) return `undefined: ${textOf(reason)}`;
  const { low, high } = objectOf(interval);
  return `${textOf(value)}  (95 %: ${textOf(low)} to ${textOf(high)}; noise sd ${textOf(standardDeviation)})`;
}

/** Label and figure of every line that a statistic has. */
function linesOf(statistic: JsonObject, sizes: readonly Json[]): (readonly [string, string])[] {
  const { columns, result } = statistic;
  const counted = (label: string, section: JsonObject): (readonly [string, string])[] =>
    section['suppressed'] === true
      ? [[label, figureText(section)]]
      : [
          [`${label} count`, figureText(objectOf(section['count']))] as const,
          ...(section['sum'] === undefined
            ? []
            : [[`${label} sum`, figureText(objectOf(section['sum']))] as const]),
        ];
  // a release that this side's own enclave, or a verified log, gave
  const definition = statistic as unknown as Statistic;
  const words = statisticWords(definition);
  if (definition.kind === 'shares') {
    return [[words, 'to each host, WITHOUT differential privacy']];
  }
  if (definition.kind === 'histogram') {
    const groups = listOf(result).flatMap((section) =>
      counted(`  ${definition.group} ${textOf(section['group'])}:`, section),
    );
    return [[words, ''], ...groups];
  }
  if (definition.kind === 'attributed') return [[words, ''], ...counted(' ', objectOf(result))];
  if (columns === undefined) return [[words, figureText(statistic)]];
  return [
    ['rows in common', figureText(statistic)],
    ...listOf(columns).map(
      (column, j) =>
        [
          `  by ${textOf(column['column'])}`,
          `${figureText(column)}; masked size ${textOf(sizes[j])}`,
        ] as const,
    ),
  ];
}

/** Whether the threshold took a figure away. */
export function isSuppressed(release: JsonObject): boolean {
  const isTaken = (figure: JsonObject): boolean => figure['suppressed'] === true;
  return listOf(release['statistics']).some((statistic) => {
    const { result } = statistic;
    return isTaken(statistic) || [...listOf(result), objectOf(result)].some(isTaken);
  });
}

/** The release for people, with the claims that stand beside it. */
export function releaseText(release: JsonObject): string {
  const { maskedSizes, withheld } = release;
  const sizes = Array.isArray(maskedSizes) ? (maskedSizes as readonly Json[]) : [];
  const [privacy, rows, claims] = ['privacy', 'rows', 'claims'].map((name) =>
    objectOf(release[name]),
  ) as [JsonObject, JsonObject, JsonObject];
  const ledger = objectOf(claims['ledger']);
  const figures =
    withheld === true
      ? [['release', 'withheld: the manifest gives it to the other party'] as const]
      : listOf(release['statistics']).flatMap((statistic) => linesOf(statistic, sizes));
  const shares = release['sharesFile'];
  const lines: (readonly [string, string])[] = [
    ...figures,
    ...(shares === undefined ? [] : [['own shares', textOf(shares)] as const]),
    ...(withheld === true ? [['masked sizes', sizes.map(textOf).join(', ')] as const] : []),
    [
      'privacy',
      `epsilon ${textOf(privacy['epsilon'])}, delta ${textOf(privacy['delta'])} over ${textOf(privacy['runs'])} runs, adjacency ${textOf(privacy['adjacency'])}`,
    ],
    ['', `epsilon ${textOf(claims['replaceEpsilon'])} if a row is replaced by any other`],
    [
      'own ledger',
      `${textOf(ledger['slotsSpent'])} runs spent, ${textOf(ledger['slotsLeft'])} left; registered for epsilon ${textOf(ledger['epsilon'])}, delta ${textOf(ledger['delta'])}`,
    ],
    ['tables', `${textOf(rows['a'])} and ${textOf(rows['b'])} rows`],
    ['session', textOf(release['session'])],
    ['receipt', textOf(release['receipt'])],
  ];
  const width = Math.min(44, Math.max(...lines.map(([label]) => label.length)));
  return lines.map(([label, text]) => `${label.padEnd(width)}  ${text}`.trimEnd()).join('\n');
}
