/** Permute-and-share: right shares for every shape, exact bytes, and nothing about the selection for the owner. */
import { describe, expect, it } from 'vitest';
import { BLOCKS, LEAVES } from '../../src/mpc/ot/punctured.ts';
import {
  type OwnedColumn,
  permuteAsOwner,
  permuteAsPermuter,
  permuteBytes,
} from '../../src/mpc/permute/permute-and-share.ts';
import type { Sharing } from '../../src/mpc/permute/switchboard.ts';
import { UniformSource } from '../../src/rng.ts';
import { chiSquareTest } from '../statistical/chi-square.ts';
import { type DealtTransfers, type Transfers, dealTransfers } from '../support/dealt-transfers.ts';
import { type PairOptions, runProtocols } from '../support/protocol-pair.ts';
import { seededRng } from '../support/test-rng.ts';

const rng = seededRng('permute and share');
const uniform = new UniformSource(rng);
const CELLS = new Array<number>(256).fill(1 / 256);

function columnsOf(rows: number, sharings: readonly Sharing[]): OwnedColumn[] {
  return sharings.map((sharing) => ({
    sharing,
    words: new BigUint64Array(rng(8 * rows).buffer),
  }));
}

function permute(
  { sender, receiver }: Transfers,
  columns: readonly OwnedColumn[],
  selection: Uint32Array,
  options: PairOptions = {},
) {
  const inputs = columns[0]?.words.length ?? 0;
  return runProtocols(
    permuteAsOwner(columns, selection.length, sender, rng),
    permuteAsPermuter(
      columns.map(({ sharing }) => sharing),
      inputs,
      selection,
      receiver,
    ),
    options,
  );
}

/** Opened words that differ from the selected ones. */
function wrongWords(
  columns: readonly OwnedColumn[],
  selection: Uint32Array,
  a: readonly BigUint64Array[],
  b: readonly BigUint64Array[],
): number {
  let wrong = 0;
  columns.forEach(({ sharing, words }, column) => {
    expect(a[column]).toHaveLength(selection.length);
    expect(b[column]).toHaveLength(selection.length);
    selection.forEach((row, i) => {
      const [x, y] = [a[column]![i]!, b[column]![i]!];
      const opened = sharing === 'additive' ? BigInt.asUintN(64, x + y) : x ^ y;
      wrong += Number(opened !== words[row]);
    });
  });
  return wrong;
}

