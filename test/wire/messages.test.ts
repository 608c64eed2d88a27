/**
 * Every message between two enclaves, byte by byte (docs/specification.md section 5): expected bytes field by field,
 * every truncation, a byte too many, unknown types, and every limit with its code.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, equalConstantTime, fixed } from '../../src/bytes.ts';
import { toHex, u16be, u32be, utf8 } from '../../src/encoding.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { MAX_PLAINTEXT_BYTES } from '../../src/session/channel.ts';
import {
  CHUNK_ELEMENTS,
  MAX_ALERT_BYTES,
  MAX_COLUMNS,
  MAX_ENVELOPE_BYTES,
  MAX_LINEAGES,
  MAX_MANIFEST_BYTES,
  MAX_NOTE_BYTES,
  MAX_PROOF_HASHES,
  MAX_REATTEST_BYTES,
  MAX_RECORD_BYTES,
  MAX_STATEMENT_BYTES,
  MAX_TABLE_ROWS,
} from '../../src/wire/limits.ts';
import {
  columnChunks,
  type ColumnKind,
  decodeMessage,
  encodeMessage,
  MESSAGE,
  type Message,
  RECORD_BYTES,
} from '../../src/wire/messages.ts';
import { bytesOf, type Field } from './annotated.ts';

const filled = <N extends number>(n: N, byte: number) =>
  fixed(new Uint8Array(n).fill(byte), n, 'filled');
const hexOf = (n: number, byte: string) => byte.repeat(n);

interface Case {
  readonly message: Message;
  readonly type: number;
  readonly fields: readonly Field[];
  /** What the first n bytes of the body are: refused with this code, or a shorter message of the same kind. */
  readonly cut: (n: number) => ErrorCode | 'shorter';
  /** What one byte more is. */
  readonly longer: ErrorCode | 'longer';
}

const records = (size: number) => (n: number) => {
  if (n < 5) return 'ERR_WIRE_TRUNCATED';
  return n > 5 && (n - 5) % size === 0 ? 'shorter' : 'ERR_WIRE_LENGTH';
};

