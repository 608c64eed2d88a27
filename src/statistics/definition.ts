/**
 * Value columns and statistics as a manifest states them: their types and their strict readers (docs/specification.md
 * section 6). What they cost is derived in moments.ts; here only shape and references.
 * @module
 */
import { canonicalJson, type Json } from '../json.ts';
import type { PartyName } from '../mpc/program.ts';
import { array, integer, object, oneOf, refuse, text } from '../shape.ts';

/** A private integer per row of its owner's table, clipped to low..high by the owner's enclave. */
export type ManifestValue = {
  readonly name: string;
  readonly owner: PartyName;
  readonly low: number;
  readonly high: number;
};

/** A row counts only if its clipped value is the one named, or lies in from..to. */
export type Condition =
  | { readonly value: string; readonly equals: number }
  | { readonly value: string; readonly from: number; readonly to: number };

/** All conditions hold; of a party's own rows and of its peer's. Absent: every common row. */
export type Where = { readonly where?: readonly Condition[] };

export type Statistic =
  | ({ readonly kind: 'count' } & Where)
  | ({ readonly kind: 'sum' | 'mean' | 'variance'; readonly of: string } & Where)
  | ({
      readonly kind: 'covariance' | 'correlation';
      /** One value of each party. */
      readonly of: readonly string[];
    } & Where)
  | ({
      readonly kind: 'histogram';
      readonly group: string;
      /** Declared groups, ascending; a row of another group counts in none. */
      readonly groups: readonly number[];
      /** Value of either party, added up per group. */
      readonly sum?: string;
    } & Where)
  | ({
      readonly kind: 'attributed';
      /** Values of different parties; a row counts if from <= conversion - exposure <= to. */
      readonly conversion: string;
      readonly exposure: string;
      readonly window: { readonly from: number; readonly to: number };
      readonly sum?: string;
    } & Where)
  /** Share columns of the named values to each party's host; outside of differential privacy. */
  | { readonly kind: 'shares'; readonly of: readonly string[] };

const KINDS = [
  ...['count', 'sum', 'mean', 'variance', 'covariance', 'correlation', 'histogram', 'attributed'],
  'shares',
] as readonly Statistic['kind'][];

/** Caps, each with its reason. */
export const STATISTIC_LIMITS = {
  /** Each costs a word in every switch of a permutation network. */
  values: 16,
  statistics: 16,
  conditions: 8,
  /** One-hot groups travel in one 64-bit word. */
  groups: 64,
} as const;

/** Names of identifier and value columns. */
export const COLUMN_NAME: RegExp = /^[a-z][a-z0-9_-]{0,31}$/;
export const COLUMN_NAME_TEXT = 'a logical name: a lower-case letter, then up to 31 of a-z 0-9 _ -';

const MAX = Number.MAX_SAFE_INTEGER;

function value(json: Json, path: string): ManifestValue {
  const given = object(json, path, ['name', 'owner', 'low', 'high']);
  const low = integer(given.low, `${path}/low`, MAX, -MAX);
  return {
    name: text(given.name, `${path}/name`, COLUMN_NAME, COLUMN_NAME_TEXT),
    owner: oneOf(given.owner, `${path}/owner`, ['a', 'b']),
    low,
    high: integer(given.high, `${path}/high`, MAX, low),
  };
}

/** Up to 16 value columns with distinct names, none of them `taken` (ERR_MANIFEST). */
export function valuesFromJson(
  json: Json,
  path: string,
  taken: readonly string[],
): readonly ManifestValue[] {
  if (Array.isArray(json) && json.length === 0) return [];
  const values = array(json, path, STATISTIC_LIMITS.values, value);
  const names = [...taken, ...values.map(({ name }) => name)];
  return new Set(names).size === names.length
    ? values
    : refuse(path, 'expected names that differ from each other and from those of /columns');
}

/** Reads statistics against the declared values. */
class Reader {
  private readonly values: ReadonlyMap<string, ManifestValue>;

  constructor(values: readonly ManifestValue[]) {
    this.values = new Map(values.map((entry) => [entry.name, entry]));
  }

  private value(json: Json, path: string): ManifestValue {
    const known = typeof json === 'string' ? this.values.get(json) : undefined;
    return known ?? refuse(path, 'expected the name of a value in /values');
  }

  private name(json: Json, path: string): string {
    return this.value(json, path).name;
  }

  private pair(first: ManifestValue, second: ManifestValue, path: string): void {
    if (first.owner === second.owner) refuse(path, 'expected one value of each party');
  }

