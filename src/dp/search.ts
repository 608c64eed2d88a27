/**
 * Search for XOR weights with few rows: a geometric family gives a start, then units are taken
 * away one by one while a descent over small moves, ranked by {@link deltaGradient}, brings delta back under the
 * target. Deterministic: the only chance is a fixed-seed generator. Untrusted: whatever it finds is certified.
 * @module
 */
import { type Composed, deltaUpper } from './accountant.ts';
import { DpcaError } from '../errors.ts';
import { deltaGradient } from './gradient.ts';
import { pairOfLaw, xorLaw } from './loss.ts';
import { apply, type Move, moves, removals, scorer, sorted, total, type Weights } from './moves.ts';
import { PLAN_LIMITS } from './plan.ts';

export interface Goal {
  /** Shift-1 compositions, k T. */
  readonly n: number;
  readonly epsilon: number;
  readonly delta: number;
  /** Further condition on the weights, kept throughout; must hold once enough weight-1 blocks are appended. */
  readonly allowed?: (weights: readonly number[]) => boolean;
}

/** Aim a little below the claim, so that no two platforms can disagree about it. */
const MARGIN = 0.9995;
/** Gives delta to better than 1 %, never below: enough to compare moves. */
const COARSE = { tolerance: 0.1 };
/** Gives delta to about 1e-4; asked only where the coarse value decides nothing. */
const FINE = { tolerance: 1e-2 };
const RATIOS = [0.7, 0.76, 0.8, 0.84, 0.87, 0.89, 0.91, 0.93, 0.95, 0.965, 0.98];
/** Candidates of one ranking that are evaluated. */
const TRIED = 4;
const MAX_NEIGHBOURS = 1_500;
/** Perturbed restarts before a total is given up, for plans of up to RESTART_ROWS rows; fewer above. */
const RESTARTS = 30;
const RESTART_ROWS = 300;

function deltaOf(weights: Weights, { n, epsilon }: Goal, accuracy = COARSE): number {
  return deltaUpper([{ pair: pairOfLaw(xorLaw(weights), 1), count: n }], epsilon, accuracy);
}

function meets(weights: Weights, coarse: number, goal: Goal): boolean {
  const target = MARGIN * goal.delta;
  return coarse <= target || (coarse <= 1.01 * target && deltaOf(weights, goal, FINE) <= target);
}

/** About geometric weights with sum m. */
function family(m: number, ratio: number): Weights {
  const out: number[] = [];
  for (let rest = m, w = m * (1 - ratio); rest > 0; w *= ratio) {
    const next = Math.min(Math.max(Math.round(w), 1), rest);
    out.push(next);
    rest -= next;
  }
  return out;
}

function permitted(weights: Weights, goal: Goal): boolean {
  const edge = goal.n * 2 ** -weights.length;
  return (
    edge < goal.delta && weights.length <= PLAN_LIMITS.blocks && (goal.allowed?.(weights) ?? true)
  );
}

/** Best member of the family with m rows, weight-1 blocks appended until it is permitted. */
function bestOfFamily(m: number, goal: Goal): { weights: Weights; delta: number } | undefined {
  let best: { weights: Weights; delta: number; ratio: number } | undefined;
  const consider = (ratio: number): void => {
    let weights = family(m, ratio);
    for (let i = 0; i < 8 && !permitted(weights, goal); i++) weights = [...weights, 1];
    if (!permitted(weights, goal)) return;
    const delta = deltaOf(weights, goal);
    if (best === undefined || delta < best.delta) best = { weights, delta, ratio };
  };
  for (const ratio of RATIOS) consider(ratio);
  const centre = best?.ratio;
  if (centre !== undefined) for (const d of [-0.012, -0.006, 0.006, 0.012]) consider(centre + d);
  return best;
}

/** Orders moves by what the linear model at `weights` says of the law after them; best first. */
function ranked(
  weights: Weights,
  candidates: readonly Move[],
  goal: Goal,
  count: number,
): Weights[] {
  const law = xorLaw(weights);
  const score = scorer(law, deltaGradient(law, goal.n, goal.epsilon));
  const stride = Math.ceil(candidates.length / MAX_NEIGHBOURS);
  return candidates
    .filter((_, i) => i % stride === 0)
    .map((move) => ({ move, score: score(move) }))
    .sort((x, y) => x.score - y.score)
    .map(({ move }) => apply(weights, move))
    .filter((c) => permitted(c, goal))
    .slice(0, count);
}