const CASES: readonly Case[] = [
  {
    message: { kind: 'heartbeat' },
    type: 0x01,
    fields: [],
    cut: () => 'ERR_INTERNAL',
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: { kind: 'alert', code: 'ERR_MASK_REUSE' },
    type: 0x02,
    fields: [
      ['4552525f', 'ERR_'],
      ['4d41534b5f', 'MASK_'],
      ['5245555345', 'REUSE'],
    ],
    cut: () => 'ERR_WIRE_VALUE',
    longer: 'ERR_WIRE_VALUE',
  },
  {
    message: { kind: 'reattest', bytes: concat(Uint8Array.of(1), u32be(7), filled(32, 0x4e)) },
    type: 0x03,
    fields: [
      ['01', 'request'],
      ['00000007', 'epoch 7'],
      [hexOf(32, '4e'), 'nonce'],
    ],
    // what is inside belongs to src/session/reattest.ts
    cut: (n) => (n === 0 ? 'ERR_WIRE_LENGTH' : 'shorter'),
    longer: 'longer',
  },
  {
    message: { kind: 'manifest', bytes: utf8('{"version":1}') },
    type: 0x10,
    fields: [
      ['7b', '{'],
      ['2276657273696f6e22', '"version"'],
      ['3a', ':'],
      ['31', '1'],
      ['7d', '}'],
    ],
    // what is inside belongs to src/run/manifest.ts
    cut: (n) => (n === 0 ? 'ERR_WIRE_LENGTH' : 'shorter'),
    longer: 'longer',
  },
  {
    message: { kind: 'table', rows: 8_000 },
    type: 0x11,
    fields: [['00001f40', '8,000 rows']],
    cut: () => 'ERR_WIRE_TRUNCATED',
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: {
      kind: 'commit',
      seed: filled(32, 0x51),
      mix: filled(32, 0x52),
      coins: filled(32, 0x53),
    },
    type: 0x12,
    fields: [
      [hexOf(32, '51'), 'commitment to the share of the joint seed'],
      [hexOf(32, '52'), "commitment to the contribution to the peer's coins"],
      [hexOf(32, '53'), 'commitment to the own coin secret'],
    ],
    cut: () => 'ERR_WIRE_TRUNCATED',
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: { kind: 'reveal', seed: filled(32, 0x61), mix: filled(32, 0x62) },
    type: 0x13,
    fields: [
      [hexOf(32, '61'), 'share of the joint seed'],
      [hexOf(32, '62'), "contribution to the peer's coins"],
    ],
    cut: () => 'ERR_WIRE_TRUNCATED',
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: { kind: 'held', notes: [utf8('abc'), utf8('d')] },
    type: 0x14,
    fields: [
      ['0003', 'length of a checkpoint'],
      ['616263', 'abc'],
      ['0001', 'length of the next'],
      ['64', 'd'],
    ],
    cut: (n) => (n === 0 || n === 5 ? 'shorter' : 'ERR_WIRE_TRUNCATED'),
    longer: 'ERR_WIRE_TRUNCATED',
  },
  {
    message: { kind: 'head', note: utf8('abc'), proof: [filled(32, 0x41)] },
    type: 0x15,
    fields: [
      ['0003', 'length of the checkpoint'],
      ['616263', 'abc'],
      [hexOf(32, '41'), 'consistency proof: one hash'],
    ],
    cut: (n) => (n < 5 ? 'ERR_WIRE_TRUNCATED' : n === 5 ? 'shorter' : 'ERR_WIRE_LENGTH'),
    longer: 'ERR_WIRE_LENGTH',
  },
  {
    message: {
      kind: 'charged',
      note: utf8('abc'),
      record: utf8('{}'),
      enclaveKey: filled(32, 0x42),
      signature: filled(64, 0x43),
      consistency: [filled(32, 0x44)],
      inclusion: [filled(32, 0x45)],
    },
    type: 0x16,
    fields: [
      ['0003', 'length of the checkpoint'],
      ['616263', 'abc'],
      ['0002', 'length of the record'],
      ['7b7d', '{}'],
      [hexOf(32, '42'), 'enclave key'],
      [hexOf(64, '43'), 'signature'],
      ['01', 'one hash of the consistency proof'],
      [hexOf(32, '44'), 'which is this'],
      [hexOf(32, '45'), 'inclusion proof: the rest'],
    ],
    cut: (n) => (n < 138 ? 'ERR_WIRE_TRUNCATED' : n === 138 ? 'shorter' : 'ERR_WIRE_LENGTH'),
    longer: 'ERR_WIRE_LENGTH',
  },
  {
    message: {
      kind: 'cosigned',
      cosignature: filled(72, 0x46),
      enclaveKey: filled(32, 0x47),
      signature: filled(64, 0x48),
    },
    type: 0x17,
    fields: [
      [hexOf(72, '46'), 'time (u64) and cosignature (64)'],
      [hexOf(32, '47'), 'enclave key'],
      [hexOf(64, '48'), 'signature'],
    ],
    cut: () => 'ERR_WIRE_TRUNCATED',
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: { kind: 'account', salt: filled(32, 0x49), statement: utf8('{}') },
    type: 0x18,
    fields: [
      [hexOf(32, '49'), "half of the release's salt"],
      ['7b7d', '{}'],
    ],
    cut: (n) => (n < 32 ? 'ERR_WIRE_TRUNCATED' : n === 32 ? 'ERR_WIRE_LENGTH' : 'shorter'),
    longer: 'longer',
  },
  {
    message: { kind: 'points', column: 0, first: 8_064, data: filled(64, 0x70) },
    type: 0x20,
    fields: [
      ['00', 'key column 1'],
      ['00001f80', 'position 8,064 is the first'],
      [hexOf(32, '70'), 'element of position 8,064'],
      [hexOf(32, '70'), 'element of position 8,065'],
    ],
    cut: records(32),
    longer: 'ERR_WIRE_LENGTH',
  },
  {
    message: { kind: 'tags', column: 1, first: 0, data: filled(48, 0x71) },
    type: 0x21,
    fields: [
      ['01', 'key column 2'],
      ['00000000', 'from the beginning'],
      [hexOf(16, '71'), 'tag'],
      [hexOf(16, '71'), 'tag'],
      [hexOf(16, '71'), 'tag'],
    ],
    cut: records(16),
    longer: 'ERR_WIRE_LENGTH',
  },
  {
    message: { kind: 'reblind', column: 7, first: 0xffff_ffff, data: filled(32, 0x72) },
    type: 0x22,
    fields: [
      ['07', 'key column 8'],
      ['ffffffff', 'the largest position that can be written; the run refuses it'],
      [hexOf(32, '72'), 'element'],
    ],
    cut: records(32),
    longer: 'ERR_WIRE_LENGTH',
  },
  {
    message: { kind: 'values', bytes: filled(3, 0x73) },
    type: 0x24,
    fields: [[hexOf(3, '73'), 'the next bytes of the protocol on shares, which frames itself']],
    cut: (n) => (n === 0 ? 'ERR_WIRE_LENGTH' : 'shorter'),
    longer: 'longer',
  },
  {
    message: { kind: 'sizes', sizes: [1, 0x01020304] },
    type: 0x30,
    fields: [
      ['00000001', 'masked size of key column 1'],
      ['01020304', 'masked size of key column 2'],
    ],
    cut: (n) => (n === 4 ? 'shorter' : 'ERR_WIRE_LENGTH'),
    longer: 'ERR_WIRE_LENGTH',
  },
  {
    message: { kind: 'release', hash: filled(32, 0x81) },
    type: 0x31,
    fields: [[hexOf(32, '81'), 'hash of the release']],
    cut: () => 'ERR_WIRE_TRUNCATED',
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: { kind: 'receipt', signature: filled(64, 0x82) },
    type: 0x32,
    fields: [[hexOf(64, '82'), "the enclave's signature of the receipt"]],
    cut: () => 'ERR_WIRE_TRUNCATED',
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: {
      kind: 'logged',
      note: utf8('abc'),
      envelope: utf8('{}'),
      consistency: [filled(32, 0x83)],
      inclusion: [filled(32, 0x84)],
    },
    type: 0x33,
    fields: [
      ['0003', 'length of the checkpoint'],
      ['616263', 'abc'],
      ['0002', 'length of the envelope'],
      ['7b7d', '{}'],
      ['01', 'one hash of the consistency proof'],
      [hexOf(32, '83'), 'which is this'],
      [hexOf(32, '84'), 'inclusion proof: the rest'],
    ],
    cut: (n) => (n < 42 ? 'ERR_WIRE_TRUNCATED' : n === 42 ? 'shorter' : 'ERR_WIRE_LENGTH'),
    longer: 'ERR_WIRE_LENGTH',
  },
  {
    message: { kind: 'witnessed', cosignature: filled(72, 0x85) },
    type: 0x34,
    fields: [[hexOf(72, '85'), 'time (u64) and cosignature (64)']],
    cut: () => 'ERR_WIRE_TRUNCATED',
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: { kind: 'bye' },
    type: 0x3f,
    fields: [],
    cut: () => 'ERR_INTERNAL',
    longer: 'ERR_WIRE_TRAILING',
  },
];

