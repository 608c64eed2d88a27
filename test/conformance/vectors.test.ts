/**
 * Every frozen vector of test/fixtures/conformance against this implementation. The vectors come from generate.py, a
 * second implementation in another language that was written from docs/specification.md and shares no code with src/.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, isErrorCode } from '../../src/errors.ts';
import { operations } from './operations.ts';

interface Vector {
  readonly name: string;
  readonly op: string;
  readonly in: never;
  readonly out?: unknown;
  readonly error?: string;
}

const FOLDER = fileURLToPath(new URL('../fixtures/conformance/', import.meta.url));
/** The transcript of a whole run has its own test. */
const files = readdirSync(FOLDER).filter((f) => f.endsWith('.json') && f !== 'transcript.json');
const EXPECTED = {
  'attestation.json': 9,
  'elements.json': 19,
  'greeting.json': 6,
  'manifest.json': 23,
  'mask.json': 13,
  'matching.json': 1,
  'messages.json': 46,
  'release.json': 11,
  'session.json': 14,
};

const visited = new Map<string, number>();

describe.each(files)('%s', (file) => {
  const { spec, generator, vectors } = JSON.parse(readFileSync(FOLDER + file, 'utf8')) as {
    spec: string;
    generator: string;
    vectors: Vector[];
  };

  it.each(vectors.map((vector) => [vector.name, vector] as const))('%s', async (_name, vector) => {
    const operation = operations[vector.op];
    expect(operation, `operation ${vector.op}`).toBeDefined();
    visited.set(file, (visited.get(file) ?? 0) + 1);
    // a rejection is what a refusal is, whether the operation is synchronous or not
    const outcome: unknown = await Promise.resolve()
      .then(() => operation?.(vector.in))
      .catch((error: unknown) => ({ refusal: error }));
    if (vector.error === undefined) return expect(outcome).toEqual(vector.out);
    expect(isErrorCode(vector.error)).toBe(true);
    expect((outcome as { refusal?: unknown }).refusal).toThrowCode(vector.error as ErrorCode);
  });

  it('names its clause and its generator', () => {
    expect(spec).toMatch(/^docs\/specification\.md section/);
    expect(readdirSync(FOLDER)).toContain(generator);
  });
});

it('visited every vector', () => {
  expect(Object.fromEntries(visited)).toEqual(EXPECTED);
});
