/**
 * newc archives: form, order, what is refused, and what the system's own cpio makes of them where it is installed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeCpio, encodeCpio, type CpioEntry } from '../../attestation/image/cpio.ts';
import { hasTool } from '../../host/image/tool.ts';
import { seededRng } from '../support/test-rng.ts';

const rng = seededRng('cpio');
const none = new Uint8Array(0);

function file(path: string, content: Uint8Array, mode = 0o644): CpioEntry {
  return { path, kind: 'file', mode, content };
}
function folder(path: string): CpioEntry {
  return { path, kind: 'directory', mode: 0o755, content: none };
}

const tree: readonly CpioEntry[] = [
  file('b/run', rng(5), 0o755),
  folder('b'),
  { path: 'a', kind: 'link', mode: 0o777, content: Buffer.from('b/run') },
  file('b/empty', none),
  file('b.txt', rng(4)),
  file('b/deep', rng(4099)),
];

/** One header by hand, fields in the order of the kernel's documentation. */
function head(inode: number, mode: number, nlink: number, size: number, name: string): string {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
  const fields = [inode, mode, 0, 0, nlink, 0, size, 0, 0, 0, 0, Buffer.byteLength(name) + 1, 0];
  const text = `070701${fields.map(hex).join('')}${name}\0`;
  return text + '\0'.repeat((4 - (Buffer.byteLength(text) % 4)) % 4);
}

describe('cpio archives', () => {
  it('have the form of the definition', () => {
    const archive = Buffer.from(encodeCpio([file('x/y', Buffer.from('hello')), folder('x')]));
    const body =
      head(1, 0o040755, 2, 0, 'x') +
      head(2, 0o100644, 1, 5, 'x/y') +
      'hello\0\0\0' +
      head(0, 0, 1, 0, 'TRAILER!!!');
    expect(archive.toString('latin1')).toBe(body.padEnd(512, '\0'));
  });

  it('are sorted by bytes, not by UTF-16 code units, whatever order the entries come in', () => {
    // U+FF5E is ef bd 9e, U+1F600 is f0 9f 98 80; in UTF-16 the latter starts with d83d and would come first
    const names = ['z', '\u{1F600}', '\uFF5E', 'a-b', 'a', 'a/b'];
    const entries = names.map((path) => (path === 'a' ? folder(path) : file(path, rng(3))));
    const order = decodeCpio(encodeCpio(entries)).map(({ path }) => path);
    expect(order).toEqual(['a', 'a-b', 'a/b', 'z', '\uFF5E', '\u{1F600}']);
    expect(encodeCpio(entries.toReversed())).toEqual(encodeCpio(entries));
  });

  it('read back to what was written', () => {
    const read = decodeCpio(encodeCpio(tree));
    const byPath = (a: CpioEntry, b: CpioEntry): number => (a.path < b.path ? -1 : 1);
    const plain = (entries: readonly CpioEntry[]): object[] =>
      [...entries].sort(byPath).map(({ path, kind, mode, content }) => {
        return { path, kind, mode, content: Buffer.from(content).toString('hex') };
      });
    expect(plain(read)).toEqual(plain(tree));
    expect(read.every(({ uid, gid, mtime }) => uid + gid + mtime === 0)).toBe(true);
  });

  it.each(['/a', 'a/', '', '.', 'a/../b', './a', 'a//b', 'TRAILER!!!', 'a\0b'])(
    'refuse the path %j',
    (path) => {
      expect(() => encodeCpio([file(path, none)])).toThrowCode('ERR_CPIO');
    },
  );

  it('refuse a path twice', () => {
    expect(() => encodeCpio([file('a', none), folder('a')])).toThrowCode('ERR_CPIO');
  });

  it.each([
    ['a device node', (text: string) => text.replace('000081A4', '000021A4')],
    ['a hard link', (text: string) => text.replace('00000001000000000000', '00000002000000000000')],
    ['another magic', (text: string) => text.replace('070701', '070702')],
    ['a digit that is none', (text: string) => text.replace('000081A4', '00008xA4')],
    ['padding that is not zero', (text: string) => text.replace('ab\0\0', 'ab\0x')],
    ['bytes behind the end', (text: string) => `${text.slice(0, -1)}x`],
    ['a path upwards', (text: string) => text.replace('a/b', '../')],
    ['no end', (text: string) => text.slice(0, 116)],
    ['a size beyond the archive', (text: string) => text.replace('00000002', 'FFFFFFFF')],
  ])('refuse %s', (_, change) => {
    const text = Buffer.from(encodeCpio([file('a/b', Buffer.from('ab'))])).toString('latin1');
    const changed = change(text);
    expect(changed).not.toBe(text);
    expect(() => decodeCpio(Buffer.from(changed, 'latin1'))).toThrowCode('ERR_CPIO');
  });

  it.skipIf(!hasTool('cpio'))('are unpacked by the system (needs cpio)', () => {
    const target = mkdtempSync(join(tmpdir(), 'dpca-cpio-'));
    try {
      const done = spawnSync('cpio', ['-idm', '--quiet', '-D', target], {
        input: encodeCpio(tree),
      });
      expect(done.stderr.toString()).toBe('');
      expect(done.status).toBe(0);
      for (const { path, kind, mode, content } of tree) {
        const at = join(target, path);
        if (kind === 'link') expect(readlinkSync(at)).toBe(Buffer.from(content).toString());
        else expect(statSync(at).mode & 0o7777).toBe(mode);
        if (kind === 'file') expect(readFileSync(at).equals(content)).toBe(true);
      }
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  });
});
