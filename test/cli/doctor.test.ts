/** `dpca doctor`: every level of arithmetic with its state, one of them in use, in both forms. Needs dist/. */
import { afterAll, describe, expect, it } from 'vitest';
import { folder } from './dpca.ts';

const here = folder();
afterAll(() => here.remove());

describe('dpca doctor', () => {
  it('says which arithmetic is in use and why no other, and what surrounds it', async () => {
    const said = (await here.json(['doctor'])) as {
      ok: boolean;
      node: { version: string; supported: boolean };
      kernel: { used: string; levels: { level: string; state: string; reason: string }[] };
      surroundings: { name: string; found: boolean }[];
    };
    expect(said.node).toMatchObject({ version: process.versions.node, supported: true });
    const { used, levels } = said.kernel;
    expect(levels.filter(({ state }) => state === 'in use').map(({ level }) => level)).toEqual([
      used,
    ]);
    expect(levels.map(({ level }) => level)).toEqual(
      expect.arrayContaining(['wasm-fma', 'node-x25519', 'wasm-scalar']),
    );
    expect(levels.some(({ level }) => level.startsWith('native'))).toBe(true);
    expect(levels.every(({ reason }) => reason !== '')).toBe(true);
    expect(said.ok).toBe(levels.every(({ state }) => state !== 'fails'));
    expect(said.surroundings.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['/dev/nsm', '/dev/vsock', 'nitro-cli', 'qemu-system-x86_64']),
    );
    const { stdout, code } = await here.dpca(['doctor']);
    expect(code).toBe(0);
    expect(stdout).toContain(`in use: ${used}`);
  });
});
