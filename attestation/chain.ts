/**
 * The certificate chain in its one order [cabundle..., certificate]: no path building, no search, every rule over all
 * entries. docs/verifying.md steps 6c to 6i; RFC 5280 section 6 for what is checked. Input: hostile.
 * @module
 */
import { sha384 } from '@noble/hashes/sha2.js';
import { concat, equalConstantTime } from '../src/bytes.ts';
import { fromHex, utf8 } from '../src/encoding.ts';
import { DpcaError, type AttestationCode } from '../src/errors.ts';
import type { NowMs } from '../src/rng.ts';
import type { Certificate } from './certificate.ts';
import { signatureOf } from './der.ts';
import { PCR_BYTES } from './document.ts';
import { isP384Key, type VerifyP384 } from './p384.ts';

/** AlgorithmIdentifier ecdsa-with-SHA384, no parameters. */
const ECDSA_SHA384 = fromHex('300a06082a8648ce3d040303');
/** AlgorithmIdentifier id-ecPublicKey on secp384r1. */
const EC_P384 = fromHex('301006072a8648ce3d020106052b81040022');

function refuse(code: AttestationCode, entry: number, problem: string): never {
  throw new DpcaError(code, `certificate ${entry} of the chain: ${problem}`);
}

/** 6c: algorithms and keys of all entries, then their signatures opened; returns r || s per entry. */
export function checkAlgorithms(chain: readonly Certificate[]): readonly Uint8Array[] {
  chain.forEach((entry, i) => {
    if (
      !equalConstantTime(entry.innerAlgorithm, ECDSA_SHA384) ||
      !equalConstantTime(entry.outerAlgorithm, ECDSA_SHA384)
    ) {
      refuse('CHAIN_ALG', i, 'expected ecdsa-with-SHA384 inside and outside');
    }
    if (!equalConstantTime(entry.keyAlgorithm, EC_P384) || !isP384Key(entry.publicKey)) {
      refuse('CHAIN_ALG', i, 'expected an uncompressed P-384 key on the curve');
    }
  });
  return chain.map((entry) => signatureOf(entry.signature));
}

/** 6d: critical extensions, CA flags and key usages of all entries. */
export function checkExtensions(chain: readonly Certificate[]): void {
  chain.forEach((entry, i) => {
    if (entry.hasUnknownCritical)
      refuse('CHAIN_CRITICAL_EXT', i, 'an unknown extension is critical');
  });
  const last = chain.length - 1;
  chain.forEach((entry, i) => {
    const { basicConstraints, keyUsage } = entry;
    if (i < last) {
      if (basicConstraints?.critical !== true || !basicConstraints.ca) {
        refuse('CHAIN_NOT_CA', i, 'expected critical basicConstraints with CA true');
      }
      if (keyUsage?.critical !== true || !keyUsage.keyCertSign) {
        refuse('CHAIN_KEY_USAGE', i, 'expected a critical keyUsage with keyCertSign');
      }
      return;
    }
    if (
      basicConstraints?.critical !== true ||
      basicConstraints.ca ||
      basicConstraints.pathLength !== undefined
    ) {
      refuse(
        'LEAF_IS_CA',
        i,
        'expected critical basicConstraints with CA false and no path length',
      );
    }
    if (keyUsage?.digitalSignature !== true || keyUsage.keyCertSign) {
      refuse('CHAIN_KEY_USAGE', i, 'expected digitalSignature and no keyCertSign');
    }
  });
}

/** 6e: each entry issued, by raw name, by the one before it; entries distinct; only the root self-issued. */
export function checkOrder(chain: readonly Certificate[]): void {
  for (let i = 1; i < chain.length; i++) {
    const entry = chain[i];
    const issuer = chain[i - 1];
    if (entry === undefined || issuer === undefined) continue;
    if (chain.slice(0, i).some((earlier) => equalConstantTime(earlier.raw, entry.raw))) {
      refuse('CHAIN_ORDER', i, 'the same certificate again');
    }
    if (equalConstantTime(entry.subject, entry.issuer)) refuse('CHAIN_ORDER', i, 'self-issued');
    if (equalConstantTime(entry.issuer, issuer.subject)) continue;
    const isElsewhere = chain.some((other) => equalConstantTime(other.subject, entry.issuer));
    refuse(
      isElsewhere ? 'CHAIN_ORDER' : 'CHAIN_ISSUER',
      i,
      isElsewhere ? 'its issuer is elsewhere in the bundle' : 'its issuer is not in the bundle',
    );
  }
}

