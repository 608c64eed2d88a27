/**
 * Cyclic convolution powers by a radix-2 fast Fourier transform over doubles, for the accountant only: nothing
 * released passes through it. Forward is decimation in frequency and leaves the spectrum in bit-reversed order;
 * inverse is decimation in time and takes it in that order, so no reordering is ever done.
 * @module
 */

/** A complex vector of 2^b entries, transformed in place. */
export interface Complex {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** cos and -sin of 2 pi j / (2 half) at index half + j, for every half below the length: shared by all sizes. */
let table: Complex = { re: new Float64Array(1), im: new Float64Array(1) };

function twiddles(size: number): Complex {
  if (table.re.length < size) {
    const re = new Float64Array(size);
    const im = new Float64Array(size);
    for (let half = 1; half < size; half *= 2) {
      for (let j = 0; j < half; j++) {
        re[half + j] = Math.cos((Math.PI * j) / half);
        im[half + j] = -Math.sin((Math.PI * j) / half);
      }
    }
    table = { re, im };
  }
  return table;
}

/** In place; the spectrum comes out bit-reversed. */
export function forward({ re, im }: Complex): void {
  const n = re.length;
  const w = twiddles(n);
  for (let half = n / 2; half >= 1; half /= 2) {
    for (let start = 0; start < n; start += 2 * half) {
      for (let j = 0; j < half; j++) {
        const a = start + j;
        const b = a + half;
        const ar = re[a] as number;
        const ai = im[a] as number;
        const br = re[b] as number;
        const bi = im[b] as number;
        const dr = ar - br;
        const di = ai - bi;
        const wr = w.re[half + j] as number;
        const wi = w.im[half + j] as number;
        re[a] = ar + br;
        im[a] = ai + bi;
        re[b] = dr * wr - di * wi;
        im[b] = dr * wi + di * wr;
      }
    }
  }
}

/** In place, from a bit-reversed spectrum; divides by the length. */
export function inverse({ re, im }: Complex): void {
  const n = re.length;
  const w = twiddles(n);
  for (let half = 1; half < n; half *= 2) {
    for (let start = 0; start < n; start += 2 * half) {
      for (let j = 0; j < half; j++) {
        const a = start + j;
        const b = a + half;
        const wr = w.re[half + j] as number;
        const wi = w.im[half + j] as number;
        const br = re[b] as number;
        const bi = im[b] as number;
        // the conjugate twiddle
        const tr = br * wr + bi * wi;
        const ti = bi * wr - br * wi;
        const ar = re[a] as number;
        const ai = im[a] as number;
        re[a] = ar + tr;
        im[a] = ai + ti;
        re[b] = ar - tr;
        im[b] = ai - ti;
      }
    }
  }
  for (let i = 0; i < n; i++) {
    re[i] = (re[i] as number) / n;
    im[i] = (im[i] as number) / n;
  }
}

/** Multiplies `product` entry by entry with `factor` to the power `count` >= 1. */
export function multiplyPower(product: Complex, factor: Complex, count: number): void {
  const n = product.re.length;
  for (let i = 0; i < n; i++) {
    let br = factor.re[i] as number;
    let bi = factor.im[i] as number;
    let pr = product.re[i] as number;
    let pi = product.im[i] as number;
    for (let e = count; ;) {
      if (e % 2 === 1) {
        const r = pr * br - pi * bi;
        pi = pr * bi + pi * br;
        pr = r;
      }
      e = Math.floor(e / 2);
      if (e === 0) break;
      const r = br * br - bi * bi;
      bi = 2 * br * bi;
      br = r;
    }
    product.re[i] = pr;
    product.im[i] = pi;
  }
}
