/**
 * The charge: both parties' ledgers are spent, and each is remembered by the other, before the mask is committed to
 * (docs/ledger.md section 4). This machine orders messages and requests; what a ledger says is the
 * driver's to make and to verify.
 * @module
 */
import { DpcaError } from '../errors.ts';
import type { LedgerMessage } from '../wire/ledger-messages.ts';

type Of<K extends LedgerMessage['kind']> = Extract<LedgerMessage, { kind: K }>;

/** What the driver is asked, strictly one after the other; a failure is thrown by the driver and ends the run. */
export type LedgerRequest =
  /** Answer: the checkpoints remembered of the peer's ledgers. */
  | { readonly step: 'recall' }
  /** Answer: the own ledger, after comparing it with what the peer holds. */
  | { readonly step: 'present'; readonly message: Of<'held'> }
  /** No message in the answer: the peer's ledger is acceptable. */
  | { readonly step: 'examine'; readonly message: Of<'head'> }
  /** Answer, after the own slot is durable: the own charge. */
  | { readonly step: 'charge' }
  /** Answer, after the peer's checkpoint is remembered durably: the own cosignature. */
  | { readonly step: 'adopt'; readonly message: Of<'charged'> }
  /** No message in the answer: the peer's cosignature is valid, the evidence is handed to the host. */
  | { readonly step: 'complete'; readonly message: Of<'cosigned'> };

export type LedgerStep = LedgerRequest['step'];

export type ChargeEffect =
  | { readonly kind: 'send'; readonly message: LedgerMessage }
  | { readonly kind: 'ledger'; readonly request: LedgerRequest };

/** The kind of message that answers a step. */
const ANSWER: Readonly<Record<LedgerStep, LedgerMessage['kind'] | undefined>> = {
  recall: 'held',
  present: 'head',
  examine: undefined,
  charge: 'charged',
  adopt: 'cosigned',
  complete: undefined,
};

export class Charge {
  private readonly received: Set<string> = new Set();
  private readonly asked: LedgerStep[] = [];
  private readonly answered: Set<LedgerStep> = new Set();

  start(): ChargeEffect[] {
    return [this.ask({ step: 'recall' })];
  }

  /** Both slots are spent, and both sides have said that they know. */
  get settled(): boolean {
    return (['charge', 'adopt', 'complete'] as const).every((step) => this.answered.has(step));
  }

  /** The peer has sent all that it has to send, so its next message may be of the next phase. */
  get told(): boolean {
    return this.has('charged') && this.has('cosigned');
  }

  /** A message of the peer: each once, `held` then `head` then the others; `cosigned` only after the own charge. */
  receive(message: LedgerMessage): ChargeEffect[] {
    const after = {
      held: true,
      head: this.has('held'),
      charged: this.has('head'),
      cosigned: this.answered.has('charge'),
    };
    if (this.has(message.kind) || !after[message.kind]) {
      throw new DpcaError('ERR_WIRE_UNEXPECTED', `${message.kind} out of order`);
    }
    this.received.add(message.kind);
    switch (message.kind) {
      case 'held':
        return [this.ask({ step: 'present', message })];
      case 'head':
        return [this.ask({ step: 'examine', message })];
      case 'charged':
        return [this.ask({ step: 'adopt', message })];
      case 'cosigned':
        return [this.ask({ step: 'complete', message })];
    }
  }

  /** The driver's answer to the oldest open request. */
  answer(step: LedgerStep, message: LedgerMessage | undefined): ChargeEffect[] {
    if (this.asked.shift() !== step || message?.kind !== ANSWER[step]) {
      throw new DpcaError('ERR_INTERNAL', `an answer to ${step} that was not asked for`);
    }
    this.answered.add(step);
    const effects: ChargeEffect[] = message === undefined ? [] : [{ kind: 'send', message }];
    const ready = this.answered.has('present') && this.answered.has('examine');
    if ((step === 'present' || step === 'examine') && ready)
      effects.push(this.ask({ step: 'charge' }));
    return effects;
  }

  private has(kind: LedgerMessage['kind']): boolean {
    return this.received.has(kind);
  }

  private ask(request: LedgerRequest): ChargeEffect {
    this.asked.push(request.step);
    return { kind: 'ledger', request };
  }
}
