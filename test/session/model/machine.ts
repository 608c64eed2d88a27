/**
 * The handshake machine over symbolic terms; one function per message, in the order of docs/specification.md section 2. `removed`
 * names the checks that are left out. Refusal is `undefined`: a machine that fails does nothing more, so for finding
 * attacks it is enough to follow what is accepted.
 *
 * Abstracted: lengths, encodings, alerts, time, certificates (a document is a term that only its maker can build), policy
 * contents (one genuine measurement), the counter of sealed frames (one message of each kind per direction).
 * @module
 */
import { constant, dh, idPub, pub, seal, show, type Term, term } from './terms.ts';

export type CheckName =
  // the document
  | 'docAuth'
  | 'docCode'
  | 'docNonce'
  | 'docKey'
  | 'docOwnKey'
  | 'docRole'
  | 'docSession'
  | 'docTranscript'
  | 'docIdentity'
  // the identity signature, and what it covers
  | 'signature'
  | 'signatureRole'
  | 'signatureTranscript'
  | 'signaturePayload'
  // Noise
  | 'noiseHash'
  | 'noiseEs'
  | 'noiseSe'
  | 'offered'
  | 'reflectNonce'
  | 'reflectStatic'
  | 'reflectEphemeral'
  // sealed messages and the end
  | 'sealTag'
  | 'finishWait'
  | 'finishMac'
  | 'finishTranscript';
export type Removed = ReadonlySet<CheckName>;

export const GENUINE: Term = constant('genuine code');
export const EVIL: Term = constant('other code');
const NOTHING = constant('nothing');

export interface Machine {
  /** "A", "B", "E": for traces; a machine is one connection of one enclave that runs the genuine code. */
  readonly name: string;
  readonly role: 'init' | 'resp';
  readonly waitsFor: 'hello' | 'reply' | 'static' | 'evidence' | 'finish' | 'open';
  readonly e: Term;
  readonly s: Term;
  readonly n: Term;
  /** The identity key that it signs with, and the one that it claims in user_data: its host chooses both. */
  readonly identity: Term;
  readonly claims: Term;
  /** Public identity key of the expected peer. */
  readonly pinned: Term;
  /** Versions offered or supported: one, or both ("v12"). An old image answers v1 to everything. */
  readonly supports: 'v1' | 'v12' | 'v2' | 'old';
  readonly peerE?: Term;
  readonly peerS?: Term;
  readonly peerN?: Term;
  readonly offer?: Term;
  readonly version?: Term;
  /** Handshake hash so far. */
  readonly h?: Term;
  readonly ownDoc?: Term;
  readonly peerDoc?: Term;
}

export interface Step {
  readonly machine: Machine;
  readonly sends: readonly Term[];
}

const other = (role: Machine['role']): Machine['role'] => (role === 'init' ? 'resp' : 'init');
const hash = (...args: readonly Term[]): Term => term('hash', ...args);
const roleTerm = (role: Machine['role']): Term => constant(role);

/** Contributions by role. */
function sides(m: Machine): Record<'eI' | 'eR' | 'sI' | 'sR' | 'nI' | 'nR', Term> {
  const own = { e: pub(m.e), s: pub(m.s), n: m.n };
  const peer = { e: m.peerE ?? NOTHING, s: m.peerS ?? NOTHING, n: m.peerN ?? NOTHING };
  const [i, r] = m.role === 'init' ? [own, peer] : [peer, own];
  return { eI: i.e, eR: r.e, sI: i.s, sR: r.s, nI: i.n, nR: r.n };
}

/** Noise's chaining key after ee, es and se, as far as they are reached; the two sides of an X25519 agree on it. */
function chain(m: Machine, upTo: 'ee' | 'es' | 'se', removed: Removed): Term {
  const { eI, eR, sI, sR } = sides(m);
  const shared = (a: Term, b: Term): Term => dh(a.args[0] ?? a, b.args[0] ?? b);
  const parts = [shared(eI, eR)];
  if (upTo !== 'ee' && !removed.has('noiseEs')) parts.push(shared(eI, sR));
  if (upTo === 'se' && !removed.has('noiseSe')) parts.push(shared(sI, eR));
  return term('ck', ...parts);
}

