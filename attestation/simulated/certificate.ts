/**
 * Certificates for the simulated NSM and for tests, by @peculiar/x509; the only file that knows it. Never imported by
 * the verifier, and not part of a production image. Randomness and time are arguments.
 * @module
 */
import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  CRLDistributionPointsExtension,
  Extension,
  Name,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { p384 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat } from '../../src/bytes.ts';
import { fromHex, toHex } from '../../src/encoding.ts';
import type { NowMs, Rng } from '../../src/rng.ts';
import { DerReader, TAG } from '../der.ts';

/** SubjectPublicKeyInfo up to the 97 bytes of the point. */
const SPKI_PREFIX = fromHex('3076301006072a8648ce3d020106052b81040022036200');

/** The library takes the size of r and s from the curve's name. */
const ECDSA = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };

const OID_KEY_USAGE = '2.5.29.15';

export interface SigningKey {
  /** 48 bytes. */
  readonly secretKey: Uint8Array;
  /** Uncompressed, 97 bytes. */
  readonly publicKey: Uint8Array;
}

export function generateSigningKey(rng: Rng): SigningKey {
  return signingKeyOf(p384.utils.randomSecretKey(rng(72)));
}

export function signingKeyOf(secretKey: Uint8Array): SigningKey {
  return { secretKey, publicKey: p384.getPublicKey(secretKey, false) };
}

/** ES384 as the NSM does it: r || s, not normalised to low s. */
export function signEs384(message: Uint8Array, key: SigningKey): Uint8Array {
  return p384.sign(message, key.secretKey, { lowS: false });
}

/** Distinguished name, one attribute per entry, in order: `['C', 'US']`. */
export type NameParts = readonly (readonly [string, string])[];

/** What a certificate says; times in milliseconds, whole seconds. */
export interface CertificateSpec {
  readonly serial: Uint8Array;
  readonly issuer: NameParts;
  readonly subject: NameParts;
  readonly notBefore: NowMs;
  readonly notAfter: NowMs;
  readonly publicKey: Uint8Array;
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number };
  /** First octet of KeyUsage (RFC 5280, 4.2.1.3): digitalSignature 80, nonRepudiation 40, keyCertSign 04, cRLSign 02. */
  readonly keyUsage?: { readonly bits: number; readonly critical: boolean };
  readonly subjectKeyId?: boolean;
  readonly authorityKey?: Uint8Array;
  readonly crlUrl?: string;
  /** Anything else, for tests: OID, critical, DER value. */
  readonly extra?: readonly (readonly [string, boolean, Uint8Array])[];
}

function nameOf(parts: NameParts): Name {
  return new Name(
    parts.map(([type, value]) => ({
      [type]: [type === 'C' ? { printableString: value } : { utf8String: value }],
    })),
  );
}

function keyId(publicKey: Uint8Array): string {
  return toHex(sha256(publicKey).subarray(0, 20));
}

function extensionsOf(spec: CertificateSpec): Extension[] {
  const out: Extension[] = [];
  const basic = spec.basicConstraints;
  if (basic !== undefined)
    out.push(new BasicConstraintsExtension(basic.ca, basic.pathLength, true));
  if (spec.authorityKey !== undefined)
    out.push(new AuthorityKeyIdentifierExtension(keyId(spec.authorityKey)));
  if (spec.subjectKeyId === true)
    out.push(new SubjectKeyIdentifierExtension(keyId(spec.publicKey)));
  if (spec.keyUsage !== undefined) {
    const { bits, critical } = spec.keyUsage;
    const unused = Math.log2(bits & -bits);
    out.push(new Extension(OID_KEY_USAGE, critical, Uint8Array.of(3, 2, unused, bits)));
  }
  if (spec.crlUrl !== undefined) out.push(new CRLDistributionPointsExtension([spec.crlUrl]));
  for (const [oid, critical, value] of spec.extra ?? [])
    out.push(new Extension(oid, critical, Uint8Array.from(value)));
  return out;
}

/** DER of a certificate signed with ecdsa-with-SHA384 by `issuerKey`. */
export async function issueCertificate(
  spec: CertificateSpec,
  issuerKey: SigningKey,
): Promise<Uint8Array> {
  const create = async (signature: Uint8Array): Promise<Uint8Array> => {
    const certificate = await X509CertificateGenerator.create({
      serialNumber: toHex(spec.serial),
      issuer: nameOf(spec.issuer),
      subject: nameOf(spec.subject),
      notBefore: new Date(spec.notBefore),
      notAfter: new Date(spec.notAfter),
      publicKey: concat(SPKI_PREFIX, spec.publicKey),
      signingAlgorithm: ECDSA,
      extensions: extensionsOf(spec),
      signature,
    });
    return new Uint8Array(certificate.rawData);
  };
  // The generator signs with WebCrypto keys only: build once with a placeholder, sign its signed part, build again.
  const draft = await create(new Uint8Array(96).fill(1));
  const tbs = new DerReader(draft).open(TAG.sequence, 'draft').take(TAG.sequence, 'draft');
  return create(signEs384(tbs.bytes, issuerKey));
}
