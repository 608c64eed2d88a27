/**
 * The charge inside a whole run: it lies between table and commitment, and a run without it goes no further.
 */
import { describe, expect, it } from 'vitest';
import type { LedgerSession } from '../../attestation/ledger-session.ts';
import { Ledger } from '../../attestation/ledger.ts';
import { HostStorage, LedgerPort } from '../../enclave/ledger-port.ts';
import type { Bytes } from '../../src/bytes.ts';
import { DpcaError } from '../../src/errors.ts';
import type { LedgerRequest } from '../../src/run/charge.ts';
import type { RunEvent } from '../../src/run/run.ts';
import type { Role } from '../../src/run/manifest.ts';
import type { LedgerMessage } from '../../src/wire/ledger-messages.ts';
import { decodeMessage, encodeMessage, MESSAGE } from '../../src/wire/messages.ts';
import { runPair } from '../support/run-pair.ts';
import { seededRng } from '../support/test-rng.ts';
import { organisations, registration, remember, side, type Side } from './world.ts';

const at = organisations(seededRng('ledger run'), 2);
const cells = { a: [['x'], ['y'], ['z']], b: [['y'], ['z'], ['w']] };

function fresh(): Record<Role, Side> {
  const make = (role: Role): Side => ({
    records: registration(at.manifest, role, at.rng),
    memory: [],
  });
  return { a: make('a'), b: make('b') };
}

/** Real sessions over `sides`; `before` may throw what a host or ledger would. */
function ledgers(sides: Record<Role, Side>, before: (role: Role, step: string) => void) {
  const open: Partial<Record<Role, LedgerSession>> = {};
  return (role: Role, request: LedgerRequest, sessionId: Bytes<32>): RunEvent => {
    const own = (open[role] ??= side(at, role, sides[role].records, sides[role].memory, sessionId));
    const { step } = request;
    before(role, step);
    const answer = (message?: LedgerMessage): RunEvent => ({ kind: 'ledger', step, message });
    switch (request.step) {
      case 'recall':
        return answer({ kind: 'held', notes: own.held() });
      case 'present':
        return answer({ kind: 'head', ...own.present(request.message.notes) });
      case 'examine':
        own.examine(request.message);
        return answer();
      case 'charge':
        sides[role].records.push(own.slot().record);
        return answer({ kind: 'charged', ...own.charged() });
      case 'adopt':
        sides[role].memory = remember(sides[role].memory, own.adopt(request.message));
        return answer({ kind: 'cosigned', ...own.cosigned(1_800_000_000n) });
      case 'complete':
        own.complete(request.message);
        return answer();
    }
  };
}

describe('a run', () => {
  it('charges both ledgers before either side commits, T times', () => {
    const sides = fresh();
    for (let n = 1; n <= 2; n++) {
      const { failures, log, releases } = runPair(at.manifest, cells, {
        rng: seededRng(`charged run ${n}`),
        ledger: ledgers(sides, () => undefined),
      });
      expect(failures).toEqual({});
      expect(releases.a).toEqual(releases.b);
      const types = log.map(({ type }) => type);
      expect(types.lastIndexOf(MESSAGE.cosigned)).toBeLessThan(types.lastIndexOf(MESSAGE.commit));
      for (const role of ['a', 'b'] as const) {
        expect(new Ledger(sides[role].records).spent.length).toBe(n);
        const peer = log.findIndex((w) => w.from !== role && w.type === MESSAGE.charged);
        const own = log.findIndex((w) => w.from === role && w.type === MESSAGE.commit);
        expect(peer).toBeLessThan(own);
      }
    }
    const { failures, log } = runPair(at.manifest, cells, {
      rng: seededRng('one too many'),
      ledger: ledgers(sides, () => undefined),
    });
    expect(failures.a ?? failures.b).toBeInstanceOf(DpcaError);
    expect(() => {
      throw failures.a ?? failures.b;
    }).toThrowCode('ERR_BUDGET_EXHAUSTED');
    expect(log.map(({ type }) => type)).not.toContain(MESSAGE.charged);
  });

  it.each(['present', 'examine', 'charge', 'adopt', 'complete'])(
    'whose side a fails at %s sends no commitment from a',
    (step) => {
      const { failures, log } = runPair(at.manifest, cells, {
        rng: seededRng(`fails at ${step}`),
        ledger: ledgers(fresh(), (role, now) => {
          if (role === 'a' && now === step) throw new DpcaError('ERR_BUDGET_STORE', 'full');
        }),
      });
      expect(() => {
        throw failures.a;
      }).toThrowCode('ERR_BUDGET_STORE');
      expect(log.filter((w) => w.from === 'a' && w.type === MESSAGE.commit)).toEqual([]);
      expect(log.filter((w) => w.type === MESSAGE.points)).toEqual([]);
    },
  );

  it.each(['held', 'head', 'charged', 'cosigned'] as const)('refuses a second %s', (kind) => {
    const { failures } = runPair(at.manifest, cells, {
      rng: seededRng(`twice ${kind}`),
      tap: (wire) => (wire.from === 'a' && wire.type === MESSAGE[kind] ? [wire, wire] : [wire]),
    });
    expect(() => {
      throw failures.b;
    }).toThrowCode('ERR_WIRE_UNEXPECTED');
  });

  it.each(['held', 'head', 'charged', 'cosigned'] as const)('does not go on without %s', (kind) => {
    const { releases, log } = runPair(at.manifest, cells, {
      rng: seededRng(`without ${kind}`),
      tap: (wire) => (wire.from === 'a' && wire.type === MESSAGE[kind] ? [] : [wire]),
    });
    expect(releases).toEqual({});
    expect(log.filter((w) => w.from === 'b' && w.type === MESSAGE.commit)).toEqual([]);
  });
});

