/**
 * The consistency check of SoftSpokenOT (Roy, CRYPTO 2022): a 64 x n matrix R over GF(2), drawn by the
 * sender after the columns of the batch have arrived, with an identity block behind it for 64 rows of the receiver's own
 * random choice, which hide what the hash says about its real choices. For a fixed non-zero vector x, Rx = 0 with
 * probability 2^-64. docs/values.md, "Check".
 * @module
 */

/** Rows of the hash, and rows of random choice at the end of each batch. */
export const CHECK_ROWS = 64;
/** Row j of a batch is weighted by these bytes of the challenge's keystream, at 8 j; bit i: hash row i takes it. */
export const WEIGHT_BYTES: number = CHECK_ROWS / 8;

/** `tables` of the kernel's loop `collect`: what was added to each value of each weight byte. */
export const TABLE_WORDS: number = WEIGHT_BYTES * 256 * 4;

/**
 * Ends the hash of the rows: adds to `hidden` (the last 64 rows, 4 words each) the sums of the table slots whose index
 * has the bit (the method of four Russians: eight additions per row instead of 32). Destroys the tables.
 */
export function sumTables(tables: Int32Array, hidden: Int32Array): void {
  for (let row = CHECK_ROWS - 1; row >= 0; row--) {
    // slots with the top bit set are summed for this row, then folded onto those without it
    const table = (row >> 3) * 1024;
    const half = 4 << (row & 7);
    for (let i = 0; i < half; i++) {
      const upper = tables[table + half + i] ?? 0;
      tables[table + i] = (tables[table + i] ?? 0) ^ upper;
      const at = 4 * row + (i & 3);
      hidden[at] = (hidden[at] ?? 0) ^ upper;
    }
  }
}

/** Whether hash(q) = hash(t) + hash(r) x delta, row by row, in the same time whichever it is. */
export function consistent(
  own: Int32Array,
  claimedRows: Int32Array,
  claimedChoices: Int32Array,
  delta: Int32Array,
): boolean {
  let wrong = 0;
  for (let i = 0; i < CHECK_ROWS; i++) {
    const mask = -(((claimedChoices[i >> 5] ?? 0) >>> (i & 31)) & 1);
    for (let w = 0; w < 4; w++) {
      const expected = (claimedRows[4 * i + w] ?? 0) ^ ((delta[w] ?? 0) & mask);
      wrong |= (own[4 * i + w] ?? 0) ^ expected;
    }
  }
  return wrong === 0;
}