/** 6f: path lengths, where present, allow the CA certificates below. */
export function checkPathLengths(chain: readonly Certificate[]): void {
  chain.forEach((entry, i) => {
    const below = chain.length - 2 - i;
    const allowed = entry.basicConstraints?.pathLength;
    if (allowed !== undefined && allowed < below)
      refuse('CHAIN_PATHLEN', i, 'too many CA certificates below');
  });
}

/** 6g: each entry's signature under its predecessor's key; entry 0 is the pinned root. */
export async function checkSignatures(
  chain: readonly Certificate[],
  signatures: readonly Uint8Array[],
  verify: VerifyP384,
): Promise<void> {
  const results = await Promise.all(
    chain.map(async (entry, i) => {
      const issuer = chain[i - 1];
      const signature = signatures[i];
      if (i === 0) return true;
      if (issuer === undefined || signature === undefined) return false;
      return isTrue(verify(issuer.publicKey, signature, entry.tbs));
    }),
  );
  const bad = results.indexOf(false);
  if (bad !== -1) refuse('CHAIN_SIGNATURE', bad, 'not signed by the certificate before it');
}

/** A rejected verification is a failed one. */
export async function isTrue(verification: Promise<boolean>): Promise<boolean> {
  try {
    return await verification;
  } catch {
    return false;
  }
}

/** 6h: every entry valid at `now`, notAfter inclusive, skew on the early side only; each time, cached or not. */
export function checkValidity(chain: readonly Certificate[], now: NowMs, skewMs: number): void {
  chain.forEach((entry, i) => {
    if (now < entry.notBefore * 1000 - skewMs) refuse('CERT_NOT_YET_VALID', i, 'before notBefore');
    if (Math.floor(now / 1000) > entry.notAfter) refuse('CERT_EXPIRED', i, 'after notAfter');
  });
}

export interface ModuleIdentity {
  readonly instanceId: string;
  readonly region: string;
}

/** 6i: module_id, leaf name, name of the certificate above it and PCR4 belong together. */
export function checkModuleId(
  moduleId: string,
  chain: readonly Certificate[],
  pcr4: Uint8Array | undefined,
  partition: string,
): ModuleIdentity {
  const mismatch = (problem: string): never => {
    throw new DpcaError('MODULE_ID_MISMATCH', problem);
  };
  const instanceId = /^(i-[0-9a-f]{17})-enc[0-9a-f]{16}$/.exec(moduleId)?.[1];
  if (instanceId === undefined) return mismatch('module_id: expected i-<17 hex>-enc<16 hex>');
  const leafName = chain[chain.length - 1]?.commonName ?? '';
  const tail = `.${partition}`;
  const region = leafName.slice(moduleId.length + 1, -tail.length);
  if (!/^[a-z0-9-]+$/.test(region) || leafName !== `${moduleId}.${region}${tail}`) {
    return mismatch('the leaf is not named <module_id>.<region>.<partition>');
  }
  if (chain[chain.length - 2]?.commonName !== `${instanceId}.${region}${tail}.nitro-enclaves`) {
    return mismatch('the CA above the leaf is not named after the same instance and region');
  }
  if (pcr4 === undefined || !equalConstantTime(pcr4, instancePcr(instanceId))) {
    return mismatch('PCR4 is not the measurement of the instance id');
  }
  return { instanceId, region };
}

/** PCR4 of an instance: SHA-384(0^48 || instance id). */
export function instancePcr(instanceId: string): Uint8Array {
  return sha384(concat(new Uint8Array(PCR_BYTES), utf8(instanceId)));
}
