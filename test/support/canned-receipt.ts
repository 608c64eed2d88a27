/**
 * Answers to the receipt requests of a run machine, well-formed and empty of meaning: for tests of everything else.
 * What receipts say and demand is tested in test/audit and test/log.
 * @module
 */
import { fixed } from '../../src/bytes.ts';
import type { ReceiptStep } from '../../src/run/receipt.ts';
import type { RunEvent } from '../../src/run/run.ts';
import type { ReceiptMessage } from '../../src/wire/receipt-messages.ts';

const text = new TextEncoder().encode('canned');

const ANSWERS: Readonly<Record<ReceiptStep, ReceiptMessage | undefined>> = {
  account: {
    kind: 'account',
    salt: fixed(new Uint8Array(32).fill(3), 32, 'salt'),
    statement: text,
  },
  accept: undefined,
  agree: { kind: 'receipt', signature: fixed(new Uint8Array(64).fill(4), 64, 'signature') },
  record: { kind: 'logged', note: text, envelope: text, consistency: [], inclusion: [] },
  witness: {
    kind: 'witnessed',
    cosignature: fixed(new Uint8Array(72).fill(5), 72, 'cosignature'),
  },
  finish: undefined,
};

/** The event that answers a request of `step`. */
export function cannedReceipt(step: ReceiptStep): Extract<RunEvent, { kind: 'receipt' }> {
  return { kind: 'receipt', step, message: ANSWERS[step] };
}
