/**
 * Totals of selected rows without moving any: right shares for every shape, exact bytes, what a program must be for it,
 * and nothing about the selection for the owner. Fixed seeds.
 */
import { describe, expect, it } from 'vitest';
import { nodeCiphers } from '../../enclave/ciphers.ts';
import { opensTotals, selectedTotals, totalsTraffic } from '../../src/mpc/arithmetic/totals.ts';
import { evaluateMatched, matchedBytes, matchedWork } from '../../src/mpc/matched.ts';
import { BLOCKS } from '../../src/mpc/ot/punctured.ts';
import type { InputColumn, PartyName, Program } from '../../src/mpc/program.ts';
import { UniformSource } from '../../src/rng.ts';
import { chiSquareTest } from '../statistical/chi-square.ts';
import { type DealtTransfers, dealTransfers } from '../support/dealt-transfers.ts';
import { type PairOptions, runProtocols } from '../support/protocol-pair.ts';
import { seededRng } from '../support/test-rng.ts';

const rng = seededRng('totals');
const uniform = new UniformSource(rng);
const CELLS = new Array<number>(256).fill(1 / 256);

const wordsOf = (rows: number): BigUint64Array => new BigUint64Array(rng(8 * rows).slice().buffer);
const selectionOf = (rows: number, count: number): Uint32Array =>
  uniform.permutation(rows).slice(0, count);
const plainTotal = (words: BigUint64Array, selection: Uint32Array): bigint =>
  BigInt.asUintN(
    64,
    selection.reduce((sum, row) => sum + words[row]!, 0n),
  );

/** `owner` is on the left of the pair in either case. */
function share(
  { sender, receiver }: Pick<DealtTransfers, 'sender' | 'receiver'>,
  own: readonly BigUint64Array[],
  rows: number,
  selection: Uint32Array,
  options: PairOptions = {},
  dealer: PartyName = 'a',
) {
  const peer = dealer === 'a' ? 'b' : 'a';
  return runProtocols(
    selectedTotals({ own }, rows, { party: dealer, dealer, sender, receiver: undefined }),
    selectedTotals({ selection, columns: own.length }, rows, {
      ...{ party: peer, dealer, sender: undefined, receiver },
    }),
    options,
  );
}

describe('shares of totals', () => {
  it.each([
    ['one row', 1, 1, 1],
    ['none of one', 1, 0, 1],
    ['none', 100, 0, 2],
    ['all', 100, 100, 2],
    ['whole bytes', 64, 20, 1],
    ['more columns than one product takes', 77, 30, 17],
    ['as many as a table may have', 9, 4, 64],
    ['several blocks', 65_536 + 13, 40_000, 1],
  ])('add up to plain sums, for the bytes foretold: %s', (_, rows, count, columns) => {
    for (const owner of ['a', 'b'] as const) {
      const own = Array.from({ length: columns }, () => wordsOf(rows));
      const selection = selectionOf(rows, count);
      const { a, b, sent } = share(dealTransfers(rng), own, rows, selection, {}, owner);
      const opened = a.map((total, c) => BigInt.asUintN(64, total[0]! + b[c]![0]!));
      expect(opened).toEqual(own.map((words) => plainTotal(words, selection)));
      const peer = owner === 'a' ? 'b' : 'a';
      const cost = totalsTraffic(owner, columns, rows);
      expect(sent).toEqual({ a: cost[owner], b: cost[peer] });
    }
  });

  it('of a selection that is no list of different rows, or of unequal columns, are refused', () => {
    const own = [wordsOf(9)];
    for (const selection of [Uint32Array.of(3, 3), Uint32Array.of(9), Uint32Array.of(1, 16)]) {
      expect(() => share(dealTransfers(rng), own, 9, selection)).toThrowCode('ERR_INTERNAL');
    }
    const unequal = [wordsOf(9), wordsOf(8)];
    expect(() => share(dealTransfers(rng), unequal, 9, Uint32Array.of(1))).toThrowCode(
      'ERR_INTERNAL',
    );
  });

  it('end in ERR_MPC_CHECK before any correction when the choices were changed on the way', () => {
    let sentByOwner = 0;
    const tamper: PairOptions['tamper'] = (from, bytes, offset) => {
      if (from === 'b' && offset === 0)
        for (let b = 0; b < BLOCKS; b++) bytes[b * 48]! ^= 1 << (b % 8);
      if (from === 'a') sentByOwner = offset + bytes.length;
    };
    const run = () => share(dealTransfers(rng), [wordsOf(300)], 300, Uint32Array.of(1), { tamper });
    expect(run).toThrowCode('ERR_MPC_CHECK');
    expect(sentByOwner).toBe(16);
  });
});

