/**
 * Two matching machines with the real group and every secret given: scalars, permutations and messages to hash.
 * @module
 */
import { concat } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { nobleKernel } from '../../src/group/noble-kernel.ts';
import { type MatchEffect, Matching, type Matches } from '../../src/matching/matching.ts';
import { pack } from '../../src/packed.ts';
import { UniformSource } from '../../src/rng.ts';
import { columnChunks } from '../../src/wire/messages.ts';

export interface ScriptedSide {
  /** Messages to hash in hex, by column and position. */
  readonly messages: readonly (readonly string[])[];
  /** a0, a1 .. in hex; a1 .. are re-keyable at the first draw. */
  readonly scalars: readonly string[];
  /** rho, then pi of every later round. */
  readonly rho: readonly number[];
  readonly pi: readonly (readonly number[])[];
}

/** Secret permutations in the order in which the machine asks for them. */
class Script extends UniformSource {
  private readonly orders: (readonly number[])[];

  constructor(orders: readonly (readonly number[])[]) {
    super(() => new Uint8Array(0));
    this.orders = [...orders];
  }

  override permutation(n: number): Uint32Array {
    const next = this.orders.shift();
    if (next?.length !== n)
      throw new Error(`expected a permutation of ${next?.length ?? 0}, asked for ${n}`);
    return Uint32Array.from(next);
  }
}

export async function scriptedWaterfall(
  sides: Readonly<Record<'a' | 'b', ScriptedSide>>,
): Promise<unknown> {
  const kernel = nobleKernel();
  const other = { a: 'b', b: 'a' } as const;
  const sent: Record<'a' | 'b', unknown[]> = { a: [], b: [] };
  const matches: Partial<Record<'a' | 'b', Matches>> = {};
  const rows = { a: sides.a.messages[0]?.length ?? 0, b: sides.b.messages[0]?.length ?? 0 };
  const make = (role: 'a' | 'b'): Matching => {
    const { messages, scalars, rho, pi } = sides[role];
    const draws = scalars.map(fromHex);
    return new Matching({
      columns: messages.length,
      ownRows: rows[role],
      peerRows: rows[other[role]],
      messagesOf: (column) => pack((messages[column] ?? []).map(fromHex)),
      // scalars are drawn first; later draws key hash tables and change nothing that is sent
      rng: (n) => draws.shift() ?? new Uint8Array(n),
      uniform: new Script([rho, ...pi]),
    });
  };
  const machines = { a: make('a'), b: make('b') };
  const queue: ['a' | 'b', () => Promise<MatchEffect[]>][] = [
    ['a', () => Promise.resolve(machines.a.start())],
    ['b', () => Promise.resolve(machines.b.start())],
  ];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [role, action] = next;
    const machine = machines[role];
    for (const effect of await action()) {
      if (effect.kind === 'hash') {
        const { bytes, offsets } = effect.messages;
        queue.push([
          role,
          async () => machine.kernelDone(await kernel.hashToGroup(bytes, offsets)),
        ]);
      } else if (effect.kind === 'multiply') {
        const { scalar, points } = effect;
        queue.push([role, async () => machine.kernelDone(await kernel.multiply(scalar, points))]);
      } else if (effect.kind === 'column') {
        const { columnKind, column, first, data } = effect;
        sent[role].push([columnKind, column, toHex(data)]);
        for (const chunk of columnChunks(columnKind, column, first, concat(data))) {
          const peer = other[role];
          queue.push([peer, () => Promise.resolve(machines[peer].receive(chunk))]);
        }
      } else matches[role] = effect.matches;
    }
  }
  const { a, b } = matches;
  if (a === undefined || b === undefined) throw new Error('the waterfall did not end');
  const tags = toHex(a.tags);
  if (tags !== toHex(b.tags)) throw new Error('the sides order their matches differently');
  return {
    sizes: a.sizes,
    tags,
    sent,
    peerPositions: { a: [...a.peerPositions], b: [...b.peerPositions] },
  };
}
