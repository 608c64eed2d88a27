/**
 * Two organisations whose logs fill with whole runs in memory: real handshakes, simulated security modules, real
 * ledgers, and the production receipt on both sides. Only the matching is left out: sizes are drawn. Time is made.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { toBase64 } from '../../attestation/base64.ts';
import type { AuditOptions, KnownParty } from '../../attestation/audit-types.ts';
import { writeBundle } from '../../attestation/bundle.ts';
import { signCheckpoint } from '../../attestation/checkpoint.ts';
import { sessionEar } from '../../attestation/ear-binding.ts';
import {
  LedgerSession,
  type PeerMemory,
  type SigningKey,
} from '../../attestation/ledger-session.ts';
import { planRecord, recordBytes, ZERO_HASH } from '../../attestation/ledger-record.ts';
import { Ledger } from '../../attestation/ledger.ts';
import {
  type Completion,
  type Envelope,
  type LogEntry,
  logOrigin,
  logRecordBytes,
} from '../../attestation/log-record.ts';
import { leafHash, MerkleTree } from '../../attestation/merkle.ts';
import { type AppraisalPolicy, parsePolicy, policyHash } from '../../attestation/policy.ts';
import { ReceiptSession } from '../../attestation/receipt-session.ts';
import { rootFingerprint } from '../../attestation/root.ts';
import { createSimulatedRoot } from '../../attestation/simulated/chain.ts';
import { encodeUserData } from '../../attestation/user-data.ts';
import { payloadSha256 } from '../../attestation/verify.ts';
import { nodeAead } from '../../enclave/aead.ts';
import { AttestationPort } from '../../enclave/attestation-port.ts';
import { Nsm } from '../../enclave/nsm/nsm.ts';
import { SimulatedNsm } from '../../enclave/nsm/simulated-nsm.ts';
import { verifyP384 } from '../../enclave/p384-webcrypto.ts';
import { type Bytes, fixed } from '../../src/bytes.ts';
import { fromUtf8, toHex } from '../../src/encoding.ts';
import { type JsonObject, parseJson } from '../../src/json.ts';
import type { Rng } from '../../src/rng.ts';
import {
  type Manifest,
  manifestFromJson,
  manifestHash,
  type Role,
} from '../../src/run/manifest.ts';
import { commitInput, type MaskCommitments } from '../../src/run/receipt.ts';
import { buildRelease } from '../../src/run/release.ts';
import type { Account, Logged } from '../../src/wire/receipt-messages.ts';
import type { HandshakeEffect, HandshakeRecord } from '../../src/session/handshake-types.ts';
import { Handshake } from '../../src/session/handshake.ts';
import { signIdentity } from '../../src/session/identity.ts';
import { againTranscript } from '../../src/session/reattest.ts';
import { tableOf } from '../support/tables.ts';
import { testManifest } from '../support/manifests.ts';

export const ROLES = ['a', 'b'] as const;
export const OTHER = { a: 'b', b: 'a' } as const;
const START = Date.UTC(2026, 0, 5, 8);
const RUN_MS = 60_000;
const ROWS = { a: 60, b: 40 };

/** A certified mask of one column for up to 60 runs at epsilon 8. */
export const MASK: readonly number[] = [
  13, 11, 7, 6, 4, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1,
];

function keyOf(rng: Rng): SigningKey {
  const secretKey = fixed(rng(32), 32, 'key');
  return { secretKey, publicKey: fixed(ed25519.getPublicKey(secretKey), 32, 'key') };
}

/** An organisation's log in memory, written as host/log writes it. */
export class MemoryLog {
  readonly lines: Uint8Array[] = [];
  readonly tree: MerkleTree = new MerkleTree();
  readonly completions: Completion[] = [];
  readonly witnessed: string[] = [];
  readonly key: SigningKey;

  constructor(key: SigningKey) {
    this.key = key;
  }

  get log(): string {
    return toHex(this.key.publicKey);
  }

  append(entry: LogEntry, time: number, clock: 'nsm' | 'host'): Envelope {
    const seq = this.tree.size;
    const prev = seq === 0 ? '00'.repeat(32) : toHex(this.tree.leaf(seq - 1));
    const envelope = { seq, prev, time, clock };
    const line = logRecordBytes(envelope, entry);
    this.lines.push(line);
    this.tree.append(leafHash(line));
    return envelope;
  }

  note(size: number = this.tree.size): Uint8Array {
    const checkpoint = { origin: logOrigin(this.log), size, root: this.tree.root(size) };
    return signCheckpoint(checkpoint, { name: checkpoint.origin, ...this.key });
  }

