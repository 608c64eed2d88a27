/**
 * What an auditor who wants to read the audit has to read: it depends on attestation/ and src/ only, names no platform,
 * and is as long as docs/auditing.md says.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');
const linesOf = (file: string): number => textOf(file).split('\n').length - 1;

/** Files and packages reached from `file`; imports of types alone reach nothing at run time. */
function closure(file: string, files: Set<string>, packages: Set<string>): void {
  if (files.has(file)) return;
  files.add(file);
  const imports = [
    ...textOf(file).matchAll(/^(?:import|export)\b(?! type )[^;'"]*?\bfrom\s*'([^']+)'/gm),
    ...textOf(file).matchAll(/^import\s*'([^']+)'/gm),
  ];
  for (const [, name = ''] of imports) {
    if (!name.startsWith('.'))
      packages.add(
        name
          .split('/')
          .slice(0, name[0] === '@' ? 2 : 1)
          .join('/'),
      );
    else closure(relative(root, resolve(root, dirname(file), name)), files, packages);
  }
}

/** The files that docs/auditing.md names. */
function own(): readonly string[] {
  const parts = readdirSync(join(root, 'attestation')).filter((name) => /^audit.*\.ts$/.test(name));
  return [...parts, 'bundle.ts', 'log-record.ts', 'receipt.ts', 'form.ts'].map(
    (name) => `attestation/${name}`,
  );
}

it('the audit depends on attestation/ and src/ only', () => {
  const [files, packages] = [new Set<string>(), new Set<string>()];
  closure('attestation/audit.ts', files, packages);
  const folders = new Set([...files].map((file) => file.split('/')[0]));
  expect([...folders].sort()).toEqual(['attestation', 'src']);
  expect([...packages].sort()).toEqual(['@noble/curves', '@noble/hashes', 'cbor-x', 'jose']);
  for (const file of own()) if (!file.endsWith('-types.ts')) expect([...files]).toContain(file);
  const lines = [...files].reduce((sum, file) => sum + linesOf(file), 0);
  console.log(`the audit with everything it uses: ${files.size} files, ${lines} lines`);
});

it('is as long as docs/auditing.md says, and can be read in an afternoon', () => {
  const lines = own().reduce((sum, file) => sum + linesOf(file), 0);
  const said = /about\s+([0-9],[0-9]{3})\s+lines/.exec(textOf('docs/auditing.md'))?.[1] ?? '';
  const claim = Number(said.replace(',', ''));
  expect(Math.abs(lines - claim) / lines, `${lines} lines, said ${said}`).toBeLessThan(0.05);
  expect(lines).toBeLessThan(3_000);
});
