/**
 * `dpca keys new` and `dpca keys sim-root`: an organisation's keys and the root of simulated evidence.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { toHex } from '../../src/encoding.ts';
import type { Rng } from '../../src/rng.ts';
import type { Io } from '../cli/io.ts';
import { createPrivateFile } from '../keys/files.ts';
import { createKeys } from '../keys/keys.ts';
import { keyFingerprint, simulatedRootOf } from '../keys/peers.ts';

function newKeys(io: Io, folder: string, name: string): void {
  const keys = createKeys(folder, name);
  const shown = (['identity', 'log'] as const).map((use) => ({
    use,
    publicKey: toHex(keys[use].publicKey),
    fingerprint: keyFingerprint(keys[use].publicKey),
  }));
  io.result(
    { folder: resolve(folder), name, keys: shown },
    [
      `Keys of "${name}" written to ${folder} (identity.json and log.json, readable by you alone).`,
      ...shown.map(({ use, fingerprint }) => `  ${use.padEnd(9)} ${fingerprint}`),
      'Keep them out of backups that others can read. Next: dpca peers export.',
    ].join('\n'),
  );
}

async function newSimulatedRoot(io: Io, out: string): Promise<void> {
  // loaded on demand: the certificate generator would cost every other command a fifth of a second
  const { createSimulatedRoot, encodeSimulatedRoot } =
    await import('../../attestation/simulated/chain.ts');
  const rng: Rng = (n) => new Uint8Array(randomBytes(n));
  const root = await createSimulatedRoot({ rng, now: Date.now() });
  createPrivateFile(out, encodeSimulatedRoot(root));
  const { fingerprint, certificate } = simulatedRootOf(root.certificate);
  io.result(
    { file: resolve(out), fingerprint, certificate },
    [
      `Simulated root written to ${out}; no production policy can accept it.`,
      `  SHA-256 ${fingerprint}`,
      'Its public part travels in your peer file: dpca peers export --simulated-root.',
    ].join('\n'),
  );
}

export function registerKeys(program: Command, io: Io): void {
  const keys = program
    .command('keys')
    .description("make this organisation's keys, or a simulated root");
  keys
    .command('new')
    .description('make an identity key and a log key (Ed25519)')
    .requiredOption('--out <dir>', 'folder for identity.json and log.json; nothing is overwritten')
    .option('--name <name>', 'name of the organisation, as the peer will see it', 'party')
    .action((given: { out: string; name: string }) => {
      newKeys(io, given.out, given.name);
    });
  keys
    .command('sim-root')
    .description('make the root that signs the evidence of a simulated enclave')
    .requiredOption('--out <file>', 'file to write; nothing is overwritten')
    .action(async (given: { out: string }) => {
      await newSimulatedRoot(io, given.out);
    });
}
