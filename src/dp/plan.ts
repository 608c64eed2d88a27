/**
 * The mask plan: the integers that both parties agree on in the manifest and that fix the noise law of every
 * revealed size (docs/specification.md section 7.1). Public. Whether it keeps a claim is for certify.ts; here only shape.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fixed } from '../bytes.ts';
import { u16be, u8, utf8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';

/**
 * Weights per identifier column, non-increasing: noise_j = sum_i w_i * Bernoulli(1/2). A type alias, because an
 * interface would not count as a JSON value in the manifest.
 */
export type XorPlan = {
  readonly kind: 'xor';
  readonly columns: readonly (readonly number[])[];
};

/** tau per identifier column: noise_j ~ Hypergeometric(2 tau, tau, tau). */
export type IntersectPlan = {
  readonly kind: 'intersect';
  readonly columns: readonly number[];
};

export type MaskPlan = XorPlan | IntersectPlan;

/** Caps, each with its reason. */
export const PLAN_LIMITS = {
  /** Columns of the waterfall (docs/specification.md). */
  columns: 8,
  /** Real plans have 16 to 60 blocks; 2^-256 is still a normal double, and fits the two bytes of a block index. */
  blocks: 256,
  /** The row within a block is two bytes, and a column's dummies stay few beside its rows. */
  rows: 65_535,
  /** The law of IntersectMask takes time quadratic in tau: two seconds at the published table's largest, 12,518. */
  tau: 16_384,
  /** Pre-declared slots of one lineage. */
  runs: 1_000,
} as const;

/** The shape of one column's mask: the plan of a column that a planner compares before a plan exists. */
export type ColumnMask =
  | { readonly kind: 'xor'; readonly weights: readonly number[] }
  | { readonly kind: 'intersect'; readonly tau: number };

function refuse(problem: string): never {
  throw new DpcaError('ERR_MANIFEST_PLAN', `mask plan: ${problem}`);
}

/** The masks of all columns, in column order. */
export function columnMasks(plan: MaskPlan): readonly ColumnMask[] {
  return plan.kind === 'xor'
    ? plan.columns.map((weights) => ({ kind: 'xor', weights }))
    : plan.columns.map((tau) => ({ kind: 'intersect', tau }));
}

/** Dummy rows m_j that each party adds for each column. */
export function maskRows(plan: MaskPlan): readonly number[] {
  return columnMasks(plan).map((mask) =>
    mask.kind === 'xor' ? mask.weights.reduce((sum, w) => sum + w, 0) : mask.tau,
  );
}

/** Refuses a plan that is not 1 to 8 columns of positive, non-increasing whole weights (ERR_MANIFEST_PLAN). */
export function assertPlan(plan: MaskPlan, k: number): void {
  if (!Number.isInteger(k) || k < 1 || k > PLAN_LIMITS.columns) {
    refuse(`expected 1 to ${PLAN_LIMITS.columns} columns`);
  }
  if (plan.columns.length !== k) refuse(`expected ${k} columns, got ${plan.columns.length}`);
  for (const mask of columnMasks(plan)) {
    const parts = mask.kind === 'xor' ? mask.weights : [mask.tau];
    if (parts.length < 1 || parts.length > PLAN_LIMITS.blocks) {
      refuse(`expected 1 to ${PLAN_LIMITS.blocks} blocks per column`);
    }
    let before: number = mask.kind === 'xor' ? PLAN_LIMITS.rows : PLAN_LIMITS.tau;
    for (const part of parts) {
      if (!Number.isInteger(part) || part < 1 || part > before) {
        refuse('expected whole weights from 1 on, largest first');
      }
      before = part;
    }
  }
  if (maskRows(plan).some((rows) => rows > PLAN_LIMITS.rows)) {
    refuse(`expected at most ${PLAN_LIMITS.rows} dummy rows per column`);
  }
}

/**
 * SHA-256 over the integers: `"dpca/v1/mask-plan" || u8(kind: 1 xor, 2 intersect) || u8(k)`, then per column
 * `u16be(B) || u16be(w_1) ... u16be(w_B)`; for intersect B = 1 and the only entry is tau.
 */
export function planHash(plan: MaskPlan): Bytes<32> {
  assertPlan(plan, plan.columns.length);
  const columns = columnMasks(plan).flatMap((mask) => {
    const parts = mask.kind === 'xor' ? mask.weights : [mask.tau];
    return [u16be(parts.length), ...parts.map(u16be)];
  });
  const head = concat(utf8('dpca/v1/mask-plan'), u8(plan.kind === 'xor' ? 1 : 2));
  return fixed(sha256(concat(head, u8(plan.columns.length), ...columns)), 32, 'plan hash');
}
