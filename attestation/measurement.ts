/**
 * Measurement of the simulated enclave: PCR0, 1, 2 over the files it is built of, computed as image measurements are,
 * PCR = SHA-384(0^48 || SHA-384(contents)). The format of `contents` is this project's own. Walking the disk is the
 * caller's. Trust: none by itself; a simulation's PCRs say what code was there, not what ran.
 * @module
 */
import { sha384 } from '@noble/hashes/sha2.js';
import { concat, type Bytes } from '../src/bytes.ts';
import { lengthPrefixed, utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import type { NewHash } from '../src/incremental-hash.ts';

/** A file: path relative to the root of the tree, with '/', and its bytes. */
export interface MeasuredFile {
  readonly path: string;
  readonly content: Uint8Array;
}

export interface Measurements {
  /** Everything. */
  readonly pcr0: Bytes<48>;
  /** The packages depended on. */
  readonly pcr1: Bytes<48>;
  /** The application. */
  readonly pcr2: Bytes<48>;
}

function extendZero(digest: Uint8Array): Bytes<48> {
  return sha384(concat(new Uint8Array(48), digest)) as Bytes<48>;
}

/** SHA-384 over lp(path) || lp(content) of all files, sorted by path in code unit order. */
function digestOf(domain: string, files: readonly MeasuredFile[], newSha384: NewHash): Uint8Array {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const hash = newSha384();
  hash.update(lengthPrefixed(utf8(`dpca-measure/v1 ${domain}`)));
  sorted.forEach((file, i) => {
    if (file.path === sorted[i - 1]?.path)
      throw new DpcaError('ERR_INTERNAL', 'a file is measured twice');
    hash.update(lengthPrefixed(utf8(file.path), file.content));
  });
  return hash.digest();
}

/** PCR1 over `dependencies`, PCR2 over `application`, PCR0 over both; neither list may be empty. @param newSha384 the platform's */
export function measure(
  dependencies: readonly MeasuredFile[],
  application: readonly MeasuredFile[],
  newSha384: NewHash = () => sha384.create(),
): Measurements {
  if (dependencies.length === 0 || application.length === 0) {
    throw new DpcaError('ERR_INTERNAL', 'expected files to measure');
  }
  return {
    pcr0: extendZero(digestOf('image', [...dependencies, ...application], newSha384)),
    pcr1: extendZero(digestOf('dependencies', dependencies, newSha384)),
    pcr2: extendZero(digestOf('application', application, newSha384)),
  };
}
