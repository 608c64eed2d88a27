/**
 * Answers to the ledger requests of a run machine, well-formed and empty of meaning: for tests of everything else. What
 * ledgers say and demand is tested in test/ledger.
 * @module
 */
import { fixed } from '../../src/bytes.ts';
import type { LedgerStep } from '../../src/run/charge.ts';
import type { RunEvent } from '../../src/run/run.ts';
import type { LedgerMessage } from '../../src/wire/ledger-messages.ts';

const key = fixed(new Uint8Array(32).fill(1), 32, 'key');
const signature = fixed(new Uint8Array(64).fill(2), 64, 'signature');
const note = new TextEncoder().encode('canned');

const ANSWERS: Readonly<Record<LedgerStep, LedgerMessage | undefined>> = {
  recall: { kind: 'held', notes: [] },
  present: { kind: 'head', note, proof: [] },
  examine: undefined,
  charge: {
    kind: 'charged',
    ...{ note, record: note, enclaveKey: key, signature, consistency: [], inclusion: [] },
  },
  adopt: {
    kind: 'cosigned',
    ...{ cosignature: fixed(new Uint8Array(72), 72, 'cosignature'), enclaveKey: key, signature },
  },
  complete: undefined,
};

/** The event that answers a request of `step`. */
export function cannedAnswer(step: LedgerStep): Extract<RunEvent, { kind: 'ledger' }> {
  return { kind: 'ledger', step, message: ANSWERS[step] };
}
