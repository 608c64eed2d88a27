/**
 * The golden images, archives and refusals of the shared vectors (see golden.ts; skipped without that folder).
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encodeCpio, decodeCpio, type CpioEntry } from '../../attestation/image/cpio.ts';
import { decodeEif } from '../../attestation/image/eif.ts';
import { buildEif, measureEif } from '../../attestation/image/image.ts';
import { extendPcr } from '../../attestation/image/pcrs.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { bytesOf, golden } from './golden.ts';

const sha384 = (bytes: Uint8Array): string => createHash('sha384').update(bytes).digest('hex');

const KINDS = { dir: 'directory', file: 'file', link: 'link' } as const;
const NOW = Date.parse('2026-06-01T00:00:00Z');

function archiveOf(name: string): Uint8Array {
  const { entries } = golden!.cpio.find((archive) => archive.name === name)!;
  return encodeCpio(
    entries.map(({ path, type, mode, data, target }): CpioEntry => ({
      ...{ path, kind: KINDS[type], mode: Number.parseInt(mode, 8) },
      content: data !== undefined ? bytesOf(data) : Buffer.from(target ?? ''),
    })),
  );
}

/** Why a file is refused, in words of the vectors, and the code for it. */
const CODES: Readonly<Record<string, string>> = {
  'bad magic': 'ERR_EIF_HEADER',
  'unsupported version': 'ERR_EIF_HEADER',
  'wrong architecture': 'ERR_EIF_HEADER',
  'reserved field not zero': 'ERR_EIF_HEADER',
  'unused field not zero': 'ERR_EIF_HEADER',
  'more than 32 sections': 'ERR_EIF_HEADER',
  'section count does not cover the file': 'ERR_EIF_LAYOUT',
  'CRC mismatch': 'ERR_EIF_CRC',
  'table and section header disagree': 'ERR_EIF_LAYOUT',
  'section longer than the file': 'ERR_EIF_TRUNCATED',
  'offsets do not follow the file order': 'ERR_EIF_LAYOUT',
  'offset outside the file': 'ERR_EIF_LAYOUT',
  'table entry beyond the section count is not zero': 'ERR_EIF_LAYOUT',
  'section flags not zero': 'ERR_EIF_SECTION',
  'invalid section type': 'ERR_EIF_SECTION',
  'unknown section type': 'ERR_EIF_SECTION',
  'more than one kernel': 'ERR_EIF_SECTION',
  'more than one cmdline': 'ERR_EIF_SECTION',
  'no kernel': 'ERR_EIF_SECTION',
  'no cmdline': 'ERR_EIF_SECTION',
  'no ramdisk': 'ERR_EIF_SECTION',
  'file ends inside the last section': 'ERR_EIF_TRUNCATED',
  'file ends after the header': 'ERR_EIF_TRUNCATED',
  'file shorter than the header': 'ERR_EIF_TRUNCATED',
  'bytes after the last section': 'ERR_EIF_TRAILING',
  'bytes after the last section, CRC of the sections kept': 'ERR_EIF_TRAILING',
  'signature section is not CBOR': 'ERR_EIF_SIGNATURE',
  'signature list is empty': 'ERR_EIF_SIGNATURE',
  'signature does not match PCR0 (one kernel byte changed)': 'ERR_EIF_SIGNATURE',
};

describe.skipIf(golden === undefined)('golden images (needs ../shared)', () => {
  it.each(golden?.cpio ?? [])('archive $name', ({ name, expected }) => {
    const archive = archiveOf(name);
    expect(archive.length).toBe(expected.length);
    expect(sha384(archive)).toBe(expected.sha384);
    expect(encodeCpio(decodeCpio(archive))).toEqual(archive);
  });

  it.each(golden?.eif ?? [])('image $name', async ({ inputs, expected }) => {
    const { signer } = golden!;
    const { file, pcrs } = buildEif(
      {
        kernel: bytesOf(inputs.kernel),
        cmdline: inputs.cmdline,
        ramdisks: inputs.ramdisks.map((input) => bytesOf(input, archiveOf)),
        metadata: Buffer.from(inputs.metadata),
      },
      inputs.signed
        ? {
            by: {
              secretKey: fromHex(signer.private_scalar_hex),
              certificatePem: Buffer.from(signer.certificate_pem),
            },
            now: NOW,
          }
        : undefined,
    );
    const shown = Object.fromEntries(
      Object.entries(pcrs).map(([name, value]) => [name.toUpperCase(), toHex(value as Uint8Array)]),
    );
    expect(shown).toEqual(expected.pcrs);
    expect(toHex(file.subarray(0, 28))).toBe(expected.header_0_28_hex);
    expect(toHex(file.subarray(544, 548))).toBe(expected.crc32_hex);
    expect(file.length).toBe(expected.file_size);
    expect(sha384(file)).toBe(expected.file_sha384);
    expect(Buffer.from(file).equals(Buffer.from(expected.file_base64, 'base64'))).toBe(true);
    const read = await measureEif(file);
    expect(read.pcrs).toEqual(pcrs);
    expect(read.eif.cmdline).toBe(inputs.cmdline);
    expect(toHex(read.eif.metadata)).toBe(toHex(Buffer.from(inputs.metadata)));
  });

  it.each(golden?.pcr ?? [])('$name', ({ old, data, expected }) => {
    expect(toHex(extendPcr(fromHex(old), bytesOf(data)))).toBe(expected);
  });

  it.each(golden?.reject ?? [])('refuses $name: $why', async (entry) => {
    const base = golden!.eif.find(({ name }) => name === entry.base)!;
    let file = Buffer.from(base.expected.file_base64, 'base64');
    for (const { offset, hex } of entry.patch ?? []) file.write(hex, offset, 'hex');
    if (entry.truncate_to !== undefined) file = file.subarray(0, entry.truncate_to);
    if (entry.append_hex !== undefined)
      file = Buffer.concat([file, Buffer.from(entry.append_hex, 'hex')]);
    if (entry.fix_crc) {
      file.writeUInt32BE(crc32(file.subarray(548), crc32(file.subarray(0, 544))), 544);
    }
    expect(sha384(file)).toBe(entry.file_sha384); // the file is the one that the vectors mean
    const refusal: unknown = await measureEif(file).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DpcaError);
    expect((refusal as DpcaError).code).toBe(CODES[entry.why]);
    if (entry.name.endsWith('pcr0-not-signed')) expect(() => decodeEif(file)).not.toThrow();
  });
});
