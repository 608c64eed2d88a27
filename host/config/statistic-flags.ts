/**
 * Values and statistics as command-line flags, and in words. The manifest's reader checks what they say; here only their
 * form is read.
 * @module
 */
import { DpcaError } from '../../src/errors.ts';
import type { Json } from '../../src/json.ts';
import type { Condition, Statistic } from '../../src/statistics/definition.ts';

const INTEGER = /^-?(0|[1-9][0-9]{0,15})$/;

export const VALUE_FORM = 'NAME:OWNER:LOW:HIGH with an owner of a or b, as in spend:b:0:1000';

export const STATISTIC_FORMS: readonly string[] = [
  'count',
  'sum:VALUE',
  'mean:VALUE',
  'variance:VALUE',
  'covariance:VALUE:VALUE',
  'correlation:VALUE:VALUE',
  'histogram:GROUP:1,2,3 or histogram:GROUP:1..8, then :VALUE to add one up',
  'attributed:CONVERSION:EXPOSURE:FROM..TO, then :VALUE to add one up',
  'shares:VALUE:...',
];

function whole(text: string, flag: string): number {
  if (!INTEGER.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new DpcaError('ERR_USAGE', `${flag}: expected a whole number, got "${text}"`);
  }
  return Number(text);
}

/** FROM..TO, or one number as both. */
function range(text: string, flag: string): { readonly from: number; readonly to: number } {
  const [first = '', second = first, ...rest] = text.split('..');
  if (rest.length > 0)
    throw new DpcaError('ERR_USAGE', `${flag}: expected FROM..TO, got "${text}"`);
  return { from: whole(first, flag), to: whole(second, flag) };
}

export function parseValueFlag(text: string): Json {
  const flag = '--value';
  const [name, owner, low, high, ...rest] = text.split(':');
  if (name === undefined || owner === undefined || low === undefined || high === undefined) {
    throw new DpcaError('ERR_USAGE', `${flag}: expected ${VALUE_FORM}, got "${text}"`);
  }
  if (rest.length > 0) throw new DpcaError('ERR_USAGE', `${flag}: expected ${VALUE_FORM}`);
  return { name, owner, low: whole(low, flag), high: whole(high, flag) };
}

function groups(text: string, flag: string): readonly number[] {
  return text.split(',').flatMap((part) => {
    const { from, to } = range(part, flag);
    // the manifest takes 64 groups; more are cut to the first it refuses
    const count = Math.min(Math.max(to - from + 1, 1), 100);
    return Array.from({ length: count }, (_, i) => from + i);
  });
}

/** `KIND:ARGUMENTS`, then `@VALUE=NUMBER` or `@VALUE=FROM..TO` for each condition. */
export function parseStatisticFlag(text: string): Json {
  const flag = '--statistic';
  const [head = '', ...conditions] = text.split('@');
  const [kind = '', ...names] = head.split(':');
  const where = conditions.map((condition): Json => {
    const [value = '', test = '', ...rest] = condition.split('=');
    if (rest.length > 0 || test === '') {
      throw new DpcaError(
        'ERR_USAGE',
        `${flag}: expected @VALUE=NUMBER or @VALUE=FROM..TO, got "@${condition}"`,
      );
    }
    return test.includes('..')
      ? { value, ...range(test, flag) }
      : { value, equals: whole(test, flag) };
  });
  const filter = where.length === 0 ? {} : { where };
  const refuse = (): never => {
    throw new DpcaError(
      'ERR_USAGE',
      `${flag}: expected ${STATISTIC_FORMS.join('; ')}; got "${text}"`,
    );
  };
  const [first, second, third, fourth, ...more] = names;
  const sum = (name: string | undefined): { sum?: string } =>
    name === undefined ? {} : { sum: name };
  switch (kind) {
    case 'count':
      return names.length === 0 ? { kind, ...filter } : refuse();
    case 'sum':
    case 'mean':
    case 'variance':
      return names.length === 1 ? { kind, of: names[0] ?? '', ...filter } : refuse();
    case 'covariance':
    case 'correlation':
      return names.length === 2 ? { kind, of: names, ...filter } : refuse();
    case 'histogram':
      if (first === undefined || second === undefined || names.length > 3) return refuse();
      return { kind, group: first, groups: groups(second, flag), ...sum(third), ...filter };
    case 'attributed':
      if (first === undefined || second === undefined || third === undefined) return refuse();
      if (more.length > 0) return refuse();
      return {
        ...{ kind, conversion: first, exposure: second, window: range(third, flag) },
        ...sum(fourth),
        ...filter,
      };
    case 'shares':
      return names.length > 0 && where.length === 0 ? { kind, of: names } : refuse();
    default:
      return refuse();
  }
}

function condition(given: Condition): string {
  return 'equals' in given
    ? `${given.value} = ${given.equals}`
    : `${given.value} from ${given.from} to ${given.to}`;
}

/** A statistic as people say it. */
export function statisticWords(statistic: Statistic): string {
  const { kind } = statistic;
  if (kind === 'shares') return `secret shares of ${statistic.of.join(', ')}`;
  const where =
    statistic.where === undefined ? '' : ` where ${statistic.where.map(condition).join(' and ')}`;
  const added = (sum: string | undefined): string =>
    sum === undefined ? '' : ` and sum of ${sum}`;
  switch (kind) {
    case 'count':
      return where === ''
        ? 'count of common rows, in total and per identifier'
        : `count of common rows${where}`;
    case 'histogram':
      return `count${added(statistic.sum)} by ${statistic.group} (${statistic.groups.length} groups)${where}`;
    case 'attributed': {
      const { conversion, exposure, window, sum } = statistic;
      return `count${added(sum)} of rows with ${conversion} - ${exposure} from ${window.from} to ${window.to}${where}`;
    }
    default: {
      const of = typeof statistic.of === 'string' ? statistic.of : statistic.of.join(' and ');
      return `${kind} of ${of}${where}`;
    }
  }
}