  bundle(): Uint8Array {
    return writeBundle({
      ...{ log: this.log, records: this.lines, completions: this.completions },
      ...{ witnessed: this.witnessed, checkpoint: fromUtf8(this.note()) },
    });
  }
}

interface Side {
  readonly role: Role;
  readonly identity: SigningKey;
  readonly log: MemoryLog;
  readonly ledger: Uint8Array[];
  readonly nsm: Nsm;
  memory: PeerMemory[];
  /** The last checkpoint of the other side's log. */
  seen: Uint8Array | undefined;
}

export interface World {
  readonly manifest: Manifest;
  readonly sides: Readonly<Record<Role, Side>>;
  readonly policy: AppraisalPolicy;
  readonly policyText: string;
  /** Root certificates, DER. */
  readonly certificates: Readonly<Record<Role, Uint8Array>>;
  readonly roots: readonly string[];
  readonly parties: readonly KnownParty[];
  /** One whole run; resolves to its session. `initiator` defaults to a. */
  run(how?: {
    readonly initiator?: Role;
    readonly until?: 'logged' | 'done';
    readonly reattest?: boolean;
    readonly tamper?: Tamper;
    /** What both enclaves make of the release. */
    readonly release?: (release: JsonObject) => JsonObject;
  }): Promise<string>;
  /** A run that ended before anything was charged, logged by one side. */
  end(role: Role, entry: LogEntry): void;
  options(change?: Partial<AuditOptions>): AuditOptions;
  /** A deep copy of both logs as they are now, to go on from in another way. */
  fork(): World;
}

function policyText(roots: readonly string[], note: string): string {
  const hex = (byte: number): string => toHex(new Uint8Array(48).fill(byte));
  return JSON.stringify({
    version: 1,
    mode: 'simulated',
    roots: roots.map((fingerprint) => ({ fingerprint, partition: 'sim' })),
    measurements: [
      {
        ...{ notBefore: '2026-01-01T00:00:00Z', notAfter: '2027-01-01T00:00:00Z' },
        ...{ pcr0: hex(1), pcr1: hex(2), pcr2: hex(3) },
      },
    ],
    ...{ maxAgeSeconds: 300, futureSkewSeconds: 60, certificateSkewSeconds: 60 },
    waivers: [
      { check: 'pcr8', reason: note },
      { check: 'pcr3', reason: 'no role' },
    ],
  });
}

/** Asked for the time only, it answers with its last document: the made clock stands still within a handshake. */
function frugal(nsm: Nsm): Nsm {
  let last: Uint8Array | undefined;
  const attest: Nsm['attest'] = async (request) => {
    if (request.userData === undefined && last !== undefined) return last;
    return (last = await nsm.attest(request));
  };
  return Object.assign(Object.create(nsm) as Nsm, { attest });
}

