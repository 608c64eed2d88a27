/**
 * Two matching machines joined in memory, with the mock group: messages are delivered in random interleavings.
 * @module
 */
import { fixed } from '../../src/bytes.ts';
import type { MaskRow } from '../../src/dp/xor-mask.ts';
import { type MatchEffect, Matching, type Matches } from '../../src/matching/matching.ts';
import { columnMessages } from '../../src/matching/table.ts';
import { type Rng, UniformSource } from '../../src/rng.ts';
import { type ColumnChunk, columnChunks } from '../../src/wire/messages.ts';
import { mockHash, mockMultiply } from './mock-kernel.ts';
import { type Cells, tableOf } from './tables.ts';

export interface SideResult extends Matches {
  /** order[p]: the own row at position p; rows from the table's length on are dummies. */
  readonly order: Uint32Array;
  readonly rows: number;
}

interface Side {
  readonly machine: Matching;
  readonly order: Uint32Array;
  readonly rows: number;
  readonly inbox: ColumnChunk[];
  readonly pending: MatchEffect[];
  matches: Matches | undefined;
}

/** Runs the waterfall on two tables; `masks` are the dummy rows of each side (none: mask off, tests only). */
export function matchPair(
  cells: readonly [Cells, Cells],
  k: number,
  rng: Rng,
  masks: readonly [readonly MaskRow[], readonly MaskRow[]] = [[], []],
  onChunk: (side: 0 | 1, chunk: ColumnChunk) => void = () => undefined,
): [SideResult, SideResult] {
  const uniform = new UniformSource(rng);
  const digest = fixed(rng(16), 16, 'run digest');
  const make = (index: 0 | 1): Side => {
    const table = tableOf(cells[index], k);
    const mask = masks[index];
    const order = uniform.permutation(table.rows + mask.length);
    const machine = new Matching({
      columns: k,
      ownRows: order.length,
      peerRows: cells[1 - index]!.length + masks[1 - index]!.length,
      messagesOf: (column, first, count) => {
        const rows = order.subarray(first, first + count);
        return columnMessages(table, mask, column, rows, digest, rng);
      },
      rng,
      uniform,
    });
    return { machine, order, rows: table.rows, inbox: [], pending: [], matches: undefined };
  };
  const sides = [make(0), make(1)] as const;
  for (const side of sides) side.pending.push(...side.machine.start());
  for (;;) {
    const ready = ([0, 1] as const).filter(
      (i) => sides[i].pending.length + sides[i].inbox.length > 0,
    );
    if (ready.length === 0) break;
    const index = ready[uniform.below(ready.length)]!;
    const side = sides[index];
    const takeEffect =
      side.inbox.length === 0 || (side.pending.length > 0 && uniform.below(2) === 0);
    const effect = takeEffect ? side.pending.shift() : undefined;
    if (effect === undefined) {
      const chunk = side.inbox.shift();
      if (chunk !== undefined) side.pending.push(...side.machine.receive(chunk));
    } else if (effect.kind === 'hash') {
      const { bytes, offsets } = effect.messages;
      side.pending.push(...side.machine.kernelDone(mockHash(bytes, offsets)));
    } else if (effect.kind === 'multiply') {
      side.pending.push(...side.machine.kernelDone(mockMultiply(effect.scalar, effect.points)));
    } else if (effect.kind === 'column') {
      for (const chunk of columnChunks(
        effect.columnKind,
        effect.column,
        effect.first,
        effect.data,
      )) {
        onChunk(index, chunk);
        sides[1 - index]!.inbox.push(chunk);
      }
    } else side.matches = effect.matches;
  }
  const result = (side: Side): SideResult => {
    if (side.matches === undefined) throw new Error('the waterfall did not end');
    return { ...side.matches, order: side.order, rows: side.rows };
  };
  return [result(sides[0]), result(sides[1])];
}
