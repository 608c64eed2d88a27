/**
 * Peers that complete Noise honestly and then cheat: other code, other identity, relays, diversion, downgrade, wrong
 * finish MACs, malformed sealed messages. The victim ends with the code that says why.
 */
import { describe, expect, it } from 'vitest';
import { nodeAead } from '../../enclave/aead.ts';
import { concat } from '../../src/bytes.ts';
import { u32be, utf8 } from '../../src/encoding.ts';
import type { ErrorCode } from '../../src/errors.ts';
import type { HandshakeConfig } from '../../src/session/handshake-types.ts';
import { identityHash, signIdentity } from '../../src/session/identity.ts';
import {
  encodeEvidence,
  encodeHello,
  encodeReply,
  HANDSHAKE_FRAME,
  MAX_DOCUMENT_BYTES,
  otherRole,
  type Role,
} from '../../src/session/messages.ts';
import { NoiseXX } from '../../src/session/noise.ts';
import { PROLOGUE, sessionId, transcriptHash } from '../../src/session/transcript.ts';
import {
  bytes32,
  configOf,
  converse,
  GOOD_CODE,
  identityOf,
  makeDocument,
  Party,
  type Rogue,
  rogueAgainst,
  seededRng,
} from './support.ts';

const ROLES: readonly Role[] = ['init', 'resp'];
const { alert, evidence, finish } = HANDSHAKE_FRAME;

/** Outcomes of A and B under other configurations or code. */
function meet(
  a: Partial<HandshakeConfig>,
  b: Partial<HandshakeConfig>,
  code = GOOD_CODE,
): string[] {
  const left = new Party(configOf('init', 'meet', a));
  const right = new Party(configOf('resp', 'meet', b), code);
  converse(left, right);
  return [left.outcome, right.outcome];
}

describe('a peer that is not who or what it should be', () => {
  it('runs other code: refused by name, and told so', () => {
    expect(meet({}, {}, bytes32('other code'))).toEqual(['PCR_MISMATCH', 'ERR_SESSION_REFUSED']);
  });

  it('has another identity: a genuine enclave of somebody else (diversion)', () => {
    const stranger = { identity: identityOf('stranger') };
    expect(meet({}, stranger)).toEqual(['BINDING_IDENTITY', 'ERR_SESSION_REFUSED']);
    expect(meet(stranger, {})).toEqual(['ERR_SESSION_REFUSED', 'BINDING_IDENTITY']);
  });

  it.each(ROLES)('names the pinned identity in its document, but cannot sign (as %s)', (role) => {
    const victim = new Party(configOf(otherRole(role), 'unsigned'));
    const cheat = new Party(configOf(role, 'unsigned', { identity: identityOf('stranger') }));
    const pinned = identityHash(configOf(role, 'x').identity.publicKey);
    cheat.attest = ({ publicKey, nonce, userData }) =>
      makeDocument(GOOD_CODE, publicKey, nonce, { ...userData, identityHash: pinned });
    const [a, b] = role === 'init' ? [cheat, victim] : [victim, cheat];
    converse(a, b);
    expect([victim.outcome, cheat.outcome]).toEqual([
      'ERR_SESSION_IDENTITY',
      'ERR_SESSION_REFUSED',
    ]);
  });

  it('offers nothing in common', () => {
    expect(meet({ versions: [2] }, {})).toEqual(['ERR_PEER_ABORTED', 'ERR_SESSION_DOWNGRADE']);
    expect(meet({}, { suites: [2, 3] })).toEqual(['ERR_PEER_ABORTED', 'ERR_SESSION_DOWNGRADE']);
  });

  it('never shows its document to a peer it has not accepted', () => {
    const a = new Party(configOf('init', 'order'), bytes32('other code'));
    const b = new Party(configOf('resp', 'order'));
    const log = converse(a, b);
    expect(b.outcome).toBe('PCR_MISMATCH');
    expect(log.filter((bytes) => bytes[0] === evidence)).toHaveLength(1);
  });
});

