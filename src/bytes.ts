/**
 * Byte strings whose length is part of their type, and the few operations on them that every layer needs.
 * @module
 */
import { DpcaError } from './errors.ts';

declare const length: unique symbol;
/** A byte string of exactly N bytes; made only by {@link fixed}. */
export type Bytes<N extends number> = Uint8Array & { readonly [length]: N };

/** Returns `value` itself, typed, after checking that it has exactly `n` bytes (ERR_WIRE_LENGTH). */
export function fixed<N extends number>(value: Uint8Array, n: N, what: string): Bytes<N> {
  if (value.length !== n) {
    throw new DpcaError('ERR_WIRE_LENGTH', `${what}: expected ${n} bytes, got ${value.length}`);
  }
  return value as Bytes<N>;
}

/** Concatenates into a fresh buffer. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let total = 0;
  for (const part of parts) total += part.length;
  const out = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * 32-bit words in the machine's order: the same memory where alignment allows it, else a copy. The length must be a
 * multiple of 4.
 */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

/** Equality in time that depends on the lengths only. Use it for everything that is secret or a MAC. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** Overwrites secrets; the engine may have copied them before, so this reduces exposure and proves nothing. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}

export function isZero(value: Uint8Array): boolean {
  let all = 0;
  for (const byte of value) all |= byte;
  return all === 0;
}
