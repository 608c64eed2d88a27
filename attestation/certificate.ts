/**
 * X.509 v3 certificates (RFC 5280) from exact DER, as NSM chains have them. Parsing only: algorithms, extensions and
 * names are judged in chain.ts. docs/verifying.md step 6b. Input: hostile.
 * @module
 */
import { equalConstantTime } from '../src/bytes.ts';
import { fromUtf8, toHex } from '../src/encoding.ts';
import { DerReader, TAG, defaultFalse, parseDer, refuseDer, wholeBits, type Der } from './der.ts';

const MAX_SERIAL_BYTES = 32;
const OID_COMMON_NAME = '550403';
const OID_BASIC_CONSTRAINTS = '551d13';
const OID_KEY_USAGE = '551d0f';

export interface BasicConstraints {
  readonly critical: boolean;
  readonly ca: boolean;
  readonly pathLength: number | undefined;
}

export interface KeyUsage {
  readonly critical: boolean;
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
}

/** Raw parts are the exact bytes of the certificate. */
export interface Certificate {
  readonly raw: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  /** Content octets of the serial number, hex. */
  readonly serial: string;
  readonly innerAlgorithm: Uint8Array;
  readonly outerAlgorithm: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** The subject's only commonName, if it has exactly one. */
  readonly commonName: string | undefined;
  /** Seconds since 1970, both inclusive. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly keyAlgorithm: Uint8Array;
  readonly publicKey: Uint8Array;
  /** The BIT STRING's content, not yet opened. */
  readonly signature: Uint8Array;
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: KeyUsage | undefined;
  readonly hasUnknownCritical: boolean;
}

function algorithm(reader: DerReader, what: string): Uint8Array {
  const value = reader.take(TAG.sequence, what);
  const inside = new DerReader(value.content);
  inside.take(TAG.oid, what);
  if (!inside.isDone()) inside.any();
  inside.end(what);
  return value.bytes;
}

/** Validates a Name with one attribute per RDN and returns its commonName, if there is exactly one. */
function commonNameOf(name: Der): string | undefined {
  const found: string[] = [];
  const rdns = new DerReader(name.content);
  while (!rdns.isDone()) {
    const rdn = rdns.open(TAG.set, 'name');
    const attribute = rdn.open(TAG.sequence, 'name');
    rdn.end('name');
    const type = toHex(attribute.take(TAG.oid, 'name').content);
    const value = attribute.any();
    attribute.end('name');
    if (type !== OID_COMMON_NAME) continue;
    if (value.tag !== TAG.utf8String && value.tag !== TAG.printableString)
      refuseDer('commonName: unexpected type');
    try {
      found.push(fromUtf8(value.content));
    } catch {
      refuseDer('commonName: not UTF-8');
    }
  }
  return found.length === 1 ? found[0] : undefined;
}

/** UTCTime or GeneralizedTime with Z and seconds, a real calendar value; seconds since 1970. */
function time(reader: DerReader): number {
  const value = reader.any();
  const text = String.fromCharCode(...value.content);
  const isUtc = value.tag === TAG.utcTime;
  if (!isUtc && value.tag !== TAG.generalizedTime) refuseDer('validity: expected a time');
  const parts = (
    isUtc
      ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/
      : /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/
  ).exec(text);
  if (parts === null) return refuseDer('validity: expected digits and Z');
  const [years = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1)
    .map(Number);
  const year = isUtc ? (years >= 50 ? 1900 : 2000) + years : years;
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  at.setUTCHours(hour, minute, second);
  const isReal =
    at.getUTCFullYear() === year &&
    at.getUTCMonth() === month - 1 &&
    at.getUTCDate() === day &&
    at.getUTCHours() === hour &&
    at.getUTCMinutes() === minute &&
    at.getUTCSeconds() === second;
  if (!isReal) refuseDer('validity: not a calendar date');
  return at.getTime() / 1000;
}

function basicConstraintsOf(value: Uint8Array, critical: boolean): BasicConstraints {
  const inside = parseDer(value, TAG.sequence, 'basicConstraints');
  const ca = defaultFalse(inside, 'basicConstraints');
  let pathLength: number | undefined;
  if (!inside.isDone()) {
    const content = inside.take(TAG.integer, 'basicConstraints').content;
    if (content.length !== 1 || (content[0] ?? 0) > 127)
      refuseDer('basicConstraints: expected 0..127');
    pathLength = content[0];
  }
  inside.end('basicConstraints');
  return { critical, ca, pathLength };
}

