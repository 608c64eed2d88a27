/**
 * Moves of the weights search: small changes of a weight list, and what a linear model says each does to delta,
 * computed by taking blocks out of the noise law and putting others in.
 * @module
 */

/** Block weights, largest first. */
export type Weights = readonly number[];

export function total(weights: Weights): number {
  return weights.reduce((a, b) => a + b, 0);
}

export function sorted(weights: Weights): Weights {
  return weights.filter((w) => w > 0).sort((a, b) => b - a);
}

/** Blocks `from` are replaced by blocks `to`. */
export interface Move {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

export function apply(weights: Weights, { from, to }: Move): Weights {
  const out = [...weights];
  for (const value of from) out.splice(out.indexOf(value), 1);
  return sorted([...out, ...to]);
}

/** Sizes of steps: single units up to 400 rows, then in proportion. */
function unitOf(weights: Weights): number {
  return Math.max(1, Math.round(total(weights) / 400));
}

/** Moves that keep the total: units moved between blocks, a block split, two blocks merged. */
export function moves(weights: Weights): Move[] {
  const values = [...new Set(weights)];
  const unit = unitOf(weights);
  const out: Move[] = [];
  for (const a of values) {
    for (const s of [unit, 2 * unit, 3 * unit]) {
      if (a > s) out.push({ from: [a], to: [a - s, s] });
      if (a < s) continue;
      for (const b of values) {
        if (b === a && weights.indexOf(a) === weights.lastIndexOf(a)) continue;
        out.push({ from: [a, b], to: a === s ? [b + s] : [a - s, b + s] });
      }
    }
    if (a > 1) out.push({ from: [a], to: [Math.ceil(a / 2), Math.floor(a / 2)] });
  }
  return out;
}

export function removals(weights: Weights): Move[] {
  const unit = unitOf(weights);
  return [...new Set(weights)]
    .filter((a) => a >= unit)
    .map((a) => ({ from: [a], to: a === unit ? [] : [a - unit] }));
}

/** law / ((1 + x^w) / 2), from the small end up to the middle and mirrored, where no digits cancel. */
function withoutBlock(law: Float64Array, w: number): Float64Array {
  const length = law.length - w;
  const out = new Float64Array(length);
  for (let z = 0; 2 * z < length; z++) {
    const p = Math.max(2 * (law[z] as number) - (z >= w ? (out[z - w] as number) : 0), 0);
    out[z] = p;
    out[length - 1 - z] = p;
  }
  return out;
}

/** Scores moves from `weights` by sum_j gradient[j] law_after[j]; lower is better. `law` is the law of `weights`. */
export function scorer(law: Float64Array, gradient: Float64Array): (move: Move) => number {
  const without = new Map<number, Float64Array>();
  return ({ from, to }) => {
    const [first = 0, second] = from;
    let base = without.get(first) ?? withoutBlock(law, first);
    without.set(first, base);
    if (second !== undefined) base = withoutBlock(base, second);
    return averaged(gradient, base, to, 0);
  };
}

/** sum_j gradient[j + offset] law[j] after convolving law with the blocks `to`. */
function averaged(
  gradient: Float64Array,
  law: Float64Array,
  to: readonly number[],
  offset: number,
): number {
  const [w, ...rest] = to;
  if (w !== undefined) {
    return (averaged(gradient, law, rest, offset) + averaged(gradient, law, rest, offset + w)) / 2;
  }
  let sum = 0;
  for (let j = 0; j < law.length; j++) sum += (gradient[j + offset] ?? 0) * (law[j] as number);
  return sum;
}
