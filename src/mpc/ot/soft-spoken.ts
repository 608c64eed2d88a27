/**
 * Oblivious transfer extension: SoftSpokenOT (Roy, SoftSpokenOT: Quieter OT Extension from Small-Field Silent VOLE in
 * the Minicrypt Model, CRYPTO 2022) with k = 2, secure against a malicious receiver and a malicious sender. Per batch:
 * the receiver sends 64 correction columns, the sender a challenge, the receiver its answer; only then are pads made.
 * The challenge is a round and not a hash of the columns: a forger gets one try at 2^-53 instead of as many as it can
 * compute, so 64 check rows are enough, and nothing has to hash the columns. docs/values.md, "Extension".
 * @module
 */
import { concat, wipe } from '../../bytes.ts';
import { lengthPrefixed, utf8 } from '../../encoding.ts';
import { DpcaError } from '../../errors.ts';
import type { Rng } from '../../rng.ts';
import type { Ciphers } from '../ciphers.ts';
import { type Protocol, pause, receive, send } from '../protocol.ts';
import type { PadPair, StreamingReceiver, StreamingSender, Take } from '../random-ot.ts';
import { baseOtBytes, baseOtReceiver, baseOtSender } from './base-ot.ts';
import { BATCH_TRANSFERS, BatchMatrix, batchRows } from './batch-matrix.ts';
import { CHECK_ROWS, consistent } from './consistency.ts';
import { MAX_PAD_BYTES, padsAtOnce } from './pad-hash.ts';
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
export function* otSender(
  context: Uint8Array,
  ciphers: Ciphers,
  rng: Rng,
): Protocol<StreamingSender> {
  const bound = bind(context);
  const indices = rng(BLOCKS).map((byte) => byte & (LEAVES - 1));
  const pads = yield* baseOtReceiver(choicesOf(indices), bound, ciphers, rng);
  const seeds = yield* receiveTrees(indices, pads, bound, ciphers);
  wipe(...pads);
  return new SoftSpokenSender(seeds, indices, bound, ciphers, rng);
}

export function* otReceiver(
  context: Uint8Array,
  ciphers: Ciphers,
  rng: Rng,
): Protocol<StreamingReceiver> {
  const bound = bind(context);
  const pads = yield* baseOtSender(BLOCKS * DEPTH, bound, ciphers, rng);
  const seeds = yield* growTrees(pads, bound, ciphers, rng);
  wipe(...pads.zeros, ...pads.ones);
  return new SoftSpokenReceiver(seeds, bound, ciphers, rng);
}

function bind(context: Uint8Array): Uint8Array {
  return lengthPrefixed(utf8('dpca/v1/ot'), context);
}

export class SoftSpokenSender implements StreamingSender {
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
      const bit = DEPTH * block;
      this.delta[bit >> 3] = (this.delta[bit >> 3] ?? 0) | (index << (bit & 7));
    });
    wipe(indices);
    this.matrix = new BatchMatrix(seeds, context, ciphers);
    this.rng = rng;
  }

  *transfer(count: number, padBytes: number): Protocol<PadPair> {
    opened(this.matrix, count, padBytes);
    const zeros = new Uint8Array(count * padBytes);
    const ones = new Uint8Array(count * padBytes);
    for (let from = 0; from < count; from += BATCH_TRANSFERS) {
      const n = Math.min(BATCH_TRANSFERS, count - from);
      const take = yield* this.begin(n, padBytes);
      yield* pause();
      collect(take, from, n, padBytes, (pads, at) => {
        zeros.set(pads.zeros, at);
        ones.set(pads.ones, at);
      });
      yield* pause();
    }
    return { zeros, ones };
  }

  *begin(count: number, padBytes: number): Protocol<Take<PadPair>> {
    const matrix = opened(this.matrix, count, padBytes);
    yield* this.batch(matrix, batchRows(count));
    let row = 0;
    return (n) => {
      const { hash, rowsAddress } = opened(this.matrix, n, padBytes);
      const at = rowsAddress + 16 * row;
      const zeros = hash.pads(at, n, NO_SHIFT, 0, padBytes, this.tweak);
      const ones = hash.pads(at, n, this.delta, 1, padBytes, this.tweak);
      row += n;
      this.tweak += n * Math.ceil(padBytes / 16);
      return { zeros, ones };
    };
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
    matrix.weigh(rows, challenge);
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

export class SoftSpokenReceiver implements StreamingReceiver {
  private readonly rng: Rng;
  private matrix: BatchMatrix | undefined;
  private tweak = 0;

  constructor(seeds: readonly Uint8Array[], context: Uint8Array, ciphers: Ciphers, rng: Rng) {
    this.matrix = new BatchMatrix(seeds, context, ciphers);
    this.rng = rng;
  }

  *transfer(count: number, padBytes: number, choices: Uint8Array): Protocol<Uint8Array> {
    opened(this.matrix, count, padBytes);
    if (choices.length !== Math.ceil(count / 8)) throw wrongChoices();
    const out = new Uint8Array(count * padBytes);
    for (let from = 0; from < count; from += BATCH_TRANSFERS) {
      const n = Math.min(BATCH_TRANSFERS, count - from);
      const bits = choices.subarray(from / 8, Math.ceil((from + n) / 8));
      const take = yield* this.begin(n, padBytes, bits);
      yield* pause();
      collect(take, from, n, padBytes, (pads, at) => {
        out.set(pads, at);
      });
      yield* pause();
    }
    return out;
  }

  *begin(count: number, padBytes: number, choices: Uint8Array): Protocol<Take<Uint8Array>> {
    const matrix = opened(this.matrix, count, padBytes);
    if (choices.length !== Math.ceil(count / 8)) throw wrongChoices();
    const r = extendChoices(choices, count, this.rng(batchRows(count) / 8));
    yield* this.batch(matrix, batchRows(count), r);
    wipe(r);
    let row = 0;
    return (n) => {
      const { hash, rowsAddress } = opened(this.matrix, n, padBytes);
      const pads = hash.pads(rowsAddress + 16 * row, n, NO_SHIFT, 0, padBytes, this.tweak);
      row += n;
      this.tweak += n * Math.ceil(padBytes / 16);
      return pads;
    };
  }

  wipe(): void {
    this.matrix?.wipe();
    this.matrix = undefined;
  }

  /** Leaves rows t in the matrix. */
  private *batch(matrix: BatchMatrix, rows: number, r: Uint8Array): Protocol<void> {
    matrix.draw(rows, r);
    yield* send(matrix.corrections(rows));
    const challenge = yield* receive(CHALLENGE_BYTES);
    // not before: the rows of the batch before may still be in use
    matrix.transpose(rows);
    matrix.weigh(rows, challenge);
    yield* send(concat(matrix.hashChoices(rows), bytesOf(matrix.hashRows(rows))));
  }
}

/** Hands all pads of a batch to `put`, piece by piece, with the place of the piece; `from` is the batch's first. */
function collect<T>(
  take: Take<T>,
  from: number,
  count: number,
  padBytes: number,
  put: (pads: T, at: number) => void,
): void {
  const most = padsAtOnce(padBytes);
  for (let done = 0; done < count; done += most) {
    put(take(Math.min(most, count - done)), (from + done) * padBytes);
  }
}

function wrongChoices(): DpcaError {
  return new DpcaError('ERR_INTERNAL', 'expected one choice bit per transfer');
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
