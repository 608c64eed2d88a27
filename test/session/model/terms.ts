/**
 * Symbolic terms and what an attacker can do with them (Dolev and Yao 1983): cryptography is perfect, so a term can be
 * taken apart or built only with the keys it takes. Terms are interned: equal terms have equal ids.
 * @module
 */

export interface Term {
  readonly id: number;
  readonly op: string;
  readonly args: readonly Term[];
}

const table = new Map<string, Term>();

export function term(op: string, ...args: readonly Term[]): Term {
  const key = `${op} ${args.map((arg) => arg.id).join(' ')}`;
  let found = table.get(key);
  if (found === undefined) {
    found = { id: table.size, op, args };
    table.set(key, found);
  }
  return found;
}

/** A public constant. */
export const constant = (name: string): Term => term(`=${name}`);
/** A secret or fresh value; unknown to the attacker until it is learnt. */
export const fresh = (name: string): Term => term(`~${name}`);
export const pub = (secret: Term): Term => term('pub', secret);
/** The public half of an identity (signing) key. */
export const idPub = (secret: Term): Term => term('id', secret);
/** The shared secret of two X25519 secrets. */
export const dh = (x: Term, y: Term): Term => (x.id < y.id ? term('dh', x, y) : term('dh', y, x));
/** AEAD: `ad` is authenticated, `plaintext` is secret under `key`. */
export const seal = (key: Term, ad: Term, plaintext: Term): Term =>
  term('seal', key, ad, plaintext);

/** Pretty form for traces; long terms are cut. */
export function show(t: Term, depth = 2): string {
  const name = t.op.replace(/^[=~]/, '');
  if (t.args.length === 0) return name;
  return depth === 0
    ? `${name}(..)`
    : `${name}(${t.args.map((a) => show(a, depth - 1)).join(', ')})`;
}

/** What the attacker knows, closed under taking apart. */
export class Knowledge {
  private readonly known = new Map<number, Term>();
  private readonly locked: Term[] = [];
  private memo = new Map<number, boolean>();
  private readonly forges: (doc: Term) => boolean;

  /** `forges` says which attestation documents the attacker can have made (by enclaves that run its own code). */
  constructor(forges: (doc: Term) => boolean, from?: Knowledge) {
    this.forges = forges;
    if (from === undefined) return;
    this.known = new Map(from.known);
    this.locked = [...from.locked];
    this.memo = new Map(from.memo);
  }

  learn(t: Term): void {
    if (this.known.has(t.id)) return;
    this.known.set(t.id, t);
    this.memo = new Map();
    if (t.op === 'tuple' || t.op === 'doc') t.args.forEach((arg) => this.learn(arg));
    if (t.op === 'seal') this.locked.push(t);
    for (const box of [...this.locked]) {
      const [key, , plaintext] = box.args;
      if (this.derives(key!)) {
        this.locked.splice(this.locked.indexOf(box), 1);
        this.learn(plaintext!);
      }
    }
  }

  derives(t: Term): boolean {
    if (this.known.has(t.id) || t.op.startsWith('=')) return true;
    const before = this.memo.get(t.id);
    if (before !== undefined) return before;
    this.memo.set(t.id, false);
    const result = this.builds(t);
    this.memo.set(t.id, result);
    return result;
  }

  all(op: string): Term[] {
    return [...this.known.values()].filter((t) => t.op === op);
  }

  private builds(t: Term): boolean {
    if (t.op.startsWith('~')) return false;
    if (t.op === 'dh') {
      const [x, y] = t.args as [Term, Term];
      return (this.derives(x) && this.derives(pub(y))) || (this.derives(y) && this.derives(pub(x)));
    }
    if (t.op === 'doc' && !this.forges(t)) return false;
    return t.args.every((arg) => this.derives(arg));
  }
}
