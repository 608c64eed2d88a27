/** Unit and vectors: the suite's constants and the hashed message, byte by byte. */
import { describe, expect, it } from 'vitest';
import { fixed } from '../../src/bytes.ts';
import { fromHex, toHex, utf8 } from '../../src/encoding.ts';
import { ELEMENT_PREFIX_BYTES, ELEMENT_TYPE, SUITE_DST, suiteDst } from '../../src/group/suite.ts';
import { pack } from '../../src/packed.ts';
import { elementMessages } from '../support/element-messages.ts';
import { suite } from './support.ts';

const RUN = fixed(fromHex('000102030405060708090a0b0c0d0e0f'), 16, 'run');

describe('suite', () => {
  it('has a DST that leaves b_1 and b_2 in one SHA-512 block, and identifiers of 45 bytes in one for b_0', () => {
    expect(suiteDst().length).toBe(44);
    expect(SUITE_DST.endsWith('curve25519_XMD:SHA-512_ELL2_RO_')).toBe(true);
    expect(suite.dst).toBe(SUITE_DST);
    const dstPrime = suiteDst().length + 1;
    const padding = 17; // 0x80 and the 16-byte length
    expect(64 + 1 + dstPrime + padding).toBeLessThanOrEqual(128);
    expect(ELEMENT_PREFIX_BYTES + 45 + 3 + dstPrime + padding).toBe(128);
  });

  it('packs messages byte by byte', () => {
    const types = Uint8Array.of(ELEMENT_TYPE.real, ELEMENT_TYPE.dummy, ELEMENT_TYPE.empty);
    const packed = elementMessages(RUN, 3, types, pack([utf8('ab'), utf8(''), utf8('ab')]));
    expect(toHex(packed.bytes)).toBe(
      [
        '000102030405060708090a0b0c0d0e0f' + '03' + '01' + '6162', // run, column, type, identifier
        '000102030405060708090a0b0c0d0e0f' + '03' + '02',
        '000102030405060708090a0b0c0d0e0f' + '03' + '04' + '6162',
      ].join(''),
    );
    expect([...packed.offsets]).toEqual([0, 20, 38, 58]);
  });

  it('agrees with the independent generator', () => {
    for (const vector of suite.elements) {
      const packed = elementMessages(
        fixed(fromHex(vector.run), 16, 'run'),
        vector.column,
        Uint8Array.of(vector.type),
        pack([fromHex(vector.identifier)]),
      );
      expect(toHex(packed.bytes)).toBe(vector.message);
    }
    expect(new Set(suite.elements.map((vector) => vector.element)).size).toBe(
      suite.elements.length,
    );
  });

  it('refuses unknown types, columns beyond a byte, and offsets that do not fit', () => {
    const one = pack([utf8('ab')]);
    const real = Uint8Array.of(1);
    for (const type of [0, 5, 255]) {
      expect(() => elementMessages(RUN, 0, Uint8Array.of(type), one)).toThrowCode('ERR_INTERNAL');
    }
    for (const column of [-1, 256, 0.5, Number.NaN]) {
      expect(() => elementMessages(RUN, column, real, one)).toThrowCode('ERR_INTERNAL');
    }
    for (const offsets of [
      [0, 1],
      [1, 2],
      [0, 3],
      [2, 0],
    ]) {
      const bad = { bytes: one.bytes, offsets: Uint32Array.from(offsets) };
      expect(() => elementMessages(RUN, 0, real, bad)).toThrowCode('ERR_INTERNAL');
    }
    const falling = { bytes: utf8('abc'), offsets: Uint32Array.of(0, 3, 1, 3) };
    expect(() => elementMessages(RUN, 0, Uint8Array.of(1, 1, 1), falling)).toThrowCode(
      'ERR_INTERNAL',
    );
  });
});
