/**
 * The rules of a ledger: what fits, what is refused with which code, and every change of its records.
 */
import { describe, expect, it } from 'vitest';
import { parseRecord, planRecord, recordBytes } from '../../attestation/ledger-record.ts';
import { composedDelta, Ledger } from '../../attestation/ledger.ts';
import { fixed } from '../../src/bytes.ts';
import { parseDecimal } from '../../src/dp/decimal.ts';
import { fromUtf8, toHex, utf8 } from '../../src/encoding.ts';
import type { JsonObject } from '../../src/json.ts';
import { canonicalJson, parseJson } from '../../src/json.ts';
import { manifestFromJson } from '../../src/run/manifest.ts';
import { seededRng } from '../support/test-rng.ts';
import { organisations, privacy, registration } from './world.ts';

const rng = seededRng('ledger rules');
const at = organisations(rng, 4);
const { manifest } = at;
const salt = () => fixed(rng(32), 32, 'salt');

function slotOf(ledger: Ledger, of = manifest, change: JsonObject = {}): Uint8Array {
  const record = ledger.nextSlot(of, 'a', {
    session: fixed(rng(32), 32, 'session'),
    run: 1,
    peer: { identity: of.parties.b.identity, document: '00'.repeat(32), pcr0: '00'.repeat(48) },
    salt: salt(),
  });
  return edited(record, change);
}

function edited(record: Uint8Array, change: JsonObject): Uint8Array {
  const value = parseJson(fromUtf8(record), 'record') as JsonObject;
  return utf8(canonicalJson({ ...value, ...change }));
}

/** A ledger with `n` slots spent. */
function spent(n: number, perPeer?: number): Uint8Array[] {
  const records = registration(manifest, 'a', rng, perPeer);
  for (let i = 0; i < n; i++) records.push(slotOf(new Ledger(records)));
  return records;
}

/** The manifest with other top-level or privacy members. */
function changed(change: JsonObject): typeof manifest {
  return manifestFromJson({ ...manifest, ...change });
}

describe('a run fits', () => {
  it('until T slots are spent, and never after', () => {
    for (let n = 0; n < 4; n++) {
      expect(new Ledger(spent(n)).fit(manifest, 'a')).toEqual({ slot: n + 1, left: 4 - n });
    }
    expect(() => new Ledger(spent(4)).fit(manifest, 'a')).toThrowCode('ERR_BUDGET_EXHAUSTED');
    const five = spent(4);
    const ledger = new Ledger(five);
    const extra = edited(five[4]!, { prev: ledger.head, slot: 5, session: toHex(rng(32)) });
    expect(() => ledger.append(extra)).toThrowCode('ERR_BUDGET_LEDGER');
  });

  it('only within the quota of its peer', () => {
    expect(new Ledger(spent(1, 2)).fit(manifest, 'a').left).toBe(1);
    expect(() => new Ledger(spent(2, 2)).fit(manifest, 'a')).toThrowCode('ERR_BUDGET_QUOTA');
    const parties = {
      ...manifest.parties,
      b: { ...manifest.parties.b, identity: '77'.repeat(32) },
    };
    expect(new Ledger(spent(2, 2)).fit(changed({ parties }), 'a')).toEqual({ slot: 3, left: 2 });
  });

  it('only with the registered privacy fields, and whatever else changes', () => {
    const ledger = new Ledger(spent(1));
    for (const plan of [
      privacy(3),
      privacy(4, { delta: '0.0002' }),
      privacy(4, { epsilon: '3' }),
    ]) {
      expect(() => ledger.fit(changed({ privacy: plan }), 'a')).toThrowCode('ERR_BUDGET_PLAN');
    }
    const columns = [{ name: 'c1', normalisation: 'email' }];
    expect(() => ledger.fit(changed({ columns }), 'a')).toThrowCode('ERR_BUDGET_PLAN');
    expect(ledger.fit(changed({ purpose: 'another one' }), 'a').slot).toBe(2);
  });

  it('only for tables of at most the registered rows', () => {
    const parties = { ...manifest.parties, a: { ...manifest.parties.a, rowsMax: 1001 } };
    expect(() => new Ledger(spent(0)).fit(changed({ parties }), 'a')).toThrowCode(
      'ERR_BUDGET_ROWS',
    );
  });
});