export async function makeWorld(
  rng: Rng,
  runs: number,
  privacy: { readonly epsilon: string; readonly weights: readonly number[] } = {
    epsilon: '8',
    weights: MASK,
  },
): Promise<World> {
  let now = START;
  const roots = {
    a: await createSimulatedRoot({ rng, now }),
    b: await createSimulatedRoot({ rng, now }),
  };
  const identities = { a: keyOf(rng), b: keyOf(rng) };
  const logs = { a: new MemoryLog(keyOf(rng)), b: new MemoryLog(keyOf(rng)) };
  const { epsilon, weights } = privacy;
  const base = JSON.parse(
    JSON.stringify(
      testManifest(1, weights, {
        privacy: {
          ...{ adjacency: 'null-a-row', epsilon, delta: '0.0001', runs },
          mask: { kind: 'xor', columns: [weights] },
        },
      }),
    ),
  ) as { values?: unknown; parties: Record<Role, { identity: string; log: string }> };
  delete base.values;
  for (const role of ROLES) {
    base.parties[role].identity = toHex(identities[role].publicKey);
    base.parties[role].log = logs[role].log;
  }
  const manifest = manifestFromJson(base as never);
  const fingerprints = ROLES.map((role) => rootFingerprint(roots[role].certificate));
  const texts = {
    a: policyText(fingerprints.slice(1), 'a: not signed'),
    b: policyText(fingerprints.slice(0, 1), 'b: not signed'),
  };
  const policies = { a: parsePolicy(texts.a), b: parsePolicy(texts.b) };
  const certificates = { a: roots.a.certificate, b: roots.b.certificate };
  const auditorText = policyText(fingerprints, 'the auditor knows');
  const policy = parsePolicy(auditorText);
  const pcr = (byte: number): Uint8Array => new Uint8Array(48).fill(byte);
  const make = (role: Role): Side => {
    const { epsilon: claim, delta } = manifest.privacy;
    const party = {
      name: manifest.parties[role].name,
      identity: toHex(identities[role].publicKey),
      log: logs[role].log,
    };
    logs[role].append({ type: 'open', party, previous: null }, now, 'host');
    const hash = toHex(policyHash(policies[role]));
    const text = parseJson(texts[role], 'policy') as JsonObject;
    logs[role].append({ type: 'policy', policy: text, hash }, now + 1, 'host');
    const record = planRecord(manifest, {
      ...{ name: `rows of ${role}`, rowsMax: 1000, perPeer: runs, epsilon: claim, delta },
      ...{ prev: ZERO_HASH, lineage: toHex(rng(16)), salt: fixed(rng(32), 32, 'salt') },
    });
    return {
      ...{ role, identity: identities[role], log: logs[role], memory: [], seen: undefined },
      ledger: [recordBytes(record)],
      nsm: frugal(
        new Nsm(
          new SimulatedNsm({
            root: roots[role],
            pcrs: { pcr0: pcr(1), pcr1: pcr(2), pcr2: pcr(3) },
            rng,
            now: () => now,
          }),
        ),
      ),
    };
  };
  const sides = { a: make('a'), b: make('b') };
  const parties = ROLES.map((role) => {
    const { name, identity, log } = manifest.parties[role];
    return { name, identity, log };
  });
  const clock = {
    tick: (ms: number) => (now += ms),
    get now() {
      return now;
    },
  };
  return worldOf(
    {
      rng,
      manifest,
      policies,
      policy,
      fingerprints,
      parties,
      clock,
      policyText: auditorText,
      certificates,
    },
    sides,
  );
}

interface Fixed {
  readonly rng: Rng;
  readonly manifest: Manifest;
  readonly policies: Readonly<Record<Role, AppraisalPolicy>>;
  readonly policy: AppraisalPolicy;
  readonly policyText: string;
  readonly certificates: Readonly<Record<Role, Uint8Array>>;
  readonly fingerprints: readonly string[];
  readonly parties: readonly KnownParty[];
  readonly clock: { tick(ms: number): void; readonly now: number };
}

function worldOf(at: Fixed, sides: Readonly<Record<Role, Side>>): World {
  const { manifest, policy, policyText: text, certificates, fingerprints, parties } = at;
  return {
    ...{ manifest, sides, policy, parties, roots: fingerprints, policyText: text, certificates },
    run: ({
      initiator = 'a',
      until = 'done',
      reattest = false,
      tamper = {},
      release = keep,
    } = {}) => runOnce(at, sides, initiator, until, { reattest, tamper, release }),
    end: (role, entry) => {
      at.clock.tick(RUN_MS);
      sides[role].log.append(entry, at.clock.now, 'host');
    },
    options: (change = {}) => ({
      ...{ parties, policy, roots: fingerprints, verifyP384 },
      ...change,
    }),
    fork: () => {
      const copy = (side: Side): Side => {
        const log = new MemoryLog(side.log.key);
        for (const line of side.log.lines) {
          log.lines.push(line);
          log.tree.append(leafHash(line));
        }
        log.completions.push(...side.log.completions);
        return { ...side, log, ledger: [...side.ledger], memory: [...side.memory] };
      };
      return worldOf(at, { a: copy(sides.a), b: copy(sides.b) });
    },
  };
}

