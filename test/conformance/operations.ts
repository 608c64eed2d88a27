/**
 * The operations that the conformance vectors name, each a thin call of production code: hex and JSON in, hex and JSON
 * out. A refusal is thrown.
 * @module
 */
import { decodeUserData, encodeUserData } from '../../attestation/user-data.ts';
import { nodeAead } from '../../enclave/aead.ts';
import { answerChallenge, verifyAnswer } from '../../host/proxy/challenge.ts';
import { type Bytes, fixed } from '../../src/bytes.ts';
import { coins, coinStream, type CommitmentPurpose, commit } from '../../src/dp/coins.ts';
import { type CountEstimate, releaseCount } from '../../src/dp/count.ts';
import { ownMaskRows } from '../../src/dp/mask.ts';
import { type MaskPlan, planHash } from '../../src/dp/plan.ts';
import { dummyIdentifiers, jointSeed } from '../../src/dp/xor-mask.ts';
import { fromHex, fromUtf8, toHex } from '../../src/encoding.ts';
import { nobleKernel } from '../../src/group/noble-kernel.ts';
import { drawRekeyable } from '../../src/group/scalars.ts';
import { ELEMENT_TYPE } from '../../src/group/suite.ts';
import { truncateToTags } from '../../src/group/tags.ts';
import { canonicalJson } from '../../src/json.ts';
import { pack } from '../../src/packed.ts';
import {
  manifestBytes,
  manifestHash,
  parseManifest,
  parseManifestBytes,
  privacyHash,
} from '../../src/run/manifest.ts';
import { buildRelease, releaseHash } from '../../src/run/release.ts';
import { runDigest } from '../../src/run/run.ts';
import { SecureChannel } from '../../src/session/channel.ts';
import { signIdentity } from '../../src/session/identity.ts';
import type { Role } from '../../src/session/messages.ts';
import { againTranscript } from '../../src/session/reattest.ts';
import {
  KeySchedule,
  sessionId,
  transcriptHash,
  type TranscriptInputs,
} from '../../src/session/transcript.ts';
import { decodeMessage, encodeMessage, MESSAGE, type Message } from '../../src/wire/messages.ts';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { elementMessages } from '../support/element-messages.ts';
import { type HandshakeSide, handshakeFrames } from './handshake-frames.ts';
import { type ScriptedSide, scriptedWaterfall } from './scripted-waterfall.ts';

type Hex = string;
type Fields = Readonly<Record<string, Hex>>;
/** Initiator, responder. */
type Pair = readonly [Hex, Hex];

const b32 = (hex: Hex | undefined): Bytes<32> => fixed(fromHex(hex ?? ''), 32, 'vector');
const b48 = (hex: Hex | undefined): Bytes<48> => fixed(fromHex(hex ?? ''), 48, 'vector');
const both = ([init, resp]: Pair): Record<Role, Bytes<32>> => ({
  init: b32(init),
  resp: b32(resp),
});

function transcriptInputs(given: {
  versions: number[];
  suites: number[];
  version: number;
  suite: number;
  nonces: Pair;
  policyHashes: Pair;
  ephemerals: Pair;
  statics: Pair;
  h: Hex;
}): TranscriptInputs {
  const { versions, suites, version, suite, nonces, policyHashes, ephemerals, statics, h } = given;
  return {
    ...{ versions, suites, version, suite },
    ...{ nonces: both(nonces), policyHashes: both(policyHashes) },
    ...{ ephemerals: both(ephemerals), statics: both(statics), h: b32(h) },
  };
}

interface Derivation {
  readonly ck: Hex;
  readonly h: Hex;
  readonly transcript: Hex;
  readonly payloads: Pair;
}

/** Members of messages that are not byte strings. */
const PLAIN = new Set(['kind', 'code', 'rows', 'sizes', 'column', 'first']);

/** A message as vectors write it: byte strings in hex, and the type number beside it. */
function messageOf(given: Readonly<Record<string, unknown>>): Message {
  const bytes = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(bytes) : fromHex(String(value));
  const members = Object.entries(given)
    .filter(([name]) => name !== 'type')
    .map(([name, value]) => [name, PLAIN.has(name) ? value : bytes(value)]);
  return Object.fromEntries(members) as Message;
}

