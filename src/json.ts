/**
 * Strict JSON for documents that people write and both enclaves hash: duplicate members, numbers that are not
 * plain integers, lone surrogates, excess depth and trailing text are refused; the canonical form is RFC 8785
 * restricted to that subset (members sorted by UTF-16 code units, no white space).
 * @module
 */
import { DpcaError } from './errors.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

const MAX_DEPTH = 16;

/** Parses strictly (ERR_JSON_SYNTAX, ERR_JSON_DUPLICATE, ERR_JSON_NUMBER); positions are UTF-16 offsets. */
export function parseJson(text: string, what: string): Json {
  let at = 0;
  const refuse = (problem: string): never => {
    const line = text.slice(0, at).split('\n').length;
    throw new DpcaError('ERR_JSON_SYNTAX', `${what}, line ${line}: ${problem}`);
  };
  const space = (): void => {
    while (/[ \t\r\n]/.test(text[at] ?? '')) at += 1;
  };
  const expect = (char: string): void => {
    if (text[at] !== char) refuse(`expected '${char}'`);
    at += 1;
  };
  const string = (): string => {
    const start = at;
    expect('"');
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    expect('"');
    try {
      const value: unknown = JSON.parse(text.slice(start, at));
      if (typeof value === 'string' && !/\p{Surrogate}/u.test(value)) return value;
    } catch {
      // falls through to the same refusal
    }
    return refuse('malformed string');
  };
  const value = (depth: number): Json => {
    if (depth > MAX_DEPTH) refuse(`nested deeper than ${MAX_DEPTH}`);
    space();
    const char = text[at] ?? '';
    if (char === '"') return string();
    if (char === '{') return object(depth);
    if (char === '[') return array(depth);
    for (const [word, constant] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return constant;
      }
    }
    const number = /^-?[0-9.eE+-]+/.exec(text.slice(at, at + 40))?.[0];
    if (number === undefined) return refuse('expected a value');
    if (!/^(0|-?[1-9][0-9]*)$/.test(number) || !Number.isSafeInteger(Number(number))) {
      throw new DpcaError(
        'ERR_JSON_NUMBER',
        `${what}: expected a whole number below 2^53 (write fractions as text, "0.5"), got ${number}`,
      );
    }
    at += number.length;
    return Number(number);
  };
  const object = (depth: number): JsonObject => {
    const out = new Map<string, Json>();
    expect('{');
    space();
    while (text[at] !== '}') {
      if (out.size > 0) expect(',');
      space();
      const name = string();
      if (out.has(name))
        throw new DpcaError('ERR_JSON_DUPLICATE', `${what}: member "${name}" twice`);
      space();
      expect(':');
      out.set(name, value(depth + 1));
      space();
    }
    at += 1;
    return Object.assign<object, JsonObject>(
      Object.create(null) as object,
      Object.fromEntries(out),
    );
  };
  const array = (depth: number): Json[] => {
    const out: Json[] = [];
    expect('[');
    space();
    while (text[at] !== ']') {
      if (out.length > 0) expect(',');
      out.push(value(depth + 1));
      space();
    }
    at += 1;
    return out;
  };
  const result = value(0);
  space();
  if (at !== text.length) refuse('text after the end of the document');
  return result;
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** RFC 8785 text of a value made of safe integers, text, booleans, null, arrays and objects. */
export function canonicalJson(value: Json): string {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new DpcaError('ERR_JSON_NUMBER', 'expected a safe integer');
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const names = Object.keys(value).sort((a, b) => (a < b ? -1 : 1));
  const members = names.map(
    (name) => `${JSON.stringify(name)}:${canonicalJson(value[name] ?? null)}`,
  );
  return `{${members.join(',')}}`;
}
