/**
 * Two handshake machines, a driver, and an attestation layer reduced to what the session needs of one: a document that
 * only genuine enclaves can make (an HMAC under a test root instead of COSE and certificates), and an appraiser that
 * gives the codes of docs/verifying.md. The real attestation layer is joined to the session in the scenario tests.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { nodeAead } from '../../enclave/aead.ts';
import { type Bytes, concat, equalConstantTime, fixed } from '../../src/bytes.ts';
import { lengthPrefixed, u32be, utf8 } from '../../src/encoding.ts';
import type { ErrorCode } from '../../src/errors.ts';
import type { Rng } from '../../src/rng.ts';
import type {
  ExpectedEvidence,
  HandshakeConfig,
  HandshakeEffect,
  HandshakeEvent,
  OwnDocument,
  UserData,
  Verdict,
} from '../../src/session/handshake-types.ts';
import { Agreement, type Agreed } from '../../src/session/agreement.ts';
import { directed, SecureChannel } from '../../src/session/channel.ts';
import { Handshake } from '../../src/session/handshake.ts';
import type { IdentityKeys } from '../../src/session/identity.ts';
import type { Role } from '../../src/session/messages.ts';
import { Reader } from '../../src/wire/reader.ts';

export function bytes32(label: string): Bytes<32> {
  return fixed(sha256(utf8(label)), 32, label);
}

/** A reproducible stream: SHA-256(seed || counter). */
export function seededRng(seed: string): Rng {
  let counter = 0;
  return (n) => {
    const blocks: Uint8Array[] = [];
    for (let have = 0; have < n; have += 32) {
      blocks.push(sha256(concat(utf8(seed), u32be(counter++))));
    }
    return concat(...blocks).slice(0, n);
  };
}

export function identityOf(label: string): IdentityKeys {
  const secretKey = bytes32(`identity ${label}`);
  return { secretKey, publicKey: fixed(ed25519.getPublicKey(secretKey), 32, 'public key') };
}

export const GOOD_CODE: Bytes<32> = bytes32('measured code');
const ROOT = bytes32('test root of attestation');
export const EXPIRES_MS = 10_800_000;

/** The simulated security module of an enclave that runs `code`; the same field order as the real user_data. */
export function makeDocument(
  code: Uint8Array,
  publicKey: Uint8Array,
  nonce: Uint8Array,
  userData: UserData,
): OwnDocument {
  const payload = lengthPrefixed(
    code,
    publicKey,
    nonce,
    utf8(userData.role),
    userData.sessionId,
    userData.transcript,
    userData.identityHash,
    userData.manifestHash,
    userData.enclaveKeyHash,
  );
  const document = concat(payload, hmac(sha256, ROOT, payload));
  return { document, payloadHash: fixed(sha256(payload), 32, 'payload hash') };
}

export function appraise(document: Uint8Array, expected: ExpectedEvidence): Verdict {
  const payload = document.subarray(0, -32);
  const refuse = (code: ErrorCode): Verdict => ({ accept: false, code });
  const fields: Uint8Array[] = [];
  if (!equalConstantTime(hmac(sha256, ROOT, payload), document.subarray(-32))) {
    return refuse('COSE_SIGNATURE_INVALID');
  }
  const reader = new Reader(payload);
  while (reader.remaining > 0) fields.push(reader.take(reader.u32()).slice());
  const field = (i: number): Uint8Array => fields[i] ?? new Uint8Array(0);
  const checks: readonly (readonly [Uint8Array, Uint8Array, ErrorCode])[] = [
    [field(0), GOOD_CODE, 'PCR_MISMATCH'],
    [field(2), expected.nonce, 'NONCE_MISMATCH'],
    [field(1), expected.publicKey, 'KEY_BINDING'],
    [field(3), utf8(expected.role), 'BINDING_ROLE'],
    [field(4), expected.sessionId, 'BINDING_SESSION'],
    [field(5), expected.transcript, 'BINDING_TRANSCRIPT'],
    [field(6), expected.identityHash, 'BINDING_IDENTITY'],
  ];
  if (equalConstantTime(field(1), expected.ownPublicKey)) return refuse('REFLECTION');
  for (const [got, want, code] of checks) if (!equalConstantTime(got, want)) return refuse(code);
  return {
    accept: true,
    payloadHash: fixed(sha256(payload), 32, 'payload hash'),
    manifestHash: fixed(field(7), 32, 'manifest hash'),
    enclaveKeyHash: fixed(field(8), 32, 'enclave key hash'),
    expiresMs: EXPIRES_MS,
  };
}

