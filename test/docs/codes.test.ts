/** Every failure code is explained to people, and no page explains one that does not exist. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { ATTESTATION_CODES, ERROR_CODES, EXIT, exitOf, isErrorCode } from '../../src/errors.ts';

const PAGES = ['failures', 'ledger', 'image', 'verifying', 'auditing'] as const;
const page = (name: string): string =>
  readFileSync(resolve(import.meta.dirname, `../../docs/${name}.md`), 'utf8');
const named = new Set(PAGES.flatMap((name) => page(name).match(/\b[A-Z][A-Z0-9_]{2,}\b/g) ?? []));

it('every code of src/errors.ts is explained on one of the pages for it', () => {
  const codes = [...Object.keys(ERROR_CODES), ...ATTESTATION_CODES];
  expect(codes.length).toBeGreaterThan(150);
  expect(codes.filter((code) => !named.has(code))).toEqual([]);
});

it('no page names a code that does not exist', () => {
  // followed by neither an underscore nor a star: not the beginning of a family
  const all = PAGES.flatMap((name) => page(name).match(/`ERR_[A-Z0-9_]*[A-Z0-9]`/g) ?? []);
  expect(all.length).toBeGreaterThan(100);
  expect(all.filter((code) => !isErrorCode(code.slice(1, -1)))).toEqual([]);
});

it('docs/failures.md states the exit codes as they are', () => {
  const rows = [...page('failures').matchAll(/^\|([^|]*`ERR_[^|]*)\|/gm)].map(
    ([, cell = '']) => cell,
  );
  let stated = 0;
  for (const cell of rows) {
    const exit = /` ([0-9]+) *$/.exec(cell)?.[1];
    if (exit === undefined) continue;
    for (const [, code = ''] of cell.matchAll(/`(ERR_[A-Z0-9_]+)`/g)) {
      expect(isErrorCode(code) ? EXIT[exitOf(code)] : undefined, code).toBe(Number(exit));
      stated += 1;
    }
  }
  expect(stated).toBeGreaterThan(30);
});
