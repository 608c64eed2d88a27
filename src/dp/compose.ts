/**
 * The composed loss distribution on a grid: sum over losses L > eps of mass(L) (1 - e^{eps - L}), with every error bounded
 * (docs/privacy.md section 5).
 *
 * Upper bounds split each loss onto the grid so that P-mass and Q-mass are kept (connect-the-dots, Doroshenko et al.
 * 2022); lower bounds round losses down. The law of the sum is found by FFT under an exponential tilt that puts its
 * mean at eps, in a window outside of which Chernoff leaves at most e^-{@link TAIL} of the tilted mass. The FFT's
 * round-off is bounded per level as in Higham, Accuracy and Stability of Numerical Algorithms, ch. 24.
 * @module
 */
import { type Complex, forward, inverse, multiplyPower } from './fft.ts';
import { LOSS_ERROR, type LossPair } from './loss.ts';

/** `count` independent uses of one pair. */
export interface Composed {
  readonly pair: LossPair;
  readonly count: number;
}

export interface Bracket {
  readonly lower: number;
  readonly upper: number;
}

const TAIL = 40;
const MAX_FFT = 1 << 20;
/** Error of one butterfly level: a complex product with a rounded twiddle and a sum stay below 8 unit roundoffs. */
const FFT_ERROR = 16 * 2 ** -53;
const MAX_TILT = 4_096;

/** A pair on the grid: mass[i] at loss index[i] * h. */
interface Cells {
  readonly index: Float64Array;
  readonly mass: Float64Array;
  readonly count: number;
}

function round(pair: LossPair, count: number, h: number, up: boolean): Cells {
  const index = new Float64Array(up ? 2 * pair.losses.length : pair.losses.length);
  const mass = new Float64Array(index.length);
  pair.losses.forEach((loss, a) => {
    const p = pair.masses[a] ?? 0;
    if (!up) {
      index[a] = Math.floor((loss - LOSS_ERROR) / h);
      mass[a] = p;
      return;
    }
    const l = loss + LOSS_ERROR;
    const i = Math.floor(l / h);
    const share = Math.expm1(i * h - l) / Math.expm1(-h);
    index[2 * a] = i;
    mass[2 * a] = p * (1 - share);
    index[2 * a + 1] = i + 1;
    mass[2 * a + 1] = p * share;
  });
  return { index, mass, count };
}

/** Sum over parts of count * ln E[e^{s L}], and its first two derivatives in s. */
function cumulant(
  cells: readonly Cells[],
  h: number,
  s: number,
): readonly [number, number, number] {
  const total: [number, number, number] = [0, 0, 0];
  for (const { index, mass, count } of cells) {
    let top = -Infinity;
    for (let a = 0; a < index.length; a++) {
      if ((mass[a] as number) > 0) top = Math.max(top, s * h * (index[a] as number));
    }
    let m0 = 0;
    let m1 = 0;
    let m2 = 0;
    for (let a = 0; a < index.length; a++) {
      const loss = h * (index[a] as number);
      const p = (mass[a] as number) * Math.exp(s * loss - top);
      m0 += p;
      m1 += p * loss;
      m2 += p * loss * loss;
    }
    total[0] += count * (top + Math.log(m0));
    total[1] += (count * m1) / m0;
    total[2] += count * Math.max(m2 / m0 - (m1 / m0) ** 2, 0);
  }
  return total;
}

/** theta >= 0 that makes the tilted mean eps, the minimiser of K(theta) - theta eps; 0 if the mean is above. */
function tiltFor(cells: readonly Cells[], h: number, epsilon: number): number {
  let low = 0;
  let high = 1;
  while (high < MAX_TILT && cumulant(cells, h, high)[1] < epsilon) {
    low = high;
    high *= 2;
  }
  for (let step = 0; step < 24; step++) {
    const middle = (low + high) / 2;
    if (cumulant(cells, h, middle)[1] < epsilon) low = middle;
    else high = middle;
  }
  return low;
}

/** [low, high] that the tilted sum leaves with probability at most e^-TAIL on either side (Chernoff), in losses. */
function windowOf(cells: readonly Cells[], h: number, theta: number): readonly [number, number] {
  let low = 0;
  let high = 0;
  for (const { index, mass, count } of cells) {
    const used = index.filter((_, a) => (mass[a] ?? 0) > 0);
    low += count * h * used.reduce((a, b) => Math.min(a, b), Infinity);
    high += count * h * used.reduce((a, b) => Math.max(a, b), -Infinity);
  }
  const [base, , spread] = cumulant(cells, h, theta);
  const centre = Math.sqrt(2 * TAIL) / Math.max(Math.sqrt(spread), 1e-9);
  for (let step = -12; step <= 4; step++) {
    const lambda = centre * 2 ** (step / 3);
    high = Math.min(high, (cumulant(cells, h, theta + lambda)[0] - base + TAIL) / lambda);
    low = Math.max(low, (base - cumulant(cells, h, theta - lambda)[0] - TAIL) / lambda);
  }
  return [low, high];
}

/** Tilted masses of one part on the cyclic grid of `size`. */
function place(cells: Cells, h: number, theta: number, size: number): Complex {
  const [log] = cumulant([{ ...cells, count: 1 }], h, theta);
  const re = new Float64Array(size);
  cells.index.forEach((i, a) => {
    const at = ((i % size) + size) % size;
    re[at] = (re[at] ?? 0) + (cells.mass[a] ?? 0) * Math.exp(theta * h * i - log);
  });
  return { re, im: new Float64Array(size) };
}