export function transcript(m: Machine): Term {
  const { eI, eR, sI, sR, nI, nR } = sides(m);
  const { offer = NOTHING, version = NOTHING, h = NOTHING } = m;
  return term('T', offer, version, nI, nR, eI, eR, sI, sR, h);
}

function session(m: Machine): Term {
  const { eI, eR, nI, nR } = sides(m);
  return term('sid', nI, nR, eI, eR);
}

export function sealKey(m: Machine, sender: Machine['role'], removed: Removed): Term {
  return term('key', chain(m, 'se', removed), roleTerm(sender));
}

const payloadHash = (doc: Term): Term => hash(constant('payload'), doc);

function payloads(m: Machine): readonly [Term, Term] {
  const own = payloadHash(m.ownDoc ?? NOTHING);
  const peer = payloadHash(m.peerDoc ?? NOTHING);
  return m.role === 'init' ? [own, peer] : [peer, own];
}

function exporter(m: Machine, removed: Removed): Term {
  return term('exp', chain(m, 'se', removed), m.h ?? NOTHING);
}

export function trafficKey(m: Machine, sender: Machine['role'], removed: Removed): Term {
  return term('traffic', exporter(m, removed), ...payloads(m), roleTerm(sender));
}

/** What the finish MAC of `role` is in the eyes of `m`. */
export function finishMac(m: Machine, role: Machine['role'], removed: Removed): Term {
  const covered = removed.has('finishTranscript') ? [] : [transcript(m)];
  return term('mac', exporter(m, removed), roleTerm(role), ...covered, ...payloads(m));
}

/** doc(code, public_key, nonce, role, session, T, hash of identity key) */
function document(m: Machine): Term {
  const claims = hash(idPub(m.claims));
  const nonce = m.peerN ?? NOTHING;
  return term('doc', GENUINE, pub(m.s), nonce, roleTerm(m.role), session(m), transcript(m), claims);
}

/** The document that `m` would like best: with this code and everything as expected. */
export function wishedDocument(m: Machine, code: Term): Term {
  const { peerS = NOTHING, n, role, pinned } = m;
  return term(
    'doc',
    code,
    peerS,
    n,
    roleTerm(other(role)),
    session(m),
    transcript(m),
    hash(pinned),
  );
}

export function signature(
  identity: Term,
  role: Machine['role'],
  t: Term,
  doc: Term,
  removed: Removed,
): Term {
  const covered: Term[] = [];
  if (!removed.has('signatureRole')) covered.push(roleTerm(role));
  if (!removed.has('signatureTranscript')) covered.push(t);
  if (!removed.has('signaturePayload')) covered.push(payloadHash(doc));
  return term('sign', identity, ...covered);
}

const HASH_0 = constant('prologue');
/** Mixes into h what Noise mixes into h; without the check, the hello payloads are left out. */
function mix(h: Term, removed: Removed, payload: Term, ...rest: readonly Term[]): Term {
  return hash(h, ...rest, ...(removed.has('noiseHash') ? [] : [payload]));
}

export function hello(e: Term, offer: Term, n: Term): Term {
  return term('tuple', constant('hello'), e, offer, n);
}

/** Message 1 of an initiator; the machine waits for the reply from its beginning. */
export function start(m: Machine, removed: Removed): Step {
  if (m.role === 'resp') return { machine: m, sends: [] };
  const offer = constant(m.supports);
  const h = mix(HASH_0, removed, term('tuple', offer, m.n), pub(m.e));
  return { machine: { ...m, offer, h }, sends: [hello(pub(m.e), offer, m.n)] };
}

function reflects(
  m: Machine,
  removed: Removed,
  peer: Partial<Record<'e' | 's' | 'n', Term>>,
): boolean {
  return (
    (!removed.has('reflectEphemeral') && peer.e === pub(m.e)) ||
    (!removed.has('reflectStatic') && peer.s === pub(m.s)) ||
    (!removed.has('reflectNonce') && peer.n === m.n)
  );
}

