/**
 * Exhaustive search: every order in which an attacker who *is* the network can feed every machine with everything it has
 * seen, and with every message of the right shape that it can build. What a machine sends goes to the attacker.
 *
 * Bounds: the machines of the scenario (one connection each), and for messages that the attacker builds one own ephemeral,
 * static and nonce beside all that it has learnt. A built document carries what the receiver wishes to see (a document
 * with anything else is refused at least as often). Messages a machine would refuse are not followed (machine.ts).
 * @module
 */
import {
  type Machine,
  describeMachine,
  EVIL,
  finishMac,
  GENUINE,
  hello,
  onEvidence,
  onFinish,
  onHello,
  onReply,
  onStatic,
  type Removed,
  replyTo,
  sealKey,
  signature,
  start,
  staticFor,
  trafficKey,
  transcript,
  wishedDocument,
} from './machine.ts';
import { constant, fresh, idPub, Knowledge, pub, seal, show, type Term, term } from './terms.ts';

export interface Scenario {
  readonly name: string;
  readonly machines: readonly Machine[];
  /** Secrets the attacker has from the beginning, beside its own keys. */
  readonly leaked: readonly Term[];
}

export interface Attack {
  /** What went wrong, and for whom. */
  readonly violation: string;
  /** What the attacker did, step by step. */
  readonly trace: readonly string[];
}

export interface Exploration {
  readonly attack: Attack | undefined;
  readonly states: number;
  /** How many distinct states had both honest machines open; shows that the model can succeed at all. */
  readonly completed: number;
}

/** The attacker's own key pairs and nonce. */
const X = { e: fresh('e_X'), s: fresh('s_X'), n: fresh('n_X') };

interface State {
  readonly machines: readonly Machine[];
  readonly knows: Knowledge;
  readonly trace: readonly string[];
}

type Candidate = readonly [description: string, message: Term];

/** Everything of kind `kind` that was seen on the wire or lies open. */
function seen(knows: Knowledge, kind: string): Candidate[] {
  const name = constant(kind);
  return knows
    .all('tuple')
    .filter((t) => t.args[0] === name)
    .map((t) => [`forwards a ${kind} that it has seen`, t] as const);
}

function candidates(m: Machine, state: State, removed: Removed): Candidate[] {
  const { knows } = state;
  const nonces = [X.n, ...state.machines.map((p) => p.n).filter((n) => knows.derives(n))];
  const learnt = knows.all('pub').filter((key) => key !== pub(X.e) && key !== pub(X.s));
  // which of its two key pairs the attacker calls ephemeral makes no difference
  const [ephemerals, statics] = [
    [pub(X.e), ...learnt],
    [pub(X.s), ...learnt],
  ];
  const negotiates = state.machines.some((p) => p.supports !== 'v1');
  const able = (needs: readonly Term[]): boolean => needs.every((t) => knows.derives(t));
  const out: Candidate[] = [];
  switch (m.waitsFor) {
    case 'hello':
      for (const e of ephemerals) {
        for (const n of nonces) {
          for (const offer of negotiates ? ['v12', 'v2', 'v1'] : ['v1']) {
            out.push([
              `says hello(${show(e)}, ${offer}, ${show(n)})`,
              hello(e, constant(offer), n),
            ]);
          }
        }
      }
      return out;
    case 'reply':
      for (const e of ephemerals) {
        for (const s of statics) {
          for (const n of nonces) {
            for (const version of negotiates ? ['v1', 'v2'] : ['v1']) {
              const { message, needs } = replyTo(m, e, s, n, constant(version), removed);
              const text = `answers as responder with e = ${show(e)}, static ${show(s)}, nonce ${show(n)}, ${version}`;
              if (able(needs)) out.push([text, message]);
            }
          }
        }
      }
      return [...seen(knows, 'reply'), ...out];
    case 'static':
      for (const s of statics) {
        const { message, needs } = staticFor(m, s, removed);
        if (able(needs)) out.push([`completes Noise as initiator with static ${show(s)}`, message]);
      }
      return [...seen(knows, 'static'), ...out];
    case 'evidence':
      return [...sealed(m, knows, 'evidence'), ...builtEvidence(m, knows, removed)];
    case 'finish':
      return [...sealed(m, knows, 'finish'), ...builtFinish(m, knows, removed)];
    case 'open':
      return [];
  }
}

function sealed(m: Machine, knows: Knowledge, kind: string): Candidate[] {
  const ad = constant(kind);
  return knows
    .all('seal')
    .filter((t) => t.args[1] === ad)
    .map((t) => [`forwards the sealed ${kind} of somebody to ${m.name}`, t] as const);
}

/** The key to seal with towards `m`, if the attacker has it; without tags anything will do. */
function sealingKey(m: Machine, knows: Knowledge, removed: Removed): Term | undefined {
  const key = sealKey(m, m.role === 'init' ? 'resp' : 'init', removed);
  return knows.derives(key) ? key : removed.has('sealTag') ? constant('no key') : undefined;
}

