/**
 * Oblivious transfer extension: SoftSpokenOT (Roy, SoftSpokenOT: Quieter OT Extension from Small-Field Silent VOLE in
 * the Minicrypt Model, CRYPTO 2022) with k = 4, secure against a malicious receiver and a malicious sender. Per batch:
 * the receiver sends 32 correction columns, the sender a challenge, the receiver its answer; only then are pads made.
 * The challenge is a round and not a hash of the columns: a forger gets one try at 2^-55 instead of as many as it can
 * compute, so 64 check rows are enough, and nothing has to hash the columns. docs/values.md, "Extension".
 * @module
 */
import { wipe } from '../../bytes.ts';
import { lengthPrefixed, utf8 } from '../../encoding.ts';
import { DpcaError } from '../../errors.ts';
import type { Rng } from '../../rng.ts';
import type { Ciphers } from '../ciphers.ts';
import { type Protocol, pause, receive, send } from '../protocol.ts';
import type { OtReceiver, OtSender } from '../random-ot.ts';
import { baseOtBytes, baseOtReceiver, baseOtSender } from './base-ot.ts';
import { BATCH_TRANSFERS, BatchMatrix, batchRows } from './batch-matrix.ts';
import { CHECK_ROWS, consistent, hashChoices } from './consistency.ts';
import { MAX_PAD_BYTES } from './pad-hash.ts';
import {
  BLOCKS,
  DEPTH,
  LEAVES,
  PUNCTURED_BYTES,
  choicesOf,
  growTrees,
  receiveTrees,
} from './punctured.ts';
import { bytesOf, wordsOf } from './words.ts';

const CHALLENGE_BYTES = 16;
const ANSWER_BYTES: number = CHECK_ROWS / 8 + CHECK_ROWS * 16;
const NO_SHIFT: Uint8Array = new Uint8Array(16);

export interface OtBytes {
  readonly fromSender: number;
  readonly fromReceiver: number;
}

/** What setting up one direction costs, by role in the extension. */
export function otSetupBytes(): OtBytes {
  const base = baseOtBytes(BLOCKS * DEPTH);
  return { fromSender: base.fromReceiver, fromReceiver: base.fromSender + PUNCTURED_BYTES };
}

/** What one call of `transfer` costs. */
export function otTransferBytes(count: number): OtBytes {
  let fromSender = 0;
  let fromReceiver = 0;
  for (let left = count; left > 0; left -= BATCH_TRANSFERS) {
    fromSender += CHALLENGE_BYTES;
    fromReceiver += (batchRows(Math.min(left, BATCH_TRANSFERS)) / 8) * BLOCKS + ANSWER_BYTES;
  }
  return { fromSender, fromReceiver };
}

/** `context` names session and direction and is the same on both sides; it may be of any length. */
export function* otSender(context: Uint8Array, ciphers: Ciphers, rng: Rng): Protocol<OtSender> {
  const bound = bind(context);
  const indices = rng(BLOCKS).map((byte) => byte & (LEAVES - 1));
  const pads = yield* baseOtReceiver(choicesOf(indices), bound, rng);
  const seeds = yield* receiveTrees(indices, pads, bound);
  wipe(...pads);
  return new SoftSpokenSender(seeds, indices, bound, ciphers, rng);
}

export function* otReceiver(context: Uint8Array, ciphers: Ciphers, rng: Rng): Protocol<OtReceiver> {
  const bound = bind(context);
  const pads = yield* baseOtSender(BLOCKS * DEPTH, bound, rng);
  const seeds = yield* growTrees(pads, bound, rng);
  wipe(...pads.zeros, ...pads.ones);
  return new SoftSpokenReceiver(seeds, bound, ciphers, rng);
}

function bind(context: Uint8Array): Uint8Array {
  return lengthPrefixed(utf8('dpca/v1/ot'), context);
}

export class SoftSpokenSender implements OtSender {
  private readonly delta: Uint8Array;
  private readonly rng: Rng;
  private matrix: BatchMatrix | undefined;
  private tweak = 0;

  constructor(
    seeds: readonly Uint8Array[],
    indices: Uint8Array,
    context: Uint8Array,
    ciphers: Ciphers,
    rng: Rng,
  ) {
    this.delta = new Uint8Array(16);
    indices.forEach((index, block) => {
      const at = block >> 1;
      this.delta[at] = (this.delta[at] ?? 0) | (index << (4 * (block & 1)));
    });
    wipe(indices);
    this.matrix = new BatchMatrix(seeds, context, ciphers);
    this.rng = rng;
  }

