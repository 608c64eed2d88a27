/**
 * Messages between an enclave and its own host, byte by byte, and everything malformed with its code.
 */
import { describe, expect, it } from 'vitest';
import { concat, equalConstantTime } from '../../src/bytes.ts';
import { toHex, u16be, u32be, utf8 } from '../../src/encoding.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { pack } from '../../src/packed.ts';
import {
  decodeLocal,
  encodeLocal,
  type LocalMessage,
  rowsChunks,
  valuesChunks,
} from '../../src/wire/local.ts';
import {
  MAX_COLUMNS,
  MAX_IDENTIFIER_BYTES,
  MAX_LOCAL_BYTES,
  MAX_RECORD_BYTES,
  MAX_VALUE_COLUMNS,
} from '../../src/wire/limits.ts';
import { bytesOf, type Field } from './annotated.ts';

interface Case {
  readonly message: LocalMessage;
  readonly fields: readonly Field[];
  readonly cut: (n: number) => ErrorCode;
  readonly longer: ErrorCode;
}

const object: (n: number) => ErrorCode = (n) =>
  n === 0 ? 'ERR_WIRE_TRUNCATED' : 'ERR_JSON_SYNTAX';

const CASES: readonly Case[] = [
  {
    message: { kind: 'configure', body: { role: 'init', n: 1 } },
    fields: [
      ['01', 'configure'],
      ['7b226e223a312c', '{"n":1, (members sorted)'],
      ['22726f6c65223a22696e6974227d', '"role":"init"}'],
    ],
    cut: object,
    longer: 'ERR_JSON_SYNTAX',
  },
  {
    message: {
      kind: 'rows',
      column: 2,
      cells: pack([utf8('ann'), new Uint8Array(0), utf8('é')]),
    },
    fields: [
      ['02', 'rows'],
      ['02', 'key column 3'],
      ['00000003', 'three cells'],
      ['0003', 'of 3 bytes'],
      ['0000', 'empty'],
      ['0002', 'of 2 bytes'],
      ['616e6e', 'ann'],
      ['c3a9', 'é'],
    ],
    cut: (n) => (n >= 6 && n < 12 ? 'ERR_WIRE_VALUE' : 'ERR_WIRE_TRUNCATED'),
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: {
      kind: 'values',
      column: 1,
      cells: BigInt64Array.of(-2n, 2n ** 63n - 1n, -(2n ** 63n)),
    },
    fields: [
      ['07', 'values'],
      ['01', 'value column 2'],
      ['fffffffffffffffe', '-2'],
      ['7fffffffffffffff', '2^63 - 1'],
      ['8000000000000000', '-2^63'],
    ],
    // without a whole word it is no column; with a part of one more, that part trails
    cut: (n) => (n < 2 ? 'ERR_WIRE_TRUNCATED' : n < 10 ? 'ERR_WIRE_VALUE' : 'ERR_WIRE_TRAILING'),
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: { kind: 'shares', column: 16, cells: BigUint64Array.of(2n ** 64n - 2n) },
    fields: [
      ['12', 'shares'],
      ['10', 'sixteenth value'],
      ['fffffffffffffffe', '2^64 - 2'],
    ],
    cut: (n) => (n < 2 ? 'ERR_WIRE_TRUNCATED' : 'ERR_WIRE_VALUE'),
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: { kind: 'rowsEnd', rows: 10_000 },
    fields: [
      ['03', 'end of the rows'],
      ['00002710', '10,000 of them'],
    ],
    cut: () => 'ERR_WIRE_TRUNCATED',
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: { kind: 'stop' },
    fields: [['04', 'stop']],
    cut: () => 'ERR_WIRE_TRUNCATED',
    longer: 'ERR_WIRE_TRAILING',
  },
  {
    message: { kind: 'answer', body: { code: null, id: 3 } },
    fields: [
      ['06', 'answer'],
      ['7b22636f6465223a6e756c6c2c226964223a337d', '{"code":null,"id":3}'],
    ],
    cut: object,
    longer: 'ERR_JSON_SYNTAX',
  },
  {
    message: { kind: 'request', body: { id: 3 } },
    fields: [
      ['11', 'request'],
      ['7b226964223a337d', '{"id":3}'],
    ],
    cut: object,
    longer: 'ERR_JSON_SYNTAX',
  },
  {
    message: { kind: 'event', body: { event: 'done' } },
    fields: [
      ['10', 'event'],
      ['7b226576656e74223a22646f6e65227d', '{"event":"done"}'],
    ],
    cut: object,
    longer: 'ERR_JSON_SYNTAX',
  },
];

describe.each(CASES.map((c) => [c.message.kind, c] as const))('%s', (_kind, c) => {
  const bytes = bytesOf(c.fields);

  it('has these bytes', () => {
    expect(toHex(encodeLocal(c.message))).toBe(toHex(bytes));
    expect(encodeLocal(decodeLocal(bytes))).toEqual(bytes);
  });

  it('is refused at every shorter length and with one byte more', () => {
    for (let n = 0; n < bytes.length; n++) {
      if (c.message.kind === 'values' && n >= 10 && n % 8 === 2) continue; // whole words: a shorter chunk
      expect(() => decodeLocal(bytes.subarray(0, n)), `${n} bytes`).toThrowCode(c.cut(n));
    }
    expect(() => decodeLocal(concat(bytes, Uint8Array.of(0)))).toThrowCode(c.longer);
  });
});

