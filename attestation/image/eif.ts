/**
 * Enclave image files (EIF), version 4, x86_64: one writer, one reader. Two other readers exist, of which one walks the
 * file and one trusts the tables; this one refuses every file that those two could read differently (docs/image.md,
 * section 2). Input: hostile. Nothing here says who built an image: pcrs.ts and signature.ts do.
 * @module
 */
import { concat } from '../../src/bytes.ts';
import { fromUtf8, u16be, u32be, u64be, utf8 } from '../../src/encoding.ts';
import { DpcaError, type ErrorCode } from '../../src/errors.ts';
import { crc32 } from './crc32.ts';

const MAGIC = 0x2e656966; // ".eif"
const VERSION = 4;
const HEADER_BYTES = 548;
const CRC_AT = 544;
const SECTION_HEADER_BYTES = 12;
const MAX_SECTIONS = 32;
const OFFSETS_AT = 28;
const SIZES_AT = 284;
/** nitro-cli writes these two for every image; whoever starts the enclave overrides them. */
const DEFAULT_MEMORY = 1_073_741_824n;
const DEFAULT_CPUS = 2n;
/** What one buffer of the platform can hold; the largest image of the project is a tenth of it. */
export const MAX_EIF_BYTES = 2_147_483_647;

const TYPE = { kernel: 1, cmdline: 2, ramdisk: 3, signature: 4, metadata: 5 } as const;

/** The parts of an image. Byte strings that come from {@link decodeEif} alias its input. */
export interface Eif {
  /** A bzImage. */
  readonly kernel: Uint8Array;
  /** The kernel's command line, UTF-8 without NUL; may be empty. */
  readonly cmdline: string;
  /** One or more cpio archives; the first holds the init program. */
  readonly ramdisks: readonly Uint8Array[];
  /** JSON that is in no PCR, kept as bytes and never trusted. */
  readonly metadata: Uint8Array;
  /** CBOR of signature.ts, when the image is signed. */
  readonly signature?: Uint8Array;
}

interface Section {
  readonly type: number;
  readonly data: Uint8Array;
}

function refuse(code: ErrorCode, problem: string): never {
  throw new DpcaError(code, `EIF: ${problem}`);
}

/** The sections in the one order of file and tables; also what a reader must find (ERR_EIF_SECTION). */
function sectionsOf(eif: Eif): readonly Section[] {
  const { kernel, cmdline, metadata, ramdisks, signature } = eif;
  const command = utf8(cmdline);
  if (command.includes(0)) refuse('ERR_EIF_SECTION', 'expected a command line without NUL');
  const sections = [
    { type: TYPE.kernel, data: kernel },
    { type: TYPE.cmdline, data: command },
    { type: TYPE.metadata, data: metadata },
    ...ramdisks.map((data) => ({ type: TYPE.ramdisk, data })),
    ...(signature === undefined ? [] : [{ type: TYPE.signature, data: signature }]),
  ];
  if (ramdisks.length === 0) refuse('ERR_EIF_SECTION', 'expected one ramdisk or more');
  if (sections.length > MAX_SECTIONS) {
    refuse('ERR_EIF_SECTION', `expected at most ${MAX_SECTIONS} sections`);
  }
  // QEMU fails on an empty section of another type with a message about memory
  if (sections.some(({ type, data }) => type !== TYPE.cmdline && data.length === 0)) {
    refuse('ERR_EIF_SECTION', 'expected no empty section but the command line');
  }
  return sections;
}

/** The file (ERR_EIF_SECTION, ERR_EIF_TOO_LARGE). Equal parts give equal files. */
export function encodeEif(eif: Eif): Uint8Array {
  const sections = sectionsOf(eif);
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  header.set(
    concat(
      concat(u32be(MAGIC), u16be(VERSION), u16be(0)),
      concat(u64be(DEFAULT_MEMORY), u64be(DEFAULT_CPUS), u16be(0), u16be(sections.length)),
    ),
  );
  const parts: Uint8Array[] = [header];
  let at = HEADER_BYTES;
  sections.forEach(({ type, data }, i) => {
    view.setBigUint64(OFFSETS_AT + 8 * i, BigInt(at));
    view.setBigUint64(SIZES_AT + 8 * i, BigInt(data.length));
    parts.push(concat(u16be(type), u16be(0), u64be(BigInt(data.length))), data);
    at += SECTION_HEADER_BYTES + data.length;
  });
  if (at > MAX_EIF_BYTES) refuse('ERR_EIF_TOO_LARGE', `expected at most ${MAX_EIF_BYTES} bytes`);
  // the CRC leaves out its own four bytes, which are the header's last
  let crc = crc32(header.subarray(0, CRC_AT));
  for (const part of parts.slice(1)) crc = crc32(part, crc);
  view.setUint32(CRC_AT, crc);
  return concat(...parts);
}

