/**
 * The signature section of an image: CBOR `[{signing_certificate, signature}]`, both as arrays of integers (as AWS's
 * tools write byte vectors), with a COSE_Sign1 over `{register_index: 0, register_value: PCR0}`. ES384 only. The
 * signature says which key approved PCR0; whether that key is trusted is the policy's PCR8 (docs/image.md, section 3).
 * @module
 */
import { p384 } from '@noble/curves/nist.js';
import { equalConstantTime, type Bytes } from '../../src/bytes.ts';
import { DpcaError } from '../../src/errors.ts';
import type { NowMs } from '../../src/rng.ts';
import { decodeCbor, encodeCbor, type CborValue } from '../cbor.ts';
import { checkEnvelope, encodeEnvelope, scanEnvelope, sigStructure } from '../cose.ts';
import type { VerifyP384 } from '../p384.ts';
import { parseSignerCertificate, type SignerCertificate } from './signer-certificate.ts';

/** Outer array, map, array of integers. */
const SECTION_DEPTH = 3;
/** A certificate and one signature, two bytes for most integers; a chain does not belong here. */
const MAX_SECTION_BYTES = 65_536;

export interface ImageSigner {
  /** P-384 scalar, 48 bytes big endian. Secret. */
  readonly secretKey: Uint8Array;
  /** The PEM file, which goes into the image byte for byte. */
  readonly certificatePem: Uint8Array;
}

function refuse(problem: string, cause?: unknown): never {
  throw new DpcaError('ERR_EIF_SIGNATURE', `EIF signature: ${problem}`, { cause });
}

function payloadOf(pcr0: Uint8Array): Uint8Array {
  const register = [...pcr0];
  return encodeCbor({
    fields: [
      ['register_index', 0],
      ['register_value', register],
    ],
  });
}

/** The certificate in a PEM file (ERR_EIF_SIGNATURE). */
function certificateOf(pem: Uint8Array): SignerCertificate {
  try {
    return parseSignerCertificate(pem);
  } catch (cause) {
    return refuse('expected one X.509 certificate of a P-384 key in PEM', cause);
  }
}

/**
 * The section for an image with this PCR0, with the nonce of RFC 6979, so that equal inputs give equal files; its length
 * varies with PCR0 and key. Refuses (ERR_EIF_SIGNATURE) a certificate of another key or outside its dates, as AWS does.
 */
export function signImage(pcr0: Bytes<48>, signer: ImageSigner, now: NowMs): Uint8Array {
  const { secretKey, certificatePem } = signer;
  const certificate = certificateOf(certificatePem);
  if (!equalConstantTime(p384.getPublicKey(secretKey, false), certificate.publicKey)) {
    refuse('the certificate is not of this key');
  }
  if (now < certificate.notBefore || now > certificate.notAfter) {
    refuse('the certificate is not valid now');
  }
  const payload = payloadOf(pcr0);
  // the library hashes with SHA-384; its default would move s to the lower half, which others do not do
  const signature = p384.sign(sigStructure(payload), secretKey, { lowS: false });
  return encodeCbor([
    {
      fields: [
        ['signing_certificate', [...certificatePem]],
        ['signature', [...encodeEnvelope(payload, signature)]],
      ],
    },
  ]);
}

function bytesOf(value: CborValue | undefined): Uint8Array {
  if (!Array.isArray(value)) return refuse('expected arrays of integers');
  const integers = value as readonly CborValue[];
  return Uint8Array.from(integers, (byte) =>
    typeof byte === 'number' && byte >= 0 && byte < 256 ? byte : refuse('expected bytes'),
  );
}

/** The two members of the section's one entry. */
function readSection(section: Uint8Array): readonly [Uint8Array, Uint8Array] {
  if (section.length > MAX_SECTION_BYTES) {
    refuse(`expected at most ${MAX_SECTION_BYTES} bytes`);
  }
  let entry: CborValue | undefined;
  try {
    const list = decodeCbor(Uint8Array.from(section), SECTION_DEPTH, 'COSE_TRAILING');
    entry =
      Array.isArray(list) && list.length === 1 ? (list as readonly CborValue[])[0] : undefined;
  } catch (cause) {
    refuse('expected CBOR', cause);
  }
  if (!(entry instanceof Map)) return refuse('expected an array of one map');
  const map = entry as ReadonlyMap<CborValue, CborValue>;
  const pem = bytesOf(map.get('signing_certificate'));
  const cose = bytesOf(map.get('signature'));
  const fields = [
    ['signing_certificate', [...pem]],
    ['signature', [...cose]],
  ] as const;
  // QEMU wants this order of keys; one encoding only, so that a file has one reading
  if (!equalConstantTime(encodeCbor([{ fields }]), section)) refuse('expected its one encoding');
  return [pem, cose];
}

/** DER of the certificate of a section, for PCR8; says nothing about the signature. */
export function signingCertificate(section: Uint8Array): SignerCertificate {
  return certificateOf(readSection(section)[0]);
}

/**
 * Checks that the section's signature is one of `pcr0` under its certificate's key (ERR_EIF_SIGNATURE). Dates are not
 * judged here: an image stays what it was after its certificate ended, although AWS does not start it any more.
 */
export async function verifyImageSignature(
  section: Uint8Array,
  pcr0: Bytes<48>,
  verifyP384: VerifyP384,
): Promise<SignerCertificate> {
  const [pem, cose] = readSection(section);
  const certificate = certificateOf(pem);
  let envelope;
  try {
    envelope = checkEnvelope(scanEnvelope(cose));
  } catch (cause) {
    return refuse('expected a COSE_Sign1 of ES384', cause);
  }
  const { payload, signature } = envelope;
  if (!equalConstantTime(payload, payloadOf(pcr0))) refuse('it is of another PCR0');
  if (!(await verifyP384(certificate.publicKey, signature, sigStructure(payload)))) {
    refuse('it does not verify under the certificate');
  }
  return certificate;
}
