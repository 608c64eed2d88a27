/**
 * Runs the compiled command line as a real process in a fresh folder. `npm test` builds dist/ first; a single test
 * file run by hand needs `npx tsc -b` before it.
 * @module
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createKeys } from '../../host/keys/keys.ts';
import { peerOf, pinPeer, writePeer } from '../../host/keys/peers.ts';

const CLI = fileURLToPath(new URL('../../dist/host/dpca.js', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Folder {
  readonly path: string;
  /** A path within the folder. */
  at(...parts: string[]): string;
  /** Runs `dpca ...argv` there; the environment holds PATH and `env`, nothing else. */
  dpca(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>;
  /** The same, for commands that must succeed with --json: the parsed result. */
  json(argv: readonly string[]): Promise<Record<string, unknown>>;
  remove(): void;
}

export function folder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'dpca-cli-'));
  const dpca = (
    argv: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Ran> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [CLI, ...argv], {
        cwd: path,
        env: { PATH: process.env['PATH'], ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', reject);
      child.on('close', (code) => {
        resolve({ code, stdout, stderr });
      });
    });
  return {
    path,
    at: (...parts) => join(path, ...parts),
    dpca,
    json: async (argv) => {
      const ran = await dpca([...argv, '--json']);
      if (ran.code !== 0)
        throw new Error(`dpca ${argv.join(' ')}: exit ${ran.code}, ${ran.stderr}`);
      return JSON.parse(ran.stdout) as Record<string, unknown>;
    },
    remove: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Weights of docs/privacy.md (k = 3, N = 1e3, T = 10, epsilon 2, delta 1e-4). */
export const WEIGHTS = '13,11,7,6,4,4,4,3,3,2,2,2,2,2,2,2,1,1,1,1,1';

/** Keys, peer files, pinned peers, manifest and configuration of both parties, in folders a and b. */
export async function twoParties(at: Folder): Promise<void> {
  const a = peerOf(createKeys(at.at('a/keys'), 'publisher'), null);
  const b = peerOf(createKeys(at.at('b/keys'), 'advertiser'), null);
  writePeer(at.at('a.json'), a);
  writePeer(at.at('b.json'), b);
  pinPeer(at.at('a/peers'), b);
  pinPeer(at.at('b/peers'), a);
  await at.json(INIT_A);
  await at.json(['manifest', 'init', '--from', 'a/manifest.json', '--party', 'b', '--out', 'b']);
}

export const INIT_A: readonly string[] = [
  ...['manifest', 'init', '--out', 'a', '--party', 'a', '--own', 'a.json', '--other', 'b.json'],
  ...[
    '--purpose',
    'Lists are [1,2] long',
    '--column',
    'email:email',
    '--column',
    'device:lowercase',
  ],
  ...['--epsilon', '2', '--delta', '0.0001', '--runs', '10', '--rows', '500', '--other-rows', '50'],
  ...['--weights', WEIGHTS, '--no-header', '--map', 'device=4', '--listen', '127.0.0.1:8443'],
];