function readHeader(view: DataView): number {
  const count = view.getUint16(26);
  const isKnown =
    view.getUint32(0) === MAGIC &&
    view.getUint16(4) === VERSION &&
    view.getUint16(6) === 0 &&
    view.getUint16(24) === 0 &&
    view.getUint32(540) === 0;
  if (!isKnown) {
    refuse('ERR_EIF_HEADER', 'expected version 4 for x86_64 with zero reserved fields');
  }
  if (count > MAX_SECTIONS) refuse('ERR_EIF_HEADER', `expected at most ${MAX_SECTIONS} sections`);
  return count;
}

/** Walks the file as the tables say it must be; returns views. */
function readSections(file: Uint8Array, view: DataView, count: number): readonly Section[] {
  const sections: Section[] = [];
  let at = HEADER_BYTES;
  for (let i = 0; i < MAX_SECTIONS; i++) {
    const offset = view.getBigUint64(OFFSETS_AT + 8 * i);
    const size = view.getBigUint64(SIZES_AT + 8 * i);
    if (i >= count) {
      if (offset !== 0n || size !== 0n) {
        refuse('ERR_EIF_LAYOUT', 'expected zeros behind the last table entry');
      }
      continue;
    }
    if (offset !== BigInt(at)) refuse('ERR_EIF_LAYOUT', 'expected sections one behind the other');
    if (at + SECTION_HEADER_BYTES > file.length) {
      refuse('ERR_EIF_TRUNCATED', 'the file ends in a section header');
    }
    if (view.getUint16(at + 2) !== 0) refuse('ERR_EIF_SECTION', 'expected section flags of zero');
    if (view.getBigUint64(at + 4) !== size) {
      refuse('ERR_EIF_LAYOUT', 'table and section header give different sizes');
    }
    const start = at + SECTION_HEADER_BYTES;
    if (size > BigInt(file.length - start)) {
      refuse('ERR_EIF_TRUNCATED', 'the file ends in a section');
    }
    const data = file.subarray(start, start + Number(size));
    sections.push({ type: view.getUint16(at), data });
    at = start + data.length;
  }
  if (at !== file.length) refuse('ERR_EIF_TRAILING', 'bytes follow the last section');
  return sections;
}

/**
 * Takes a file apart (ERR_EIF_TOO_LARGE, ERR_EIF_TRUNCATED, ERR_EIF_HEADER, ERR_EIF_LAYOUT, ERR_EIF_SECTION,
 * ERR_EIF_TRAILING, ERR_EIF_CRC). The signature is returned unread.
 */
export function decodeEif(file: Uint8Array): Eif {
  if (file.length > MAX_EIF_BYTES) {
    refuse('ERR_EIF_TOO_LARGE', `expected at most ${MAX_EIF_BYTES} bytes`);
  }
  if (file.length < HEADER_BYTES) refuse('ERR_EIF_TRUNCATED', 'the file ends in its header');
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const found = readSections(file, view, readHeader(view));
  const crc = crc32(file.subarray(HEADER_BYTES), crc32(file.subarray(0, CRC_AT)));
  if (crc !== view.getUint32(CRC_AT)) refuse('ERR_EIF_CRC', 'the check sum does not match');

  const [kernel, cmdline, metadata] = found;
  const signature = found.find(({ type }) => type === TYPE.signature)?.data;
  if (kernel === undefined || cmdline === undefined || metadata === undefined) {
    return refuse('ERR_EIF_SECTION', 'expected kernel, command line, metadata and ramdisks');
  }
  let command: string;
  try {
    command = fromUtf8(cmdline.data);
  } catch (cause) {
    throw new DpcaError('ERR_EIF_SECTION', 'EIF: the command line is not UTF-8', { cause });
  }
  const eif: Eif = {
    kernel: kernel.data,
    cmdline: command,
    metadata: metadata.data,
    ramdisks: found.filter(({ type }) => type === TYPE.ramdisk).map(({ data }) => data),
    ...(signature === undefined ? {} : { signature }),
  };
  // one grammar for both directions: the file must be what the writer makes of its parts
  const written = sectionsOf(eif);
  if (written.length !== found.length || written.some(({ type }, i) => type !== found[i]?.type)) {
    refuse(
      'ERR_EIF_SECTION',
      'expected one kernel, command line and metadata, ramdisks, and at most one signature, in this order',
    );
  }
  return eif;
}
