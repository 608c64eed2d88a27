/** Transfers: right pads, their exact definition, byte counts, and what a deviating peer meets. */
import { createCipheriv, createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { nodeCiphers } from '../../enclave/ciphers.ts';
import { fixed } from '../../src/bytes.ts';
import { lengthPrefixed, utf8 } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { BATCH_TRANSFERS } from '../../src/mpc/ot/batch-matrix.ts';
import { CHECK_ROWS, sumTables } from '../../src/mpc/ot/consistency.ts';
import { PadHash, padsAtOnce } from '../../src/mpc/ot/pad-hash.ts';
import { BLOCKS, DEPTH, LEAVES } from '../../src/mpc/ot/punctured.ts';
import {
  otReceiver,
  otSender,
  otSetupBytes,
  otTransferBytes,
} from '../../src/mpc/ot/soft-spoken.ts';
import { Kernel } from '../../src/mpc/simd/kernel.ts';
import { chiSquareTest } from '../statistical/chi-square.ts';
import { type Transfers, dealTransfers } from '../support/dealt-transfers.ts';
import { type PairOptions, runProtocols } from '../support/protocol-pair.ts';
import { seededRng } from '../support/test-rng.ts';

const rng = seededRng('transfers');
const CELLS = new Array<number>(256).fill(1 / 256);

function choicesFor(count: number): Uint8Array {
  const choices = rng(Math.ceil(count / 8));
  if (count % 8 > 0) choices[count >> 3]! &= (1 << (count % 8)) - 1;
  return choices;
}

interface Outcome {
  readonly wrong: number;
  readonly zeros: Uint8Array;
  readonly ones: Uint8Array;
  readonly sent: { readonly a: number; readonly b: number };
}

function transfer(
  { sender, receiver }: Transfers,
  count: number,
  padBytes: number,
  choices = choicesFor(count),
  options: PairOptions = {},
): Outcome {
  const { a, b, sent } = runProtocols(
    sender.transfer(count, padBytes),
    receiver.transfer(count, padBytes, choices),
    options,
  );
  const [zeros, ones, got] = [a.zeros, a.ones, b].map((pads) => Buffer.from(pads));
  let wrong = 0;
  for (let i = 0; i < count; i++) {
    const from = i * padBytes;
    const chosen = ((choices[i >> 3]! >> (i & 7)) & 1) === 1 ? ones! : zeros!;
    if (chosen.compare(got!, from, from + padBytes, from, from + padBytes) !== 0) wrong += 1;
  }
  return { wrong, zeros: a.zeros, ones: a.ones, sent };
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof DpcaError) return error.code;
    throw error;
  }
  return 'none';
}

describe('random transfers', () => {
  const dealt = dealTransfers(rng);

  it.each([
    [0, 16],
    [1, 8],
    [7, 16],
    [64, 24],
    [65, 1024],
    [1000, 8],
    [4097, 40],
    [131_072, 16],
    [BATCH_TRANSFERS + 9, 8],
  ])('gives the receiver the chosen one of %i pads of %i bytes', (count, padBytes) => {
    const { wrong, zeros, ones, sent } = transfer(dealt, count, padBytes);
    expect(wrong).toBe(0);
    expect(zeros.length).toBe(count * padBytes);
    expect(sent).toEqual({
      a: otTransferBytes(count).fromSender,
      b: otTransferBytes(count).fromReceiver,
    });
    if (count >= 1000) {
      // 256 cells each; a false alarm has probability 1e-7 per test
      for (const pads of [zeros, ones, zeros.map((byte, i) => byte ^ ones[i]!)]) {
        const cells = new Array<number>(256).fill(0);
        for (const byte of pads) cells[byte]! += 1;
        expect(chiSquareTest(cells, CELLS)).toBeGreaterThan(1e-7);
      }
    }
  });

  it('never repeats a pad, within or between calls', () => {
    const seen = new Set<string>();
    for (let call = 0; call < 3; call++) {
      const { zeros, ones } = transfer(dealt, 500, 32);
      for (const pads of [zeros, ones]) {
        for (let at = 0; at < pads.length; at += 16) {
          seen.add(Buffer.from(pads.subarray(at, at + 16)).toString('hex'));
        }
      }
    }
    expect(seen.size).toBe(3 * 2 * 500 * 2);
  });

  it('are those of docs/values.md, computed plainly, also in the second batch', () => {
    const { sender, receiver, leaves } = dealTransfers(rng);
    const first = 70;
    const [count, padBytes] = [9, 24];
    transfer({ sender, receiver }, first, 40);
    const choices = choicesFor(count);
    const { b: pads } = runProtocols(
      sender.transfer(count, padBytes),
      receiver.transfer(count, padBytes, choices),
    );
    const bound = lengthPrefixed(utf8('dpca/v1/ot/pad-key'), new Uint8Array(4));
    const key = createHash('sha256').update(bound).digest().subarray(0, 16);
    const permute = (block: Uint8Array) => nodeCiphers.blocks(fixed(key, 16, 'key'))(block);
    // the first batch has 70 + 64 rows, so 256; three tweaks per record of 40 bytes
    const streams = leaves.map((seed) =>
      nodeCiphers
        .stream(fixed(seed, 16, 'leaf'))(32 + 16)
        .subarray(32),
    );
    for (let j = 0; j < count; j++) {
      const row = new Uint8Array(16);
      streams.forEach((stream, i) => {
        const bit = (stream[j >> 3]! >> (j & 7)) & 1;
        const at = DEPTH * Math.floor(i / LEAVES);
        row[at >> 3]! ^= bit === 1 ? (i % LEAVES) << (at & 7) : 0;
      });
      const inner = permute(row);
      const expected = [0, 1].flatMap((b) => {
        const tweaked = Buffer.from(inner);
        tweaked.writeBigUInt64LE(tweaked.readBigUInt64LE() ^ BigInt(3 * first + 2 * j + b));
        return Array.from(permute(tweaked), (byte, i) => byte ^ inner[i]!);
      });
      expect([...pads.subarray(j * padBytes, (j + 1) * padBytes)]).toEqual(
        expected.slice(0, padBytes),
      );
    }
  });

  it('refuses wrong shapes, and everything once wiped', () => {
    const { sender, receiver } = dealTransfers(rng);
    for (const padBytes of [0, 4, 12, 1032]) {
      expect(() => sender.transfer(1, padBytes).next()).toThrowCode('ERR_INTERNAL');
    }
    expect(() => receiver.transfer(9, 8, new Uint8Array(1)).next()).toThrowCode('ERR_INTERNAL');
    sender.wipe();
    receiver.wipe();
    expect(() => sender.transfer(1, 8).next()).toThrowCode('ERR_INTERNAL');
    expect(() => receiver.transfer(1, 8, new Uint8Array(1)).next()).toThrowCode('ERR_INTERNAL');
  });
});

