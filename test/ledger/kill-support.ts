/**
 * Two parties' ledgers on disk, charges between two processes of which one is killed, and honest charges afterwards.
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ledger } from '../../attestation/ledger.ts';
import { registerLineage } from '../../host/ledger/lineage.ts';
import { LedgerStore } from '../../host/ledger/store.ts';
import { toHex } from '../../src/encoding.ts';
import { manifestBytes, type Role } from '../../src/run/manifest.ts';
import { realRng } from '../support/test-rng.ts';
import type { CrashArguments } from './crash-party.ts';
import { openParty } from './host-party.ts';
import { type Organisations, OTHER, ROLES } from './world.ts';

const CHILD = fileURLToPath(new URL('../../dist/test/ledger/crash-party.js', import.meta.url));

export interface Pair {
  readonly folders: Readonly<Record<Role, string>>;
  spent(role: Role): readonly string[];
  remove(): void;
}

export async function newPair(at: Organisations): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'dpca-ledger-'));
  const folders = { a: join(folder, 'a', 'ledger'), b: join(folder, 'b', 'ledger') };
  for (const role of ROLES) {
    const { publicKey, secretKey } = at.log[role];
    const log = { publicKey, privateKey: secretKey };
    const owner = { manifest: at.manifest, role, log, signal: new AbortController().signal };
    await registerLineage(new LedgerStore(folders[role]), owner, { name: role });
  }
  return {
    folders,
    spent: (role) =>
      new Ledger(new LedgerStore(folders[role]).records()).spent.map(({ session }) => session),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface Killed {
  readonly session: string;
  readonly settled: Readonly<Record<Role, boolean>>;
  readonly points: Readonly<Record<Role, readonly string[]>>;
}

/** A charge between two processes; `victim` ends itself at its point `killAt` (0: nobody does). */
export async function killedCharge(
  at: Organisations,
  pair: Pair,
  victim: Role,
  killAt: number,
): Promise<Killed> {
  const session = toHex(realRng(32));
  const keys: Record<string, string> = {};
  for (const role of ROLES) {
    for (const use of ['log', 'enclave'] as const) {
      const { publicKey, secretKey } = at[use][role];
      keys[`${use} ${role} public`] = toHex(publicKey);
      keys[`${use} ${role} secret`] = toHex(secretKey);
    }
  }
  const output = { a: '', b: '' };
  const children: Partial<Record<Role, ChildProcess>> = {};
  const hangUp = (role: Role): void => {
    if (children[role]?.connected === true) children[role].disconnect();
  };
  const ended = ROLES.map((role) => {
    const given: CrashArguments = {
      ...{ role, folder: pair.folders[role], session, keys },
      manifest: new TextDecoder().decode(manifestBytes(at.manifest)),
      killAt: role === victim ? killAt : 0,
    };
    const child = fork(CHILD, [JSON.stringify(given)], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    children[role] = child;
    child.on('message', (message) => {
      const other = children[OTHER[role]];
      if (other?.connected === true) other.send(message, () => undefined);
    });
    const read = new Promise<void>((resolve) => {
      child.stdout?.setEncoding('utf8').on('end', resolve);
      child.stdout?.on('data', (text: string) => {
        output[role] += text;
        // both are through: the connection goes down, as after a run
        if (ROLES.every((side) => output[side].includes('settled'))) hangUp('a');
      });
    });
    const gone = new Promise<void>((resolve) => {
      child.once('exit', () => {
        hangUp(OTHER[role]);
        resolve();
      });
    });
    return Promise.all([read, gone]);
  });
  await Promise.all(ended);
  const lines = (role: Role) => output[role].split('\n').filter((line) => line !== '');
  return {
    session,
    settled: { a: output.a.includes('settled'), b: output.b.includes('settled') },
    points: {
      a: lines('a').filter((line) => line !== 'settled'),
      b: lines('b').filter((line) => line !== 'settled'),
    },
  };
}

/** An undisturbed charge within this process; resolves to whether both sides settled. */
export async function honestCharge(at: Organisations, pair: Pair): Promise<boolean> {
  const session = realRng(32);
  const open = (role: Role) =>
    openParty({
      ...{ at, role, folder: pair.folders[role], session, point: () => undefined },
      send: (type, body) => {
        queueMicrotask(() => parties[OTHER[role]].receive(type, body.slice()));
      },
    });
  const parties = { a: await open('a'), b: await open('b') };
  const outcome = Promise.allSettled([parties.a.settled, parties.b.settled]);
  const first = Promise.race([parties.a.settled, parties.b.settled]);
  parties.a.start();
  parties.b.start();
  await first.catch(() => undefined);
  const failed = await Promise.race([
    outcome.then((results) => results.some(({ status }) => status === 'rejected')),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 500)),
  ]);
  return !failed;
}