describe('a man in the middle', () => {
  /** A configuration whose nonce (the third draw) is the given one. */
  function copying(role: Role, nonce: Uint8Array): HandshakeConfig {
    const rng = seededRng(`middle ${role}`);
    let draws = 0;
    return configOf(role, 'middle', { rng: (n) => (draws++ === 2 ? nonce.slice() : rng(n)) });
  }

  it('who relays nonces and documents between two genuine enclaves is refused by both', () => {
    const a = new Party(configOf('init', 'relay'));
    const b = new Party(configOf('resp', 'relay'));
    a.feed({ type: 'start' });
    const nonceA = a.sent[0]!.slice(39, 71); // after type, ephemeral and two offers of three bytes
    const towardsB = rogueAgainst(b, copying('init', nonceA));
    const towardsA = rogueAgainst(a, copying('resp', towardsB.agreed.inputs.nonces.resp));
    const fromA = towardsA.channel.open(a.sent[2]!);
    b.feed({ type: 'message', bytes: towardsB.channel.seal(fromA.type, fromA.plaintext) });
    expect(b.outcome).toBe('KEY_BINDING');
    // the other direction, as if B had accepted: B's genuine evidence for the session that B is in
    const { inputs } = towardsB.agreed;
    const docB = makeDocument(GOOD_CODE, inputs.statics.resp, nonceA, {
      role: 'resp',
      sessionId: sessionId(inputs),
      transcript: transcriptHash(inputs),
      identityHash: identityHash(identityOf('B').publicKey),
      manifestHash: bytes32('manifest'),
      enclaveKeyHash: bytes32('enclave key B'),
    });
    const signature = signIdentity(
      identityOf('B'),
      'resp',
      transcriptHash(inputs),
      docB.payloadHash,
    );
    const forwarded = encodeEvidence({ document: docB.document, signature });
    a.feed({ type: 'message', bytes: towardsA.channel.seal(evidence, forwarded) });
    expect(a.outcome).toBe('KEY_BINDING');
  });
});

describe('a responder that does not follow the protocol', () => {
  const base = { version: 1, suite: 1, nonce: bytes32('nonce'), policyHash: bytes32('policy') };
  const cases: readonly (readonly [string, (ownNonce: Uint8Array) => Uint8Array, ErrorCode])[] = [
    [
      'chooses a version that was not offered',
      () => encodeReply({ ...base, version: 2 }),
      'ERR_SESSION_DOWNGRADE',
    ],
    [
      'chooses a suite that was not offered',
      () => encodeReply({ ...base, suite: 9 }),
      'ERR_SESSION_DOWNGRADE',
    ],
    ['chooses version zero', () => encodeReply({ ...base, version: 0 }), 'ERR_SESSION_DOWNGRADE'],
    [
      'returns our nonce',
      (nonce) => encodeReply({ ...base, nonce: nonce as typeof base.nonce }),
      'ERR_SESSION_REFLECTION',
    ],
    [
      'claims our role',
      () => Uint8Array.of(...encodeReply(base).subarray(0, -1), 1),
      'ERR_SESSION_REFLECTION',
    ],
    [
      'claims no role',
      () => Uint8Array.of(...encodeReply(base).subarray(0, -1), 3),
      'ERR_WIRE_VALUE',
    ],
    ['says more', () => Uint8Array.of(...encodeReply(base), 0), 'ERR_WIRE_TRAILING'],
    ['says less', () => encodeReply(base).subarray(0, -1), 'ERR_WIRE_TRUNCATED'],
  ];
  it.each(cases)('%s', (_name, payload, code) => {
    const a = new Party(configOf('init', 'responder'));
    a.feed({ type: 'start' });
    const hello = a.sent[0]!;
    const noise = new NoiseXX({
      initiator: false,
      prologue: PROLOGUE,
      aead: nodeAead,
      staticSecret: bytes32('static').slice(),
      ephemeralSecret: bytes32('ephemeral').slice(),
    });
    noise.read(hello.subarray(1));
    const message = noise.write(payload(hello.slice(39, 71)));
    a.feed({ type: 'message', bytes: concat(Uint8Array.of(HANDSHAKE_FRAME.reply), message) });
    expect(a.outcome).toBe(code);
  });
});