  *transfer(
    count: number,
    padBytes: number,
  ): Protocol<{ readonly zeros: Uint8Array; readonly ones: Uint8Array }> {
    const matrix = opened(this.matrix, count, padBytes);
    const zeros = new Uint8Array(count * padBytes);
    const ones = new Uint8Array(count * padBytes);
    for (let from = 0; from < count; from += BATCH_TRANSFERS) {
      const n = Math.min(BATCH_TRANSFERS, count - from);
      yield* this.batch(matrix, batchRows(n));
      yield* pause();
      for (const [pads, shift] of [
        [zeros, NO_SHIFT],
        [ones, this.delta],
      ] as const) {
        const out = pads.subarray(from * padBytes, (from + n) * padBytes);
        matrix.hash.pads(matrix.rowsAddress, n, shift, padBytes, this.tweak, out);
      }
      this.tweak += n * Math.ceil(padBytes / 16);
      yield* pause();
    }
    return { zeros, ones };
  }

  wipe(): void {
    this.delta.fill(0);
    this.matrix?.wipe();
    this.matrix = undefined;
  }

  /** Leaves rows q with q = t XOR r delta in the matrix, checked. */
  private *batch(matrix: BatchMatrix, rows: number): Protocol<void> {
    const delta = wordsOf(this.delta);
    matrix.draw(rows, new Uint8Array(rows / 8));
    matrix.correct(rows, yield* receive((rows / 8) * BLOCKS), delta);
    const challenge = this.rng(CHALLENGE_BYTES);
    matrix.weights(rows, challenge);
    yield* send(challenge);
    matrix.transpose(rows);
    const own = matrix.hashRows(rows);
    const answer = yield* receive(ANSWER_BYTES);
    const claimedChoices = wordsOf(answer.subarray(0, CHECK_ROWS / 8));
    const claimedRows = wordsOf(answer.subarray(CHECK_ROWS / 8));
    if (!consistent(own, claimedRows, claimedChoices, delta)) {
      this.wipe();
      throw new DpcaError('ERR_MPC_CHECK', 'the transfers of the receiver are not consistent');
    }
  }
}

export class SoftSpokenReceiver implements OtReceiver {
  private readonly rng: Rng;
  private matrix: BatchMatrix | undefined;
  private tweak = 0;

  constructor(seeds: readonly Uint8Array[], context: Uint8Array, ciphers: Ciphers, rng: Rng) {
    this.matrix = new BatchMatrix(seeds, context, ciphers);
    this.rng = rng;
  }

  *transfer(count: number, padBytes: number, choices: Uint8Array): Protocol<Uint8Array> {
    const matrix = opened(this.matrix, count, padBytes);
    if (choices.length !== Math.ceil(count / 8)) {
      throw new DpcaError('ERR_INTERNAL', 'expected one choice bit per transfer');
    }
    const pads = new Uint8Array(count * padBytes);
    for (let from = 0; from < count; from += BATCH_TRANSFERS) {
      const n = Math.min(BATCH_TRANSFERS, count - from);
      const bits = choices.subarray(from / 8, Math.ceil((from + n) / 8));
      const r = extendChoices(bits, n, this.rng(batchRows(n) / 8));
      yield* this.batch(matrix, batchRows(n), r);
      wipe(r);
      yield* pause();
      const out = pads.subarray(from * padBytes, (from + n) * padBytes);
      matrix.hash.pads(matrix.rowsAddress, n, NO_SHIFT, padBytes, this.tweak, out);
      this.tweak += n * Math.ceil(padBytes / 16);
      yield* pause();
    }
    return pads;
  }

  wipe(): void {
    this.matrix?.wipe();
    this.matrix = undefined;
  }

  /** Leaves rows t in the matrix. */
  private *batch(matrix: BatchMatrix, rows: number, r: Uint8Array): Protocol<void> {
    matrix.draw(rows, r);
    yield* send(matrix.corrections(rows));
    matrix.transpose(rows);
    const weights = matrix.weights(rows, yield* receive(CHALLENGE_BYTES));
    const answer = new Int32Array(ANSWER_BYTES / 4);
    answer.set(hashChoices(wordsOf(r), weights));
    answer.set(matrix.hashRows(rows), CHECK_ROWS / 32);
    yield* send(bytesOf(answer));
  }
}

/** The first `count` bits from `choices`, the others from `random`, which is overwritten and returned. */
function extendChoices(choices: Uint8Array, count: number, random: Uint8Array): Uint8Array {
  const whole = count >> 3;
  const mask = (1 << (count & 7)) - 1;
  const boundary = ((choices[whole] ?? 0) & mask) | ((random[whole] ?? 0) & ~mask);
  random.set(choices.subarray(0, whole));
  random[whole] = boundary;
  return random;
}

function opened(matrix: BatchMatrix | undefined, count: number, padBytes: number): BatchMatrix {
  if (matrix === undefined) throw new DpcaError('ERR_INTERNAL', 'the transfers were wiped');
  const words = padBytes / 8;
  if (!(Number.isSafeInteger(count) && count >= 0 && Number.isSafeInteger(words) && words > 0)) {
    throw new DpcaError('ERR_INTERNAL', 'expected a count and a pad length of whole words');
  }
  if (padBytes > MAX_PAD_BYTES) {
    throw new DpcaError('ERR_INTERNAL', `expected pads of at most ${MAX_PAD_BYTES} bytes`);
  }
  return matrix;
}