interface Point {
  readonly weights: Weights;
  readonly delta: number;
  readonly met: boolean;
}

/** Descends at constant total until the goal is met or no tried move helps. */
function descend(start: Weights, goal: Goal): Point {
  let weights = start;
  let delta = deltaOf(weights, goal);
  for (;;) {
    const met = meets(weights, delta, goal);
    if (met) return { weights, delta, met };
    const before = delta;
    for (const candidate of ranked(weights, moves(weights), goal, TRIED)) {
      const found = deltaOf(candidate, goal);
      if (found < delta * (1 - 2e-5)) {
        delta = found;
        weights = candidate;
        break;
      }
    }
    if (delta === before) return { weights, delta, met };
  }
}

/** Deterministic generator for perturbations (mulberry32); not used for anything secret. */
function generator(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

function smallestOfFamily(goal: Goal): Weights {
  const reached = (m: number): Weights | undefined => {
    const best = bestOfFamily(m, goal);
    return best !== undefined && meets(best.weights, best.delta, goal) ? best.weights : undefined;
  };
  let high = 16;
  let found = reached(high);
  while (found === undefined) {
    if (high === PLAN_LIMITS.rows) {
      throw new DpcaError(
        'ERR_MANIFEST_PLAN',
        `no XOR mask of at most ${PLAN_LIMITS.rows} rows per column found for this claim`,
      );
    }
    high = Math.min(Math.ceil(high * 1.6), PLAN_LIMITS.rows);
    found = reached(high);
  }
  let low = Math.floor(high / 1.6);
  while (high - low > Math.max(1, high / 200)) {
    const middle = Math.floor((low + high) / 2);
    const weights = reached(middle);
    if (weights === undefined) low = middle;
    else {
      high = middle;
      found = weights;
    }
  }
  return found;
}

/** XOR weights, largest first, whose delta after n compositions is at most 0.9995 of the goal. */
export function searchWeights(goal: Goal): readonly number[] {
  const random = generator(0x5eed);
  let weights = sorted(smallestOfFamily(goal));
  for (;;) {
    const fewer = ranked(weights, removals(weights), goal, 1)[0];
    if (fewer === undefined) break;
    let best = descend(fewer, goal);
    const restarts = RESTARTS * Math.min(1, RESTART_ROWS / total(fewer));
    for (let r = 0; r < restarts && !best.met; r++) {
      let kicked = best.weights;
      for (let move = 0; move < 2 + (r % 3); move++) {
        const options = moves(kicked);
        const option = options[random(Math.max(options.length, 1))];
        const next = option === undefined ? kicked : apply(kicked, option);
        if (permitted(next, goal)) kicked = next;
      }
      const again = descend(kicked, goal);
      if (again.delta < best.delta || again.met) best = again;
    }
    if (!best.met) break;
    weights = best.weights;
  }
  return weights;
}

/** Blocks and ratios that are tried for output noise; more blocks gain less than 1 %. */
const SPREAD_BLOCKS = [48, 64];
const SPREAD_RATIOS = [0.93, 0.95, 0.965];
const SPREAD_STEPS = 10;

function deviation(weights: Weights): number {
  return Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0));
}

/**
 * Weights of least deviation, of many geometric blocks, that keep the goal when `count` shift-1 pairs of their noise
 * are composed with `others`; `known` weights, which keep it, if none is better.
 */
export function spreadWeights(
  known: Weights,
  others: readonly Composed[],
  count: number,
  { epsilon, delta }: Pick<Goal, 'epsilon' | 'delta'>,
): Weights {
  const keeps = (weights: Weights): boolean => {
    const pair = pairOfLaw(xorLaw(weights), 1);
    return deltaUpper([...others, { pair, count }], epsilon, COARSE) <= MARGIN * delta;
  };
  let best = known;
  for (const blocks of SPREAD_BLOCKS) {
    for (const ratio of SPREAD_RATIOS) {
      const member = (scale: number): Weights =>
        Array.from({ length: blocks }, (_, i) => Math.max(1, Math.round(scale * ratio ** i)));
      // scales from the smallest to where the best so far is matched
      let low = 0;
      let high = 1;
      while (deviation(member(high)) < deviation(best)) high *= 2;
      for (let step = 0; step < SPREAD_STEPS; step++) {
        const middle = (low + high) / 2;
        const weights = member(middle);
        if (deviation(weights) >= deviation(best)) high = middle;
        else if (keeps(weights)) {
          best = weights;
          high = middle;
        } else low = middle;
      }
    }
  }
  return best;
}
