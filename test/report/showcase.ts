/**
 * What reports are tested on: a log of real runs (test/audit/world.ts) with a refusal and an abort, some of its releases
 * exchanged for such of a richer agreement, so that every kind of statistic and every absence of a figure occurs.
 */
import { auditBundle } from '../../attestation/audit.ts';
import type { AuditedRun, AuditOptions, AuditResult } from '../../attestation/audit-types.ts';
import { readBundle } from '../../attestation/bundle.ts';
import type { ReportInput } from '../../host/report/input.ts';
import { fixed } from '../../src/bytes.ts';
import type { JsonObject } from '../../src/json.ts';
import { compileManifest, type Manifest } from '../../src/run/manifest.ts';
import { buildRelease } from '../../src/run/release.ts';
import { makeWorld, type World } from '../audit/world.ts';
import { EXAMPLE_WEIGHTS, testManifest } from '../support/manifests.ts';
import { seededRng } from '../support/test-rng.ts';

const SESSION = fixed(new Uint8Array(32).fill(3), 32, 'session');
const ROWS = { a: 900, b: 800 };

/** Every kind of statistic. */
export function richManifest(change: JsonObject = {}): Manifest {
  const plain = testManifest(2, EXAMPLE_WEIGHTS);
  return testManifest(2, EXAMPLE_WEIGHTS, {
    purpose: 'Which campaigns led to purchases, spring 2026',
    values: [
      { name: 'campaign', owner: 'a', low: 0, high: 9 },
      { name: 'seen', owner: 'a', low: 0, high: 999_999 },
      { name: 'age', owner: 'a', low: 18, high: 98 },
      { name: 'bought', owner: 'b', low: 0, high: 999_999 },
      { name: 'spend', owner: 'b', low: 0, high: 1000 },
    ],
    statistics: [
      { kind: 'count' },
      { kind: 'count', where: [{ value: 'campaign', equals: 3 }] },
      { kind: 'sum', of: 'spend' },
      { kind: 'mean', of: 'spend' },
      { kind: 'variance', of: 'spend' },
      { kind: 'covariance', of: ['age', 'spend'] },
      { kind: 'correlation', of: ['age', 'spend'] },
      { kind: 'histogram', group: 'campaign', groups: [1, 2, 3, 4] },
      { kind: 'histogram', group: 'campaign', groups: [1, 2, 3], sum: 'spend' },
      {
        ...{ kind: 'attributed', conversion: 'bought', exposure: 'seen', sum: 'spend' },
        window: { from: 0, to: 604_800 },
      },
      { kind: 'shares', of: ['spend'] },
    ],
    privacy: { ...plain.privacy, noise: EXAMPLE_WEIGHTS },
    ...change,
  });
}

/** A release of `manifest` whose noised moments are their largest noise and `more`. */
export function richRelease(
  manifest: Manifest,
  sizes: readonly number[],
  more: bigint,
): JsonObject {
  const moments = compileManifest(manifest).program.moments.map(
    ({ noise }, i) => noise.reduce((sum, v) => sum + v, 0n) + more * BigInt(1 + (i % 7)),
  );
  return buildRelease(manifest, SESSION, ROWS, sizes, moments);
}

export interface Showcase {
  readonly world: World;
  readonly input: ReportInput;
}

export function reportInput(
  bytes: Uint8Array,
  result: AuditResult,
  options: AuditOptions,
): ReportInput {
  const file = (flag: ReportInput['files'][number]['flag'], name: string) => ({
    ...{ flag, name, sha256: 'ab'.repeat(32), bytes: bytes.length },
  });
  return {
    ...{ bundle: readBundle(bytes), result, options, at: null, version: '0.1.0' },
    files: [file('', 'alpha log.bundle'), file('--root', 'root.pem'), file('--policy', 'p.json')],
  };
}

/** `runs` real ones (at least 4), then `more` with rich releases. */
export async function makeShowcase(runs: number, more: number): Promise<Showcase> {
  const world = await makeWorld(seededRng('report'), 60);
  const peer = world.manifest.parties.b.identity;
  for (let i = 0; i < runs; i++) {
    await world.run({ initiator: i % 2 === 0 ? 'a' : 'b', reattest: i === 1 });
    if (i !== 2) continue;
    const refusal = { type: 'refusal', session: null, peer, by: 'own' } as const;
    world.end('a', { ...refusal, code: 'PCR_MISMATCH', document: 'AAAA' });
  }
  const bytes = world.sides.a.log.bundle();
  const options = world.options();
  const result = await auditBundle(bytes, options);
  const manifest = richManifest();
  const [model] = result.runs;
  if (model === undefined) throw new Error('expected a run');
  const rich = Array.from({ length: more }, (_, i): AuditedRun => {
    const strict = richManifest({ threshold: 400 });
    const last = result.runs.at(-1) ?? model;
    const made = {
      ...{ ...last, record: 1000 + i, time: last.time + 86_400_000 * (i + 1) },
      manifestHash: `${i % 3 === 2 ? 'c' : 'd'}${'e'.repeat(63)}`,
    };
    if (i % 3 === 2) {
      return { ...made, manifest: strict, release: richRelease(strict, [200, 100], -9n) };
    }
    const sizes = [200 + 9 * i, 100 + ((7 * i) % 5)];
    return { ...made, manifest, release: richRelease(manifest, sizes, BigInt(20 * i)) };
  });
  const all = { ...result, runs: [...result.runs, ...rich] };
  return { world, input: reportInput(bytes, all, options) };
}
