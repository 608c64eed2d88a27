/**
 * The charge between two sides: what each demands of the other, and what every lie and every restored copy gives.
 */
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../attestation/checkpoint.ts';
import { type PeerMemory } from '../../attestation/ledger-session.ts';
import { Ledger } from '../../attestation/ledger.ts';
import { fixed } from '../../src/bytes.ts';
import { toHex } from '../../src/encoding.ts';
import type { Role } from '../../src/run/manifest.ts';
import type { Charged } from '../../src/wire/ledger-messages.ts';
import { seededRng } from '../support/test-rng.ts';
import {
  chargeBoth,
  newKey,
  organisations,
  OTHER,
  registration,
  remember,
  type Side,
  side,
} from './world.ts';

const rng = seededRng('ledger session');
const at = organisations(rng, 4);

function fresh(): Record<Role, Side> {
  const make = (role: Role): Side => ({
    records: registration(at.manifest, role, rng),
    memory: [],
  });
  return { a: make('a'), b: make('b') };
}

const session = () => fixed(rng(32), 32, 'session');
const copy = ({ records, memory }: Side): Side => ({ records: [...records], memory: [...memory] });

describe('an honest pair', () => {
  it('runs T times, each slot in both ledgers and remembered by the other side', () => {
    const sides = fresh();
    for (let n = 1; n <= 4; n++) {
      chargeBoth(at, sides);
      for (const role of ['a', 'b'] as const) {
        const ledger = new Ledger(sides[role].records);
        expect(ledger.spent.length).toBe(n);
        const [memory, ...more] = sides[OTHER[role]].memory;
        expect(more).toEqual([]);
        const key = { name: ledger.checkpoint.origin, publicKey: at.log[role].publicKey };
        expect(openCheckpoint(memory!.note!, key, [])).toMatchObject(ledger.checkpoint);
      }
    }
    expect(() => chargeBoth(at, sides)).toThrowCode('ERR_BUDGET_EXHAUSTED');
  });

  it('goes on after a crash of either side at any step of either', () => {
    // a charged and b did not, or b's memory is old: both are prefixes
    const sides = fresh();
    chargeBoth(at, sides);
    const id = session();
    const a = side(at, 'a', sides.a.records, sides.a.memory, id);
    const b = side(at, 'b', sides.b.records, sides.b.memory, id);
    a.examine(b.present(a.held()));
    b.examine(a.present(b.held()));
    sides.a.records.push(a.slot().record); // durable, and then the process is gone
    chargeBoth(at, sides);
    expect(new Ledger(sides.a.records).spent.length).toBe(3);
    expect(new Ledger(sides.b.records).spent.length).toBe(2);
  });
});

describe('a restored copy', () => {
  const sides = fresh();
  chargeBoth(at, sides);
  const old = { a: copy(sides.a), b: copy(sides.b) };
  chargeBoth(at, sides);
  const id = session();

  it('of the own ledger is named by the own enclave', () => {
    const a = side(at, 'a', old.a.records, sides.a.memory, id);
    const b = side(at, 'b', sides.b.records, sides.b.memory, id);
    expect(() => a.present(b.held())).toThrowCode('ERR_BUDGET_ROLLBACK');
  });

  it("of the peer's ledger is named even if the peer's enclave said nothing", () => {
    const a = side(at, 'a', old.a.records, sides.a.memory, id);
    const b = side(at, 'b', sides.b.records, sides.b.memory, id);
    expect(() => b.examine(a.present([]))).toThrowCode('ERR_BUDGET_PEER_ROLLBACK');
    expect(() => b.examine(a.present([]))).toThrow('restored from an old copy');
  });

  it('that went on is a fork, and named from both sides', () => {
    const forked = { a: copy(old.a), b: { records: old.b.records, memory: old.b.memory } };
    chargeBoth(at, forked);
    chargeBoth(at, forked);
    const a = side(at, 'a', forked.a.records, sides.a.memory, id);
    const b = side(at, 'b', sides.b.records, sides.b.memory, id);
    expect(() => a.present(b.held())).toThrowCode('ERR_BUDGET_ROLLBACK');
    const quiet = side(at, 'a', forked.a.records, sides.a.memory, id);
    expect(() => b.examine(quiet.present([]))).toThrowCode('ERR_BUDGET_PEER_ROLLBACK');
  });

  it('of the memory only costs nothing', () => {
    const a = side(at, 'a', sides.a.records, old.a.memory, id);
    const b = side(at, 'b', sides.b.records, sides.b.memory, id);
    a.examine(b.present(a.held()));
    b.examine(a.present(b.held()));
  });
});

