/**
 * A process that takes one side of a charge and is killed, by itself and with SIGKILL, at the point that its arguments
 * name. It talks to its parent over the IPC channel. Started by test/ledger/kill.test.ts and never part of the product.
 * @module
 */
import { writeSync } from 'node:fs';
import { fixed } from '../../src/bytes.ts';
import { fromHex } from '../../src/encoding.ts';
import { parseManifest, type Role } from '../../src/run/manifest.ts';
import { realRng } from '../support/test-rng.ts';
import { openParty } from './host-party.ts';
import type { Organisations } from './world.ts';

export interface CrashArguments {
  readonly role: Role;
  readonly folder: string;
  readonly session: string;
  readonly manifest: string;
  /** Seeds and public keys in hex, log keys and enclave keys of both; a real host has its own only. */
  readonly keys: Readonly<Record<string, string>>;
  /** The point, from 1, at which this process ends; 0 for none. */
  readonly killAt: number;
}

const given = JSON.parse(process.argv[2] ?? '') as CrashArguments;
const key = (name: string) => {
  const bytes = (part: string) => fixed(fromHex(given.keys[`${name} ${part}`] ?? ''), 32, name);
  return { secretKey: bytes('secret'), publicKey: bytes('public') };
};
const at: Organisations = {
  manifest: parseManifest(given.manifest),
  log: { a: key('log a'), b: key('log b') },
  enclave: { a: key('enclave a'), b: key('enclave b') },
  rng: realRng,
};
let points = 0;
const party = await openParty({
  ...{ at, role: given.role, folder: given.folder, session: fromHex(given.session) },
  point: (name) => {
    points += 1;
    writeSync(1, `${name}\n`);
    if (points === given.killAt) process.kill(process.pid, 'SIGKILL');
  },
  send: (type, body) => {
    // a peer that is gone is not this test's failure
    process.send?.({ type, body: Buffer.from(body).toString('hex') }, () => undefined);
  },
});
process.on('message', ({ type, body }: { type: number; body: string }) => {
  party.receive(type, fromHex(body));
});
process.on('disconnect', () => process.exit(3));
party.start();
party.settled.then(
  () => {
    writeSync(1, 'settled\n');
  },
  () => {
    process.exit(2);
  },
);
