/**
 * Who can attack whom, and for every check of the handshake the attack that appears without it.
 *
 * The handshake is layered on purpose: the document is bound to the connection by key, nonce, session id and transcript,
 * the identity signature and the finish MAC cover the transcript again. Where another layer would still stop the attacker,
 * the table takes that layer away as well (`without`): the model must be safe without those, and attackable without those
 * and the check. An empty `without` means that the check alone stands between the attacker and the session.
 * @module
 */
import type { Scenario } from './explore.ts';
import { type CheckName, GENUINE, type Machine } from './machine.ts';
import { constant, fresh, idPub, pub, type Term, term } from './terms.ts';

const ID = { A: fresh('id_A'), B: fresh('id_B'), E: fresh('id_E') };
type Organisation = keyof typeof ID;

/** One connection of an enclave of `owner` that expects `peer`. */
function machine(
  name: string,
  role: Machine['role'],
  owner: Organisation,
  peer: Organisation,
  changes: Partial<Machine> = {},
): Machine {
  return {
    name,
    role,
    waitsFor: role === 'init' ? 'reply' : 'hello',
    e: fresh(`e_${name}`),
    s: fresh(`s_${name}`),
    n: fresh(`n_${name}`),
    identity: ID[owner],
    claims: ID[owner],
    pinned: idPub(ID[peer]),
    supports: 'v1',
    ...changes,
  };
}

const A_INIT = machine('A', 'init', 'A', 'B');
const A_RESP = machine('A', 'resp', 'A', 'B');
const B_INIT = machine('B', 'init', 'B', 'A');
const B_RESP = machine('B', 'resp', 'B', 'A');
/** E is an organisation of the attacker's that runs the genuine image; its identity key is the attacker's. */
const E = [ID.E];

/** An earlier session of B, all of whose secrets the attacker has read out of a memory dump, and its evidence. */
const OLD = { e: fresh('e_old'), s: fresh('s_old'), n: fresh('n_old') };
const OLD_DOCUMENT = term(
  'doc',
  GENUINE,
  pub(OLD.s),
  fresh('n_then'),
  constant('resp'),
  constant('old session'),
  constant('old transcript'),
  term('hash', idPub(ID.B)),
);
const OLD_SESSION: readonly Term[] = [OLD.e, OLD.s, OLD.n, pub(OLD.e), pub(OLD.s), OLD_DOCUMENT];

export const SCENARIOS = {
  network: { name: 'A calls B', machines: [A_INIT, B_RESP], leaked: E },
  diversion: {
    name: 'A calls B; the attacker runs a genuine enclave that answers A',
    machines: [A_INIT, B_RESP, machine('E', 'resp', 'E', 'A')],
    leaked: E,
  },
  relay: {
    name: 'A calls B; the attacker runs a genuine enclave that calls B',
    machines: [A_INIT, B_RESP, machine('E', 'init', 'E', 'B')],
    leaked: E,
  },
  falseClaim: {
    name: "A calls B; a genuine enclave was given B's public key and the attacker's signing key",
    machines: [A_INIT, machine('E', 'resp', 'E', 'A', { claims: ID.B })],
    leaked: E,
  },
  falseCaller: {
    name: "B waits for A; a genuine enclave was given A's public key and the attacker's signing key",
    machines: [B_RESP, machine('E', 'init', 'E', 'B', { claims: ID.A })],
    leaked: E,
  },
  hostOfB: {
    name: "A calls B; the attacker is B's host and has B's identity key",
    machines: [A_INIT, B_RESP],
    leaked: [...E, ID.B],
  },
  bothCall: {
    name: "A and B both call; the attacker is B's host",
    machines: [A_INIT, B_INIT],
    leaked: [...E, ID.B],
  },
  bothCallNetwork: { name: 'A and B both call', machines: [A_INIT, B_INIT], leaked: E },
  bCalls: {
    name: "B calls A; the attacker is B's host",
    machines: [A_RESP, B_INIT],
    leaked: [...E, ID.B],
  },
  bCallsNetwork: { name: 'B calls A', machines: [A_RESP, B_INIT], leaked: E },
  alone: {
    name: "A calls B, nobody is there but B's host",
    machines: [A_INIT],
    leaked: [...E, ID.B],
  },
  aloneResponder: {
    name: "A waits for B, nobody is there but B's host",
    machines: [A_RESP],
    leaked: [...E, ID.B],
  },
  oldSession: {
    name: "A calls B; B's host has all secrets and the document of an earlier session",
    machines: [A_INIT],
    leaked: [...E, ID.B, ...OLD_SESSION],
  },
  reusedStatic: {
    name: "A calls B twice with one static key; nobody is there but B's host",
    machines: [A_INIT, { ...machine('A2', 'init', 'A', 'B'), s: A_INIT.s }],
    leaked: [...E, ID.B],
  },
  twoCalls: {
    name: 'A calls B twice',
    machines: [A_INIT, machine('A2', 'init', 'A', 'B'), B_RESP],
    leaked: E,
  },
  twoAnswers: {
    name: 'A calls B, and two connections of B answer',
    machines: [A_INIT, B_RESP, machine('B2', 'resp', 'B', 'A')],
    leaked: E,
  },
  crossed: {
    name: "A calls B while B calls A; the attacker is B's host",
    machines: [A_INIT, B_RESP, machine('A2', 'resp', 'A', 'B'), machine('B2', 'init', 'B', 'A')],
    leaked: [...E, ID.B],
  },
  surrounded: {
    name: 'A calls B; genuine enclaves of the attacker answer A and call B',
    machines: [A_INIT, B_RESP, machine('E', 'resp', 'E', 'A'), machine('F', 'init', 'E', 'B')],
    leaked: E,
  },
  versions: {
    name: 'A and B both speak versions 1 and 2',
    machines: [
      { ...A_INIT, supports: 'v12' },
      { ...B_RESP, supports: 'v12' },
    ],
    leaked: E,
  },
  oldImage: {
    name: 'A offers version 2 only; B runs an accepted older image that answers 1 to everything',
    machines: [
      { ...A_INIT, supports: 'v2' },
      { ...B_RESP, supports: 'old' },
    ],
    leaked: E,
  },
} as const satisfies Record<string, Scenario>;