/** Both handshake machines to their end, over their real attestation. */
async function handshake(
  at: Fixed,
  sides: Readonly<Record<Role, Side>>,
  initiator: Role,
  enclaves: Readonly<Record<Role, SigningKey>>,
) {
  const { rng, manifest, policies } = at;
  const make = (role: Role) => {
    const port = new AttestationPort(sides[role].nsm, policies[role], () => undefined);
    const machine = new Handshake({
      ...{ role: role === initiator ? 'init' : 'resp', aead: nodeAead, rng },
      ...{ identity: sides[role].identity, peerIdentity: sides[OTHER[role]].identity.publicKey },
      policyHash: fixed(policyHash(policies[role]), 32, 'hash'),
      manifestHash: manifestHash(manifest),
      enclaveKeyHash: fixed(sha256(enclaves[role].publicKey), 32, 'hash'),
      ...{ versions: [1], suites: [1] },
    });
    return {
      port,
      machine,
      inbox: [] as Uint8Array[],
      opened: undefined as HandshakeRecord | undefined,
    };
  };
  const ends = { a: make('a'), b: make('b') };
  const apply = async (role: Role, effects: readonly HandshakeEffect[]): Promise<void> => {
    const { port, machine } = ends[role];
    for (const effect of effects) {
      if (effect.type === 'send') ends[OTHER[role]].inbox.push(effect.bytes.slice());
      else if (effect.type === 'attest') {
        const own = await port.attest(effect.publicKey, effect.nonce, effect.userData);
        await apply(role, machine.step({ type: 'document', ...own }));
      } else if (effect.type === 'appraise') {
        const verdict = await port.appraise(effect.document, effect.expected);
        await apply(role, machine.step({ type: 'appraised', accept: true, ...verdict }));
      } else if (effect.type === 'open') ends[role].opened = effect;
      else throw effect.error;
    }
  };
  for (const role of [OTHER[initiator], initiator]) {
    await apply(role, ends[role].machine.step({ type: 'start' }));
  }
  for (;;) {
    const role = ROLES.find((r) => ends[r].inbox.length > 0);
    const bytes = role === undefined ? undefined : ends[role].inbox.shift();
    if (role === undefined || bytes === undefined) break;
    await apply(role, ends[role].machine.step({ type: 'message', bytes }));
  }
  return (role: Role) => {
    const { port, opened } = ends[role];
    if (opened === undefined) throw new Error('the handshake did not open');
    return { port, opened };
  };
}

/** One renewal in the session, in both logs. */
async function attestAgain(
  { rng, manifest, clock }: Fixed,
  sides: Readonly<Record<Role, Side>>,
  opened: (role: Role) => { readonly opened: HandshakeRecord },
  enclaves: Readonly<Record<Role, SigningKey>>,
): Promise<void> {
  clock.tick(1_000);
  const { inputs, transcript, sessionId } = opened('a').opened;
  const nonces = { init: fixed(rng(32), 32, 'nonce'), resp: fixed(rng(32), 32, 'nonce') };
  const again = againTranscript(transcript, 1, nonces);
  const evidence = { init: { document: '', signature: '' }, resp: { document: '', signature: '' } };
  for (const side of ROLES) {
    const { role } = opened(side).opened;
    const document = await sides[side].nsm.attest({
      publicKey: inputs.statics[role],
      nonce: nonces[role === 'init' ? 'resp' : 'init'],
      userData: encodeUserData({
        ...{ role, sessionId, transcript: again, manifestHash: manifestHash(manifest) },
        identityKeyHash: fixed(sha256(sides[side].identity.publicKey), 32, 'hash'),
        enclaveKeyHash: fixed(sha256(enclaves[side].publicKey), 32, 'hash'),
      }),
    });
    const payload = fixed(payloadSha256(document), 32, 'payload');
    const signature = signIdentity(sides[side].identity, role, again, payload);
    evidence[role] = { document: toBase64(document), signature: toHex(signature) };
  }
  for (const side of ROLES) {
    const record = {
      ...({ type: 'reattest', session: toHex(sessionId), epoch: 1, evidence } as const),
      transcript: toHex(transcript),
      nonces: { init: toHex(nonces.init), resp: toHex(nonces.resp) },
    };
    sides[side].log.append(record, clock.now, 'host');
  }
}

/** What the network, or a's enclave, makes of what a sends to b. */
export interface Tamper {
  readonly account?: (message: Account) => Account;
  readonly signature?: (bytes: Bytes<64>) => Bytes<64>;
  readonly logged?: (message: Logged) => Logged;
  readonly cosignature?: (bytes: Bytes<72>) => Bytes<72>;
}
const keep = <T>(value: T): T => value;

