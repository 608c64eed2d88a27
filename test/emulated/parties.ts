/**
 * Two parties whose enclaves are guests: folders, keys and ledgers as in the scenario tests, with 500 rows each.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseSimulatedRoot } from '../../attestation/simulated/chain.ts';
import { prettyJson } from '../../host/keys/files.ts';
import { peerOf, simulatedRootOf, writePeer } from '../../host/keys/peers.ts';
import type { Json } from '../../src/json.ts';
import {
  type Build,
  call,
  type Ended,
  makePair,
  type Pair,
  type PartyFolder,
  serve,
} from '../support/party-folders.ts';
import { type Fault, openTap } from '../support/proxy-tap.ts';
import type { Running } from '../support/party-folders.ts';
import { PORTS } from '../../host/image/root.ts';
import type { Guest } from './guest.ts';

const ROWS = 500;
/** Rows in common; nobody but the test may know. */
export const TRUTH = 180;

export function emulatedPair(build: Build): Promise<Pair> {
  const rows = (from: number): string[][] =>
    Array.from({ length: ROWS }, (_, i) => [`device-${from + i}`]);
  return makePair({
    build,
    columns: ['device:none'],
    sheets: {
      a: { records: rows(0), header: false, map: ['device=1'] },
      b: { records: rows(ROWS - TRUTH), header: false, map: ['device=1'] },
    },
  });
}

/** From now on the party's enclave is this guest. */
export function useGuest(party: PartyFolder, guest: Guest): void {
  const config = JSON.parse(readFileSync(party.config, 'utf8')) as Record<string, unknown>;
  config['enclave'] = { kind: 'emulated', socket: guest.socket, ports: PORTS };
  writeFileSync(party.config, JSON.stringify(config));
}

const OWN = { keepLedger: true } as const;

export interface Played {
  readonly listener: Ended;
  readonly caller: Ended;
  readonly ms: number;
}

/** One run on both parties' own ledgers, a listening and b calling, through a tap with a fault. */
export async function play(
  { a, b, build }: Pair,
  fault?: (running: { listener: Running; caller: () => Running }) => Fault,
): Promise<Played> {
  const startMs = Date.now();
  const listener = await serve(a, build, [], OWN);
  let calling: Running | undefined;
  const caller = (): Running => {
    if (calling === undefined) throw new Error('nobody has called yet');
    return calling;
  };
  const tap = await openTap(listener.port, fault?.({ listener, caller }));
  try {
    calling = call(b, build, tap.port, [], OWN);
    const [atListener, atCaller] = await Promise.all([listener.ended, calling.ended]);
    return { listener: atListener, caller: atCaller, ms: Date.now() - startMs };
  } finally {
    for (const running of [listener, calling]) running?.process.kill('SIGKILL');
    await tap.close();
  }
}

/** Both released the same, within five standard deviations of the truth (false rejection below 1e-6). */
export function expectReleased({ listener, caller }: Played): void {
  for (const ended of [listener, caller]) {
    expect([ended.exit, ended.code], ended.stderr.slice(-3_000)).toEqual([0, undefined]);
    const { statistics } = JSON.parse(ended.stdout) as {
      statistics: readonly { value: string; standardDeviation: string }[];
    };
    const { value, standardDeviation } = statistics[0]!;
    expect(Math.abs(Number(value) - TRUTH)).toBeLessThanOrEqual(5 * Number(standardDeviation));
  }
}

/** An auditor with both parties' published keys accepts the log of each, with the one run in it (docs/auditing.md). */
export function expectAudited(pair: Pair, receipts: number): void {
  const at = (name: string): string => join(pair.folder, name);
  const policies: Record<string, Json>[] = [];
  for (const { role, folder, keys, policy } of [pair.a, pair.b]) {
    const root = parseSimulatedRoot(readFileSync(join(folder, 'sim-root.json'), 'utf8'));
    const peer = at(`${role}.peer.json`);
    rmSync(peer, { force: true });
    writePeer(peer, peerOf(keys, simulatedRootOf(root.certificate)));
    policies.push(JSON.parse(readFileSync(policy, 'utf8')) as Record<string, Json>);
  }
  const roots = policies.flatMap(({ roots: own }) => own as readonly Json[]);
  writeFileSync(at('auditor.json'), prettyJson({ ...policies[0], roots }));
  const files = ['a.peer.json', 'b.peer.json'].map(at);
  const trusted = [
    '--policy',
    at('auditor.json'),
    ...files.flatMap((f) => ['--party', f, '--root', f]),
  ];
  const dpca = (...argv: string[]): string =>
    execFileSync(process.execPath, [pair.build.cli, ...argv], {
      cwd: pair.folder,
      encoding: 'utf8',
    });
  for (const { role, config } of [pair.a, pair.b]) {
    const bundle = at(`${role}.bundle`);
    dpca('log', 'export', bundle, '--config', config);
    const { verdict, runs } = JSON.parse(dpca('audit', 'verify', bundle, ...trusted, '--json')) as {
      verdict: string;
      runs: readonly unknown[];
    };
    expect([verdict, runs.length]).toEqual(['pass', receipts]);
  }
}
