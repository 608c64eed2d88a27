/**
 * Counts the noise that the code really makes. Two ways to run, both with the mock group:
 * - `matchedSizes`: real coins (HKDF of two secrets), joint seed, dummy identifiers, table columns and matching
 *   machines; the sampler can be replaced by a broken one;
 * - `releasedSizes`: the whole run machine on both sides (commit, reveal, coins, mask, matching, sizes, release), of
 *   which the sizes are read off the wire.
 * Both tables have one row, which is the same person (member world) or not.
 * @module
 */
import { type Bytes, fixed } from '../../src/bytes.ts';
import { ownMaskRows } from '../../src/dp/mask.ts';
import { type MaskPlan, planHash } from '../../src/dp/plan.ts';
import { jointSeed, type MaskRow } from '../../src/dp/xor-mask.ts';
import type { Rng } from '../../src/rng.ts';
import type { Manifest } from '../../src/run/manifest.ts';
import { decodeMessage, MESSAGE } from '../../src/wire/messages.ts';
import { matchPair } from '../support/match-pair.ts';
import { runPair, type Wire } from '../support/run-pair.ts';
import type { Cells } from '../support/tables.ts';

/** What an honest enclave pair derives from in run number `run`. */
export interface RunSecrets {
  readonly run: number;
  readonly sessionId: Bytes<32>;
  readonly seed: Bytes<32>;
  /** Own secret and the peer's contribution, per side. */
  readonly coinsA: readonly [Bytes<32>, Bytes<32>];
  readonly coinsB: readonly [Bytes<32>, Bytes<32>];
}

/** The dummy rows of both sides. */
export type Sampler = (
  plan: MaskPlan,
  secrets: RunSecrets,
) => readonly [readonly MaskRow[], readonly MaskRow[]];

/** The rows of both sides as src/run/run.ts derives them. */
export const honest: Sampler = (plan, { seed, sessionId, coinsA, coinsB }) => [
  ownMaskRows(plan, seed, ...coinsA, sessionId, 1n),
  ownMaskRows(plan, seed, ...coinsB, sessionId, 1n),
];

function tables(k: number, member: boolean): [Cells, Cells] {
  const row = (person: string): Cells => [Array.from({ length: k }, (_, j) => `${person}-${j}`)];
  return [row('target'), row(member ? 'target' : 'other')];
}

/** Sizes per run and column. */
export function matchedSizes(
  plan: MaskPlan,
  sampler: Sampler,
  member: boolean,
  runs: number,
  rng: Rng,
): number[][] {
  const k = plan.columns.length;
  const cells = tables(k, member);
  const secret = (): Bytes<32> => fixed(rng(32), 32, 'secret');
  return Array.from({ length: runs }, (_, run) => {
    const sessionId = secret();
    const seed = jointSeed(secret(), secret(), sessionId, 1n, planHash(plan));
    const secrets: RunSecrets = {
      ...{ run, sessionId, seed },
      coinsA: [secret(), secret()],
      coinsB: [secret(), secret()],
    };
    const [a, b] = matchPair(cells, k, rng, sampler(plan, secrets));
    if (a.sizes.some((size, j) => size !== b.sizes[j])) throw new Error('the sides disagree');
    return [...a.sizes];
  });
}

/** The masked sizes that a side sent. */
export function sentSizes(log: readonly Wire[]): number[] {
  const wire = log.find(({ type }) => type === MESSAGE.sizes);
  const message = wire === undefined ? undefined : decodeMessage(wire.type, wire.body);
  if (message?.kind !== 'sizes') throw new Error('no sizes were sent');
  return [...message.sizes];
}

/** The same through the whole run machine. */
export function releasedSizes(
  manifest: Manifest,
  member: boolean,
  runs: number,
  rng: Rng,
): number[][] {
  const [a, b] = tables(manifest.columns.length, member);
  return Array.from({ length: runs }, () => {
    const { releases, log } = runPair(manifest, { a, b }, { rng });
    if (releases.a === undefined || releases.b === undefined) throw new Error('a run failed');
    return sentSizes(log);
  });
}