describe('the records', () => {
  const records = spent(3);
  const rejects = (list: readonly Uint8Array[]): void => {
    expect(() => new Ledger(list)).toThrowCode('ERR_BUDGET_LEDGER');
  };

  it('are none before registration', () => {
    expect(() => new Ledger([])).toThrowCode('ERR_BUDGET_UNREGISTERED');
  });

  it('are refused out of order, with one missing, twice, or without their registration', () => {
    rejects([records[0]!, records[2]!, records[1]!, records[3]!]);
    rejects([records[0]!, records[2]!, records[3]!]);
    rejects([...records, records[3]!]);
    rejects(records.slice(1));
    rejects([...records, records[0]!]);
  });

  it('are refused after any change of a byte that another record follows', () => {
    const record = records[1]!;
    for (let i = 0; i < record.length; i++) {
      const bad = record.slice();
      bad[i] = (bad[i] ?? 0) ^ 1;
      rejects([records[0]!, bad, ...records.slice(2)]);
    }
  });

  const last = (change: JsonObject): Uint8Array[] => [
    ...records.slice(0, 3),
    edited(records[3]!, change),
  ];
  const edits: readonly [string, JsonObject][] = [
    ['slot number', { slot: 4 }],
    ['slot total', { of: 5 }],
    ['plan', { plan: '00'.repeat(32) }],
    ['lineage', { lineage: '00'.repeat(16) }],
    ['prev', { prev: '00'.repeat(32) }],
    ['version', { version: 2 }],
    ['unknown member', { extra: 1 }],
    ['type', { type: 'gift' }],
    ['upper-case hex', { salt: 'AA'.repeat(32) }],
    ['run 0', { run: 0 }],
    ['session that was charged before', { session: sessionOf(records[2]!) }],
  ];
  function sessionOf(record: Uint8Array): string {
    const parsed = parseRecord(record, 'ERR_BUDGET_LEDGER');
    return parsed.type === 'slot' ? parsed.session : '';
  }
  it.each(edits)('are refused with another %s', (_what, change) => {
    rejects(last(change));
  });
  it('are refused in another layout', () => {
    rejects([...records.slice(0, 3), utf8(` ${fromUtf8(records[3]!)}`)]);
    rejects([...records.slice(0, 3), new Uint8Array(0)]);
    rejects([...records.slice(0, 3), new Uint8Array(70_000).fill(0x20)]);
  });

  it('tell prefix, fork and older copy apart', () => {
    const whole = new Ledger(records);
    const older = new Ledger(records.slice(0, 2));
    expect(whole.compare(older.checkpoint)).toBe('prefix');
    expect(older.compare(whole.checkpoint)).toBe('behind');
    const fork = new Ledger([...records.slice(0, 3), slotOf(new Ledger(records.slice(0, 3)))]);
    expect(whole.compare(fork.checkpoint)).toBe('fork');
  });
});

describe('an extension', () => {
  const more = changed({ privacy: privacy(4, { epsilon: '2', delta: '0.00009' }) });
  const extend = (epsilon: string, delta: string, records = spent(4), of = more): Uint8Array[] => {
    const { lineage, name, rowsMax, perPeer } = new Ledger(records).registration;
    const record = planRecord(of, {
      ...{ lineage, name, rowsMax, perPeer: 8 > perPeer ? 8 : perPeer, epsilon, delta },
      ...{ prev: new Ledger(records).head, salt: salt() },
    });
    return [...records, recordBytes(record)];
  };

  it('opens slots of the new plan under a claim for all slots of both', () => {
    const records = extend('4', '0.0002');
    const ledger = new Ledger(records);
    expect(ledger.capacity).toBe(8);
    expect(ledger.fit(more, 'a')).toEqual({ slot: 5, left: 4 });
    expect(() => ledger.fit(manifest, 'a')).toThrowCode('ERR_BUDGET_EXHAUSTED');
    expect(ledger.registration).toMatchObject({ epsilon: '4', delta: '0.0002', type: 'extension' });
  });

  it('gives the same plan more slots when it is registered again', () => {
    const ledger = new Ledger(extend('4', '0.0002', spent(4), manifest));
    expect(ledger.fit(manifest, 'a')).toEqual({ slot: 5, left: 4 });
  });

  it('is refused when all slots together do not keep the claim, by the accountant', () => {
    // the weights are made for 30 sizes at epsilon 2: 25 keep the claim, 50 do not
    const long = organisations(rng, 25).manifest;
    const records = registration(long, 'a', rng);
    expect(() => new Ledger(extend('2', '0.0001', records, long))).toThrowCode('ERR_BUDGET_LEDGER');
    const [plan] = new Ledger(records).plans;
    const upper = composedDelta([plan!, plan!], parseDecimal('2.2'));
    expect(upper).toBeGreaterThan(0.0001);
    const decimal = (value: number): string => value.toFixed(18).replace(/0+$/, '');
    expect(new Ledger(extend('2.2', decimal(upper * 1.001), records, long)).capacity).toBe(50);
    expect(() => new Ledger(extend('2.2', decimal(upper * 0.999), records, long))).toThrowCode(
      'ERR_BUDGET_LEDGER',
    );
  });

  it('never lowers epsilon or delta', () => {
    expect(() => new Ledger(extend('1.9', '0.0009'))).toThrowCode('ERR_BUDGET_LEDGER');
    expect(() => new Ledger(extend('4', '0.00009'))).toThrowCode('ERR_BUDGET_LEDGER');
    expect(() => new Ledger(extend('4', '0.0011'))).toThrowCode('ERR_BUDGET_LEDGER'); // above 1/rowsMax
  });

  it('is refused for another lineage or name, and as a second registration', () => {
    const records = extend('4', '0.0002');
    const bad = (change: JsonObject) => () =>
      new Ledger([...records.slice(0, 5), edited(records[5]!, change)]);
    expect(bad({ lineage: '00'.repeat(16) })).toThrowCode('ERR_BUDGET_LEDGER');
    expect(bad({ name: 'another' })).toThrowCode('ERR_BUDGET_LEDGER');
    expect(bad({ type: 'registration' })).toThrowCode('ERR_BUDGET_LEDGER');
    expect(bad({ rowsMax: 999 })).toThrowCode('ERR_BUDGET_LEDGER');
  });
});
