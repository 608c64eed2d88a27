/**
 * A private copy of the test signer's key: what is checked out of a repository may be readable by others, and such a
 * key file is refused.
 * @module
 */
import { copyFileSync, chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** Path of a copy with mode 0600, removed after the file's tests. */
export function privateCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dpca-image-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'signer.key.pem');
  copyFileSync(join(import.meta.dirname, '../fixtures/image/signer.key.pem'), path);
  chmodSync(path, 0o600);
  return path;
}