describe.each(CASES.map((c) => [c.message.kind, c] as const))('%s', (kind, c) => {
  const body = bytesOf(c.fields);

  it('has these bytes and this type', () => {
    expect(toHex(encodeMessage(c.message))).toBe(toHex(body));
    expect(MESSAGE[c.message.kind]).toBe(c.type);
    expect(decodeMessage(c.type, body)).toEqual(c.message);
  });

  it('is refused, or another message, at every shorter length', () => {
    for (let n = 0; n < body.length; n++) {
      const expected = c.cut(n);
      if (expected === 'shorter') {
        const shorter = decodeMessage(c.type, body.subarray(0, n));
        expect(shorter.kind).toBe(kind);
        expect(encodeMessage(shorter)).toEqual(body.subarray(0, n));
      } else expect(() => decodeMessage(c.type, body.subarray(0, n))).toThrowCode(expected);
    }
  });

  it('is refused, or another message, with one byte more', () => {
    const longer = concat(body, Uint8Array.of(0));
    if (c.longer === 'longer') expect(decodeMessage(c.type, longer).kind).toBe(kind);
    else expect(() => decodeMessage(c.type, longer)).toThrowCode(c.longer);
  });
});

it('has a case for every message, and no other type number is known', () => {
  expect(CASES.map((c) => c.message.kind)).toEqual(Object.keys(MESSAGE));
  let refused = 0;
  for (let type = 0; type < 256; type++) {
    if (CASES.some((c) => c.type === type)) continue;
    expect(() => decodeMessage(type, new Uint8Array(0))).toThrowCode('ERR_WIRE_TYPE');
    refused += 1;
  }
  expect(refused).toBe(256 - CASES.length);
});

