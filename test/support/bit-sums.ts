/** Laws of noise made of fair bits, spelled out. */

/** Probabilities of 0, 1, ... of a sum of independent fair bits with these values: exact in doubles, being dyadic. */
export function lawOf(values: readonly number[]): number[] {
  let law = [1];
  for (const v of values) {
    const next = new Array<number>(law.length + v).fill(0);
    law.forEach((p, z) => {
      next[z] = next[z]! + p / 2;
      next[z + v] = next[z + v]! + p / 2;
    });
    law = next;
  }
  return law;
}