const estimateJson = ({ estimate, standardDeviation, low, high }: CountEstimate) => ({
  value: estimate,
  standardDeviation,
  interval: { level: '0.95', low, high },
});

const kernel = nobleKernel();

export const operations: Readonly<Record<string, ((given: never) => unknown) | undefined>> = {
  // section 1
  answer: ({ challenge, callerSeed, listener }: Fields) => {
    const privateKey = b32(callerSeed);
    const own = { privateKey, publicKey: fixed(ed25519.getPublicKey(privateKey), 32, 'key') };
    return toHex(answerChallenge(fromHex(challenge ?? ''), own, b32(listener)));
  },
  check: ({ challenge, answer, listener, caller }: Fields) => {
    verifyAnswer(fromHex(challenge ?? ''), fromHex(answer ?? ''), b32(listener), b32(caller));
  },

  // sections 2 to 4
  sessionId: (given: Parameters<typeof transcriptInputs>[0]) =>
    toHex(sessionId(transcriptInputs(given))),
  transcript: (given: Parameters<typeof transcriptInputs>[0]) =>
    toHex(transcriptHash(transcriptInputs(given))),
  finish: ({ ck, h, transcript, payloads, role }: Derivation & { role: Role }) =>
    toHex(new KeySchedule(b32(ck), b32(h)).finishMac(role, b48(transcript), both(payloads))),
  keys: ({ ck, h, payloads }: Derivation) => {
    const { init, resp } = new KeySchedule(b32(ck), b32(h)).trafficKeys(both(payloads));
    return { init: toHex(init), resp: toHex(resp) };
  },
  identity: ({ seed, role, transcript, payload }: Fields) => {
    const secretKey = b32(seed);
    const keys = { secretKey, publicKey: fixed(ed25519.getPublicKey(secretKey), 32, 'key') };
    return toHex(signIdentity(keys, role as Role, b48(transcript), b32(payload)));
  },
  handshake: (given: Record<Role, HandshakeSide>) => handshakeFrames(given),
  again: (given: { transcript: Hex; epoch: number; nonces: Pair }) =>
    toHex(againTranscript(b48(given.transcript), given.epoch, both(given.nonces))),
  channel: ({ key, plaintexts }: { key: Hex; plaintexts: [number, Hex][] }) => {
    const channel = new SecureChannel(nodeAead, { send: b32(key), receive: new Uint8Array(32) });
    return plaintexts.map(([type, plaintext]) => toHex(channel.seal(type, fromHex(plaintext))));
  },
  openFrame: ({ key, frame }: Fields) => {
    new SecureChannel(nodeAead, { send: new Uint8Array(32), receive: b32(key) }).open(
      fromHex(frame ?? ''),
    );
  },
  userData: ({ role, sessionId: id, transcript, ...hashes }: Fields) => {
    const bytes = encodeUserData({
      ...{ role: role as Role, sessionId: b32(id), transcript: b48(transcript) },
      identityKeyHash: b32(hashes['identityKeyHash']),
      manifestHash: b32(hashes['manifestHash']),
      enclaveKeyHash: b32(hashes['enclaveKeyHash']),
    });
    decodeUserData(bytes);
    return toHex(bytes);
  },
  readUserData: ({ bytes }: Fields) => decodeUserData(fromHex(bytes ?? '')),

  // section 5
  message: (given: Readonly<Record<string, unknown>>) => {
    const message = messageOf(given);
    const body = encodeMessage(message);
    if (MESSAGE[message.kind] !== given['type']) throw new Error('another type number');
    if (JSON.stringify(decodeMessage(MESSAGE[message.kind], body)) !== JSON.stringify(message)) {
      throw new Error('does not read what it writes');
    }
    return toHex(body);
  },
  decodeMessage: ({ type, body }: { type: number; body: Hex }) =>
    decodeMessage(type, fromHex(body)),

  // section 6
  manifest: ({ document }: Fields) => {
    const manifest = parseManifest(document ?? '');
    const canonical = manifestBytes(manifest);
    parseManifestBytes(canonical);
    const [hash, privacy] = [manifestHash(manifest), privacyHash(manifest)];
    return { canonical: fromUtf8(canonical), hash: toHex(hash), privacyHash: toHex(privacy) };
  },
  readManifest: ({ document }: Fields) => parseManifest(document ?? ''),
  readManifestBytes: ({ bytes }: Fields) => parseManifestBytes(fromHex(bytes ?? '')),

  // section 7
  planHash: (plan: MaskPlan) => toHex(planHash(plan)),
  jointSeed: (given: Fields & { counter: number }) => {
    const { a, b, sessionId: id, counter, planHash: plan } = given;
    return toHex(jointSeed(b32(a), b32(b), b32(id), BigInt(counter), b32(plan)));
  },
  dummy: (given: { seed: Hex; column: number; block: number; version: number; row: number }) => {
    const { seed, column, block, version, row } = given;
    return toHex(dummyIdentifiers(b32(seed))(column, block, version, row));
  },
  commitment: ({ purpose, role, sessionId: id, secret }: Fields) =>
    toHex(commit(purpose as CommitmentPurpose, b32(id), role as 'a' | 'b', b32(secret))),
  coinStream: (given: Fields & { counter: number; length: number }) => {
    const { own, peer, sessionId: id, counter, length } = given;
    return toHex(sha256(coinStream(b32(own), b32(peer), b32(id), BigInt(counter), length)));
  },
  coins: (given: Fields & { counter: number; count: number }) => {
    const { own, peer, sessionId: id, counter, count } = given;
    return coins(b32(own), b32(peer), b32(id), BigInt(counter), count).join('');
  },
  maskRows: (given: Fields & { mask: MaskPlan; counter: number }) => {
    const { mask, seed, own, peer, sessionId: id, counter } = given;
    return ownMaskRows(mask, b32(seed), b32(own), b32(peer), b32(id), BigInt(counter)).map(
      (row) => [row.column, toHex(row.identifier)],
    );
  },

  // section 8
  runDigest: ({ sessionId: id }: Fields) => toHex(runDigest(b32(id))),
  element: async (given: {
    run: Hex;
    column: number;
    type: keyof typeof ELEMENT_TYPE;
    identifier: Hex;
  }) => {
    const types = Uint8Array.of(ELEMENT_TYPE[given.type]);
    const run = fixed(fromHex(given.run), 16, 'run digest');
    const identifiers = pack([fromHex(given.identifier)]);
    const { bytes, offsets } = elementMessages(run, given.column, types, identifiers);
    return { message: toHex(bytes), element: toHex(await kernel.hashToGroup(bytes, offsets)) };
  },
  multiply: async ({ scalar, points }: Fields) =>
    toHex(await kernel.multiply(b32(scalar), fromHex(points ?? ''))),
  ratio: ({ a0, aj }: Fields) => toHex(drawRekeyable(() => b32(aj), b32(a0)).ratio),
  tag: ({ element }: Fields) => toHex(truncateToTags(fromHex(element ?? ''))),
  waterfall: (given: Record<'a' | 'b', ScriptedSide>) => scriptedWaterfall(given),

  // section 9
  count: (given: { mask: MaskPlan; sizes: number[]; rows: [number, number] }) => {
    const { mask, sizes, rows } = given;
    const { total, columns } = releaseCount(mask, sizes, ...rows);
    return { total: estimateJson(total), columns: columns.map(estimateJson) };
  },
  release: (given: {
    manifest: string;
    sessionId: Hex;
    rows: { a: number; b: number };
    sizes: number[];
  }) => {
    const { rows, sizes } = given;
    const release = buildRelease(parseManifest(given.manifest), b32(given.sessionId), rows, sizes);
    const canonical = canonicalJson(release);
    return { canonical, hash: toHex(releaseHash(release)) };
  },
};
