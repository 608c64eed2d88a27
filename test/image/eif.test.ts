/**
 * Image files against their definition (docs/image.md sections 2 and 3), written out here a second time with node:crypto
 * and node:zlib: layout byte by byte, PCRs, signature, and that no changed byte passes.
 */
import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 as zlibCrc32 } from 'node:zlib';
import { decode } from 'cbor-x';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../attestation/image/crc32.ts';
import { decodeEif, encodeEif, type Eif } from '../../attestation/image/eif.ts';
import { buildEif, measureEif } from '../../attestation/image/image.ts';
import { readSigner } from '../../host/image/build.ts';
import { DpcaError } from '../../src/errors.ts';
import { seededRng } from '../support/test-rng.ts';
import { privateCopy } from './support.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/image');
const CERTIFICATE = join(FIXTURES, 'signer.crt.pem');
const NOW = Date.parse('2040-01-01T00:00:00Z');
const rng = seededRng('eif');
const signerKey = privateCopy();

const parts: Omit<Eif, 'signature'> = {
  kernel: rng(300),
  cmdline: 'console=ttyS0 größe=1',
  metadata: Buffer.from('{"ImageName":"test"}'),
  ramdisks: [rng(128), rng(64), rng(1)],
};

const H = (...data: readonly Uint8Array[]): Buffer =>
  createHash('sha384').update(Buffer.concat(data)).digest();
const ZERO = Buffer.alloc(48);

function u(bytes: number, value: number): Buffer {
  const out = Buffer.alloc(bytes);
  out.writeUIntBE(value, bytes - Math.min(bytes, 6), Math.min(bytes, 6));
  return out;
}

/** The format of docs/image.md section 2, as a person would write it down. */
function fileByHand(sections: readonly (readonly [number, Uint8Array])[]): Buffer {
  const offsets: Buffer[] = [];
  const sizes: Buffer[] = [];
  const body: Buffer[] = [];
  let at = 548;
  for (const [type, data] of sections) {
    offsets.push(u(8, at));
    sizes.push(u(8, data.length));
    body.push(u(2, type), u(2, 0), u(8, data.length), Buffer.from(data));
    at += 12 + data.length;
  }
  const pad = (table: Buffer[]): Buffer => Buffer.concat([...table, Buffer.alloc(256)], 256);
  const head = Buffer.concat([
    ...[Buffer.from('.eif'), u(2, 4), u(2, 0), u(8, 2 ** 30), u(8, 2), u(2, 0)],
    ...[u(2, sections.length), pad(offsets), pad(sizes), u(4, 0)],
  ]);
  const rest = Buffer.concat(body);
  return Buffer.concat([head, u(4, zlibCrc32(Buffer.concat([head, rest]))), rest]);
}

function sectionsOf(eif: Eif): (readonly [number, Uint8Array])[] {
  return [
    [1, eif.kernel],
    [2, Buffer.from(eif.cmdline)],
    [5, eif.metadata],
    ...eif.ramdisks.map((data) => [3, data] as const),
    ...(eif.signature === undefined ? [] : [[4, eif.signature] as const]),
  ];
}

describe('CRC-32', () => {
  it('is that of zlib, in pieces too', () => {
    const bytes = rng(1000);
    expect(crc32(bytes)).toBe(zlibCrc32(bytes));
    expect(crc32(bytes.subarray(7), crc32(bytes.subarray(0, 7)))).toBe(zlibCrc32(bytes));
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926); // the check value of this CRC
  });
});

