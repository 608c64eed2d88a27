/**
 * Ways to change a bundle, and what must be found then.
 * @module
 */
import { expect } from 'vitest';
import { auditBundle, auditMemory } from '../../attestation/audit.ts';
import type { AuditMemory, AuditOptions, AuditResult } from '../../attestation/audit-types.ts';
import type { Json, JsonObject } from '../../src/json.ts';
import { UniformSource } from '../../src/rng.ts';
import { seededRng } from '../support/test-rng.ts';

export function linesOf(bundle: Uint8Array): Buffer[] {
  const lines: Buffer[] = [];
  const bytes = Buffer.from(bundle);
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    lines.push(bytes.subarray(at, end + 1));
    at = end + 1;
  }
  return lines;
}

/** The record that a line of the bundle is about: a record, what completes it, or null for the header and notes. */
export function recordOf(lines: readonly Buffer[], at: number): number | null {
  const header = JSON.parse(lines[0]!.toString()) as { records: number; completions: number };
  if (at >= 1 && at <= header.records) return at - 1;
  if (at > header.records && at <= header.records + header.completions) {
    return (JSON.parse(lines[at]!.toString()) as { seq: number }).seq;
  }
  return null;
}

/** Fails the audit, and names one of `records` where there are any. */
export function expectFound(
  result: AuditResult,
  records: readonly (number | null)[],
  what: string,
): void {
  expect(result.verdict, what).toBe('fail');
  const wrong = result.checks.filter((check) => check.class !== 'notice');
  if (records.length === 0) return;
  const named = wrong.map(({ record }) => record);
  expect(named.some((record) => records.includes(record)) ? [] : named, what).toEqual([]);
}

interface Mutation {
  readonly changed: Buffer;
  /** Records that the change is about, one of which must be named; none for the header and notes. */
  readonly about: readonly number[];
  readonly what: string;
}

/** Ways to change a bundle, single bytes as often as everything else together. */
function mutations(
  lines: readonly Buffer[],
  others: readonly Buffer[],
  uniform: UniformSource,
): readonly (() => Mutation)[] {
  const at = (): number => uniform.below(lines.length);
  const join = (changed: readonly Buffer[]): Buffer => Buffer.concat(changed);
  const last = Math.max(...lines.map((_, i) => recordOf(lines, i) ?? 0));
  /** A line without which nothing can be named is the header, or holds no record. */
  const about = (...touched: readonly number[]): readonly number[] => {
    const records = touched.map((line) => (line === 0 ? null : recordOf(lines, line)));
    return touched.includes(0) ? [] : records.filter((record) => record !== null);
  };
  const mutation = (changed: Buffer, records: readonly number[], what: string): Mutation => ({
    ...{ changed, about: records, what },
  });
  const flip = (): Mutation => {
    const line = at();
    const place = uniform.below(lines[line]!.length);
    const changed = join(lines);
    const offset = lines.slice(0, line).reduce((sum, l) => sum + l.length, 0) + place;
    changed[offset] = (changed[offset] ?? 0) ^ (1 << uniform.below(8));
    // the number that ties a completion to its record stands at the line's end: either is named
    const isName = line > last + 1 && place > lines[line]!.length - 12;
    const all = Array.from({ length: last + 1 }, (_, i) => i);
    const records = about(line);
    return mutation(
      changed,
      isName && records.length > 0 ? all : records,
      `byte ${place} of ${line}`,
    );
  };
  return [
    ...Array.from({ length: 6 }, () => flip),
    () => {
      const line = at();
      return mutation(join(lines.filter((_, i) => i !== line)), about(line), `${line} removed`);
    },
    () => {
      const [x, y] = [at(), at()];
      const z = x === y ? (y + 1) % lines.length : y;
      const swapped = [...lines];
      [swapped[x], swapped[z]] = [lines[z]!, lines[x]!];
      return mutation(join(swapped), about(x, z), `lines ${x} and ${z} swapped`);
    },
    () => {
      const line = at();
      const before = join(lines.slice(0, line));
      const length = before.length + uniform.below(lines[line]!.length);
      return mutation(join(lines).subarray(0, length), about(line), `cut at ${length}`);
    },
    () => {
      const [into, from] = [at(), uniform.below(others.length)];
      const spliced = lines.map((line, i) => (i === into ? others[from]! : line));
      return mutation(join(spliced), about(into), `line ${from} of another at ${into}`);
    },
    () => {
      const [from, to] = [at(), uniform.below(others.length)];
      const tail = Array.from({ length: lines.length - from }, (_, i) => from + i);
      const changed = join([...lines.slice(0, from), ...others.slice(to)]);
      const records = from === 0 || recordOf(lines, from) === null ? [] : about(...tail);
      return mutation(changed, records, `another from line ${to} on, behind ${from} lines`);
    },
    () => {
      const line = at();
      const doubled = [...lines.slice(0, line + 1), ...lines.slice(line)];
      const next = recordOf(lines, line) === null ? line : line + 1;
      return mutation(join(doubled), about(line, next), `line ${line} twice`);
    },
  ];
}

