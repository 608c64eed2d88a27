/**
 * Readers for the members of a manifest: each takes a parsed JSON value and its JSON pointer and returns a typed
 * value or refuses with ERR_MANIFEST and that pointer (docs/specification.md section 6: a difference must be nameable).
 * @module
 */
import { isZero } from './bytes.ts';
import { fromHex } from './encoding.ts';
import { DpcaError } from './errors.ts';
import type { Json, JsonObject } from './json.ts';

/** Ends parsing with the member's JSON pointer and what was expected there. */
export function refuse(path: string, problem: string): never {
  throw new DpcaError('ERR_MANIFEST', `manifest ${path === '' ? '/' : path}: ${problem}`);
}

/** Exactly the named members, and of the optional ones any: a missing and an unknown one are refused alike. */
export function object<const K extends string, const O extends string = never>(
  value: Json | undefined,
  path: string,
  names: readonly K[],
  optional: readonly O[] = [],
): Record<K, Json> & Partial<Record<O, Json>> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return refuse(path, 'expected an object');
  }
  const members = value as JsonObject;
  for (const name of Object.keys(members)) {
    if (!([...names, ...optional] as readonly string[]).includes(name)) {
      refuse(`${path}/${name}`, 'unknown member');
    }
  }
  for (const name of names) if (!(name in members)) refuse(`${path}/${name}`, 'missing');
  return members as Record<K, Json> & Partial<Record<O, Json>>;
}

/** 1 to `max` entries. */
export function array<T>(
  value: Json,
  path: string,
  max: number,
  item: (value: Json, path: string) => T,
): readonly T[] {
  if (!Array.isArray(value)) return refuse(path, 'expected an array');
  const items = value as readonly Json[];
  if (items.length < 1 || items.length > max) {
    refuse(path, `expected 1 to ${max} entries, got ${items.length}`);
  }
  return items.map((entry, i) => item(entry, `${path}/${i}`));
}

export function text(value: Json, path: string, pattern: RegExp, what: string): string {
  return typeof value === 'string' && pattern.test(value)
    ? value
    : refuse(path, `expected ${what}`);
}

/** Text for people: one line, no control or format characters, NFC, so that both parties read the same. */
export function prose(value: Json, path: string, max: number): string {
  const shown = text(value, path, /^[^\p{C}\p{Zl}\p{Zp}]+$/u, 'one line of printable text');
  if (shown.length > max) refuse(path, `expected at most ${max} characters, got ${shown.length}`);
  if (shown !== shown.normalize('NFC') || shown.trim() !== shown) {
    refuse(path, 'expected NFC text without white space around it');
  }
  return shown;
}

/** `min` to `max`. */
export function integer(value: Json, path: string, max: number, min = 1): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
    ? value
    : refuse(path, `expected a whole number from ${min} to ${max}`);
}

export function oneOf<const T extends string | number>(
  value: Json,
  path: string,
  allowed: readonly T[],
): T {
  return (
    allowed.find((entry) => entry === value) ??
    refuse(path, `expected one of: ${allowed.join(', ')}`)
  );
}

/** 32 bytes as lower-case hex. */
export const HEX_32: RegExp = /^[0-9a-f]{64}$/;

/** An Ed25519 public key in hex, not zero. */
export function key(value: Json, path: string): string {
  const hex = text(value, path, HEX_32, 'an Ed25519 public key as 64 lower-case hex digits');
  return isZero(fromHex(hex)) ? refuse(path, 'expected a key, got zeros') : hex;
}
