/**
 * From private columns of both tables to opened moments: sets up the transfers, moves each owner's columns to the matched
 * rows by permute-and-share, or shares their totals where no more is opened, and evaluates the program. docs/values.md;
 * DESIGN 4.6 and 4.7. Direction `a` is the one in which party a is the sender of the transfers; it comes first throughout.
 * @module
 */
import { lengthPrefixed, utf8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import type { Rng } from '../rng.ts';
import { opensTotals, selectedTotals, totalsTraffic } from './arithmetic/totals.ts';
import { directions, traffic } from './arithmetic/traffic.ts';
import type { Ciphers } from './ciphers.ts';
import { type Evaluation, evaluate } from './evaluate.ts';
import { otReceiver, otSender, otSetupBytes, otTransferBytes } from './ot/soft-spoken.ts';
import { permuteAsOwner, permuteAsPermuter, permuteBytes } from './permute/permute-and-share.ts';
import { switchCount } from './permute/network.ts';
import type { PartyName, Program } from './program.ts';
import type { Protocol } from './protocol.ts';
import type { StreamingReceiver, StreamingSender } from './random-ot.ts';

export interface MatchedInput {
  readonly program: Program;
  readonly party: PartyName;
  /** Of this session, the same on both sides. */
  readonly sessionId: Uint8Array;
  /** Own columns in the program's order, rows in the order of the own permuted table, dummies included. Secret. */
  readonly own: readonly BigUint64Array[];
  /** Rows of the peer's permuted table, dummies included. */
  readonly peerRows: number;
  /** Positions in the peer's permuted table of the matched rows, in the order of their tags. Secret. */
  readonly selection: Uint32Array;
  /** Own coins of the output noise, bytes 0 or 1, the moments in their order. Secret. */
  readonly coins: Uint8Array;
  readonly ciphers: Ciphers;
  readonly rng: Rng;
}

const PARTIES: readonly PartyName[] = ['a', 'b'];

/** Directions in which something is transferred, for columns or by the program. */
function usedDirections(program: Program): readonly PartyName[] {
  const used = directions(program);
  return PARTIES.filter(
    (party) => used[party] || program.columns.some(({ owner }) => owner === party),
  );
}

/**
 * Both parties run it with the same program and as many selected rows. ERR_MPC_* for what the peer sends, ERR_VALUES_RANGE for an opened
 * moment out of bounds.
 */
export function* evaluateMatched(input: MatchedInput): Protocol<Evaluation> {
  const { program, party, sessionId, own, peerRows, selection, coins, ciphers, rng } = input;
  let sender: StreamingSender | undefined;
  let receiver: StreamingReceiver | undefined;
  for (const direction of usedDirections(program)) {
    const context = lengthPrefixed(utf8('dpca/v1/values'), sessionId, utf8(direction));
    if (direction === party) sender = yield* otSender(context, ciphers, rng);
    else receiver = yield* otReceiver(context, ciphers, rng);
  }
  const totals = opensTotals(program);
  const shares: Record<PartyName, BigUint64Array[]> = { a: [], b: [] };
  for (const owner of PARTIES) {
    const side = { party, dealer: owner, sender, receiver };
    const columns = program.columns.filter((column) => column.owner === owner);
    if (columns.length === 0) continue;
    if (owner === party) {
      if (sender === undefined || own.length !== columns.length) {
        throw new DpcaError('ERR_INTERNAL', 'own columns do not fit the program');
      }
      const owned = columns.map(({ sharing }, i) => ({
        sharing,
        words: own[i] ?? new BigUint64Array(0),
      }));
      shares[owner] = totals
        ? yield* selectedTotals({ own }, own[0]?.length ?? 0, side)
        : yield* permuteAsOwner(owned, selection.length, sender, rng);
    } else {
      if (receiver === undefined) throw new DpcaError('ERR_INTERNAL', 'no transfers were set up');
      const sharings = columns.map(({ sharing }) => sharing);
      shares[owner] = totals
        ? yield* selectedTotals({ selection, columns: columns.length }, peerRows, side)
        : yield* permuteAsPermuter(sharings, peerRows, selection, receiver);
    }
  }
  const next = { a: 0, b: 0 };
  const inputs = program.columns.map(
    ({ owner }) => shares[owner][next[owner]++] ?? new BigUint64Array(0),
  );
  // totals are vectors of one row
  const rows = totals ? 1 : selection.length;
  const result = yield* evaluate({ program, party, rows, inputs, coins, sender, receiver });
  for (const column of inputs) column.fill(0n);
  sender?.wipe();
  receiver?.wipe();
  return result;
}

/** Exact bytes that each party sends; `rows` are table lengths with dummies, `matched` the sum of the masked sizes. */
export function matchedBytes(
  program: Program,
  rows: Readonly<Record<PartyName, number>>,
  matched: number,
): Record<PartyName, number> {
  const total = { a: 0, b: 0 };
  const evaluation = traffic(program, matched, (count) => otTransferBytes(count));
  const totals = opensTotals(program);
  for (const direction of PARTIES) {
    const peer = direction === 'a' ? 'b' : 'a';
    total[direction] += evaluation[direction];
    if (!usedDirections(program).includes(direction)) continue;
    const setup = otSetupBytes();
    total[direction] += setup.fromSender;
    total[peer] += setup.fromReceiver;
    const columns = columnsOf(program, direction);
    if (totals) {
      const moved = totalsTraffic(direction, columns, rows[direction]);
      total[direction] += moved[direction];
      total[peer] += moved[peer];
    } else {
      const moved = permuteBytes(rows[direction], matched, columns);
      total[direction] += moved.fromOwner;
      total[peer] += moved.fromPermuter;
    }
  }
  return total;
}

function columnsOf(program: Program, party: PartyName): number {
  return program.columns.filter(({ owner }) => owner === party).length;
}

/** How much both parties have to do together, in quantities that take about as long wherever they stand. */
export interface MatchedWork {
  /** Directions that are set up. */
  readonly setups: number;
  /** Switches of the networks that columns pass, and words that pass them: as many for each column. */
  readonly switches: number;
  readonly words: number;
  /** Transfers of the program, and for totals. */
  readonly transfers: number;
}

/** The arguments are those of {@link matchedBytes}. */
export function matchedWork(
  program: Program,
  rows: Readonly<Record<PartyName, number>>,
  matched: number,
): MatchedWork {
  let [switches, words] = [0, 0];
  let { transfers } = traffic(program, matched, () => ({ fromSender: 0, fromReceiver: 0 }));
  for (const party of PARTIES) {
    const columns = columnsOf(program, party);
    if (opensTotals(program)) {
      transfers += totalsTraffic(party, columns, rows[party]).transfers;
    } else {
      const passed = columns === 0 ? 0 : switchCount(rows[party], matched);
      switches += passed;
      words += passed * columns;
    }
  }
  return { setups: usedDirections(program).length, switches, words, transfers };
}