  /** Ends within the value's bounds: outside of them clipping leaves nothing. */
  private condition(json: Json, path: string): Condition {
    const isPoint = typeof json === 'object' && json !== null && 'equals' in json;
    if (isPoint) {
      const given = object(json, path, ['value', 'equals']);
      const { name, low, high } = this.value(given.value, `${path}/value`);
      return { value: name, equals: integer(given.equals, `${path}/equals`, high, low) };
    }
    const given = object(json, path, ['value', 'from', 'to']);
    const { name, low, high } = this.value(given.value, `${path}/value`);
    const from = integer(given.from, `${path}/from`, high, low);
    return { value: name, from, to: integer(given.to, `${path}/to`, high, from) };
  }

  private where(json: Json | undefined, path: string): Where {
    if (json === undefined) return {};
    const at = `${path}/where`;
    const { conditions } = STATISTIC_LIMITS;
    return { where: array(json, at, conditions, (entry, place) => this.condition(entry, place)) };
  }

  private sum(json: Json | undefined, path: string): { readonly sum?: string } {
    return json === undefined ? {} : { sum: this.name(json, `${path}/sum`) };
  }

  private groups(json: Json, path: string, { low, high }: ManifestValue): readonly number[] {
    let next = low;
    return array(json, path, STATISTIC_LIMITS.groups, (entry, place) => {
      const group = integer(entry, place, high, next);
      next = group + 1;
      return group;
    });
  }

  statistic(json: Json, path: string): Statistic {
    const members = typeof json === 'object' && json !== null ? (json as { kind?: Json }) : {};
    const kind = oneOf(members.kind ?? null, `${path}/kind`, KINDS);
    switch (kind) {
      case 'count': {
        const given = object(json, path, ['kind'], ['where']);
        return { kind, ...this.where(given.where, path) };
      }
      case 'sum':
      case 'mean':
      case 'variance': {
        const given = object(json, path, ['kind', 'of'], ['where']);
        return { kind, of: this.name(given.of, `${path}/of`), ...this.where(given.where, path) };
      }
      case 'covariance':
      case 'correlation': {
        const given = object(json, path, ['kind', 'of'], ['where']);
        const at = `${path}/of`;
        const values = array(given.of, at, 2, (entry, place) => this.value(entry, place));
        const [first, second] = values;
        if (first === undefined || second === undefined) return refuse(at, 'expected 2 entries');
        this.pair(first, second, at);
        return { kind, of: values.map(({ name }) => name), ...this.where(given.where, path) };
      }
      case 'histogram': {
        const given = object(json, path, ['kind', 'group', 'groups'], ['sum', 'where']);
        const group = this.value(given.group, `${path}/group`);
        return {
          kind,
          group: group.name,
          groups: this.groups(given.groups, `${path}/groups`, group),
          ...this.sum(given.sum, path),
          ...this.where(given.where, path),
        };
      }
      case 'attributed': {
        const names = ['kind', 'conversion', 'exposure', 'window'] as const;
        const given = object(json, path, names, ['sum', 'where']);
        const conversion = this.value(given.conversion, `${path}/conversion`);
        const exposure = this.value(given.exposure, `${path}/exposure`);
        this.pair(conversion, exposure, `${path}/exposure`);
        const window = object(given.window, `${path}/window`, ['from', 'to']);
        const from = integer(window.from, `${path}/window/from`, MAX, -MAX);
        const to = integer(window.to, `${path}/window/to`, MAX, from);
        if (to < conversion.low - exposure.high || from > conversion.high - exposure.low) {
          refuse(`${path}/window`, 'expected a window that the bounds of the two values can reach');
        }
        return {
          ...{ kind, conversion: conversion.name, exposure: exposure.name, window: { from, to } },
          ...this.sum(given.sum, path),
          ...this.where(given.where, path),
        };
      }
      case 'shares': {
        const given = object(json, path, ['kind', 'of']);
        const { values: max } = STATISTIC_LIMITS;
        const at = `${path}/of`;
        const names = array(given.of, at, max, (entry, place) => this.name(entry, place));
        return new Set(names).size === names.length
          ? { kind, of: names }
          : refuse(at, 'expected distinct names');
      }
    }
  }
}

/** 1 to 16 distinct statistics over `values`, at most one of them shares (ERR_MANIFEST). */
export function statisticsFromJson(
  json: Json,
  path: string,
  values: readonly ManifestValue[],
): readonly Statistic[] {
  const reader = new Reader(values);
  const list = array(json, path, STATISTIC_LIMITS.statistics, (entry, at) =>
    reader.statistic(entry, at),
  );
  if (new Set(list.map((entry) => canonicalJson(entry))).size !== list.length) {
    refuse(path, 'expected distinct statistics');
  }
  if (list.filter(({ kind }) => kind === 'shares').length > 1) {
    refuse(path, 'expected at most one entry of kind shares');
  }
  return list;
}

/** Whether it opens anything beside the masked sizes. */
export function isNoised(statistic: Statistic): boolean {
  return (
    statistic.kind !== 'shares' && !(statistic.kind === 'count' && statistic.where === undefined)
  );
}