/** The usual configuration of A (init) or B (resp); `run` seeds the randomness. */
export function configOf(
  role: Role,
  run: string,
  changes: Partial<HandshakeConfig> = {},
): HandshakeConfig {
  const [own, peer] = role === 'init' ? ['A', 'B'] : ['B', 'A'];
  return {
    role,
    aead: nodeAead,
    rng: seededRng(`${run} ${role}`),
    identity: identityOf(own),
    peerIdentity: identityOf(peer).publicKey,
    policyHash: bytes32(`policy ${own}`),
    manifestHash: bytes32('manifest'),
    enclaveKeyHash: bytes32(`enclave key ${own}`),
    versions: [1],
    suites: [1],
    ...changes,
  };
}

export type OpenEffect = Extract<HandshakeEffect, { type: 'open' }>;
export type FailedEffect = Extract<HandshakeEffect, { type: 'failed' }>;

/** One enclave: a machine with its security module and appraiser, and what it sent. */
export class Party {
  readonly machine: Handshake;
  readonly sent: Uint8Array[] = [];
  opened: OpenEffect | undefined;
  failed: FailedEffect | undefined;
  /** Replaced by tests of a lying or broken module. */
  attest: (effect: Extract<HandshakeEffect, { type: 'attest' }>) => OwnDocument;
  appraise: typeof appraise = appraise;

  constructor(config: HandshakeConfig, code: Uint8Array = GOOD_CODE) {
    this.machine = new Handshake(config);
    this.attest = (effect) => makeDocument(code, effect.publicKey, effect.nonce, effect.userData);
  }

  feed(event: HandshakeEvent): void {
    for (const effect of this.machine.step(event)) {
      if (effect.type === 'send') this.sent.push(effect.bytes);
      else if (effect.type === 'attest') this.feed({ type: 'document', ...this.attest(effect) });
      else if (effect.type === 'appraise') {
        const verdict = this.appraise(effect.document, effect.expected);
        this.feed({ type: 'appraised', ...verdict });
      } else if (effect.type === 'open') this.opened = effect;
      else {
        this.failed = effect;
        if (effect.alert !== undefined) this.sent.push(effect.alert);
      }
    }
  }

  /** The outcome in one word, for assertions. */
  get outcome(): string {
    return this.opened !== undefined ? 'open' : (this.failed?.code ?? this.machine.phase);
  }
}

/** Who receives message 1 to 7: the initiator sends 3 and 4. */
export const RECEIVER = ['resp', 'init', 'resp', 'resp', 'init', 'resp', 'init'] as const;

/** What the network makes of message `index` (0-based, over both directions) from `from`. */
export type Wire = (bytes: Uint8Array, from: Role, index: number) => readonly Uint8Array[];
export const honest: Wire = (bytes) => [bytes];

/** Delivers until nobody has anything to say; returns every message as sent, in order. */
export function converse(init: Party, resp: Party, wire: Wire = honest): Uint8Array[] {
  const log: Uint8Array[] = [];
  const delivered = { init: 0, resp: 0 };
  init.feed({ type: 'start' });
  resp.feed({ type: 'start' });
  for (;;) {
    const from: Role = init.sent.length > delivered.init ? 'init' : 'resp';
    const [sender, receiver] = from === 'init' ? [init, resp] : [resp, init];
    const bytes = sender.sent[delivered[from]];
    if (bytes === undefined) return log;
    delivered[from] += 1;
    for (const out of wire(bytes, from, log.length)) {
      receiver.feed({ type: 'message', bytes: out.slice() });
    }
    log.push(bytes);
  }
}

/** A fresh honest pair and its conversation. */
export function session(
  run: string,
  wire: Wire = honest,
): { a: Party; b: Party; log: Uint8Array[] } {
  const a = new Party(configOf('init', run));
  const b = new Party(configOf('resp', run));
  return { a, b, log: converse(a, b, wire) };
}

/** Keeps a Party for its configuration only: the other end of a conversation that a test writes frame by frame. */
export interface Rogue {
  readonly agreed: Agreed;
  readonly channel: SecureChannel;
}

/**
 * A peer that completes Noise honestly with `victim` and then says what the test wants, sealed. It holds the static
 * keys of its own side, as a party that runs other code does.
 */
export function rogueAgainst(victim: Party, config: HandshakeConfig): Rogue {
  const agreement = new Agreement(config);
  const tell = (type: number, body: Uint8Array): void =>
    victim.feed({ type: 'message', bytes: concat(Uint8Array.of(type), body) });
  if (victim.machine.phase === 'idle') victim.feed({ type: 'start' });
  if (config.role === 'init') {
    tell(0xa1, agreement.writeHello());
    tell(0xa3, agreement.answerReply(victim.sent[0]!.subarray(1)));
  } else {
    tell(0xa2, agreement.answerHello(victim.sent[0]!.subarray(1)));
    agreement.readStatic(victim.sent[1]!.subarray(1));
  }
  const agreed = agreement.finish();
  return { agreed, channel: new SecureChannel(nodeAead, directed(agreed.keys, config.role)) };
}
