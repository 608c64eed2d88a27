/**
 * Shared pieces of the group tests: frozen vectors (test/fixtures/group), splitting, and the compiled worker entry.
 * @module
 */
import { readFileSync } from 'node:fs';

export interface SuiteVectors {
  dst: string;
  elements: {
    run: string;
    column: number;
    type: number;
    identifier: string;
    message: string;
    element: string;
  }[];
  rekey: Record<'a0' | 'b0' | 'aj' | 'ratio' | 'h' | 'a0H' | 'b0a0H' | 'ajH' | 'tag', string>;
  lowOrder: string[];
  extreme: { u: string; a0u: string }[];
}

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/group/${name}`, import.meta.url), 'utf8'));
}

export const suite = fixture('suite.json') as SuiteVectors;
export const rfc9380 = fixture('rfc9380-j41.json') as {
  dst: string;
  vectors: { msg: string; px: string }[];
};

/** vitest runs the sources, worker threads need JavaScript: the build that `npm test` makes first. */
export const WORKER_ENTRY = new URL('../../dist/enclave/kernel/worker.js', import.meta.url);

export function records(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: bytes.length / size }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
}