export interface CheckCase {
  readonly check: CheckName;
  readonly scenario: keyof typeof SCENARIOS;
  readonly without: readonly CheckName[];
  /** Only these machines' safety is asked for; default all of A's and B's. */
  readonly victims?: readonly string[];
  readonly code: string;
}

const OWN_DOCUMENT_BACK = [
  'docKey',
  'docOwnKey',
  'docRole',
  'docIdentity',
  'reflectNonce',
] as const;
const butFor = (check: CheckName): readonly CheckName[] =>
  OWN_DOCUMENT_BACK.filter((name) => name !== check);

export const CHECKS: readonly CheckCase[] = [
  { check: 'docAuth', scenario: 'hostOfB', without: [], code: 'CHAIN_*, COSE_SIGNATURE_INVALID' },
  { check: 'docCode', scenario: 'hostOfB', without: [], code: 'PCR_MISMATCH' },
  { check: 'signature', scenario: 'falseClaim', without: [], code: 'ERR_SESSION_IDENTITY' },
  { check: 'finishWait', scenario: 'network', without: [], code: 'no open before the finish MAC' },
  { check: 'offered', scenario: 'oldImage', without: [], code: 'ERR_SESSION_DOWNGRADE' },
  {
    check: 'docKey',
    scenario: 'bCalls',
    without: ['docSession', 'docTranscript'],
    code: 'KEY_BINDING',
  },
  {
    check: 'docSession',
    scenario: 'bCalls',
    without: ['docKey', 'docTranscript'],
    code: 'BINDING_SESSION',
  },
  {
    check: 'docTranscript',
    scenario: 'bCalls',
    without: ['docKey', 'docSession'],
    code: 'BINDING_TRANSCRIPT',
  },
  {
    check: 'docNonce',
    scenario: 'oldSession',
    without: ['docSession', 'docTranscript'],
    code: 'NONCE_MISMATCH',
  },
  { check: 'docIdentity', scenario: 'diversion', without: ['signature'], code: 'BINDING_IDENTITY' },
  { check: 'docRole', scenario: 'alone', without: butFor('docRole'), code: 'BINDING_ROLE' },
  { check: 'docOwnKey', scenario: 'alone', without: butFor('docOwnKey'), code: 'REFLECTION' },
  {
    check: 'reflectNonce',
    scenario: 'alone',
    without: butFor('reflectNonce'),
    code: 'ERR_SESSION_REFLECTION',
  },
  {
    check: 'reflectStatic',
    scenario: 'reusedStatic',
    without: ['noiseEs', 'docOwnKey', 'docRole', 'docIdentity', 'reflectNonce'],
    code: 'ERR_SESSION_REFLECTION',
  },
  {
    check: 'signatureTranscript',
    scenario: 'bCallsNetwork',
    without: ['docKey', 'docSession', 'docTranscript'],
    code: 'ERR_SESSION_IDENTITY',
  },
  {
    check: 'signaturePayload',
    scenario: 'bCallsNetwork',
    without: ['docAuth', 'signatureTranscript'],
    code: 'ERR_SESSION_IDENTITY',
  },
  {
    check: 'signatureRole',
    scenario: 'bothCallNetwork',
    without: ['docKey', 'docSession', 'docTranscript', 'docRole', 'signatureTranscript'],
    code: 'ERR_SESSION_IDENTITY',
  },
  {
    check: 'noiseHash',
    scenario: 'versions',
    without: ['docTranscript', 'signatureTranscript', 'finishTranscript'],
    code: 'ERR_SESSION_NOISE',
  },
  {
    check: 'finishTranscript',
    scenario: 'versions',
    without: ['docTranscript', 'signatureTranscript', 'noiseHash'],
    code: 'ERR_SESSION_FINISH',
  },
  {
    check: 'noiseEs',
    scenario: 'hostOfB',
    without: ['noiseSe', 'docSession', 'docTranscript', 'signatureTranscript'],
    victims: ['A'],
    code: 'ERR_SESSION_NOISE',
  },
  {
    check: 'noiseSe',
    scenario: 'bCalls',
    without: ['docSession', 'docTranscript'],
    code: 'ERR_SESSION_NOISE',
  },
  { check: 'finishMac', scenario: 'network', without: ['sealTag'], code: 'ERR_SESSION_FINISH' },
  { check: 'sealTag', scenario: 'network', without: ['finishMac'], code: 'ERR_SESSION_DECRYPT' },
];