describe('the messages', () => {
  const bytes = (n: number, fill = 7) => new Uint8Array(n).fill(fill);
  const hash = () => bytes(32) as Bytes<32>;
  const charged: LedgerMessage = {
    kind: 'charged',
    ...{
      note: bytes(200),
      record: bytes(700),
      enclaveKey: hash(),
      signature: bytes(64) as Bytes<64>,
    },
    ...{ consistency: [hash(), hash()], inclusion: [hash(), hash(), hash()] },
  };
  const messages: readonly LedgerMessage[] = [
    { kind: 'held', notes: [] },
    { kind: 'held', notes: [bytes(1), bytes(4096)] },
    { kind: 'head', note: bytes(9), proof: [] },
    { kind: 'head', note: bytes(9), proof: [hash()] },
    charged,
    {
      kind: 'cosigned',
      ...{
        cosignature: bytes(72) as Bytes<72>,
        enclaveKey: hash(),
        signature: bytes(64) as Bytes<64>,
      },
    },
  ];

  it('are read as they were written, and not cut or followed by a byte', () => {
    for (const message of messages) {
      const body = encodeMessage(message);
      const type = MESSAGE[message.kind];
      expect(decodeMessage(type, body)).toEqual(message);
      expect(() => decodeMessage(type, Uint8Array.of(...body, 1))).toThrow(DpcaError);
      if (body.length > 0 && message.kind !== 'held') {
        expect(() => decodeMessage(type, body.subarray(0, -1))).toThrow(DpcaError);
      }
    }
  });

  it('are refused beyond their limits', () => {
    const over: readonly LedgerMessage[] = [
      { kind: 'held', notes: Array.from({ length: 9 }, () => bytes(5)) },
      { kind: 'held', notes: [bytes(4097)] },
      { kind: 'held', notes: [bytes(0)] },
      { kind: 'head', note: bytes(9), proof: Array.from({ length: 65 }, hash) },
      { ...charged, consistency: Array.from({ length: 65 }, hash) },
      { ...charged, record: bytes(0) },
    ];
    for (const message of over) {
      expect(() => decodeMessage(MESSAGE[message.kind], encodeMessage(message))).toThrowCode(
        'ERR_WIRE_LENGTH',
      );
    }
  });
});

describe('the enclave', () => {
  it('signs nothing before the host has stored the slot, and nothing at all if it cannot', async () => {
    const sides = fresh();
    const session = side(at, 'a', sides.a.records, [], new Uint8Array(32).fill(5) as Bytes<32>);
    const other = side(at, 'b', sides.b.records, [], new Uint8Array(32).fill(5) as Bytes<32>);
    const asked: Record<string, unknown>[] = [];
    const storage = new HostStorage();
    storage.connect((body) => asked.push(body));
    const ports = { storage, rng: at.rng, report: () => undefined, now: () => Promise.resolve(0) };
    const port = new LedgerPort(session, ports);
    await port.handle({ step: 'present', message: { kind: 'held', notes: [] } });
    await port.handle({ step: 'examine', message: { kind: 'head', ...other.present([]) } });
    let answered = false;
    const charge = port.handle({ step: 'charge' }).finally(() => (answered = true));
    charge.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([answered, asked.length]).toEqual([false, 1]);
    expect(asked[0]).toMatchObject({ what: 'record', index: 1 });
    storage.answer({ id: Number(asked[0]!['id']), code: 'ERR_BUDGET_BUSY', message: 'taken' });
    await expect(charge).rejects.toThrowCode('ERR_BUDGET_BUSY');
    expect(() => session.complete({} as never)).toThrowCode('ERR_INTERNAL');
  });
});
