/**
 * A manifest's statistics on real shares: both parties' columns, permute-and-share, the program and its noise, opened,
 * against plain arithmetic and the coins that both sides drew, also where nothing matches, which no manifest can arrange:
 * dummies match in every run. Fixed seeds; base transfers included.
 */
import { expect, it } from 'vitest';
import { nodeCiphers } from '../../enclave/ciphers.ts';
import { evaluateMatched, matchedBytes, matchedWork } from '../../src/mpc/matched.ts';
import { switchCount } from '../../src/mpc/permute/network.ts';
import { compileStatistics } from '../../src/statistics/compile.ts';
import { UniformSource } from '../../src/rng.ts';
import { runProtocols } from '../support/protocol-pair.ts';
import { seededRng } from '../support/test-rng.ts';
import { chooser, commonRows, design, matchedPairs, randomTables, ROWS } from './cases.ts';
import { sumsOf } from './neighbours.ts';

const VALUES = [
  { name: 'seen', owner: 'a', low: 0, high: 1000 },
  { name: 'campaign', owner: 'a', low: 0, high: 3 },
  { name: 'bought', owner: 'b', low: 0, high: 1000 },
  { name: 'spend', owner: 'b', low: -300, high: 700 },
] as const;
const STATISTICS = [
  { kind: 'sum', of: 'spend' },
  { kind: 'count', where: [{ value: 'campaign', equals: 0 }] },
  { kind: 'correlation', of: ['seen', 'spend'], where: [{ value: 'bought', from: 0, to: 800 }] },
  { kind: 'histogram', group: 'campaign', groups: [0, 1, 3], sum: 'spend' },
  {
    ...{ kind: 'attributed', conversion: 'bought', exposure: 'seen', sum: 'spend' },
    ...{ window: { from: 0, to: 300 }, where: [{ value: 'campaign', from: 0, to: 1 }] },
  },
  { kind: 'shares', of: ['spend', 'seen'] },
];

it.each([
  ['some rows and dummies', { a: 90, b: 70 }, 41, 9],
  ['no row, but dummies', { a: 90, b: 70 }, 0, 9],
  ['nothing at all', { a: 90, b: 70 }, 0, 0],
  ['one row', { a: 90, b: 70 }, 1, 0],
  ['one row of one', { a: 1, b: 1 }, 1, 0],
  ['every row of one table', { a: 90, b: 70 }, 70, 0],
  ['every row of both, and every dummy', { a: 64, b: 64 }, 64, 5],
] as const)(
  'opens plain sums and the drawn noise, and keeps shares: %s',
  (name, counts, m, dummies) => {
    const rng = seededRng(`shared statistics, ${name}`);
    const choose = chooser(rng);
    const given = design(2, VALUES, STATISTICS, { privacy: { noise: [3, 2, 1, 1] } });
    const tables = { ...randomTables(choose, VALUES, counts, m), dummies };
    const { program, families, columnsOf } = compileStatistics(given, ROWS);
    const uniform = new UniformSource(rng);
    const rows = { a: tables.rows.a + tables.dummies, b: tables.rows.b + tables.dummies };
    const orders = { a: uniform.permutation(rows.a), b: uniform.permutation(rows.b) };
    const inTagOrder = matchedPairs(tables, uniform);
    const coins = program.moments.flatMap(({ noise }) => noise).length;
    const drawn = { a: rng(coins).map((x) => x & 1), b: rng(coins).map((x) => x & 1) };
    const side = (party: 'a' | 'b') => {
      const peer = party === 'a' ? 'b' : 'a';
      const positions = new Map([...orders[peer]].map((row, p) => [row, p]));
      const values = VALUES.filter(({ owner }) => owner === party).map(({ name }) =>
        BigInt64Array.from(tables.cells[name]!),
      );
      return evaluateMatched({
        ...{ program, party, coins: drawn[party], ciphers: nodeCiphers },
        sessionId: new Uint8Array(32).fill(7),
        own: columnsOf(party, { rows: tables.rows[party], values }, orders[party]),
        peerRows: rows[peer],
        selection: Uint32Array.from(
          inTagOrder.map((pair) => positions.get(pair[peer === 'a' ? 0 : 1])!),
        ),
        rng: seededRng(`side ${party}`),
      });
    };
    const { a, b, sent } = runProtocols(side('a'), side('b'));

    expect(a.moments).toEqual(b.moments);
    const common = commonRows(given, tables);
    const sums = families.flatMap((family) => sumsOf(family, common));
    let at = 0;
    program.moments.forEach(({ noise }, i) => {
      const added = noise.reduce((sum, v) => {
        const bit = drawn.a[at]! ^ drawn.b[at]!;
        at += 1;
        return bit === 1 ? sum + v : sum;
      }, 0n);
      expect(a.moments[i]).toBe(sums[i]! + added);
    });

    const [real, ...words] = a.kept.map((own, i) => {
      const peer = b.kept[i]!;
      if ('bits' in own && 'bits' in peer) return own.bits.map((bit, row) => bit ^ peer.bits[row]!);
      if (!('words' in own) || !('words' in peer)) throw new Error('shares of two kinds');
      return own.words.map((word, row) => BigInt.asUintN(64, word + peer.words[row]!));
    });
    inTagOrder.forEach(([rowA, rowB], row) => {
      const isReal = rowA < tables.rows.a;
      expect(real![row]).toBe(isReal ? 1 : 0);
      expect(BigInt.asIntN(64, words[0]![row] as bigint)).toBe(
        isReal ? tables.cells['spend']![rowB] : 0n,
      );
      expect(words[1]![row]).toBe(isReal ? tables.cells['seen']![rowA] : 0n);
    });

    expect(sent).toEqual(matchedBytes(program, rows, inTagOrder.length));
    const work = matchedWork(program, rows, inTagOrder.length);
    const [ofA, ofB] = [rows.a, rows.b].map((n) => switchCount(n, inTagOrder.length));
    const owned = (party: 'a' | 'b') =>
      program.columns.filter(({ owner }) => owner === party).length;
    expect(work).toMatchObject({
      ...{ setups: 2, switches: ofA! + ofB! },
      words: ofA! * owned('a') + ofB! * owned('b'),
    });
    // noise takes one transfer per bit, padded to whole bytes; everything else grows with the rows
    expect(work.transfers - (coins + (-coins & 7)) > 0).toBe(inTagOrder.length > 0);
  },
);
