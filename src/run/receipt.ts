/**
 * The receipt of a run: both enclaves sign one account of it, both hosts log it and cosign each other's log, and only
 * then is the release handed out (docs/specification.md sections 5.4 and 9.1). This machine orders messages and
 * requests; what a receipt says and what a log shows is the driver's to make and to verify.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fixed } from '../bytes.ts';
import { lengthPrefixed, u32be, u8, utf8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';
import type { NewHash } from '../incremental-hash.ts';
import { canonicalJson, type JsonObject } from '../json.ts';
import type { Table } from '../matching/table.ts';
import type { Message } from '../wire/messages.ts';
import type { ReceiptMessage } from '../wire/receipt-messages.ts';
import type { Role } from './manifest.ts';
import { releaseHash } from './release.ts';

type Of<K extends ReceiptMessage['kind']> = Extract<ReceiptMessage, { kind: K }>;
export type MaskCommitments = Extract<Message, { kind: 'commit' }>;

/** A salted commitment to the own table and its opening, which is the own host's to keep. */
export interface InputCommitment {
  readonly commitment: Bytes<32>;
  readonly salt: Bytes<32>;
}

/** What the run itself adds to its receipt. */
export interface RunFacts {
  readonly commitments: Readonly<Record<Role, MaskCommitments>>;
  readonly release: JsonObject;
  /** The opened moments, noise included, from which its figures follow. */
  readonly moments: readonly bigint[];
}

/** What the driver is asked, strictly one after the other; a failure is thrown by the driver and ends the run. */
export type ReceiptRequest =
  /** Answer: the own account. */
  | { readonly step: 'account'; readonly input: InputCommitment }
  /** No message in the answer: the peer's account is acceptable, and the own log continues what the peer holds of it. */
  | { readonly step: 'accept'; readonly message: Of<'account'> }
  /** Answer: the own signature of the receipt. */
  | { readonly step: 'agree'; readonly facts: RunFacts }
  /** Answer, after the receipt with both signatures is durable in the own log: that log. */
  | { readonly step: 'record'; readonly message: Of<'receipt'> }
  /** Answer, after the peer's log is remembered durably: the own cosignature on it. */
  | { readonly step: 'witness'; readonly message: Of<'logged'> }
  /** No message in the answer: the peer's cosignature and the release are durable beside the own log. */
  | { readonly step: 'finish'; readonly message: Of<'witnessed'> };

export type ReceiptStep = ReceiptRequest['step'];

export type ReceiptEffect =
  | { readonly kind: 'send'; readonly message: ReceiptMessage }
  | { readonly kind: 'receipt'; readonly request: ReceiptRequest };

/** The kind of message that answers a step. */
const ANSWER: Readonly<Record<ReceiptStep, ReceiptMessage['kind'] | undefined>> = {
  account: 'account',
  accept: undefined,
  agree: 'receipt',
  record: 'logged',
  witness: 'witnessed',
  finish: undefined,
};

export class Receipt {
  private readonly received: Set<string> = new Set();
  private readonly asked: ReceiptStep[] = [];
  private readonly answered: Set<ReceiptStep> = new Set();

  /** Both tables are known: exchanges accounts, which cost nothing. */
  start(input: InputCommitment): ReceiptEffect[] {
    return [this.ask({ step: 'account', input })];
  }

  /** Both accounts are exchanged and acceptable. */
  get opened(): boolean {
    return this.answered.has('account') && this.answered.has('accept');
  }

  /** The peer's account is here, so its next message may be of the next phase. */
  get accounted(): boolean {
    return this.received.has('account');
  }

  /** Both sides know the same release. */
  agree(facts: RunFacts): ReceiptEffect[] {
    return [this.ask({ step: 'agree', facts })];
  }

  /** The receipt is in both logs, each cosigned by the other side. */
  get settled(): boolean {
    return (['record', 'witness', 'finish'] as const).every((step) => this.answered.has(step));
  }

  /** The peer has sent all that it has to send; what is left is the own host's to store. */
  get told(): boolean {
    return this.received.has('logged') && this.received.has('witnessed');
  }

  /** A message of the peer: each once, in this order; `witnessed` only after the own log was shown. */
  receive(message: ReceiptMessage): ReceiptEffect[] {
    const after = {
      account: this.asked.length > 0 || this.answered.has('account'),
      receipt: this.opened,
      logged: this.received.has('receipt'),
      witnessed: this.received.has('logged') && this.answered.has('record'),
    };
    if (this.received.has(message.kind) || !after[message.kind]) {
      throw new DpcaError('ERR_WIRE_UNEXPECTED', `${message.kind} out of order`);
    }
    this.received.add(message.kind);
    switch (message.kind) {
      case 'account':
        return [this.ask({ step: 'accept', message })];
      case 'receipt':
        return [this.ask({ step: 'record', message })];
      case 'logged':
        return [this.ask({ step: 'witness', message })];
      case 'witnessed':
        return [this.ask({ step: 'finish', message })];
    }
  }

  /** The driver's answer to the oldest open request. */
  answer(step: ReceiptStep, message: ReceiptMessage | undefined): ReceiptEffect[] {
    if (this.asked.shift() !== step || message?.kind !== ANSWER[step]) {
      throw new DpcaError('ERR_INTERNAL', `an answer to ${step} that was not asked for`);
    }
    this.answered.add(step);
    return message === undefined ? [] : [{ kind: 'send', message }];
  }

  private ask(request: ReceiptRequest): ReceiptEffect {
    this.asked.push(request.step);
    return { kind: 'receipt', request };
  }
}

/** The salted commitment to a validated table: SHA-256 over its shape, the length of every cell, all cells and values. */
export function commitInput(
  salt: Bytes<32>,
  { rows, columns, values }: Table,
  newSha256: NewHash = () => sha256.create(),
): Bytes<32> {
  const state = newSha256();
  state.update(concat(utf8('dpca/v1/input'), salt, u32be(rows), u8(columns.length)));
  for (const { bytes, offsets } of columns) {
    const lengths = new DataView(new ArrayBuffer(2 * rows));
    for (let i = 0; i < rows; i++) {
      lengths.setUint16(2 * i, (offsets[i + 1] ?? 0) - (offsets[i] ?? 0));
    }
    state.update(new Uint8Array(lengths.buffer));
    state.update(bytes.subarray(0, offsets[rows]));
  }
  state.update(u8(values.length));
  for (const cells of values) {
    const view = new DataView(new ArrayBuffer(8 * rows));
    for (let i = 0; i < rows; i++) view.setBigInt64(8 * i, cells[i] ?? 0n);
    state.update(new Uint8Array(view.buffer));
  }
  return fixed(state.digest(), 32, 'commitment');
}

/** The salt that hides the release in the receipt, of both accounts' halves. */
export function releaseSalt(halves: Readonly<Record<Role, Bytes<32>>>): Bytes<32> {
  return fixed(
    sha256(lengthPrefixed(utf8('dpca/v1/release-salt'), halves.a, halves.b)),
    32,
    'salt',
  );
}

/** What a receipt says of its release and moments: nothing without the salt, and no others with it. */
export function commitRelease(
  salt: Uint8Array,
  { release, moments }: Pick<RunFacts, 'release' | 'moments'>,
): Bytes<32> {
  const opened = utf8(canonicalJson(moments.map(String)));
  const input = lengthPrefixed(
    utf8('dpca/v1/release-commitment'),
    salt,
    releaseHash(release),
    opened,
  );
  return fixed(sha256(input), 32, 'commitment');
}
