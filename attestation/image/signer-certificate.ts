/**
 * As much of an image signer's certificate as matters: its P-384 key and its dates. Version 1 certificates are taken too,
 * which is what the usual `openssl x509 -req` makes; names and extensions are not judged, because trust in the
 * certificate comes from PCR8, which is of its exact bytes, and from nothing in it. Input: hostile.
 * @module
 */
import { equalConstantTime } from '../../src/bytes.ts';
import { fromHex, fromUtf8 } from '../../src/encoding.ts';
import { parseDer, refuseDer, TAG, wholeBits, type DerReader } from '../der.ts';
import { isP384Key } from '../p384.ts';
import { pemToDer } from '../root.ts';

/** AlgorithmIdentifier of a key on P-384 (RFC 5480): id-ecPublicKey with the named curve secp384r1. */
const P384_ALGORITHM = fromHex('301006072a8648ce3d020106052b81040022');

export interface SignerCertificate {
  /** Its DER, which PCR8 covers. */
  readonly raw: Uint8Array;
  /** Uncompressed, 97 bytes. */
  readonly publicKey: Uint8Array;
  /** Milliseconds since 1970, both inclusive. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** RFC 5280 section 4.1.2.5: UTCTime of 1950 to 2049, or GeneralizedTime, with seconds and Z. */
function time(reader: DerReader): number {
  const { tag, content } = reader.any();
  const digits = String.fromCharCode(...content);
  const full =
    tag === TAG.utcTime
      ? `${digits.startsWith('5') || digits > '5' ? '19' : '20'}${digits}`
      : digits;
  const [, year, month, day, clock] =
    /^(\d{4})(\d{2})(\d{2})(\d{6})Z$/.exec(full) ?? refuseDer('validity: expected digits and Z');
  const [hour, minute, second] = [clock?.slice(0, 2), clock?.slice(2, 4), clock?.slice(4)];
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const at = new Date(iso);
  // a date that does not exist becomes another one or none
  return !Number.isNaN(at.getTime()) && at.toISOString() === iso
    ? at.getTime()
    : refuseDer('validity: not a calendar date');
}

/** The one certificate in a PEM file with nothing around it (ROOT_FINGERPRINT, ERR_ENCODING_UTF8, CERT_DER). */
export function parseSignerCertificate(pem: Uint8Array): SignerCertificate {
  const raw = pemToDer(fromUtf8(pem));
  const tbs = parseDer(raw, TAG.sequence, 'certificate').open(TAG.sequence, 'tbsCertificate');
  if (tbs.next === TAG.version) tbs.any();
  tbs.take(TAG.integer, 'serialNumber');
  tbs.take(TAG.sequence, 'signature');
  tbs.take(TAG.sequence, 'issuer');
  const validity = tbs.open(TAG.sequence, 'validity');
  const [notBefore, notAfter] = [time(validity), time(validity)];
  tbs.take(TAG.sequence, 'subject');
  const keyInfo = tbs.open(TAG.sequence, 'subjectPublicKeyInfo');
  const algorithm = keyInfo.take(TAG.sequence, 'subjectPublicKeyInfo').bytes;
  const publicKey = wholeBits(keyInfo.take(TAG.bitString, 'subjectPublicKey'), 'subjectPublicKey');
  if (!equalConstantTime(algorithm, P384_ALGORITHM) || !isP384Key(publicKey)) {
    refuseDer('expected a key on P-384');
  }
  return { raw, publicKey, notBefore, notAfter };
}
