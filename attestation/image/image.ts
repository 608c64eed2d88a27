/**
 * What an image file would be measured as: reading, signature and PCRs in one step, and the reverse.
 * @module
 */
import { utf8 } from '../../src/encoding.ts';
import type { NewHash } from '../../src/incremental-hash.ts';
import type { NowMs } from '../../src/rng.ts';
import { nobleP384, type VerifyP384 } from '../p384.ts';
import { decodeEif, encodeEif, type Eif } from './eif.ts';
import { imagePcrs, nobleSha384, type ImagePcrs } from './pcrs.ts';
import {
  signImage,
  signingCertificate,
  verifyImageSignature,
  type ImageSigner,
} from './signature.ts';
import type { SignerCertificate } from './signer-certificate.ts';

export interface ImageCapabilities {
  readonly verifyP384?: VerifyP384;
  readonly newSha384?: NewHash;
}

export interface MeasuredImage {
  readonly eif: Eif;
  readonly pcrs: ImagePcrs;
  /** Of the signer, when the image is signed; its signature of PCR0 has been checked, its dates have not. */
  readonly certificate?: SignerCertificate;
}

/** Reads and measures an image file; codes of eif.ts and ERR_EIF_SIGNATURE. */
export async function measureEif(
  file: Uint8Array,
  { verifyP384 = nobleP384, newSha384 = nobleSha384 }: ImageCapabilities = {},
): Promise<MeasuredImage> {
  const eif = decodeEif(file);
  const image = { ...eif, cmdline: utf8(eif.cmdline) };
  const { signature } = eif;
  if (signature === undefined) return { eif, pcrs: imagePcrs(image, undefined, newSha384) };
  const pcrs = imagePcrs(image, signingCertificate(signature).raw, newSha384);
  const certificate = await verifyImageSignature(signature, pcrs.pcr0, verifyP384);
  return { eif, pcrs, certificate };
}

/** An image file of these parts, signed when a signer is given; `now` is held against the certificate only. */
export function buildEif(
  parts: Omit<Eif, 'signature'>,
  signer: { readonly by: ImageSigner; readonly now: NowMs } | undefined,
  newSha384: NewHash = nobleSha384,
): { readonly file: Uint8Array; readonly pcrs: ImagePcrs } {
  const image = { ...parts, cmdline: utf8(parts.cmdline) };
  if (signer === undefined) {
    return { file: encodeEif(parts), pcrs: imagePcrs(image, undefined, newSha384) };
  }
  const { pcr0 } = imagePcrs(image, undefined, newSha384);
  const signature = signImage(pcr0, signer.by, signer.now);
  const pcrs = imagePcrs(image, signingCertificate(signature).raw, newSha384);
  return { file: encodeEif({ ...parts, signature }), pcrs };
}
