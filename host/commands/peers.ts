/**
 * `dpca peers export` and `dpca peers add`: public keys exchanged as files, fingerprints compared by people.
 * @module
 */
import { basename, resolve } from 'node:path';
import { text } from '@clack/prompts';
import type { Command } from 'commander';
import { DpcaError } from '../../src/errors.ts';
import type { Io } from '../cli/io.ts';
import { readPrivateFile } from '../keys/files.ts';
import { loadKeys } from '../keys/keys.ts';
import {
  peerFingerprint,
  peerOf,
  pinPeer,
  readPeer,
  sameFingerprint,
  type SimulatedRoot,
  simulatedRootOf,
  writePeer,
} from '../keys/peers.ts';

interface ExportFlags {
  readonly keys: string;
  readonly simulatedRoot?: string;
  readonly out: string;
}

async function rootOf(path: string | undefined): Promise<SimulatedRoot | null> {
  if (path === undefined) return null;
  const { parseSimulatedRoot } = await import('../../attestation/simulated/chain.ts');
  return simulatedRootOf(parseSimulatedRoot(readPrivateFile(path)).certificate);
}

async function exportPeer(io: Io, given: ExportFlags): Promise<void> {
  const root = await rootOf(given.simulatedRoot);
  const peer = peerOf(loadKeys(given.keys), root);
  writePeer(given.out, peer);
  const fingerprint = peerFingerprint(peer);
  io.result(
    {
      file: resolve(given.out),
      name: peer.name,
      identity: peer.identity,
      log: peer.log,
      fingerprint,
    },
    [
      `Public keys of "${peer.name}" written to ${given.out}. Send this file to the other party,`,
      'and read them this fingerprint over another channel, such as the telephone:',
      `  ${fingerprint}`,
    ].join('\n'),
  );
}

/** A person compares, either by having pasted what the peer read out, or by answering here. */
async function assertCompared(io: Io, expected: string, given: string | undefined): Promise<void> {
  if (given !== undefined) {
    if (sameFingerprint(given, expected)) return;
    throw new DpcaError(
      'ERR_USAGE',
      `--fingerprint does not belong to this file: expected ${expected} (of the file), got ${given}`,
    );
  }
  if (!io.isInteractive || io.json) {
    throw new DpcaError(
      'ERR_USAGE',
      `compare ${expected} with the peer over another channel, then pass it as --fingerprint`,
    );
  }
  io.stderr.write(`Fingerprint of the file:\n  ${expected}\n`);
  // typed, not confirmed: what is on the screen must not be what is compared
  const answer = await text({
    message: 'Ask the peer to read out its fingerprint over another channel, and type it here:',
    input: io.stdin,
    output: io.stderr,
    signal: io.signal,
  });
  if (typeof answer !== 'string') {
    throw new DpcaError('ERR_INTERRUPTED', 'no fingerprint was given; nothing was pinned');
  }
  if (!sameFingerprint(answer, expected)) {
    throw new DpcaError(
      'ERR_USAGE',
      'the fingerprint does not belong to this file; nothing was pinned. Ask the peer to export it again',
    );
  }
}

async function addPeer(
  io: Io,
  file: string,
  given: { into: string; fingerprint?: string },
): Promise<void> {
  const peer = readPeer(file);
  const fingerprint = peerFingerprint(peer);
  await assertCompared(io, fingerprint, given.fingerprint);
  const path = pinPeer(given.into, peer);
  const root = peer.simulatedRoot?.fingerprint;
  io.result(
    {
      file: resolve(path),
      name: peer.name,
      identity: peer.identity,
      fingerprint,
      simulatedRoot: root ?? null,
    },
    [
      `"${peer.name}" is pinned as ${basename(path)} in ${given.into}.`,
      ...(root === undefined
        ? []
        : [`Its simulated root is ${root}`, '(name it in a simulated policy: dpca policy init).']),
    ].join('\n'),
  );
}

export function registerPeers(program: Command, io: Io): void {
  const peers = program
    .command('peers')
    .description('exchange public keys with another organisation');
  peers
    .command('export')
    .description('write the public keys into a file for the other party')
    .requiredOption('--keys <dir>', 'folder made by dpca keys new')
    .requiredOption('--out <file>', 'file to send; nothing is overwritten')
    .option('--simulated-root <file>', 'add the public part of a root made by dpca keys sim-root')
    .action(async (given: ExportFlags) => {
      await exportPeer(io, given);
    });
  peers
    .command('add')
    .description("pin another party's public keys, after comparing their fingerprint")
    .argument('<file>', 'file received from the other party')
    .requiredOption('--into <dir>', 'folder of pinned peers')
    .option('--fingerprint <hex>', 'what the other party read out; without it a terminal asks')
    .action(async (file: string, given: { into: string; fingerprint?: string }) => {
      await addPeer(io, file, given);
    });
}