describe('another lineage', () => {
  const sides = fresh();
  chargeBoth(at, sides);
  const reset = registration(at.manifest, 'a', rng);
  const id = session();
  const head = side(at, 'a', reset, [], id).present([]);

  it('of a known peer is refused until a person accepts it', () => {
    const b = side(at, 'b', sides.b.records, sides.b.memory, id);
    expect(() => b.examine(head)).toThrowCode('ERR_BUDGET_LINEAGE');
    const { lineage } = new Ledger(reset).registration;
    const accepted = remember(sides.b.memory, { lineage, note: undefined });
    side(at, 'b', sides.b.records, accepted, id).examine(head);
  });

  it('of an unknown peer is remembered as it is', () => {
    side(at, 'b', sides.b.records, [], id).examine(head);
  });
});

describe('a lie', () => {
  const sides = fresh();
  chargeBoth(at, sides);
  const id = session();
  const open = (change = {}) => {
    const a = side(at, 'a', sides.a.records, sides.a.memory, id, change);
    const b = side(at, 'b', sides.b.records, sides.b.memory, id);
    b.examine(a.present(b.held()));
    a.examine(b.present(a.held()));
    a.slot();
    return { a, b, charged: a.charged() };
  };

  it('about the head is found', () => {
    const { a, b } = open();
    const { note, proof } = side(at, 'a', sides.a.records, [], id).present(b.held());
    expect(() =>
      b.examine({ note, proof: [...proof, proof[0] ?? fixed(rng(32), 32, 'hash')] }),
    ).toThrowCode('ERR_BUDGET_PEER_ROLLBACK');
    const forged = side(at, 'a', sides.a.records, [], id, { log: newKey(rng) }).present([]);
    expect(() => b.examine(forged)).toThrowCode('ERR_BUDGET_PROOF');
    expect(() => a.present([note.slice(0, 50)])).toThrowCode('ERR_BUDGET_PROOF');
  });

  it('about the charge is found, field by field and byte by byte', () => {
    const { b, charged } = open();
    b.adopt(charged);
    let refused = 0;
    const fields = ['note', 'record', 'enclaveKey', 'signature'] as const;
    for (const field of fields) {
      for (let i = 0; i < charged[field].length; i += field === 'record' ? 7 : 3) {
        const bytes = charged[field].slice();
        bytes[i] = (bytes[i] ?? 0) ^ 1;
        expect(() => b.adopt({ ...charged, [field]: bytes })).toThrowCode('ERR_BUDGET_PROOF');
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(150);
    const cut = (proof: Charged['inclusion']) => proof.slice(1);
    expect(() => b.adopt({ ...charged, inclusion: cut(charged.inclusion) })).toThrowCode(
      'ERR_BUDGET_PROOF',
    );
    expect(() => b.adopt({ ...charged, consistency: cut(charged.consistency) })).toThrowCode(
      'ERR_BUDGET_PROOF',
    );
  });

  it('about session, run, peer or enclave is found', () => {
    const lies = [
      { sessionId: session() },
      { run: 2 },
      { enclave: newKey(rng) },
      {
        manifest: {
          ...at.manifest,
          parties: {
            ...at.manifest.parties,
            b: { ...at.manifest.parties.b, identity: '99'.repeat(32) },
          },
        },
      },
    ];
    for (const lie of lies) {
      const { charged } = open(lie);
      const { b } = open();
      expect(() => b.adopt(charged)).toThrowCode('ERR_BUDGET_PROOF');
    }
  });

  it('about the cosignature is found', () => {
    const { a, b, charged } = open();
    b.adopt(charged);
    const good = b.cosigned(1_800_000_000n);
    const flip = (bytes: Uint8Array, i: number) => {
      const out = bytes.slice();
      out[i] = (out[i] ?? 0) ^ 1;
      return out;
    };
    for (const i of [0, 7, 8, 40, 71]) {
      const bad = fixed(flip(good.cosignature, i), 72, 'cosignature');
      expect(() => a.complete({ ...good, cosignature: bad })).toThrowCode('ERR_BUDGET_PROOF');
    }
    expect(() =>
      a.complete({ ...good, signature: fixed(flip(good.signature, 3), 64, 's') }),
    ).toThrowCode('ERR_BUDGET_PROOF');
    const { checkpoint, evidence } = a.complete(good);
    expect(evidence).toMatchObject({ version: 1 });
    expect(new TextDecoder().decode(checkpoint)).toContain(
      `dpca-enclave/party/${toHex(at.log.b.publicKey).slice(0, 16)}`,
    );
  });

  it('about what is remembered is the own host’s, and named as such', () => {
    const [memory] = sides.a.memory as [PeerMemory];
    const note = memory.note!.slice();
    note[60] = (note[60] ?? 0) ^ 1;
    expect(() => side(at, 'a', sides.a.records, [{ ...memory, note }], id)).toThrowCode(
      'ERR_BUDGET_LEDGER',
    );
    const wrong = [{ lineage: '00'.repeat(16), note: memory.note }];
    expect(() => side(at, 'a', sides.a.records, wrong, id)).toThrowCode('ERR_BUDGET_LEDGER');
  });
});
