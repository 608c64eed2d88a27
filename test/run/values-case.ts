/**
 * Runs with value columns between two run machines, real transfers included, with all secret draws recorded: what comes
 * out without noise, and plain arithmetic on the matched rows beside it.
 */
import {
  exactStatistics,
  openCommitments,
  replayMomentNoise,
  replayNoise,
} from '../../host/audit/replay.ts';
import { type Bytes, fixed } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import type { Json, JsonObject } from '../../src/json.ts';
import { UniformSource } from '../../src/rng.ts';
import { compileManifest, type Manifest, type Role } from '../../src/run/manifest.ts';
import type { ManifestValue } from '../../src/statistics/definition.ts';
import { MESSAGE } from '../../src/wire/messages.ts';
import { chooser, randomStatistics, randomValues } from '../statistics/cases.ts';
import { plainFigure, type PlainFigure, type Row } from '../statistics/plain.ts';
import { testManifest } from '../support/manifests.ts';
import { plainWaterfall } from '../support/plain-waterfall.ts';
import { type PairOptions, type PairResult, runPair } from '../support/run-pair.ts';
import { type Cells, randomPair } from '../support/tables.ts';
import { seededRng } from '../support/test-rng.ts';

export interface ValuesCase {
  readonly cells: Readonly<Record<Role, Cells>>;
  readonly values: readonly ManifestValue[];
  /** By value name, one cell per row of its owner, not clipped. */
  readonly table: Readonly<Record<string, readonly bigint[]>>;
  readonly statistics: readonly Json[];
  /** Of the mask in each column, and of the output noise. */
  readonly mask: readonly number[];
  readonly noise: readonly number[];
  /** Further members of the manifest. */
  readonly more?: JsonObject;
}

export interface ValuesRun {
  readonly manifest: Manifest;
  readonly result: PairResult;
  /** Values of the matched rows, clipped. */
  readonly rows: readonly Row[];
  /** Statistics and moments without noise, from a's release and both sides' recorded draws. */
  readonly exact: () => {
    readonly sizes: readonly number[];
    readonly moments: readonly bigint[];
    readonly statistics: readonly JsonObject[];
  };
}

export function manifestOf(given: ValuesCase): Manifest {
  const k = given.cells.a[0]?.length ?? 0;
  const base = testManifest(k, given.mask);
  const isNoised = given.statistics.some((statistic) => {
    const { kind, where } = statistic as JsonObject;
    return kind !== 'shares' && !(kind === 'count' && where === undefined);
  });
  return testManifest(k, given.mask, {
    values: given.values,
    statistics: given.statistics,
    privacy: { ...base.privacy, ...(isNoised ? { noise: given.noise } : {}) },
    ...given.more,
  });
}

function clipped(x: bigint, { low, high }: ManifestValue): bigint {
  return x < BigInt(low) ? BigInt(low) : x > BigInt(high) ? BigInt(high) : x;
}

export function runValues(
  seed: string,
  given: ValuesCase,
  options: Pick<PairOptions, 'tamperValues' | 'tap'> = {},
): ValuesRun {
  const { cells, values, table } = given;
  const manifest = manifestOf(given);
  const draws: Bytes<32>[] = [];
  const inner = seededRng(seed);
  const rng = (n: number): Uint8Array => {
    const drawn = inner(n);
    // the secrets of both machines are drawn first
    if (n === 32 && draws.length < 16) draws.push(fixed(drawn.slice(), 32, 'draw'));
    return drawn;
  };
  const columns = (role: Role) =>
    values.filter(({ owner }) => owner === role).map(({ name }) => table[name]!);
  const result = runPair(manifest, cells, {
    ...{ rng, values: { a: columns('a'), b: columns('b') } },
    ...options,
  });
  const { pairs } = plainWaterfall(cells.a, cells.b, manifest.columns.length);
  const rows = pairs.map((pair) =>
    Object.fromEntries(
      values.map((value) => [value.name, clipped(table[value.name]![pair[value.owner]]!, value)]),
    ),
  );
  const exact = () => {
    const { session, maskedSizes } = result.releases.a as {
      readonly session: string;
      readonly maskedSizes: readonly number[];
    };
    const sessionId = fixed(fromHex(session), 32, 'session');
    const opened = (role: Role) => {
      const { body } = result.log.find((w) => w.from === role && w.type === MESSAGE.commit)!;
      const at = (i: number): string => toHex(body.subarray(32 * i, 32 * (i + 1)));
      return openCommitments(role, sessionId, { seed: at(0), mix: at(1), coins: at(2) }, draws);
    };
    const secrets = { a: opened('a'), b: opened('b') };
    const met = replayNoise(manifest.privacy.mask, sessionId, secrets);
    const sizes = maskedSizes.map((size, j) => size - met[j]!);
    const { program } = compileManifest(manifest);
    const noise = replayMomentNoise(program.moments, sessionId, secrets);
    const moments = result.moments.a!.map((sum, i) => sum - noise[i]!);
    return { sizes, moments, statistics: exactStatistics(manifest, sizes, moments) };
  };
  return { manifest, result, rows, exact };
}