/** Each has a false-alarm probability of 1e-7. */
describe('the view of the owner of totals', () => {
  const rows = 200;
  const all = Uint32Array.from({ length: rows }, (_, i) => i);
  const viewOf = (selection: Uint32Array, dealt: DealtTransfers) => {
    const received: Uint8Array[] = [];
    const sent: Uint8Array[] = [];
    const tamper: PairOptions['tamper'] = (from, bytes) =>
      void (from === 'b' ? received : sent).push(bytes.slice());
    const { a, b } = share(dealt, [new BigUint64Array(rows)], rows, selection, { tamper });
    return { received, sent, a, b };
  };
  const expectUniform = (parts: readonly Uint8Array[]) => {
    const cells = new Array<number>(256).fill(0);
    for (const part of parts) for (const byte of part) cells[byte]! += 1;
    expect(chiSquareTest(cells, CELLS)).toBeGreaterThan(1e-7);
  };

  it.each([
    ['none', all.slice(0, 0)],
    ['few', all.slice(0, 3)],
    ['all', all],
  ])('is uniform and of one length, however many rows are selected: %s', (_, selection) => {
    const views = Array.from({ length: 40 }, () => viewOf(selection, dealTransfers(rng)));
    const lengths = views.map(({ received }) => received.map(({ length }) => length));
    expect(lengths).toEqual(lengths.map(() => [(BLOCKS * 384) / 8, 1032]));
    expectUniform(views.map(({ received }) => received[0]!)); // columns
    expectUniform(views.map(({ received }) => received[1]!)); // answers
    expectUniform(views.flatMap(({ sent }) => sent)); // and what the other gets, of zero values
    expectUniform(views.flatMap(({ a }) => a.map((total) => new Uint8Array(total.buffer))));
    expectUniform(views.flatMap(({ b }) => b.map((total) => new Uint8Array(total.buffer))));
  });

  it('holds the choices under the same streams: two selections differ by their bits alone', () => {
    // equal leaf seeds and random choices, as never happens: only what depends on the selection is left
    const view = (selection: Uint32Array) => {
      const [senderRng, receiverRng] = [seededRng('sender'), seededRng('receiver')];
      const dealt = dealTransfers(seededRng('the same twice'), { senderRng, receiverRng });
      return viewOf(selection, dealt).received[0]!;
    };
    const other = view(Uint32Array.of(0, 9));
    const difference = view(Uint32Array.of(9, 199)).map((byte, i) => byte ^ other[i]!);
    const expected = new Uint8Array(384 / 8);
    expected[0] = 1;
    expected[199 >> 3] = 1 << (199 & 7);
    for (let block = 0; block < BLOCKS; block++) {
      expect(difference.subarray(block * 48, (block + 1) * 48)).toEqual(expected);
    }
  });
});

describe('programs of totals', () => {
  const word = (owner: PartyName): InputColumn => ({ owner, sharing: 'additive', bits: 64 });
  const moment = (index: number, noise: readonly bigint[] = []): Program['moments'][number] => ({
    ...{ word: index, noise },
    ...{ low: -(1n << 63n), high: (1n << 63n) - 1n },
  });
  const program: Program = {
    columns: [word('a'), word('b'), word('a')],
    instructions: [2, 1, 0].map((column) => ({ op: 'word', column })),
    moments: [moment(0, [1n, 5n]), moment(1), moment(2, [7n]), moment(0)],
    kept: [],
  };

  it('are those that open sums of words and keep nothing', () => {
    expect(opensTotals(program)).toBe(true);
    expect(opensTotals({ ...program, kept: [0] })).toBe(false);
    const more: Program['instructions'][number][] = [
      { op: 'subtract', left: 0, right: 1 },
      { op: 'bit', column: 3, bit: 0 },
    ];
    for (const instruction of more) {
      const instructions = [...program.instructions, instruction];
      expect(opensTotals({ ...program, instructions })).toBe(false);
    }
  });

  it.each([
    ['of both parties', program, 2, 23],
    ['of party b alone', { ...program, columns: [word('b'), word('b'), word('b')] }, 1, 23],
    ['over no matched row', program, 2, 0],
  ])(
    'open what plain arithmetic gives, for the bytes and transfers foretold: %s',
    (_, given, setups, matched) => {
      const rows = { a: 50, b: 41 };
      const values = given.columns.map(({ owner }) => wordsOf(rows[owner]));
      // positions of the matched rows in the table of a and of b
      const selected = { a: selectionOf(rows.a, matched), b: selectionOf(rows.b, matched) };
      const coins = { a: Uint8Array.of(1, 0, 1), b: Uint8Array.of(0, 0, 1) };
      const side = (party: PartyName) => {
        const peer = party === 'a' ? 'b' : 'a';
        return evaluateMatched({
          ...{ program: given, party, sessionId: new Uint8Array(32).fill(3) },
          own: values.filter((__, c) => given.columns[c]!.owner === party),
          ...{ peerRows: rows[peer], selection: selected[peer], coins: coins[party] },
          ...{ ciphers: nodeCiphers, rng: seededRng(`side ${party}`) },
        });
      };
      const { a, b, sent } = runProtocols(side('a'), side('b'));
      const totals = [2, 1, 0].map((column) =>
        plainTotal(values[column]!, selected[given.columns[column]!.owner]),
      );
      const plain = [totals[0]! + 1n, totals[1]!, totals[2]!, totals[0]!];
      expect(a.moments).toEqual(plain.map((sum) => BigInt.asIntN(64, sum)));
      expect(b).toEqual(a);
      expect(sent).toEqual(matchedBytes(given, rows, matched));
      // one product per owner over its rows, filled up to whole bytes, and one for the noise
      const transfers = 8 + (setups === 2 ? 56 + 48 : 48);
      expect(matchedWork(given, rows, matched)).toEqual({
        ...{ setups, switches: 0, words: 0, transfers },
      });
    },
  );
});
