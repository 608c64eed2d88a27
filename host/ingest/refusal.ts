/**
 * What a normalisation rule returns for a cell that it does not accept. A value instead of an exception, because
 * an input may hold many and all of them are listed.
 * @module
 */

/** `expected` completes a sentence about the cell and never holds any of it. */
export interface Refusal {
  readonly expected: string;
}

export function refusal(expected: string): Refusal {
  return { expected };
}