/** A random case: k identifier columns, as many values per side, every statistic that they permit. */
export function randomCase(seed: string, counts: Readonly<Record<Role, number>>): ValuesCase {
  const rng = seededRng(`${seed} case`);
  const choose = chooser(rng);
  const [a, b] = randomPair(new UniformSource(rng), choose(1, 3), 25);
  const values = randomValues(choose, counts.a, counts.b);
  const cell = ({ low, high }: ManifestValue): bigint =>
    [BigInt(low), BigInt(high), BigInt(low) - 1n, 2n ** 63n - 1n, -(2n ** 63n)][choose(0, 12)] ??
    BigInt(choose(low, high));
  return {
    cells: { a, b },
    values,
    table: Object.fromEntries(
      values.map((value) => [
        value.name,
        Array.from({ length: (value.owner === 'a' ? a : b).length }, () => cell(value)),
      ]),
    ),
    statistics: randomStatistics(choose, values),
    mask: [[1], [2, 1], [5, 4, 3, 2, 1, 1]][choose(0, 2)]!,
    noise: [3, 2, 1].slice(choose(0, 2)),
  };
}

interface Counted {
  readonly count: { readonly value: string };
  readonly sum?: { readonly value: string };
}

/** A figure in the words of the plain oracle. */
export function shortFigure(figure: JsonObject): PlainFigure {
  const { kind, value, result } = figure;
  if (kind !== 'histogram' && kind !== 'attributed') return value as string | undefined;
  const sections = (Array.isArray(result) ? result : [result]) as unknown as readonly Counted[];
  return sections.map(({ count, sum }) => ({
    count: count.value,
    ...(sum === undefined ? {} : { sum: sum.value }),
  }));
}

/** Pairs [got, expected] of every statistic; correlations, which are rounded roots, agree to half of the sixth place. */
export function figurePairs({ manifest, rows, exact }: ValuesRun): readonly [unknown, unknown][] {
  const { statistics } = exact();
  return manifest.statistics.map((statistic, i) => {
    const [got, expected] = [shortFigure(statistics[i]!), plainFigure(statistic, rows)];
    if (statistic.kind !== 'correlation' || got === undefined || expected === undefined) {
      return [got, expected];
    }
    const isSame = Math.abs(Number(got) - Number(expected)) < 0.51e-6;
    return isSame ? [got, got] : [got, expected];
  });
}

/** Both sides' shares added up: per kept vector one number per row, words signed. */
export function addedShares({ shares }: PairResult): readonly (readonly bigint[])[] {
  return shares.a!.map((own, i) => {
    const other = shares.b![i]!;
    if ('bits' in own && 'bits' in other) {
      return [...own.bits].map((bit, row) => BigInt(bit ^ other.bits[row]!));
    }
    if ('words' in own && 'words' in other) {
      return [...own.words].map((word, row) => BigInt.asIntN(64, word + other.words[row]!));
    }
    throw new Error('the two sides keep different vectors');
  });
}