describe('image files', () => {
  it('are laid out as defined, and read back', async () => {
    const file = encodeEif(parts);
    expect(Buffer.from(file).equals(fileByHand(sectionsOf(parts)))).toBe(true);
    const read = (await measureEif(file)).eif;
    expect(
      sectionsOf(read).map(([type, data]) => [type, Buffer.from(data).toString('hex')]),
    ).toEqual(sectionsOf(parts).map(([type, data]) => [type, Buffer.from(data).toString('hex')]));
  });

  it.each([1, 2, 3])('have the PCRs of their definition with %i ramdisks', (count) => {
    const ramdisks = parts.ramdisks.slice(0, count);
    const { pcrs } = buildEif({ ...parts, ramdisks }, undefined);
    const boot = [parts.kernel, Buffer.from(parts.cmdline)];
    expect(Buffer.from(pcrs.pcr0)).toEqual(H(ZERO, H(...boot, ...ramdisks)));
    expect(Buffer.from(pcrs.pcr1)).toEqual(H(ZERO, H(...boot, parts.ramdisks[0]!)));
    expect(Buffer.from(pcrs.pcr2)).toEqual(H(ZERO, H(...ramdisks.slice(1))));
    expect(pcrs.pcr8).toBeUndefined();
  });

  it('refuse every changed, missing or added byte', async () => {
    const { file } = buildEif(parts, { by: readSigner(signerKey, CERTIFICATE), now: NOW });
    const step = 7; // every byte of the header, every seventh behind it
    let refused = 0;
    for (let at = 0; at < file.length; at += at < 548 ? 1 : step) {
      // default memory and processors are the starter's business; the CRC notices them all the same
      const changed = Uint8Array.from(file);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(() => decodeEif(changed), `byte ${at}`).toThrow(DpcaError);
      refused += 1;
    }
    expect(refused).toBeGreaterThan(700);
    for (let length = 0; length < file.length; length += 13) {
      expect(() => decodeEif(file.subarray(0, length))).toThrow(DpcaError);
    }
    expect(() => decodeEif(Buffer.concat([file, Buffer.alloc(1)]))).toThrowCode('ERR_EIF_TRAILING');
    await expect(measureEif(file)).resolves.toBeDefined();
  });

  const kernel = [1, parts.kernel] as const;
  const cmdline = [2, Buffer.from('a')] as const;
  const ramdisk = [3, parts.kernel] as const;
  const signature = [4, Buffer.from('80', 'hex')] as const;
  const metadata = [5, parts.metadata] as const;
  const none = new Uint8Array(0);
  it.each([
    ['metadata before the command line', [kernel, metadata, cmdline, ramdisk]],
    ['a ramdisk before the metadata', [kernel, cmdline, ramdisk, metadata]],
    ['two metadata', [kernel, cmdline, metadata, metadata, ramdisk]],
    ['no metadata', [kernel, cmdline, ramdisk]],
    ['a signature before the last ramdisk', [kernel, cmdline, metadata, signature, ramdisk]],
    ['two signatures', [kernel, cmdline, metadata, ramdisk, signature, signature]],
    ['an empty kernel', [[1, none] as const, cmdline, metadata, ramdisk]],
    ['an empty ramdisk', [kernel, cmdline, metadata, ramdisk, [3, none] as const]],
    ['empty metadata', [kernel, cmdline, [5, none] as const, ramdisk]],
    ['NUL in the command line', [kernel, [2, Buffer.from('a\0')] as const, metadata, ramdisk]],
    ['a command line of other bytes', [kernel, [2, Buffer.of(255)] as const, metadata, ramdisk]],
    ['nothing', []],
  ])('refuse %s', (_, sections) => {
    expect(() => decodeEif(fileByHand(sections))).toThrowCode('ERR_EIF_SECTION');
  });

  it('take an empty command line and 29 ramdisks, not 30', () => {
    const many = { ...parts, cmdline: '', ramdisks: Array.from({ length: 29 }, () => rng(3)) };
    expect(decodeEif(encodeEif(many)).ramdisks).toHaveLength(29);
    expect(() => encodeEif({ ...many, ramdisks: [...many.ramdisks, rng(3)] })).toThrowCode(
      'ERR_EIF_SECTION',
    );
    expect(() => encodeEif({ ...parts, ramdisks: [] })).toThrowCode('ERR_EIF_SECTION');
  });
});