describe('setting up', () => {
  const start = (left: string, right: string, options: PairOptions = {}) =>
    runProtocols(
      otSender(utf8(left), nodeCiphers, rng),
      otReceiver(utf8(right), nodeCiphers, rng),
      options,
    );

  it('makes transfers from base transfers, in the bytes it says', () => {
    const { a: sender, b: receiver, sent } = start('session, a to b', 'session, a to b');
    expect(sent).toEqual({ a: otSetupBytes().fromSender, b: otSetupBytes().fromReceiver });
    expect(transfer({ sender, receiver }, 1000, 16).wrong).toBe(0);
  });

  it('fails between sides of different sessions or directions', () => {
    expect(() => start('session, a to b', 'session, b to a')).toThrowCode('ERR_MPC_CHECK');
  });
});

describe('pads', () => {
  it('are p(p(x) + i) + p(x) with counting tweaks, for both shifts and odd numbers of words', () => {
    const context = utf8('context');
    const kernel = new Kernel([16 * 20_000, ...PadHash.regions]);
    const rows = kernel.region(16 * 20_000);
    const hash = new PadHash(nodeCiphers, context, kernel);
    const source = rng(16 * 9000);
    kernel.bytes(rows, source.length).set(source);
    const key = createHash('sha256')
      .update(lengthPrefixed(utf8('dpca/v1/ot/pad-key'), context))
      .digest()
      .subarray(0, 16);
    const permute = (block: Uint8Array) =>
      createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(block);
    const firstTweak = 2 ** 32 - 7;
    for (const [padBytes, choice] of [
      [8, 0],
      [16, 1],
      [40, 0],
    ] as const) {
      const shift = rng(16);
      const blocks = Math.ceil(padBytes / 16);
      const count = padsAtOnce(padBytes);
      expect(count).toBe(Math.floor(8192 / blocks));
      const out = hash.pads(rows, count, shift, choice, padBytes, firstTweak).slice();
      for (const j of [0, 1, 2, 3, 1023, count - 1]) {
        const inner = permute(source.subarray(16 * j, 16 * j + 16).map((x, i) => x ^ shift[i]!));
        const expected = Buffer.alloc(16 * blocks);
        for (let b = 0; b < blocks; b++) {
          const tweaked = Buffer.from(inner);
          tweaked.writeBigUInt64LE(tweaked.readBigUInt64LE() ^ BigInt(firstTweak + j * blocks + b));
          permute(tweaked).forEach((x, i) => (expected[16 * b + i] = x ^ inner[i]!));
        }
        expect(Buffer.from(out.subarray(j * padBytes, (j + 1) * padBytes))).toEqual(
          expected.subarray(0, padBytes),
        );
      }
      const tooMany = () => hash.pads(rows, count + 1, shift, choice, padBytes, firstTweak);
      expect(tooMany).toThrowCode('ERR_INTERNAL');
    }
  });
});