/**
 * Losses of Laplace and Gaussian laws are multiples of one loss; returns it, or else epsilon. A grid that divides
 * it holds every sum exactly, where sums next to the kink at epsilon would otherwise cost more than the h^2 error.
 */
function anchorOf(parts: readonly Composed[], epsilon: number): number {
  let least = Infinity;
  for (const { pair } of parts) {
    for (const loss of pair.losses)
      if (Math.abs(loss) > 1e-9) least = Math.min(least, Math.abs(loss));
  }
  const onLattice = (loss: number): boolean => {
    const steps = loss / least;
    return Math.abs(steps - Math.round(steps)) < 1e-9;
  };
  return least < Infinity && parts.every(({ pair }) => pair.losses.every(onLattice))
    ? least
    : epsilon;
}

/**
 * Bounds on the finite part of delta: losses rounded up give a valid upper end, rounded down a valid lower end.
 * `tolerance` is the aimed-at relative gap; it chooses the grid and no bound relies on it.
 */
export function finitePart(
  parts: readonly Composed[],
  epsilon: number,
  up: boolean,
  tolerance: number,
): Bracket {
  const live = parts.filter(({ pair }) => pair.losses.length > 0);
  const n = live.reduce((sum, { count }) => sum + count, 0);
  if (n === 0) return { lower: 0, upper: 0 };
  const rough = live.map(({ pair, count }) => round(pair, count, 1e-4, up));
  const guess = tiltFor(rough, 1e-4, epsilon);
  let h = Math.min(
    Math.sqrt((3 * tolerance) / (n * (guess + 1) ** 2)),
    1e-2 * Math.sqrt(tolerance),
  );
  const anchor = anchorOf(live, epsilon);
  for (;;) {
    if (anchor > h) h = anchor / Math.ceil(anchor / h);
    const cells = live.map(({ pair, count }) => round(pair, count, h, up));
    const theta = tiltFor(cells, h, epsilon);
    const [low, high] = windowOf(cells, h, theta);
    if (high <= epsilon) {
      const [log] = cumulant(cells, h, theta);
      const beyond = Math.exp(log - theta * epsilon - TAIL);
      return { lower: 0, upper: beyond };
    }
    const first = Math.floor(low / h);
    const size = 2 ** Math.ceil(Math.log2(Math.ceil(high / h) - first + 2));
    if (size > MAX_FFT) {
      h *= (1.05 * size) / MAX_FFT;
      continue;
    }
    return transform(cells, h, theta, epsilon, first, size);
  }
}

/**
 * 2-norm of the composed law's rounding error in units of one transform's elementwise error: an error e in a
 * spectrum F (|F| <= 1, as tilted masses sum to 1) becomes c |F|^{c-1} e in F^c; the inverse adds one more unit.
 */
function roundoffOf(
  product: Complex,
  spectra: readonly { readonly spectrum: Complex; readonly count: number }[],
): number {
  const size = product.re.length;
  let squares = 0;
  for (let i = 0; i < size; i++) {
    const g = Math.sqrt((product.re[i] as number) ** 2 + (product.im[i] as number) ** 2);
    let error = g;
    for (const { spectrum, count } of spectra) {
      const f = Math.sqrt((spectrum.re[i] as number) ** 2 + (spectrum.im[i] as number) ** 2);
      error += count * (f >= 0.5 ? g / f : 2 ** (1 - count));
    }
    squares += error * error;
  }
  return Math.sqrt(squares / size);
}

function transform(
  cells: readonly Cells[],
  h: number,
  theta: number,
  epsilon: number,
  first: number,
  size: number,
): Bracket {
  const product: Complex = { re: new Float64Array(size).fill(1), im: new Float64Array(size) };
  const spectra = cells.map((part) => {
    const spectrum = place(part, h, theta, size);
    forward(spectrum);
    multiplyPower(product, spectrum, part.count);
    return { spectrum, count: part.count };
  });
  const roundoff = roundoffOf(product, spectra);
  inverse(product);
  let sum = 0;
  let weights = 0;
  // over = i h - eps, tilt = e^{-theta over}, kept = e^{-over}: by recurrence, renewed before it drifts by 1e-12
  const tiltStep = Math.exp(-theta * h);
  const keptStep = Math.exp(-h);
  let tilt = 1;
  let kept = 1;
  const start = Math.max(Math.floor(epsilon / h) + 1, first);
  for (let i = start; i < first + size; i++) {
    if ((i - start) % 2_048 === 0) {
      const over = Math.max(i * h - epsilon, 0);
      tilt = Math.exp(-theta * over);
      kept = Math.exp(-over);
      if (tilt < Math.exp(-TAIL)) break;
    }
    const weight = (1 - kept) * tilt;
    sum += weight * Math.max(product.re[i % size] as number, 0);
    weights += weight * weight;
    tilt *= tiltStep;
    kept *= keptStep;
  }
  const scale = Math.exp(cumulant(cells, h, theta)[0] - theta * epsilon);
  const error = roundoff * FFT_ERROR * Math.log2(size) * Math.sqrt(weights) + 3 * Math.exp(-TAIL);
  return { lower: scale * Math.max(sum - error, 0), upper: scale * (sum + error) };
}
