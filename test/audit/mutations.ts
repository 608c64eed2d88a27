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

/** Fails the audit, and names `record` where there is one. */
export function expectFound(result: AuditResult, record: number | null, what: string): void {
  expect(result.verdict, what).toBe('fail');
  const wrong = result.checks.filter((check) => check.class !== 'notice');
  if (record !== null)
    expect(
      wrong.map((check) => check.record),
      what,
    ).toContain(record);
}

/** `count` random changes of single bytes and of whole lines, each of which must be found. */
export async function sweep(
  bundle: Uint8Array,
  foreign: Uint8Array,
  options: AuditOptions,
  count: number,
  seed: string,
): Promise<void> {
  const memory: AuditMemory = auditMemory();
  const uniform = new UniformSource(seededRng(seed));
  const audit = (changed: Uint8Array): Promise<AuditResult> =>
    auditBundle(changed, { ...options, memory });
  expect((await audit(bundle)).verdict).toBe('pass');
  const lines = linesOf(bundle);
  const others = linesOf(foreign);
  const at = (): number => uniform.below(lines.length);
  const join = (changed: readonly Buffer[]): Buffer => Buffer.concat(changed);
  const kinds: readonly (() => { changed: Buffer; record: number | null; what: string })[] = [
    ...Array.from({ length: 5 }, () => () => {
      const line = at();
      const place = uniform.below(lines[line]!.length);
      const changed = Buffer.from(join(lines));
      const offset = lines.slice(0, line).reduce((sum, l) => sum + l.length, 0) + place;
      changed[offset] = (changed[offset] ?? 0) ^ (1 << uniform.below(8));
      // a line feed more or less moves every line behind it
      const isBreak = changed[offset] === 10 || lines[line]![place] === 10;
      // the number that ties a completion to its record stands at the line's end
      const isName = place > lines[line]!.length - 12;
      const record = isBreak || isName ? null : recordOf(lines, line);
      return { changed, record, what: `byte ${place} of line ${line}` };
    }),
    () => {
      const line = at();
      const changed = join(lines.filter((_, i) => i !== line));
      return { changed, record: null, what: `line ${line} removed` };
    },
    () => {
      const [x, y] = [at(), at()];
      const z = x === y ? (y + 1) % lines.length : y;
      const swapped = [...lines];
      [swapped[x], swapped[z]] = [lines[z]!, lines[x]!];
      return { changed: join(swapped), record: null, what: `lines ${x} and ${z} swapped` };
    },
    () => {
      const whole = join(lines);
      const length = uniform.below(whole.length);
      return { changed: whole.subarray(0, length), record: null, what: `cut at ${length}` };
    },
    () => {
      const [into, from] = [1 + uniform.below(lines.length - 1), uniform.below(others.length)];
      const spliced = lines.map((line, i) => (i === into ? others[from]! : line));
      return { changed: join(spliced), record: null, what: `line ${from} of another at ${into}` };
    },
    () => {
      const line = at();
      const doubled = [...lines.slice(0, line + 1), ...lines.slice(line)];
      return { changed: join(doubled), record: null, what: `line ${line} twice` };
    },
  ];
  for (let i = 0; i < count; i++) {
    const { changed, record, what } = kinds[uniform.below(kinds.length)]!();
    if (changed.equals(join(lines))) continue;
    expectFound(await audit(changed), record, `${seed} ${i}: ${what}`);
  }
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
  // hex stays hex, base64 and text stay what they are
  const changed = char === 'a' ? 'b' : /[0-9a-f]/.test(char) ? 'a' : char === 'y' ? 'z' : 'y';
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