async function runOnce(
  at: Fixed,
  sides: Readonly<Record<Role, Side>>,
  initiator: Role,
  until: 'logged' | 'done',
  how: {
    readonly reattest: boolean;
    readonly tamper: Tamper;
    readonly release: (release: JsonObject) => JsonObject;
  },
): Promise<string> {
  const { reattest, tamper } = how;
  const { rng, manifest, clock } = at;
  clock.tick(RUN_MS);
  const enclaves = { a: keyOf(rng), b: keyOf(rng) };
  const opened = await handshake(at, sides, initiator, enclaves);
  const { sessionId } = opened('a').opened;
  if (reattest) await attestAgain(at, sides, opened, enclaves);
  const ledgerOf = (role: Role): LedgerSession => {
    const { port, opened: record } = opened(role);
    return new LedgerSession({
      ...{ ledger: new Ledger(sides[role].ledger), manifest, party: role, sessionId, run: 1, rng },
      ...{ log: sides[role].log.key, enclave: enclaves[role], memory: sides[role].memory },
      peerEnclaveKeyHash: record.peer.enclaveKeyHash,
      peerEnclave: { document: toHex(record.peer.payloadHash), pcr0: toHex(port.peerMeasurement) },
    });
  };
  const receiptOf = (role: Role): ReceiptSession =>
    new ReceiptSession({
      ...{ manifest, party: role, opened: opened(role).opened, run: 1, kernel: 'scripted' },
      ...{ log: sides[role].log.key, enclave: enclaves[role], memory: sides[role].seen },
      salt: fixed(rng(32), 32, 'salt'),
    });
  const receipts = { a: receiptOf('a'), b: receiptOf('b') };
  const tables = (role: Role) => tableOf([[`row of ${role}`]], 1);
  const accounts = { a: await accountOf('a'), b: await accountOf('b') };
  async function accountOf(role: Role) {
    const { port, opened: record } = opened(role);
    const session = {
      ...{ sessionId, transcript: record.transcript },
      issuer: manifest.parties[role].identity,
      audience: manifest.parties[OTHER[role]].identity,
    };
    const ear = await sessionEar(port.verdict, session, enclaves[role]);
    const salt: Bytes<32> = fixed(rng(32), 32, 'salt');
    return receipts[role].account(ear, { salt, commitment: commitInput(salt, tables(role)) });
  }
  const { account = keep, signature = keep, logged: show = keep, cosignature = keep } = tamper;
  const held = {
    b: await receipts.b.accept(account(accounts.a)),
    a: await receipts.a.accept(accounts.b),
  };
  const shownHead = (role: Role) => {
    const { log } = sides[role];
    return {
      note: log.note(),
      consistency: log.tree.consistency(Math.min(held[role], log.tree.size)),
    };
  };
  for (const role of ROLES) receipts[role].assertContinues(shownHead(role));
  const ledgers = { a: ledgerOf('a'), b: ledgerOf('b') };
  const heads = { a: ledgers.a.present(ledgers.b.held()), b: ledgers.b.present(ledgers.a.held()) };
  for (const role of ROLES) ledgers[role].examine(heads[OTHER[role]]);
  const charge = (role: Role) => {
    sides[role].ledger.push(ledgers[role].slot().record);
    return ledgers[role].charged();
  };
  const charged = { a: charge('a'), b: charge('b') };
  for (const role of ROLES) {
    const { lineage, note } = ledgers[role].adopt(charged[OTHER[role]]);
    sides[role].memory = [{ lineage, note }];
  }
  const seconds = (): bigint => BigInt(Math.floor(clock.now / 1000));
  const cosigned = { a: ledgers.a.cosigned(seconds()), b: ledgers.b.cosigned(seconds()) };
  for (const role of ROLES) ledgers[role].complete(cosigned[OTHER[role]]);

  const hidden = (): MaskCommitments => ({
    kind: 'commit',
    ...{ seed: fixed(rng(32), 32, 'seed'), mix: fixed(rng(32), 32, 'mix') },
    coins: fixed(rng(32), 32, 'coins'),
  });
  const commitments = { a: hidden(), b: hidden() };
  const size = 20 + ((rng(1)[0] ?? 0) % 20);
  const facts = {
    commitments,
    release: how.release(buildRelease(manifest, sessionId, ROWS, [size])),
    moments: [],
  };
  const signatures = {
    a: receipts.a.agree(facts, ledgers.a.entries()),
    b: receipts.b.agree(facts, ledgers.b.entries()),
  };
  clock.tick(2_000);
  const logged = (role: Role) => {
    const signed = receipts[role].sign(role === 'b' ? signature(signatures.a) : signatures.b);
    const { log } = sides[role];
    const envelope = log.append({ type: 'run', ...signed }, clock.now, 'nsm');
    return receipts[role].logged({
      ...{ note: log.note(), envelope, inclusion: log.tree.inclusion(envelope.seq) },
      consistency: log.tree.consistency(held[role]),
    });
  };
  const shown = { a: logged('a'), b: logged('b') };
  if (until === 'logged') return toHex(sessionId);
  sides.b.seen = receipts.b.witness(show(shown.a));
  sides.a.seen = receipts.a.witness(shown.b);
  const witnessed = { a: receipts.a.witnessed(seconds()), b: receipts.b.witnessed(seconds()) };
  sides.b.log.completions.push(receipts.b.finish(cosignature(witnessed.a)));
  sides.a.log.completions.push(receipts.a.finish(witnessed.b));
  return toHex(sessionId);
}