describe('limits', () => {
  const chunk = (kind: ColumnKind, count: number, column = 0) =>
    concat(Uint8Array.of(column), u32be(0), new Uint8Array(count * RECORD_BYTES[kind]));

  it.each(['points', 'tags', 'reblind'] as const)('%s: 1 to 8,064 records', (kind) => {
    const type = MESSAGE[kind];
    const most = chunk(kind, CHUNK_ELEMENTS);
    expect(decodeMessage(type, most)).toMatchObject({ kind, column: 0, first: 0 });
    expect(most.length).toBeLessThanOrEqual(MAX_PLAINTEXT_BYTES);
    expect(() => decodeMessage(type, chunk(kind, 0))).toThrowCode('ERR_WIRE_LENGTH');
    expect(() => decodeMessage(type, chunk(kind, CHUNK_ELEMENTS + 1))).toThrowCode(
      'ERR_WIRE_LENGTH',
    );
  });

  it('columns below 8', () => {
    expect(decodeMessage(MESSAGE.tags, chunk('tags', 1, MAX_COLUMNS - 1))).toMatchObject({
      column: 7,
    });
    for (const column of [MAX_COLUMNS, 255]) {
      expect(() => decodeMessage(MESSAGE.tags, chunk('tags', 1, column))).toThrowCode(
        'ERR_WIRE_VALUE',
      );
    }
  });

  it('1 to 2^27 rows', () => {
    expect(decodeMessage(MESSAGE.table, u32be(MAX_TABLE_ROWS))).toEqual({
      kind: 'table',
      rows: 134_217_728,
    });
    for (const rows of [0, MAX_TABLE_ROWS + 1, 0xffff_ffff]) {
      expect(() => decodeMessage(MESSAGE.table, u32be(rows))).toThrowCode('ERR_WIRE_VALUE');
    }
  });

  it('checkpoints, records and proofs', () => {
    const note = (n: number) => concat(u16be(n), new Uint8Array(n));
    const hashes = (n: number) => new Uint8Array(32 * n);
    const held = (count: number, n: number) =>
      concat(...Array.from({ length: count }, () => note(n)));
    expect(decodeMessage(MESSAGE.held, held(MAX_LINEAGES, MAX_NOTE_BYTES)).kind).toBe('held');
    const head = concat(note(1), hashes(MAX_PROOF_HASHES));
    expect(decodeMessage(MESSAGE.head, head).kind).toBe('head');
    const charged = (record: number, consistency: number, inclusion: number) =>
      concat(
        ...[note(1), note(record), new Uint8Array(96), Uint8Array.of(consistency)],
        hashes(consistency + inclusion),
      );
    const most = charged(MAX_RECORD_BYTES, MAX_PROOF_HASHES, MAX_PROOF_HASHES);
    expect(decodeMessage(MESSAGE.charged, most).kind).toBe('charged');
    expect(most.length).toBeLessThanOrEqual(MAX_PLAINTEXT_BYTES);
    for (const [type, body] of [
      [MESSAGE.held, held(MAX_LINEAGES + 1, 1)],
      [MESSAGE.held, held(1, MAX_NOTE_BYTES + 1)],
      [MESSAGE.held, note(0)],
      [MESSAGE.head, concat(head, hashes(1))],
      [MESSAGE.charged, charged(0, 1, 1)],
      [MESSAGE.charged, charged(1, MAX_PROOF_HASHES + 1, 0)],
      [MESSAGE.charged, charged(1, 0, MAX_PROOF_HASHES + 1)],
    ] as const) {
      expect(() => decodeMessage(type, body)).toThrowCode('ERR_WIRE_LENGTH');
    }
  });

  it('accounts, envelopes and their proofs', () => {
    const part = (n: number) => concat(u16be(n), new Uint8Array(n));
    const hashes = (n: number) => new Uint8Array(32 * n);
    const account = (n: number) => new Uint8Array(32 + n);
    const logged = (note: number, envelope: number, consistency: number, inclusion: number) =>
      concat(
        part(note),
        part(envelope),
        Uint8Array.of(consistency),
        hashes(consistency + inclusion),
      );
    const most = logged(MAX_NOTE_BYTES, MAX_ENVELOPE_BYTES, MAX_PROOF_HASHES, MAX_PROOF_HASHES);
    expect(decodeMessage(MESSAGE.logged, most).kind).toBe('logged');
    expect(decodeMessage(MESSAGE.account, account(MAX_STATEMENT_BYTES)).kind).toBe('account');
    for (const [type, body] of [
      [MESSAGE.account, account(0)],
      [MESSAGE.account, account(MAX_STATEMENT_BYTES + 1)],
      [MESSAGE.logged, logged(MAX_NOTE_BYTES + 1, 1, 0, 0)],
      [MESSAGE.logged, logged(0, 1, 0, 0)],
      [MESSAGE.logged, logged(1, MAX_ENVELOPE_BYTES + 1, 0, 0)],
      [MESSAGE.logged, logged(1, 0, 0, 0)],
      [MESSAGE.logged, logged(1, 1, MAX_PROOF_HASHES + 1, 0)],
      [MESSAGE.logged, logged(1, 1, 0, MAX_PROOF_HASHES + 1)],
    ] as const) {
      expect(() => decodeMessage(type, body)).toThrowCode('ERR_WIRE_LENGTH');
    }
  });

  it('manifest, re-attestation, sizes, alert', () => {
    const opaque: readonly [number, number][] = [
      [MESSAGE.manifest, MAX_MANIFEST_BYTES],
      [MESSAGE.reattest, MAX_REATTEST_BYTES],
      [MESSAGE.sizes, 4 * MAX_COLUMNS],
    ];
    for (const [type, most] of opaque) {
      expect(encodeMessage(decodeMessage(type, new Uint8Array(most))).length).toBe(most);
      expect(() => decodeMessage(type, new Uint8Array(most + 4))).toThrowCode('ERR_WIRE_LENGTH');
    }
    const alert = (n: number) => () => decodeMessage(MESSAGE.alert, new Uint8Array(n).fill(0x41));
    expect(alert(MAX_ALERT_BYTES)).toThrowCode('ERR_WIRE_VALUE');
    expect(alert(MAX_ALERT_BYTES + 1)).toThrowCode('ERR_WIRE_LENGTH');
    const malformed = () => decodeMessage(MESSAGE.alert, Uint8Array.of(0xc0, 0x80));
    expect(malformed).toThrowCode('ERR_ENCODING_UTF8');
  });
});

