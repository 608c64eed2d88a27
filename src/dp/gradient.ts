/**
 * Derivative of the composed delta with respect to the noise law, for the search over block weights: d delta / d p_j = n [P(L_{n-1} > eps - l_j) - e^eps Q(L_{n-1} > eps - l_{j+1})]. It only ranks
 * candidate plans, so a coarse grid and untilted doubles are enough; nothing is certified here.
 * @module
 */
import { type Complex, forward, inverse, multiplyPower } from './fft.ts';

const GRID = 1 << 13;

/** One derivative per entry of `law` (all entries positive), for n >= 2 compositions. */
export function deltaGradient(law: Float64Array, n: number, epsilon: number): Float64Array {
  const loss = new Float64Array(law.length + 1);
  for (let j = 1; j < law.length; j++) loss[j] = Math.log((law[j] ?? 0) / (law[j - 1] ?? 0));
  let mean = 0;
  let square = 0;
  for (let j = 1; j < law.length; j++) {
    mean += (law[j] ?? 0) * (loss[j] ?? 0);
    square += (law[j] ?? 0) * (loss[j] ?? 0) ** 2;
  }
  const reach = Math.max(10 * Math.sqrt(n * square) + n * Math.abs(mean), 2 * epsilon) + epsilon;
  const h = (2 * reach) / GRID;
  const sum: Complex = { re: new Float64Array(GRID), im: new Float64Array(GRID) };
  for (let j = 1; j < law.length; j++) {
    const at = Math.round((loss[j] ?? 0) / h);
    const cell = (at + GRID) % GRID;
    sum.re[cell] = (sum.re[cell] ?? 0) + (law[j] ?? 0);
  }
  forward(sum);
  const product: Complex = { re: new Float64Array(GRID).fill(1), im: new Float64Array(GRID) };
  multiplyPower(product, sum, Math.max(n - 1, 1));
  inverse(product);
  // suffix masses of L_{n-1} under P and under Q, position i standing for loss (i - GRID/2) h
  const overP = new Float64Array(GRID + 1);
  const overQ = new Float64Array(GRID + 1);
  for (let i = GRID - 1; i >= 0; i--) {
    const x = i - GRID / 2;
    const p = Math.max(product.re[(x + GRID) % GRID] ?? 0, 0);
    overP[i] = (overP[i + 1] ?? 0) + p;
    overQ[i] = (overQ[i + 1] ?? 0) + p * Math.exp(-x * h);
  }
  const beyond = (suffix: Float64Array, threshold: number): number => {
    const i = Math.floor(threshold / h) + GRID / 2 + 1;
    return suffix[Math.min(Math.max(i, 0), GRID)] ?? 0;
  };
  const out = new Float64Array(law.length);
  for (let j = 0; j < law.length; j++) {
    const p = j === 0 ? 1 : beyond(overP, epsilon - (loss[j] ?? 0));
    const last = j === law.length - 1;
    const q = last ? 0 : beyond(overQ, epsilon - (loss[j + 1] ?? 0));
    out[j] = n * (p - Math.exp(epsilon) * q);
  }
  return out;
}