describe('image signatures', () => {
  const signer = readSigner(signerKey, CERTIFICATE);
  const signed = buildEif(parts, { by: signer, now: NOW });

  it('are COSE_Sign1 of PCR0 under the certificate, by another reader', () => {
    const { signature } = decodeEif(signed.file);
    const list = decode(Buffer.from(signature!)) as Record<string, readonly number[]>[];
    expect(list).toHaveLength(1);
    expect(Object.keys(list[0]!)).toEqual(['signing_certificate', 'signature']);
    const pem = Buffer.from(list[0]!['signing_certificate']!);
    expect(pem.equals(readFileSync(CERTIFICATE))).toBe(true);
    const cose = decode(Buffer.from(list[0]!['signature']!)) as readonly Uint8Array[];
    const [head, unprotected, payload, rs] = cose.map((part) =>
      part instanceof Uint8Array ? Buffer.from(part) : part,
    );
    expect(head).toEqual(Buffer.from('a1013822', 'hex'));
    expect(unprotected).toEqual({});
    expect(decode(payload as Buffer)).toEqual({
      register_index: 0,
      register_value: [...signed.pcrs.pcr0],
    });
    const byteString = (bytes: Buffer): Buffer =>
      Buffer.concat([
        bytes.length < 24
          ? Buffer.of(0x40 + bytes.length)
          : bytes.length < 256
            ? Buffer.of(0x58, bytes.length)
            : Buffer.of(0x59, bytes.length >> 8, bytes.length & 255),
        bytes,
      ]);
    const message = Buffer.concat([
      ...[Buffer.of(0x84, 0x6a), Buffer.from('Signature1'), byteString(head as Buffer)],
      ...[Buffer.of(0x40), byteString(payload as Buffer)],
    ]);
    const key = createPublicKey(pem);
    expect(verify('sha384', message, { key, dsaEncoding: 'ieee-p1363' }, rs as Buffer)).toBe(true);
    const der = new X509Certificate(pem).raw;
    expect(Buffer.from(signed.pcrs.pcr8!)).toEqual(H(ZERO, H(der)));
  });

  it('leave PCR0 to PCR2 as they are and are reproducible', async () => {
    const unsigned = buildEif(parts, undefined);
    const { pcr0, pcr1, pcr2 } = signed.pcrs;
    expect({ pcr0, pcr1, pcr2 }).toEqual(unsigned.pcrs);
    const again = buildEif(parts, { by: signer, now: NOW + 1_000_000 });
    expect(Buffer.from(again.file).equals(signed.file)).toBe(true);
    expect((await measureEif(signed.file)).certificate).toMatchObject({
      notBefore: Date.parse('2020-01-01T00:00:00Z'),
      notAfter: Date.parse('2099-12-31T00:00:00Z'),
    });
  });

  it('are refused when they are of another image, key or form', async () => {
    const { signature } = decodeEif(signed.file);
    const of = (section: Uint8Array): Promise<unknown> =>
      measureEif(encodeEif({ ...parts, signature: section }));
    const other = encodeEif({ ...parts, cmdline: 'other', signature: signature! });
    await expect(measureEif(other)).rejects.toThrowCode('ERR_EIF_SIGNATURE');
    for (const at of [0, 1, 3, 30, 300, signature!.length - 1]) {
      const changed = Uint8Array.from(signature!);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(of(changed), `byte ${at}`).rejects.toThrowCode('ERR_EIF_SIGNATURE');
    }
    const longer = Buffer.concat([signature!, Buffer.from([0xf6])]);
    await expect(of(longer)).rejects.toThrowCode('ERR_EIF_SIGNATURE');
    await expect(of(new Uint8Array(70_000))).rejects.toThrowCode('ERR_EIF_SIGNATURE');
  });

  it('take a certificate of version 1, as openssl x509 -req makes it, within its dates', async () => {
    const by = readSigner(signerKey, join(FIXTURES, 'version1.crt.pem'));
    const at = (time: string): ReturnType<typeof buildEif> =>
      buildEif(parts, { by, now: Date.parse(time) });
    const { file, pcrs } = at('2026-12-12T16:17:56Z');
    const der = new X509Certificate(by.certificatePem).raw;
    expect(Buffer.from(pcrs.pcr8!)).toEqual(H(ZERO, H(der)));
    expect((await measureEif(file)).pcrs).toEqual(pcrs);
    expect(() => at('2026-12-12T16:17:57Z')).toThrowCode('ERR_EIF_SIGNATURE');
    expect(() => at('2026-11-22T16:17:55Z')).toThrowCode('ERR_EIF_SIGNATURE');
  });

  it('are not made with an expired certificate or one of another key', () => {
    const past = Date.parse('2000-01-01T00:00:00Z');
    expect(() => buildEif(parts, { by: signer, now: past })).toThrowCode('ERR_EIF_SIGNATURE');
    const other = { ...signer, secretKey: Uint8Array.from(signer.secretKey).fill(1) };
    expect(() => buildEif(parts, { by: other, now: NOW })).toThrowCode('ERR_EIF_SIGNATURE');
    const text = { ...signer, certificatePem: Buffer.from('no certificate') };
    expect(() => buildEif(parts, { by: text, now: NOW })).toThrowCode('ERR_EIF_SIGNATURE');
  });
});