it('writes back exactly the bytes that it accepts', () => {
  const types = fc.constantFrom(...Object.values(MESSAGE));
  let accepted = 0;
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 200 }), (type, body) => {
      let message: Message;
      try {
        message = decodeMessage(type, body);
      } catch {
        return;
      }
      accepted += 1;
      expect(encodeMessage(message)).toEqual(body);
      expect(MESSAGE[message.kind]).toBe(type);
    }),
    { seed: 20_260_701, numRuns: 2_000 },
  );
  expect(accepted).toBeGreaterThan(200);
});

describe('a column cut into messages', () => {
  it.each([0, 1, CHUNK_ELEMENTS, CHUNK_ELEMENTS + 1, 3 * CHUNK_ELEMENTS - 1])(
    '%i records',
    (count) => {
      for (const kind of ['points', 'tags'] as const) {
        const size = RECORD_BYTES[kind];
        const data = Uint8Array.from({ length: count * size }, (_, i) => (i * 31) >> 3);
        const chunks = [...columnChunks(kind, 3, 0, data)];
        expect(chunks.length).toBe(Math.ceil(count / CHUNK_ELEMENTS));
        let next = 0;
        for (const chunk of chunks) {
          expect(chunk).toMatchObject({ kind, column: 3, first: next });
          next += chunk.data.length / size;
        }
        expect(equalConstantTime(concat(...chunks.map((chunk) => chunk.data)), data)).toBe(true);
      }
    },
  );
});