describe('permute-and-share', () => {
  const dealt = dealTransfers(rng);
  const both: Sharing[] = ['additive', 'boolean'];

  it.each([
    [1, 1, 1],
    [2, 1, 2],
    [3, 3, 1],
    [7, 0, 3],
    [0, 0, 1],
    [5, 2, 0],
    [100, 99, 8],
    [1000, 1, 1],
    [4099, 4099, 5],
    [21_001, 20_999, 2],
    [70_001, 69_998, 1],
  ])('shares the words of %i rows, %i selected, %i columns', (rows, selected, count) => {
    const columns = columnsOf(
      rows,
      Array.from({ length: count }, (_, i) => both[(i + rows) % 2]!),
    );
    const selection = uniform.permutation(rows).slice(0, selected);
    const { a, b, sent } = permute(dealt, columns, selection);
    expect(a).toHaveLength(count);
    expect(wrongWords(columns, selection, a, b)).toBe(0);
    const bytes = permuteBytes(rows, selected, count);
    expect(sent).toEqual({ a: bytes.fromOwner, b: bytes.fromPermuter });
  });

  it('is right on random shapes, words at the edges included', () => {
    const edges = [0n, 1n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n, 0xffffffffn, 1n << 32n];
    for (let run = 0; run < 60; run++) {
      const rows = 1 + uniform.below(90);
      const selected = uniform.below(rows + 1);
      const columns = columnsOf(
        rows,
        Array.from({ length: 1 + uniform.below(8) }, () => both[uniform.below(2)]!),
      );
      for (const { words } of columns) {
        words.forEach((_, i) => {
          if (uniform.below(2) === 0) words[i] = edges[uniform.below(edges.length)]!;
        });
      }
      const selection = uniform.permutation(rows).slice(0, selected);
      const { a, b } = permute(dealt, columns, selection);
      expect(wrongWords(columns, selection, a, b), `run ${run}: ${selected} of ${rows}`).toBe(0);
    }
  });

  it('negates masks whose halves are zero', () => {
    for (const mask of [0n, 5n << 32n, 5n, 1n << 63n, (1n << 64n) - 1n]) {
      const columns: OwnedColumn[] = [{ sharing: 'additive', words: BigUint64Array.of(42n) }];
      const { a, b } = runProtocols(
        permuteAsOwner(columns, 1, dealt.sender, (n) =>
          new Uint8Array(BigUint64Array.of(mask).buffer).slice(0, n),
        ),
        permuteAsPermuter(['additive'], 1, Uint32Array.of(0), dealt.receiver),
      );
      expect(a[0]![0]).toBe(BigInt.asUintN(64, -mask));
      expect(b[0]![0]).toBe(BigInt.asUintN(64, 42n + mask));
    }
  });

  it('stays within 68, 172 and 646 MB at the sizes of the benchmark', () => {
    const total = (rows: number, columns: number) => {
      const { fromOwner, fromPermuter } = permuteBytes(rows, rows, columns);
      return (fromOwner + fromPermuter) / 1e6;
    };
    expect(total(1 << 17, 1)).toBeLessThan(51.5);
    expect(total(1 << 17, 4)).toBeLessThan(155.3);
    expect(total(1 << 20, 1)).toBeLessThan(487);
  });

  it('refuses more rows than there are and columns of different lengths', () => {
    const [column] = columnsOf(3, ['additive']);
    const [other] = columnsOf(4, ['additive']);
    const { sender, receiver } = dealt;
    expect(() => permuteAsOwner([column!], 4, sender, rng).next()).toThrowCode('ERR_INTERNAL');
    expect(() => permuteAsOwner([column!, other!], 1, sender, rng).next()).toThrowCode(
      'ERR_INTERNAL',
    );
    const selection = Uint32Array.of(0, 1, 2, 2);
    expect(() => permuteAsPermuter(['additive'], 3, selection, receiver).next()).toThrowCode(
      'ERR_INTERNAL',
    );
  });
});

describe('what a deviating or faulty peer causes', () => {
  it('a flipped bit of a correction spoils at most the row that passes there, and ends without a hang', () => {
    let spoiled = 0;
    for (let run = 0; run < 20; run++) {
      const columns = columnsOf(64, ['additive', 'boolean']);
      const selection = uniform.permutation(64);
      const tamper: PairOptions['tamper'] = (from, bytes, offset) => {
        // past the masked values and the challenge: corrections, one message per stage
        if (from === 'a' && offset >= 2 * 64 * 8 + 16 + run * 450) {
          if (!done) bytes[run % bytes.length]! ^= 1;
          done = true;
        }
      };
      let done = false;
      const { a, b } = permute(dealTransfers(rng), columns, selection, { tamper });
      expect(done).toBe(true);
      const wrong = wrongWords(columns, selection, a, b);
      expect(wrong).toBeLessThanOrEqual(1);
      spoiled += wrong;
    }
    expect(spoiled).toBeGreaterThan(0);
  });

  it('a flipped bit of the columns ends in ERR_MPC_CHECK before anything is sent under a pad', () => {
    for (let run = 0; run < 10; run++) {
      let offsetOfOwner = 0;
      const tamper: PairOptions['tamper'] = (from, bytes, offset) => {
        if (from === 'b' && offset === 0) bytes[run * 40]! ^= 1 << (run % 8);
        if (from === 'a') offsetOfOwner = offset + bytes.length;
      };
      const dealt = dealTransfers(rng, {
        indices: rng(BLOCKS).map((byte) => 1 + (byte % (LEAVES - 1))),
      });
      const columns = columnsOf(64, ['additive']);
      expect(() => permute(dealt, columns, uniform.permutation(64), { tamper })).toThrowCode(
        'ERR_MPC_CHECK',
      );
      expect(offsetOfOwner).toBe(64 * 8 + 16);
    }
  });
});