/**
 * `count` random changes of bytes and lines, each of which must be found and named. What did not change is not judged
 * again ({@link auditMemory}); every `fresh`-th is also audited without a memory, with the same result.
 */
export async function sweep(
  bundle: Uint8Array,
  foreign: Uint8Array,
  options: AuditOptions,
  how: { readonly count: number; readonly seed: string; readonly fresh: number },
): Promise<void> {
  const { count, seed, fresh } = how;
  const memory: AuditMemory = auditMemory();
  const uniform = new UniformSource(seededRng(seed));
  const audit = (changed: Uint8Array): Promise<AuditResult> =>
    auditBundle(changed, { ...options, memory });
  expect((await audit(bundle)).verdict).toBe('pass');
  const kinds = mutations(linesOf(bundle), linesOf(foreign), uniform);
  let done = 0;
  while (done < count) {
    const { changed, about, what } = kinds[uniform.below(kinds.length)]!();
    if (changed.equals(bundle)) continue;
    const result = await audit(changed);
    expectFound(result, about, `${seed} ${done}: ${what}`);
    if (done % fresh === 0) expect(await auditBundle(changed, options), what).toEqual(result);
    done += 1;
  }
  expect(await audit(bundle)).toEqual(await auditBundle(bundle, options));
}

/** Every leaf of a JSON value, as a path. */
export function leaves(value: Json, path: readonly string[] = []): string[][] {
  if (value === null || typeof value !== 'object') return [[...path]];
  const entries = Object.entries(value as JsonObject);
  return entries.length === 0
    ? [[...path]]
    : entries.flatMap(([name, inner]) => leaves(inner, [...path, name]));
}

/** Another value of the same form, as far as that goes. */
function other(value: Json): Json {
  if (typeof value === 'number') return value + 1;
  if (value === null) return 'x';
  if (typeof value !== 'string') return [];
  const at = Math.floor(value.length / 2);
  const char = value[at] ?? '';
  // hex stays hex, codes stay codes, base64 and text stay what they are
  const [one = '', two = ''] = /[0-9a-f]/.test(char) ? 'ab' : /[A-Z]/.test(char) ? 'YZ' : 'yz';
  const changed = char === one ? two : one;
  return value.slice(0, at) + changed + value.slice(at + 1);
}

/** The value with one leaf replaced. */
export function changed(value: JsonObject, path: readonly string[]): JsonObject {
  const copy = JSON.parse(JSON.stringify(value)) as Record<string, Json>;
  let at: Record<string, Json> = copy;
  for (const name of path.slice(0, -1)) at = at[name] as Record<string, Json>;
  const last = path.at(-1) ?? '';
  at[last] = other(at[last] ?? null);
  return copy;
}

/** Every n-th; all of them with SLOW=1. */
export function sampled<T>(all: readonly T[], n: number): readonly T[] {
  return process.env['SLOW'] === '1' ? all : all.filter((_, i) => i % n === 0);
}
