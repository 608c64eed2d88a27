/**
 * The exact form of a JSON document as a value: every member named, nothing else allowed, a refusal names the member
 * by its JSON pointer (RFC 6901). For everything that an auditor reads.
 * @module
 */
import { fromUtf8 } from '../src/encoding.ts';
import { DpcaError, type ErrorCode } from '../src/errors.ts';
import { canonicalJson, type Json, type JsonObject, parseJson } from '../src/json.ts';

export type Form =
  | RegExp
  /** A whole number from .. to. */
  | readonly [number, number]
  | { readonly list: Form; readonly max: number }
  | { readonly nullable: Form }
  | { readonly members: Readonly<Record<string, Form>> }
  /** Any object; its reader is elsewhere. */
  | 'object'
  | 'boolean';

export const hexForm = (bytes: number): RegExp => new RegExp(`^[0-9a-f]{${2 * bytes}}$`);

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where a value first differs from its form, or undefined. */
function misfit(value: Json | undefined, form: Form, path: string): string | undefined {
  const at = path === '' ? '/' : path;
  if (form === 'object') return isObject(value) ? undefined : `${at}: expected an object`;
  if (form === 'boolean')
    return typeof value === 'boolean' ? undefined : `${at}: expected a boolean`;
  if (form instanceof RegExp) {
    return typeof value === 'string' && form.test(value) ? undefined : `${at}: not of its form`;
  }
  if ('nullable' in form) return value === null ? undefined : misfit(value, form.nullable, path);
  if ('list' in form) {
    if (!Array.isArray(value) || value.length > form.max) {
      return `${at}: expected a list of at most ${form.max} entries`;
    }
    const entries = value as readonly Json[];
    return first(entries.map((entry, i) => () => misfit(entry, form.list, `${path}/${i}`)));
  }
  if ('members' in form) {
    if (!isObject(value)) return `${at}: expected an object`;
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(form.members, name));
    if (unknown !== undefined) return `${path}/${unknown}: unknown member`;
    return first(
      Object.entries(form.members).map(
        ([name, inner]) =>
          () =>
            Object.hasOwn(value, name)
              ? misfit(value[name], inner, `${path}/${name}`)
              : `${path}/${name}: missing`,
      ),
    );
  }
  const [from, to] = form;
  return typeof value === 'number' && value >= from && value <= to
    ? undefined
    : `${at}: expected a whole number from ${from} to ${to}`;
}

function first(tests: readonly (() => string | undefined)[]): string | undefined {
  for (const test of tests) {
    const problem = test();
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Refuses a value that does not have exactly this form. */
export function assertForm(value: Json, form: Form, what: string, code: ErrorCode): void {
  const problem = misfit(value, form, '');
  if (problem !== undefined) throw new DpcaError(code, `${what} ${problem}`);
}

/** Reads canonical JSON of an exact form; other bytes for the same values are refused too. */
export function parseCanonical(
  bytes: Uint8Array,
  form: Form,
  what: string,
  code: ErrorCode,
): JsonObject {
  let value: Json;
  try {
    const text = fromUtf8(bytes);
    value = parseJson(text, what);
    if (canonicalJson(value) !== text) throw new DpcaError(code, 'expected the canonical form');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : '';
    throw new DpcaError(code, `${what}: expected canonical JSON (${reason})`, { cause });
  }
  assertForm(value, form, what, code);
  return value as JsonObject;
}
