/** Runs a verifier over altered documents and checks that each ends in a named code. @module */
import { expect } from 'vitest';
import { isErrorCode } from '../../../src/errors.ts';
import type { Pki } from './pki.ts';
import { NOW } from './pki.ts';
import { verifyAttestation } from '../../../attestation/verify.ts';

/** Verifies each; returns how often each code came, accepted ones under `accepted`. */
export async function sweep(
  pki: Pki,
  documents: Iterable<Uint8Array>,
): Promise<ReadonlyMap<string, number>> {
  const policy = pki.policy();
  const options = pki.options();
  const counts = new Map<string, number>();
  for (const document of documents) {
    const verdict = await verifyAttestation(document, policy, NOW, options);
    const code = verdict.code ?? 'accepted';
    if (code !== 'accepted') expect(isErrorCode(code)).toBe(true);
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return counts;
}

export function* truncations(document: Uint8Array): Iterable<Uint8Array> {
  for (let n = 0; n < document.length; n++) yield document.slice(0, n);
}

/** One bit in every byte: the bit walks, so that all eight positions occur. */
export function* oneBitPerByte(document: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < document.length; at++) yield flipped(document, at, (at * 5 + 3) % 8);
}

export function* everyBit(document: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < document.length; at++) {
    for (let bit = 0; bit < 8; bit++) yield flipped(document, at, bit);
  }
}

function flipped(document: Uint8Array, at: number, bit: number): Uint8Array {
  const copy = Uint8Array.from(document);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}