function builtEvidence(m: Machine, knows: Knowledge, removed: Removed): Candidate[] {
  const key = sealingKey(m, knows, removed);
  if (key === undefined) return [];
  const peerRole = m.role === 'init' ? 'resp' : 'init';
  const wished = [EVIL, GENUINE].map((code) => wishedDocument(m, code));
  const docs = [...knows.all('doc'), ...wished.filter((doc) => knows.derives(doc))];
  const out: Candidate[] = [];
  for (const doc of docs) {
    const own = signature(m.pinned.args[0]!, peerRole, transcript(m), doc, removed);
    const sigs = [...knows.all('sign'), ...(knows.derives(own) ? [own] : [])];
    if (removed.has('signature')) sigs.push(constant('no signature'));
    for (const sig of sigs) {
      const origin = knows.all('doc').includes(doc)
        ? 'a document it has got'
        : 'a document it made';
      const text = `presents ${origin}: (${doc.args.map((arg) => show(arg, 1)).join(', ')}) with ${show(sig, 1)}`;
      const body = term('tuple', constant('evidence'), doc, sig);
      out.push([text, seal(key, constant('evidence'), body)]);
    }
  }
  return out;
}

function builtFinish(m: Machine, knows: Knowledge, removed: Removed): Candidate[] {
  const key = sealingKey(m, knows, removed);
  if (key === undefined) return [];
  const mac = finishMac(m, m.role === 'init' ? 'resp' : 'init', removed);
  const macs = [...knows.all('mac'), ...(knows.derives(mac) ? [mac] : []), constant('no MAC')];
  return macs.map((value) => {
    const body = term('tuple', constant('finish'), value);
    return [`sends a finish with ${show(value, 0)}`, seal(key, constant('finish'), body)] as const;
  });
}

const HANDLERS = {
  hello: onHello,
  reply: onReply,
  static: onStatic,
  evidence: onEvidence,
  finish: onFinish,
  open: () => undefined,
} as const;

/** The properties of an open machine `m`; they have to hold in every state from its opening on. */
function violation(m: Machine, state: State, removed: Removed): string | undefined {
  const keys = [trafficKey(m, 'init', removed), trafficKey(m, 'resp', removed)];
  if (keys.some((key) => state.knows.derives(key))) {
    return `${m.name} opens, and the attacker knows its traffic keys`;
  }
  const peer = state.machines.find((p) => p.name !== m.name && pub(p.s) === m.peerS);
  if (peer === undefined) return `${m.name} opens with something that is no genuine enclave`;
  if (idPub(peer.identity) !== m.pinned) {
    return `${m.name} opens with a genuine enclave of another organisation (${peer.name})`;
  }
  if (peer.role === m.role || transcript(peer) !== transcript(m)) {
    return `${m.name} and ${peer.name} do not agree on roles and transcript`;
  }
  if (m.role === 'init' && m.supports !== 'v12' && m.version !== constant(m.supports)) {
    return `${m.name} runs a version that it did not offer`;
  }
  if (peer.peerDoc === undefined) {
    return `${m.name} opens, and ${peer.name} has not accepted it`;
  }
  const twin = state.machines.find(
    (p) => p.name !== m.name && p.waitsFor === 'open' && p.role === m.role,
  );
  if (twin !== undefined && transcript(twin) === transcript(m)) {
    return `${m.name} and ${twin.name} have the same session`;
  }
  return undefined;
}

/** `victims`: names of the machines whose safety is asked for (default A and B). */
export function explore(
  scenario: Scenario,
  removed: Removed,
  victims: readonly string[] = ['A', 'A2', 'B', 'B2'],
): Exploration {
  const forges = (doc: Term): boolean => doc.args[0] !== GENUINE || removed.has('docAuth');
  const knows = new Knowledge(forges);
  const identities = scenario.machines.map((m) => idPub(m.identity));
  const pins = scenario.machines.map((m) => m.pinned);
  const own = [X.e, X.s, X.n, pub(X.e), pub(X.s)];
  for (const t of [...own, ...identities, ...pins, ...scenario.leaked]) knows.learn(t);
  const machines = scenario.machines.map((m) => {
    const step = start(m, removed);
    step.sends.forEach((t) => knows.learn(t));
    return step.machine;
  });
  const queue: State[] = [{ machines, knows, trace: scenario.machines.map(describeMachine) }];
  const visited = new Set<string>();
  let completed = 0;
  for (;;) {
    const state = queue.pop();
    if (state === undefined) return { attack: undefined, states: visited.size, completed };
    const key = state.machines.map(identify).join(';');
    if (visited.has(key)) continue;
    visited.add(key);
    const open = state.machines.filter((m) => m.waitsFor === 'open');
    for (const m of open.filter(({ name }) => victims.includes(name))) {
      const found = violation(m, state, removed);
      if (found === undefined) continue;
      const attack = { violation: found, trace: state.trace };
      return { attack, states: visited.size, completed };
    }
    if (open.filter(({ name }) => name === 'A' || name === 'B').length === 2) completed += 1;
    for (const [index, m] of state.machines.entries()) {
      for (const [text, message] of candidates(m, state, removed)) {
        const step = HANDLERS[m.waitsFor](m, message, removed);
        if (step === undefined) continue;
        const after = state.machines.with(index, step.machine);
        if (visited.has(after.map(identify).join(';'))) continue;
        const grown = new Knowledge(forges, state.knows);
        step.sends.forEach((t) => grown.learn(t));
        queue.push({
          machines: after,
          knows: grown,
          trace: [...state.trace, `-> ${m.name} (${m.waitsFor}): attacker ${text}`],
        });
      }
    }
  }
}

function identify(m: Machine): string {
  const parts = [m.peerE, m.peerS, m.peerN, m.offer, m.version, m.peerDoc, m.h];
  return `${m.name} ${m.waitsFor} ${parts.map((t) => t?.id ?? '').join()}`;
}