it('knows no other kind', () => {
  const known = CASES.map((c) => bytesOf(c.fields)[0]);
  let refused = 0;
  for (let kind = 0; kind < 256; kind++) {
    if (kind === 5 || known.includes(kind)) continue;
    expect(() => decodeLocal(Uint8Array.of(kind))).toThrowCode('ERR_WIRE_TYPE');
    refused += 1;
  }
  expect(refused).toBe(256 - CASES.length - 1);
});

it('carries a record as it is, of any length', () => {
  for (const bytes of [new Uint8Array(0), utf8('{}'), new Uint8Array(MAX_RECORD_BYTES)]) {
    const message = { kind: 'record', bytes } as const;
    expect(encodeLocal(message).length).toBe(1 + bytes.length);
    expect(encodeLocal(message)[0]).toBe(5);
    expect(decodeLocal(encodeLocal(message))).toEqual(message);
  }
});

describe('refuses', () => {
  const json = (text: string) => () => decodeLocal(concat(Uint8Array.of(1), utf8(text)));
  it.each([
    ['JSON that is no object', json('[1]'), 'ERR_WIRE_VALUE'],
    ['null', json('null'), 'ERR_WIRE_VALUE'],
    ['a member twice', json('{"a":1,"a":1}'), 'ERR_JSON_DUPLICATE'],
    ['a fraction', json('{"a":0.5}'), 'ERR_JSON_NUMBER'],
    [
      'malformed UTF-8',
      () => decodeLocal(Uint8Array.of(1, 0x7b, 0xc0, 0x80, 0x7d)),
      'ERR_ENCODING_UTF8',
    ],
  ] as const)('%s', (_what, action, code) => {
    expect(action).toThrowCode(code);
  });

  const rows = (column: number, n: number, lengths: readonly number[], bytes: number) => () =>
    decodeLocal(
      concat(Uint8Array.of(2, column), u32be(n), ...lengths.map(u16be), new Uint8Array(bytes)),
    );
  it.each([
    ['key column 9', rows(MAX_COLUMNS, 1, [1], 1)],
    ['no rows', rows(0, 0, [], 0)],
    ['more rows than the message has room for', rows(0, 0xffff_ffff, [1, 1], 2)],
    ['an identifier above 1,024 bytes', rows(0, 1, [1_025], 1_025)],
  ] as const)('%s', (_what, action) => {
    expect(action).toThrowCode('ERR_WIRE_VALUE');
  });

  it('value column 17', () => {
    const values = (column: number): Uint8Array =>
      concat(Uint8Array.of(7, column), new Uint8Array(8));
    expect(() => decodeLocal(values(MAX_VALUE_COLUMNS))).toThrowCode('ERR_WIRE_VALUE');
    expect(decodeLocal(values(MAX_VALUE_COLUMNS - 1))).toMatchObject({
      cells: BigInt64Array.of(0n),
    });
  });

  it('an identifier of 1,024 bytes not', () => {
    expect(rows(7, 1, [MAX_IDENTIFIER_BYTES], MAX_IDENTIFIER_BYTES)()).toMatchObject({ column: 7 });
  });
});

describe('a column cut into rows messages', () => {
  it.each([
    ['no rows', 0, 0, 0],
    ['one row', 1, 5, 1],
    ['empty cells', 300_000, 0, 3],
    ['long identifiers', 2_000, MAX_IDENTIFIER_BYTES, 8],
  ] as const)('%s', (_what, n, length, messages) => {
    const offsets = Uint32Array.from({ length: n + 1 }, (_, i) => i * length);
    const bytes = Uint8Array.from({ length: n * length }, (_, i) => (i * 7) >> 2);
    const chunks = [...rowsChunks(4, { bytes, offsets })].map((chunk) => {
      const encoded = encodeLocal(chunk);
      expect(encoded.length).toBeLessThanOrEqual(MAX_LOCAL_BYTES);
      const decoded = decodeLocal(encoded);
      if (decoded.kind !== 'rows') throw new Error('another message');
      expect(decoded.column).toBe(4);
      return decoded.cells;
    });
    expect(chunks.length).toBe(messages);
    expect(chunks.reduce((sum, cells) => sum + cells.offsets.length - 1, 0)).toBe(n);
    expect(equalConstantTime(concat(...chunks.map((cells) => cells.bytes)), bytes)).toBe(true);
    expect(chunks.every((cells) => (cells.offsets[1] ?? 0) === length)).toBe(true);
  });
});

describe('a value column cut into messages', () => {
  it.each([
    ['no rows', 0, 0],
    ['one row', 1, 1],
    ['one full message', 65_536, 1],
    ['one row more', 65_537, 2],
  ] as const)('%s', (_what, n, messages) => {
    const cells = BigInt64Array.from({ length: n }, (_, i) => BigInt(i - 3) ** 3n);
    const chunks = [...valuesChunks(2, cells)].map((chunk) => {
      const encoded = encodeLocal(chunk);
      expect(encoded.length).toBeLessThanOrEqual(MAX_LOCAL_BYTES);
      const decoded = decodeLocal(encoded);
      if (decoded.kind !== 'values') throw new Error('another message');
      expect(decoded.column).toBe(2);
      return decoded.cells;
    });
    expect(chunks.length).toBe(messages);
    const joined = chunks.flatMap((chunk) => [...chunk]);
    expect(joined.every((value, i) => value === cells[i])).toBe(true);
    expect(joined.length).toBe(n);
  });
});
