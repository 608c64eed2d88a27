/**
 * Reference values of an enclave image: what a Nitro security module reports in PCR0, 1, 2 and 8 for it (AWS Nitro
 * Enclaves user guide, "Cryptographic attestation"; docs/image.md section 3). Metadata and header are in no PCR.
 * @module
 */
import { sha384 } from '@noble/hashes/sha2.js';
import { concat, fixed, type Bytes } from '../../src/bytes.ts';
import type { NewHash } from '../../src/incremental-hash.ts';
import type { Eif } from './eif.ts';

/** The oracle's; for images of 100 MB a caller can bring a faster one. */
export const nobleSha384: NewHash = () => sha384.create();

/** PCR0, 1, 2 and, of a signed image, PCR8. */
export interface ImagePcrs {
  readonly pcr0: Bytes<48>;
  readonly pcr1: Bytes<48>;
  readonly pcr2: Bytes<48>;
  readonly pcr8?: Bytes<48>;
}

/** One extension: SHA-384(old || data), 48 bytes. */
export function extendPcr(old: Uint8Array, data: Uint8Array): Bytes<48> {
  return fixed(sha384(concat(old, data)), 48, 'PCR');
}

function measured(parts: readonly Uint8Array[], newSha384: NewHash): Bytes<48> {
  const hash = newSha384();
  for (const part of parts) hash.update(part);
  return extendPcr(new Uint8Array(48), hash.digest());
}

/**
 * PCR0 over everything, PCR1 over kernel, command line and the first ramdisk, PCR2 over the other ramdisks (over nothing
 * if there is one only, which is not zero), PCR8 over the DER of the signing certificate.
 */
export function imagePcrs(
  image: Pick<Eif, 'kernel' | 'ramdisks'> & { readonly cmdline: Uint8Array },
  certificate?: Uint8Array,
  newSha384: NewHash = nobleSha384,
): ImagePcrs {
  const { kernel, cmdline, ramdisks } = image;
  const boot = [kernel, cmdline, ...ramdisks.slice(0, 1)];
  const application = ramdisks.slice(1);
  return {
    pcr0: measured([...boot, ...application], newSha384),
    pcr1: measured(boot, newSha384),
    pcr2: measured(application, newSha384),
    ...(certificate === undefined ? {} : { pcr8: measured([certificate], newSha384) }),
  };
}