/**
 * No trace of which own row matched reaches its owner. All it receives are the transfers' messages from the permuter:
 * correction columns (choices under the XOR of all streams of a block, of which the owner lacks one) and answers. Each test has a
 * false-alarm probability of 1e-7.
 */
describe('the view of the owner', () => {
  const shared = dealTransfers(rng);
  const rows = 200;
  const identity = Uint32Array.from({ length: rows }, (_, i) => i);
  const reversed = identity.slice().reverse();
  const few = identity.slice(0, 3);
  const expectUniform = (parts: readonly Uint8Array[]) => {
    const cells = new Array<number>(256).fill(0);
    for (const part of parts) for (const byte of part) cells[byte]! += 1;
    expect(chiSquareTest(cells, CELLS)).toBeGreaterThan(1e-7);
  };
  const zeroColumns = (): OwnedColumn[] => [
    { sharing: 'additive', words: new BigUint64Array(rows) },
    { sharing: 'boolean', words: new BigUint64Array(rows) },
  ];
  const viewOf = (selection: Uint32Array, dealt: DealtTransfers) => {
    const received: Uint8Array[] = [];
    const sent: Uint8Array[] = [];
    const tamper: PairOptions['tamper'] = (from, bytes) =>
      void (from === 'b' ? received : sent).push(bytes.slice());
    const { a, b } = permute(dealt, zeroColumns(), selection, { tamper });
    return { received, sent, a, b };
  };

  it('has the same lengths for every selection of as many rows', () => {
    const lengths = [identity, reversed, uniform.permutation(rows)].map((selection) =>
      viewOf(selection, dealTransfers(rng)).received.map(({ length }) => length),
    );
    expect(lengths[1]).toEqual(lengths[0]);
    expect(lengths[2]).toEqual(lengths[0]);
  });

  it.each([
    ['identity', identity],
    ['reversed', reversed],
    ['few', few],
  ])('is uniform whatever is selected: %s', (_, selection) => {
    const views = Array.from({ length: 12 }, () => viewOf(selection, dealTransfers(rng)));
    expectUniform(views.map(({ received }) => received[0]!)); // columns
    expectUniform(views.map(({ received }) => received[1]!)); // answers
    expectUniform(views.flatMap(({ sent }) => sent)); // and what the permuter gets, of zero values
    expectUniform(views.flatMap(({ a }) => a.map((share) => new Uint8Array(share.buffer))));
    expectUniform(views.flatMap(({ b }) => b.map((share) => new Uint8Array(share.buffer))));
  });

  it('holds the choices under the same streams: two selections differ by their control bits alone', () => {
    // equal leaf seeds and random choices, as never happens: only what depends on the selection is left
    const view = (selection: Uint32Array) => {
      const seeded = seededRng('the same twice');
      const dealt = dealTransfers(seeded, {
        senderRng: seededRng('sender'),
        receiverRng: seededRng('receiver'),
      });
      return viewOf(selection, dealt).received[0]!;
    };
    const other = view(reversed);
    const difference = view(identity).map((byte, i) => byte ^ other[i]!);
    const column = difference.length / BLOCKS;
    const first = difference.subarray(0, column);
    expect(first.some((byte) => byte !== 0)).toBe(true);
    for (let block = 1; block < BLOCKS; block++) {
      expect(difference.subarray(block * column, (block + 1) * column)).toEqual(first);
    }
    expect(view(identity)).toEqual(view(identity));
  });

  it('hides the choices in the answer, too: hash bits of equal choices are uniform', () => {
    for (const byte of [0, 255]) {
      const answers = Array.from({ length: 200 }, () => {
        const received: Uint8Array[] = [];
        const { sender, receiver } = shared;
        const tamper: PairOptions['tamper'] = (from, bytes) => {
          if (from === 'b') received.push(bytes.slice());
        };
        runProtocols(
          sender.transfer(64, 8),
          receiver.transfer(64, 8, new Uint8Array(8).fill(byte)),
          { tamper },
        );
        return received[1]!.subarray(0, 8);
      });
      expectUniform(answers);
    }
  });
});