function keyUsageOf(value: Uint8Array, critical: boolean): KeyUsage {
  // parseDer wants a constructed value, so a wrapper-free BIT STRING is read with the plain reader.
  const reader = new DerReader(value);
  const bits = reader.take(TAG.bitString, 'keyUsage').content;
  reader.end('keyUsage');
  const unused = bits[0];
  const last = bits[bits.length - 1] ?? 0;
  // A named bit list ends at its last one bit (X.690, 11.2.2), so the first unused count is exact.
  if (unused === undefined || unused > 7 || bits.length < 2 || bits.length > 3)
    return refuseDer('keyUsage: expected bits');
  if ((last & ((1 << unused) - 1)) !== 0 || ((last >> unused) & 1) !== 1)
    refuseDer('keyUsage: not a minimal bit list');
  const flags = bits[1] ?? 0;
  return { critical, digitalSignature: (flags & 0x80) !== 0, keyCertSign: (flags & 0x04) !== 0 };
}

interface Extensions {
  basicConstraints: BasicConstraints | undefined;
  keyUsage: KeyUsage | undefined;
  hasUnknownCritical: boolean;
}

function extensionsOf(reader: DerReader): Extensions {
  const out: Extensions = {
    basicConstraints: undefined,
    keyUsage: undefined,
    hasUnknownCritical: false,
  };
  if (reader.isDone()) return out;
  const wrapper = reader.open(TAG.extensions, 'extensions');
  const list = wrapper.open(TAG.sequence, 'extensions');
  wrapper.end('extensions');
  if (list.isDone()) refuseDer('extensions: empty list');
  const seen = new Set<string>();
  while (!list.isDone()) {
    const extension = list.open(TAG.sequence, 'extension');
    const id = toHex(extension.take(TAG.oid, 'extension').content);
    const critical = defaultFalse(extension, 'extension');
    const value = extension.take(TAG.octetString, 'extension').content;
    extension.end('extension');
    if (seen.has(id)) refuseDer('an extension appears twice');
    seen.add(id);
    if (id === OID_BASIC_CONSTRAINTS) out.basicConstraints = basicConstraintsOf(value, critical);
    else if (id === OID_KEY_USAGE) out.keyUsage = keyUsageOf(value, critical);
    else if (critical) out.hasUnknownCritical = true;
  }
  return out;
}

/** Parses one certificate that fills `raw`; anything that is not exact DER of this shape is CERT_DER. */
export function parseCertificate(raw: Uint8Array): Certificate {
  const outer = parseDer(raw, TAG.sequence, 'certificate');
  const tbs = outer.take(TAG.sequence, 'tbsCertificate');
  const outerAlgorithm = algorithm(outer, 'signatureAlgorithm');
  const signature = wholeBits(outer.take(TAG.bitString, 'signature'), 'signature');
  outer.end('certificate');

  const fields = new DerReader(tbs.content);
  const version = fields.open(TAG.version, 'version');
  if (!equalConstantTime(version.take(TAG.integer, 'version').content, Uint8Array.of(2))) {
    refuseDer('expected version 3');
  }
  version.end('version');
  const serial = fields.take(TAG.integer, 'serialNumber').content;
  if (serial.length > MAX_SERIAL_BYTES)
    refuseDer(`serialNumber: expected at most ${MAX_SERIAL_BYTES} bytes`);
  const innerAlgorithm = algorithm(fields, 'signature');
  const issuer = fields.take(TAG.sequence, 'issuer');
  commonNameOf(issuer);
  const validity = fields.open(TAG.sequence, 'validity');
  const notBefore = time(validity);
  const notAfter = time(validity);
  validity.end('validity');
  const subject = fields.take(TAG.sequence, 'subject');
  const commonName = commonNameOf(subject);
  const keyInfo = fields.open(TAG.sequence, 'subjectPublicKeyInfo');
  const keyAlgorithm = algorithm(keyInfo, 'subjectPublicKeyInfo');
  const publicKey = wholeBits(keyInfo.take(TAG.bitString, 'subjectPublicKey'), 'subjectPublicKey');
  keyInfo.end('subjectPublicKeyInfo');
  // Unique identifiers ([1], [2]) end here as an unexpected tag.
  const extensions = extensionsOf(fields);
  fields.end('tbsCertificate');

  return {
    raw,
    tbs: tbs.bytes,
    serial: toHex(serial),
    innerAlgorithm,
    outerAlgorithm,
    issuer: issuer.bytes,
    subject: subject.bytes,
    commonName,
    notBefore,
    notAfter,
    keyAlgorithm,
    publicKey,
    signature,
    ...extensions,
  };
}
