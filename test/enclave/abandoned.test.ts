/**
 * An enclave process whose host ends before it has made both connections: it ends too, so that the next host finds a
 * fresh one. Needs the compiled product in dist/.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSimulatedRoot, encodeSimulatedRoot } from '../../attestation/simulated/chain.ts';

const ENTRY = join(import.meta.dirname, '../../dist/enclave/simulated.js');
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dpca-a-'));
  const rng = (n: number): Uint8Array => new Uint8Array(randomBytes(n));
  const root = await createSimulatedRoot({ rng, now: Date.now() });
  writeFileSync(join(folder, 'root.json'), encodeSimulatedRoot(root), { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Its stdin stays open: nothing but the connections says that the host has gone. */
async function enclave(sockets: string): Promise<ChildProcess> {
  const argv = [ENTRY, '--sockets', sockets, '--root', join(folder, 'root.json')];
  const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

describe('an enclave', () => {
  it.each(['peer.sock', 'control.sock'])(
    'of whose host only %s came and went, ends',
    async (name) => {
      const sockets = mkdtempSync(join(folder, 's'));
      const child = await enclave(sockets);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      const socket = connect(join(sockets, name));
      socket.once('connect', () => socket.destroy());
      expect(await ended).toBe(0);
    },
  );
});