describe('the check', () => {
  it('hashes rows and choices by the 64 x n matrix of the weights, as plain arithmetic does', () => {
    const n = 193;
    const kernel = new Kernel([16 * n, 8 * n, 32_768]);
    const [rowsAt, weightsAt, tablesAt] = [16 * n, 8 * n, 32_768].map((size) =>
      kernel.region(size),
    );
    const rows = rng(16 * n);
    const weights = rng(8 * n);
    const hidden = rng(16 * CHECK_ROWS);
    kernel.bytes(rowsAt!, rows.length).set(rows);
    kernel.bytes(weightsAt!, weights.length).set(weights);
    kernel.run.collect(rowsAt!, weightsAt!, tablesAt!, n);
    const sums = new Int32Array(hidden.slice().buffer);
    sumTables(kernel.words(tablesAt!, 8192), sums);
    const expected = hidden.slice();
    for (let i = 0; i < CHECK_ROWS; i++) {
      for (let j = 0; j < n; j++) {
        if (((weights[8 * j + (i >> 3)]! >> (i & 7)) & 1) === 0) continue;
        for (let b = 0; b < 16; b++) expected[16 * i + b]! ^= rows[16 * j + b]!;
      }
    }
    expect(new Uint8Array(sums.buffer)).toEqual(expected);

    const choices = rng(24); // 192 choices
    const sum = rng(8);
    const at = { choices: rowsAt!, sum: rowsAt! + 64 };
    kernel.bytes(at.choices, 24).set(choices);
    kernel.bytes(at.sum, 8).set(sum);
    kernel.run.collectBits(at.choices, weightsAt!, at.sum, 24);
    for (let j = 0; j < 192; j++) {
      if (((choices[j >> 3]! >> (j & 7)) & 1) === 0) continue;
      for (let b = 0; b < 8; b++) sum[b]! ^= weights[8 * j + b]!;
    }
    expect(kernel.bytes(at.sum, 8)).toEqual(sum);
  });

  it('catches every flipped bit of the columns that changes anything', () => {
    // A flip in block b changes the sender's columns where its secret of b is not 0: in 3 of 4 cases it is
    // caught, else it has no effect. For that, and no other reason, a receiver learns that the secret is not 0.
    let caught = 0;
    const flips = 64;
    for (let run = 0; run < flips; run++) {
      const dealt = dealTransfers(rng);
      const columnBytes = (otTransferBytes(200).fromReceiver - 1032) / BLOCKS;
      const block = run % BLOCKS;
      const at = block * columnBytes + (rng(1)[0]! % columnBytes);
      const flip = (from: string, bytes: Uint8Array, offset: number) => {
        if (from === 'b' && offset === 0) bytes[at]! ^= 1 << (run & 7);
      };
      let outcome: Outcome | undefined;
      const code = codeOf(() => (outcome = transfer(dealt, 200, 16, undefined, { tamper: flip })));
      if (dealt.indices[block] === 0) {
        expect(outcome?.wrong).toBe(0);
        caught += 1; // nothing to catch
      } else {
        expect(code).toBe('ERR_MPC_CHECK');
        caught += 1;
        expect(() => dealt.sender.transfer(1, 8).next()).toThrowCode('ERR_INTERNAL');
      }
    }
    expect(caught).toBe(flips);
  });

  it.each([
    ['answer', 'b', 1032, 'ERR_MPC_CHECK'],
    ['challenge', 'a', 16, 'ERR_MPC_CHECK'],
  ] as const)('catches every flipped bit of the %s', (_, side, length, code) => {
    const indices = new Uint8Array(BLOCKS).fill(LEAVES - 1);
    for (let run = 0; run < 24; run++) {
      const at = Math.floor((run * length) / 24);
      const flip = (from: string, bytes: Uint8Array) => {
        if (from === side && bytes.length === length) bytes[at]! ^= 1 << (run & 7);
      };
      const dealt = dealTransfers(rng, { indices });
      expect(() => transfer(dealt, 200, 16, undefined, { tamper: flip })).toThrowCode(code);
    }
  });

  it('lets a receiver that guesses the bits of a block pass, and only then: selective failure', () => {
    // different choices in block 0 only; the answer is mended for one guess of the sender's bits
    let passed = 0;
    for (let secret = 0; secret < LEAVES; secret++) {
      const indices = rng(BLOCKS).map((byte) => byte % LEAVES);
      indices[0] = secret;
      const dealt = dealTransfers(rng, { indices });
      const guess = LEAVES - 1;
      let challenge: Uint8Array | undefined;
      const tamper = (from: string, bytes: Uint8Array, offset: number) => {
        if (from === 'a') challenge = bytes.slice();
        else if (offset === 0) bytes[0]! ^= 1;
        else if (challenge !== undefined) {
          // the flipped row 0 adds its weights to hash(q) in the columns where the guess has ones
          const stream = nodeCiphers.stream(fixed(challenge, 16, 'challenge'));
          const weights = stream(8);
          for (let i = 0; i < 64; i++) {
            if (((weights[i >> 3]! >> (i & 7)) & 1) === 1) bytes[8 + 16 * i]! ^= guess;
          }
        }
      };
      const code = codeOf(() => transfer(dealt, 200, 16, undefined, { tamper }));
      if (secret === guess) expect(code).toBe('none');
      else expect(code).toBe('ERR_MPC_CHECK');
      passed += Number(code === 'none');
    }
    expect(passed).toBe(1);
  });
});
