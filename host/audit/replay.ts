/**
 * Recomputes all noise of a simulated run from the secrets that both simulated enclaves recorded: the commitments open;
 * the joint seed and both sides' dummies follow, and so does the noise in every masked size; both sides' coins give that
 * of every opened moment (docs/privacy.md). Production enclaves never open coins; there is nothing to replay there.
 * @module
 */
import { type Bytes, equalConstantTime, fixed } from '../../src/bytes.ts';
import { coins as drawCoins, commit, type CommitmentPurpose } from '../../src/dp/coins.ts';
import { ownMaskRows } from '../../src/dp/mask.ts';
import { type MaskPlan, planHash } from '../../src/dp/plan.ts';
import { jointSeed, type MaskRow } from '../../src/dp/xor-mask.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';
import type { Moment } from '../../src/mpc/program.ts';
import type { Manifest, Role } from '../../src/run/manifest.ts';
import { RUN_COUNTER } from '../../src/run/run.ts';
import { compileStatistics } from '../../src/statistics/compile.ts';
import { interpret } from '../../src/statistics/interpret.ts';

const PURPOSES = ['seed', 'mix', 'coins'] as const;
export type Opened = Readonly<Record<CommitmentPurpose, Bytes<32>>>;
/** Hex, as in the release that `dpca run --json` prints. */
export type Commitments = Readonly<Record<CommitmentPurpose, string>>;

/** One draw per line, 64 hex digits; what a simulated enclave wrote under --record-draws. */
export function parseDraws(text: string, path: string): readonly Bytes<32>[] {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length === 0 || lines.some((line) => !/^[0-9a-f]{64}$/.test(line))) {
    throw new DpcaError('ERR_AUDIT_FORMAT', `${path}: expected one draw of 64 hex digits per line`);
  }
  return lines.map((line) => fixed(fromHex(line), 32, 'draw'));
}

/** The draws that the commitments of party `role` bind (ERR_AUDIT_REPLAY naming the commitment that nothing opens). */
export function openCommitments(
  role: Role,
  sessionId: Bytes<32>,
  commitments: Commitments,
  draws: readonly Bytes<32>[],
): Opened {
  const [seed, mix, coins] = PURPOSES.map((purpose) => {
    const wanted = fromHex(commitments[purpose]);
    const found = draws.find((draw) =>
      equalConstantTime(commit(purpose, sessionId, role, draw), wanted),
    );
    if (found === undefined) {
      throw new DpcaError(
        'ERR_AUDIT_REPLAY',
        `party ${role}: no recorded draw opens the ${purpose} commitment of this session`,
      );
    }
    return found;
  });
  if (seed === undefined || mix === undefined || coins === undefined) {
    throw new DpcaError('ERR_INTERNAL', 'three commitments have three openings');
  }
  return { seed, mix, coins };
}

/** The number of dummies that met in each column: the noise of each masked size, a whole number. */
export function replayNoise(
  plan: MaskPlan,
  sessionId: Bytes<32>,
  opened: Readonly<Record<Role, Opened>>,
): readonly number[] {
  const { a, b } = opened;
  const seed = jointSeed(a.seed, b.seed, sessionId, RUN_COUNTER, planHash(plan));
  const rowsOf = (own: Opened, peer: Opened): readonly MaskRow[] =>
    ownMaskRows(plan, seed, own.coins, peer.mix, sessionId, RUN_COUNTER);
  const key = ({ column, identifier }: MaskRow): string => `${column} ${toHex(identifier)}`;
  const inserted = new Set(rowsOf(a, b).map(key));
  const met = plan.columns.map(() => 0);
  for (const row of rowsOf(b, a)) {
    if (inserted.has(key(row))) met[row.column] = (met[row.column] ?? 0) + 1;
  }
  return met;
}

/** The noise of each opened moment: the values of the bits in which both sides' coins differ. */
export function replayMomentNoise(
  moments: readonly Moment[],
  sessionId: Bytes<32>,
  { a, b }: Readonly<Record<Role, Opened>>,
): readonly bigint[] {
  const count = moments.reduce((sum, { noise }) => sum + noise.length, 0);
  const coinsOf = (own: Opened, peer: Opened): Uint8Array =>
    drawCoins(own.coins, peer.mix, sessionId, RUN_COUNTER, count, 'output');
  const [x, y] = [coinsOf(a, b), coinsOf(b, a)];
  let at = 0;
  return moments.map(({ noise }) =>
    noise.reduce((sum, value) => {
      const bit = (x[at] ?? 0) ^ (y[at] ?? 0);
      at += 1;
      return bit === 1 ? sum + value : sum;
    }, 0n),
  );
}

/** Every statistic without noise and threshold, from exact sizes and moments: its definition and figures. */
export function exactStatistics(
  manifest: Manifest,
  sizes: readonly number[],
  moments: readonly bigint[],
): readonly JsonObject[] {
  const { columns, values, statistics, threshold, parties } = manifest;
  // the threshold decides which sums are opened, not only which figures are shown
  const design = {
    ...{ columns, values, statistics, privacy: {} },
    ...(threshold === undefined ? {} : { threshold }),
  };
  const compiled = compileStatistics(design, Math.min(parties.a.rowsMax, parties.b.rowsMax));
  const figure = (size: number): JsonObject => ({
    value: String(size),
    standardDeviation: '0',
    interval: { level: '0.95', low: size, high: size },
  });
  const figures = interpret(statistics, compiled, {
    ...{ sizes, moments, threshold: undefined },
    mask: { kind: 'xor', columns: columns.map(() => []) },
    total: () => ({
      ...figure(sizes.reduce((sum, size) => sum + size, 0)),
      columns: columns.map(({ name }, j) => ({ column: name, ...figure(sizes[j] ?? 0) })),
    }),
  });
  return statistics.map((statistic, i) => ({ ...statistic, ...figures[i] }));
}
