/**
 * Exact confidence bounds of a proportion (Clopper and Pearson 1934), by bisection on the regularised incomplete beta
 * function (continued fraction of Abramowitz and Stegun 26.5.8). Floats: these are measurements, never released.
 * @module
 */

/** ln Gamma(x), x > 0, by Stirling's series (Abramowitz and Stegun 6.1.41) after shifting x above 10. */
export function lnGamma(x: number): number {
  let shift = 0;
  while (x < 10) {
    shift -= Math.log(x);
    x += 1;
  }
  const y = 1 / (x * x);
  const series = (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y / 1188)))) / x;
  return shift + (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series;
}

/** I_x(a, b) for a, b > 0. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  // modified Lentz evaluation
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1) || tiny);
  let fraction = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + even * d || tiny);
    c = 1 + even / c || tiny;
    fraction *= c * d;
    d = 1 / (1 + odd * d || tiny);
    c = 1 + odd / c || tiny;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-14) break;
  }
  const log = lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
  return (Math.exp(log) * fraction) / a;
}

/** The x with I_x(a, b) = p. */
function betaQuantile(p: number, a: number, b: number): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (incompleteBeta(middle, a, b) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Below the true proportion with probability at least 1 - alpha. */
export function lowerBound(successes: number, trials: number, alpha: number): number {
  return successes === 0 ? 0 : betaQuantile(alpha, successes, trials - successes + 1);
}

/** Above the true proportion with probability at least 1 - alpha. */
export function upperBound(successes: number, trials: number, alpha: number): number {
  return successes === trials ? 1 : betaQuantile(1 - alpha, successes + 1, trials - successes);
}