/** Responder: message 1 in, 2 out. */
export function onHello(m: Machine, message: Term, removed: Removed): Step | undefined {
  const [, e, offer, n] = message.args as [Term, Term, Term, Term];
  if (reflects(m, removed, { e, n })) return undefined;
  const version = constant(m.supports === 'old' || offer === constant('v1') ? 'v1' : 'v2');
  const seen: Machine = { ...m, peerE: e, peerN: n, offer, version };
  const h0 = mix(HASH_0, removed, term('tuple', offer, n), e);
  const h1 = hash(h0, pub(m.e));
  const boxS = seal(chain(seen, 'ee', removed), h1, pub(m.s));
  const h2 = hash(h1, boxS);
  // es needs the own static only, which the responder has
  const reply = term('tuple', version, m.n);
  const boxReply = seal(chain(seen, 'es', removed), h2, reply);
  const h = mix(h2, removed, boxReply);
  return {
    machine: { ...seen, h, waitsFor: 'static' },
    sends: [term('tuple', constant('reply'), pub(m.e), boxS, boxReply)],
  };
}

/** Message 2 as somebody with ephemeral e, static s and nonce n would write it to `m`; also says which keys that takes. */
export function replyTo(
  m: Machine,
  e: Term,
  s: Term,
  n: Term,
  version: Term,
  removed: Removed,
): { readonly message: Term; readonly needs: readonly Term[] } {
  const seen: Machine = { ...m, peerE: e, peerS: s };
  const h1 = hash(m.h ?? NOTHING, e);
  const [k1, k2] = [chain(seen, 'ee', removed), chain(seen, 'es', removed)];
  const boxS = seal(k1, h1, s);
  const boxReply = seal(k2, hash(h1, boxS), term('tuple', version, n));
  const message = term('tuple', constant('reply'), e, boxS, boxReply);
  return { message, needs: [k1, k2, e, s, n] };
}

/** Initiator: message 2 in, 3 and 4 out. */
export function onReply(m: Machine, message: Term, removed: Removed): Step | undefined {
  const [, e, boxS, boxReply] = message.args as [Term, Term, Term, Term];
  const s = boxS.args[2] ?? NOTHING;
  const reply = boxReply.args[2] ?? NOTHING;
  const [version = NOTHING, n = NOTHING] = reply.args;
  const expected = replyTo(m, e, s, n, version, removed).message;
  if (expected !== message || s.op !== 'pub' || reflects(m, removed, { e, s, n })) return undefined;
  const offered = m.supports === 'v12' || version === constant(m.supports);
  if (!removed.has('offered') && !offered) return undefined;
  const seen: Machine = { ...m, peerE: e, peerS: s, peerN: n, version };
  const h2 = hash(hash(m.h ?? NOTHING, e), boxS);
  const h3 = mix(h2, removed, boxReply);
  const third = staticTo(seen, h3, pub(m.s), removed);
  const bound: Machine = { ...seen, h: third.h, waitsFor: 'evidence' };
  const evidence = ownEvidence(bound, removed);
  return { machine: evidence.machine, sends: [third.message, ...evidence.sends] };
}

/** Message 3 with static s under handshake hash h. */
function staticTo(m: Machine, h: Term, s: Term, removed: Removed): { message: Term; h: Term } {
  const boxS = seal(chain(m, 'es', removed), h, s);
  const end = seal(chain(m, 'se', removed), hash(h, boxS), NOTHING);
  return { message: term('tuple', constant('static'), boxS, end), h: hash(h, boxS, end) };
}

/** Message 3 as somebody with static s would write it to the responder `m`. */
export function staticFor(
  m: Machine,
  s: Term,
  removed: Removed,
): { readonly message: Term; readonly needs: readonly Term[]; readonly h: Term } {
  const seen: Machine = { ...m, peerS: s };
  const { message, h } = staticTo(seen, m.h ?? NOTHING, s, removed);
  return { message, h, needs: [chain(seen, 'es', removed), chain(seen, 'se', removed), s] };
}