describe('an initiator that does not follow the protocol', () => {
  const base = {
    versions: [1],
    suites: [1],
    nonce: bytes32('nonce'),
    policyHash: bytes32('policy'),
  };
  const cases: readonly (readonly [string, Uint8Array, ErrorCode])[] = [
    ['offers no version', encodeHello({ ...base, versions: [] }), 'ERR_WIRE_VALUE'],
    ['offers a version twice', encodeHello({ ...base, versions: [1, 1] }), 'ERR_WIRE_VALUE'],
    ['offers versions in no order', encodeHello({ ...base, versions: [2, 1] }), 'ERR_WIRE_VALUE'],
    [
      'offers nine',
      encodeHello({ ...base, suites: [1, 2, 3, 4, 5, 6, 7, 8, 9] }),
      'ERR_WIRE_VALUE',
    ],
    ['offers version zero', encodeHello({ ...base, versions: [0] }), 'ERR_WIRE_VALUE'],
    [
      'claims our role',
      Uint8Array.of(...encodeHello(base).subarray(0, -1), 2),
      'ERR_SESSION_REFLECTION',
    ],
    ['says more', Uint8Array.of(...encodeHello(base), 0), 'ERR_WIRE_TRAILING'],
    ['says nothing', new Uint8Array(0), 'ERR_WIRE_TRUNCATED'],
  ];
  it.each(cases)('%s', (_name, payload, code) => {
    const b = new Party(configOf('resp', 'initiator'));
    b.feed({ type: 'start' });
    const noise = new NoiseXX({
      initiator: true,
      prologue: PROLOGUE,
      aead: nodeAead,
      staticSecret: bytes32('static').slice(),
      ephemeralSecret: bytes32('ephemeral').slice(),
    });
    const message = noise.write(payload);
    b.feed({ type: 'message', bytes: concat(Uint8Array.of(HANDSHAKE_FRAME.hello), message) });
    expect(b.outcome).toBe(code);
  });

  it('adds a payload to message 3', () => {
    const b = new Party(configOf('resp', 'message 3'));
    const noise = new NoiseXX({
      initiator: true,
      prologue: PROLOGUE,
      aead: nodeAead,
      staticSecret: bytes32('static').slice(),
      ephemeralSecret: bytes32('ephemeral').slice(),
    });
    b.feed({ type: 'start' });
    const tell = (type: number, body: Uint8Array): void =>
      b.feed({ type: 'message', bytes: concat(Uint8Array.of(type), body) });
    tell(HANDSHAKE_FRAME.hello, noise.write(encodeHello(base)));
    noise.read(b.sent[0]!.subarray(1));
    tell(HANDSHAKE_FRAME.static, noise.write(Uint8Array.of(1)));
    expect(b.outcome).toBe('ERR_WIRE_TRAILING');
  });
});

