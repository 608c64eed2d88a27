/**
 * Support for the DP tests: fixtures, the shared vectors (skipped where the project stands alone), and the exact
 * rational oracle for the accountant.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import {
  binomialPair,
  discreteGaussianPair,
  discreteLaplacePair,
  type LossPair,
  maskPair,
  truncatedGaussianPair,
  truncatedLaplacePair,
} from '../../src/dp/loss.ts';
import type { ColumnMask } from '../../src/dp/plan.ts';

/** The parsed file; callers state its shape. */
export function fixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/dp/${name}`, import.meta.url), 'utf8'));
}

export interface SharedVector {
  readonly mechanism: string;
  readonly params: Readonly<Record<string, number>> & { readonly weights?: readonly number[] };
  readonly compositions: number;
  readonly epsilon: number;
  readonly delta: string;
  readonly delta_lower_cert: string;
  readonly delta_upper_cert: string;
}

export interface SharedVectors {
  readonly vectors: readonly SharedVector[];
  readonly large_vectors: readonly SharedVector[];
  readonly calibration: readonly {
    readonly k: number;
    readonly N: number;
    readonly T: number;
    readonly n: number;
    readonly eps: number;
    readonly delta: number;
    readonly xor_weights: readonly number[];
  }[];
  readonly sensitivity: { readonly alternating_vectors_k3: readonly (readonly number[])[] };
}

const SHARED = new URL('../../../shared/vectors/dp.json', import.meta.url);

/** ../shared/vectors/dp.json beside the repository, if it is there. */
export const shared: SharedVectors | undefined = existsSync(SHARED)
  ? (JSON.parse(readFileSync(SHARED, 'utf8')) as SharedVectors)
  : undefined;

/** The loss pair of a shared vector; undefined for closed forms, which the accountant does not discretise. */
export function pairOf({ mechanism, params }: SharedVector): LossPair | undefined {
  const get = (name: string): number => {
    const value = params[name];
    if (value === undefined) throw new Error(`vector without ${name}`);
    return value;
  };
  switch (mechanism) {
    case 'hypergeometric':
      return maskPair({ kind: 'intersect', tau: get('tau') });
    case 'xor_block':
      return maskPair({ kind: 'xor', weights: params.weights ?? [] });
    case 'binomial':
      return binomialPair(get('n'));
    case 'discrete_laplace':
      return discreteLaplacePair(get('t'));
    case 'discrete_gaussian':
      return discreteGaussianPair(get('sigma2'));
    case 'truncated_discrete_gaussian':
      return truncatedGaussianPair(get('S'), get('sigma2'));
    case 'truncated_discrete_laplace':
      return truncatedLaplacePair(get('S'), get('t'));
    default:
      return undefined;
  }
}

/** Counts of a mask's noise law: numerators over their sum. */
export function exactLaw(mask: ColumnMask): bigint[] {
  if (mask.kind === 'intersect') {
    const law: bigint[] = [];
    for (let j = 0, c = 1n; j <= mask.tau; j++) {
      law.push(c * c);
      c = (c * BigInt(mask.tau - j)) / BigInt(j + 1);
    }
    return law;
  }
  let law = [1n];
  for (const w of mask.weights) {
    const next = new Array<bigint>(law.length + w).fill(0n);
    law.forEach((p, z) => {
      next[z] = (next[z] ?? 0n) + p;
      next[z + w] = (next[z + w] ?? 0n) + p;
    });
    law = next;
  }
  return law;
}

function gcd(a: bigint, b: bigint): bigint {
  while (b > 0n) [a, b] = [b, a % b];
  return a;
}

const SCALE = 1n << 256n;

/** e^(num/den) times 2^256, by Taylor series, right to far beyond a double. */
function scaledExp(num: bigint, den: bigint): bigint {
  let sum = 0n;
  for (let term = SCALE, i = 1n; term > 0n; i++) {
    sum += term;
    term = (term * num) / (den * i);
  }
  return sum;
}

/**
 * delta of the composition of shift-1 pairs of `laws`, in rational arithmetic: likelihood ratio -> mass, products of
 * ratios by convolution, hockey stick at e^(num/den). Exact to about 1e-70.
 */
export function exactDelta(laws: readonly (readonly bigint[])[], num: bigint, den: bigint): number {
  let atoms = new Map<string, { a: bigint; b: bigint; mass: bigint }>([
    ['1/1', { a: 1n, b: 1n, mass: 1n }],
  ]);
  let total = 1n;
  for (const law of laws) {
    const next: typeof atoms = new Map();
    for (const { a, b, mass } of atoms.values()) {
      for (let z = 1; z < law.length; z++) {
        const [p, q] = [law[z] ?? 0n, law[z - 1] ?? 0n];
        if (p === 0n || q === 0n) continue;
        const divisor = gcd(a * p, b * q);
        const [x, y] = [(a * p) / divisor, (b * q) / divisor];
        const key = `${x}/${y}`;
        next.set(key, { a: x, b: y, mass: (next.get(key)?.mass ?? 0n) + mass * p });
      }
    }
    atoms = next;
    total *= law.reduce((s, p) => s + p, 0n);
  }
  const e = scaledExp(num, den);
  let delta = total * SCALE;
  for (const { a, b, mass } of atoms.values()) {
    delta -= mass * SCALE;
    // ratio a/b above e: mass (1 - e b / a)
    if (a * SCALE > e * b) delta += mass * (SCALE - (e * b) / a);
  }
  return Number((delta * 10n ** 60n) / (total * SCALE)) / 1e60;
}