/** Responder: message 3 in; it has its document from here on, and shows it only later. */
export function onStatic(m: Machine, message: Term, removed: Removed): Step | undefined {
  const s = message.args[1]?.args[2] ?? NOTHING;
  const expected = staticFor(m, s, removed);
  if (expected.message !== message || s.op !== 'pub' || reflects(m, removed, { s }))
    return undefined;
  return { machine: { ...m, peerS: s, h: expected.h, waitsFor: 'evidence' }, sends: [] };
}

/** Makes the own document, and the evidence message. */
function ownEvidence(m: Machine, removed: Removed): Step {
  const ownDoc = document(m);
  const sig = signature(m.identity, m.role, transcript(m), ownDoc, removed);
  const body = term('tuple', constant('evidence'), ownDoc, sig);
  const sends = [seal(sealKey(m, m.role, removed), constant('evidence'), body)];
  return { machine: { ...m, ownDoc }, sends };
}

/** What stands in the way of `doc` and `sig`: the first check that refuses them. */
export function refusal(m: Machine, doc: Term, sig: Term, removed: Removed): CheckName | undefined {
  const [code, key, nonce, role, sid, t, claims] = doc.args;
  const pass: Partial<Record<CheckName, boolean>> = {
    docCode: code === GENUINE,
    docNonce: nonce === m.n,
    docKey: key === m.peerS,
    docOwnKey: key !== pub(m.s),
    docRole: role === roleTerm(other(m.role)),
    docSession: sid === session(m),
    docTranscript: t === transcript(m),
    docIdentity: claims === hash(m.pinned),
    signature:
      sig === signature(m.pinned.args[0] ?? NOTHING, other(m.role), transcript(m), doc, removed),
  };
  const names = Object.keys(pass) as CheckName[];
  return names.find((name) => pass[name] === false && !removed.has(name));
}

/** Both roles: message 4 or 5 in; the initiator answers with its finish MAC, the responder with its evidence. */
export function onEvidence(m: Machine, message: Term, removed: Removed): Step | undefined {
  const [key, ad, body] = message.args as [Term, Term, Term];
  const authentic = key === sealKey(m, other(m.role), removed) && ad === constant('evidence');
  if (!authentic && !removed.has('sealTag')) return undefined;
  const [, doc = NOTHING, sig = NOTHING] = body.args;
  if (refusal(m, doc, sig, removed) !== undefined) return undefined;
  const accepted: Machine = { ...m, peerDoc: doc, waitsFor: 'finish' };
  if (m.role === 'init') return opened(accepted, removed, [ownFinish(accepted, removed)]);
  const evidence = ownEvidence(accepted, removed);
  return opened(evidence.machine, removed, evidence.sends);
}

function opened(m: Machine, removed: Removed, sends: readonly Term[]): Step {
  const machine: Machine = removed.has('finishWait') ? { ...m, waitsFor: 'open' } : m;
  return { machine, sends };
}

function ownFinish(m: Machine, removed: Removed): Term {
  const body = term('tuple', constant('finish'), finishMac(m, m.role, removed));
  return seal(sealKey(m, m.role, removed), constant('finish'), body);
}

/** Both roles: message 6 or 7 in. */
export function onFinish(m: Machine, message: Term, removed: Removed): Step | undefined {
  const [key, ad, body] = message.args as [Term, Term, Term];
  const authentic = key === sealKey(m, other(m.role), removed) && ad === constant('finish');
  if (!authentic && !removed.has('sealTag')) return undefined;
  const wrong = body.args[1] !== finishMac(m, other(m.role), removed);
  if (wrong && !removed.has('finishMac')) return undefined;
  const sends = m.role === 'resp' ? [ownFinish(m, removed)] : [];
  return { machine: { ...m, waitsFor: 'open' }, sends };
}

export function describeMachine(m: Machine): string {
  return `${m.name}, ${m.role}, expects ${show(m.pinned)}`;
}