describe.each(ROLES)('sealed messages of a peer that is %s', (role) => {
  const setup = (): {
    victim: Party;
    rogue: Rogue;
    say: (type: number, body: Uint8Array) => string;
  } => {
    const victim = new Party(configOf(otherRole(role), 'sealed'));
    const rogue = rogueAgainst(victim, configOf(role, 'sealed'));
    const say = (type: number, body: Uint8Array): string => {
      victim.feed({ type: 'message', bytes: rogue.channel.seal(type, body) });
      return victim.outcome;
    };
    return { victim, rogue, say };
  };
  /** Evidence as an honest peer of this role would send it. */
  const honestEvidence = ({ agreed }: Rogue): Uint8Array => {
    const transcript = transcriptHash(agreed.inputs);
    const { statics, nonces } = agreed.inputs;
    const own = makeDocument(GOOD_CODE, statics[role], nonces[otherRole(role)], {
      role,
      sessionId: sessionId(agreed.inputs),
      transcript,
      identityHash: identityHash(configOf(role, 'x').identity.publicKey),
      manifestHash: bytes32('manifest'),
      enclaveKeyHash: bytes32('key'),
    });
    const { identity } = configOf(role, 'x');
    const signature = signIdentity(identity, role, transcript, own.payloadHash);
    return encodeEvidence({ document: own.document, signature });
  };

  it('a wrong finish MAC', () => {
    const { rogue, say } = setup();
    expect(say(evidence, honestEvidence(rogue))).toBe('finish');
    expect(say(finish, bytes32('no MAC'))).toBe('ERR_SESSION_FINISH');
  });

  it('a finish MAC of the wrong length', () => {
    const { rogue, say } = setup();
    say(evidence, honestEvidence(rogue));
    expect(say(finish, new Uint8Array(0))).toBe('ERR_SESSION_FINISH');
  });

  it("the victim's own finish MAC", () => {
    const { victim, rogue, say } = setup();
    say(evidence, honestEvidence(rogue));
    const sealed = victim.sent.find((bytes) => bytes[0] === finish);
    if (role === 'init') {
      expect(sealed).toBeUndefined(); // the responder sends its MAC after the initiator's only
      return;
    }
    rogue.channel.open(victim.sent[2]!);
    expect(say(finish, rogue.channel.open(sealed!).plaintext)).toBe('ERR_SESSION_FINISH');
  });

  it('a finish MAC before any evidence, and evidence twice', () => {
    expect(setup().say(finish, bytes32('early'))).toBe('ERR_WIRE_UNEXPECTED');
    const { rogue, say } = setup();
    say(evidence, honestEvidence(rogue));
    expect(say(evidence, honestEvidence(rogue))).toBe('ERR_WIRE_UNEXPECTED');
  });

  it.each([
    ['no document', concat(u32be(0), new Uint8Array(64)), 'ERR_WIRE_LENGTH'],
    [
      'too long a document',
      concat(u32be(MAX_DOCUMENT_BYTES + 1), new Uint8Array(64)),
      'ERR_WIRE_LENGTH',
    ],
    ['a document that is cut', concat(u32be(10), new Uint8Array(9)), 'ERR_WIRE_TRUNCATED'],
    ['half a signature', concat(u32be(1), new Uint8Array(33)), 'ERR_WIRE_TRUNCATED'],
    ['more after the signature', concat(u32be(1), new Uint8Array(66)), 'ERR_WIRE_TRAILING'],
    ['a document nobody signed', concat(u32be(40), new Uint8Array(104)), 'COSE_SIGNATURE_INVALID'],
  ] as const)('evidence with %s', (_name, body, code) => {
    expect(setup().say(evidence, body)).toBe(code);
  });

  it('alerts: a code decides, and a name that is no code is malformed', () => {
    expect(setup().say(alert, utf8('PCR_MISMATCH'))).toBe('ERR_SESSION_REFUSED');
    expect(setup().say(alert, utf8('ERR_SESSION_IDENTITY'))).toBe('ERR_SESSION_REFUSED');
    expect(setup().say(alert, utf8('ERR_PEER_SILENT'))).toBe('ERR_PEER_ABORTED');
    for (const body of ['', 'ERR_NOTHING', 'pcr_mismatch', 'x'.repeat(65)]) {
      expect(setup().say(alert, utf8(body))).toBe('ERR_WIRE_VALUE');
    }
    expect(setup().say(alert, Uint8Array.of(0xff))).toBe('ERR_WIRE_VALUE');
  });

  it('an alert in clear claims nothing: even an attestation code is a diagnostic', () => {
    const { victim } = setup();
    const forged = concat(Uint8Array.of(HANDSHAKE_FRAME.clearAlert), utf8('PCR_MISMATCH'));
    victim.feed({ type: 'message', bytes: forged });
    expect(victim.outcome).toBe('ERR_PEER_ABORTED');
    expect(victim.failed!.error.message).toContain('without authentication');
    expect(victim.failed!.alert).toBeUndefined();
  });
});
