/**
 * The leakage lab: every attack against every way of running the protocol under one claim, on synthetic data (docs/leakage.md). It simulates the law that the mask is certified for; that the code has this law is shown by
 * test/statistical.
 * @module
 */
import { deltaUpper } from '../../src/dp/accountant.ts';
import { sizesOf } from '../../src/dp/certify.ts';
import type { MaskPlan } from '../../src/dp/plan.ts';
import { tauTight } from '../../src/dp/tau.ts';
import { actBayesian } from './act-bayesian.ts';
import { type ClaimScore, scoreAttack } from './claims.ts';
import type { SetAttack } from './oracle.ts';
import { type Random } from './random.ts';
import { attackSingleTarget, type SingleTarget } from './single-target.ts';
import { maskedSizes, plainSizes, type SizeMechanism } from './sizes.ts';
import { baseline, improved } from './tree-attacks.ts';

export interface LabRequest {
  readonly plan: MaskPlan;
  readonly epsilon: number;
  readonly delta: number;
  /** Runs T of the claim. */
  readonly runs: number;
  readonly victims: number;
  /** Shares of the victims that are in the other table, each within 0..1. */
  readonly densities: readonly number[];
  /** Oracle calls of a set attack; the claim covers columns * runs. */
  readonly queries: number;
  readonly repetitions: number;
  readonly random: Random;
  /** Awaited before each of `parts` parts, so that a caller can show progress or throw. */
  readonly onPart?: (part: number, parts: number) => Promise<void>;
}

/** One mechanism as reported: its name and whether the attacker keeps to the code. */
interface Label {
  readonly mechanism: SizeMechanism['name'];
  readonly dummies: SizeMechanism['dummies'];
}

export type ClaimRow = Label &
  ClaimScore & { readonly attack: AttackName; readonly density: number };

export type TargetRow = Label &
  SingleTarget & {
    /** Certified upper bound on delta at epsilon 0: no test reaches more. */
    readonly exactAdvantage: number;
  };

export interface LabReport {
  readonly epsilon: number;
  readonly delta: number;
  readonly runs: number;
  readonly columns: number;
  readonly victims: number;
  readonly queries: number;
  /** Oracle calls that the claim covers. */
  readonly coveredQueries: number;
  readonly repetitions: number;
  /** Single-target trials per world. */
  readonly trials: number;
  /** (e^eps - 1 + 2 delta) / (e^eps + 1): what (epsilon, delta) alone would permit. */
  readonly claimedAdvantage: number;
  readonly mechanisms: readonly (Label & { readonly rows: readonly number[] })[];
  readonly claims: readonly ClaimRow[];
  readonly targets: readonly TargetRow[];
}

export type AttackName = 'baseline' | 'improved' | 'actBayesian';

const ATTACKS: Readonly<Record<AttackName, SetAttack>> = { baseline, improved, actBayesian };

/** Noise draws of one single-target row, over both worlds: enough for a standard error of about 0.002. */
const DRAWS = 8_000_000;
const TRIALS = { least: 2_000, most: 100_000 } as const;

/** Plain PSI, IntersectMask for the same claim, the manifest's own mask, and each mask against a cheating enclave. */
function mechanismsOf(request: LabRequest): readonly { sizes: SizeMechanism; plan?: MaskPlan }[] {
  const { plan, epsilon, delta, runs } = request;
  const k = plan.columns.length;
  const tau = plan.kind === 'intersect' ? [] : [tauTight(k * runs, epsilon, delta)];
  const plans: readonly MaskPlan[] = [
    ...tau.map((t) => ({ kind: 'intersect', columns: new Array<number>(k).fill(t) }) as const),
    plan,
  ];
  return [
    { sizes: plainSizes() },
    ...plans.map((p) => ({ sizes: maskedSizes(p), plan: p })),
    ...plans.flatMap((p) =>
      (['all', 'none'] as const).map((dummies) => ({ sizes: maskedSizes(p, dummies) })),
    ),
  ];
}

export async function attackPlan(request: LabRequest): Promise<LabReport> {
  const { epsilon, delta, runs, densities, random } = request;
  const columns = request.plan.columns.length;
  const mechanisms = mechanismsOf(request);
  const attacks = Object.entries(ATTACKS) as [AttackName, SetAttack][];
  const fitting = Math.floor(DRAWS / (2 * columns * runs));
  const trials = Math.min(Math.max(fitting, TRIALS.least), TRIALS.most);
  const parts = mechanisms.length * (densities.length * attacks.length + 1);
  const claims: ClaimRow[] = [];
  const targets: TargetRow[] = [];
  const next = (): Promise<void> | undefined =>
    request.onPart?.(claims.length + targets.length, parts);
  for (const density of densities) {
    for (const [attack, run] of attacks) {
      for (const { sizes } of mechanisms) {
        await next();
        const { victims, queries: calls, repetitions } = request;
        const setting = { victims, density, calls, repetitions };
        const score = scoreAttack(run, sizes, setting, random);
        claims.push({ attack, density, mechanism: sizes.name, dummies: sizes.dummies, ...score });
      }
    }
  }
  for (const { sizes, plan } of mechanisms) {
    await next();
    targets.push({
      mechanism: sizes.name,
      dummies: sizes.dummies,
      exactAdvantage: plan === undefined ? 1 : deltaUpper(sizesOf(plan, runs), 0),
      ...attackSingleTarget(sizes, runs, trials, delta, random),
    });
  }
  const e = Math.exp(epsilon);
  return {
    ...{ epsilon, delta, runs, columns, trials, claims, targets },
    victims: request.victims,
    queries: request.queries,
    coveredQueries: columns * runs,
    repetitions: request.repetitions,
    claimedAdvantage: (e - 1 + 2 * delta) / (e + 1),
    mechanisms: mechanisms.map(({ sizes }) => ({
      mechanism: sizes.name,
      dummies: sizes.dummies,
      rows: sizes.rows,
    })),
  };
}
