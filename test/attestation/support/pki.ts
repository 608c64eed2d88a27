/**
 * A synthetic P-384 PKI of the genuine shape and documents under it, so that a mutation inside the signed part can be
 * signed again and meets the check it is about.
 * @module
 */
import { encodeCbor, type CborInput } from '../../../attestation/cbor.ts';
import { instancePcr } from '../../../attestation/chain.ts';
import { parseCertificate } from '../../../attestation/certificate.ts';
import { encodeEnvelope, sigStructure } from '../../../attestation/cose.ts';
import { parsePolicy, type AppraisalPolicy } from '../../../attestation/policy.ts';
import { rootFingerprint } from '../../../attestation/root.ts';
import {
  generateSigningKey,
  issueCertificate,
  signEs384,
  type CertificateSpec,
  type NameParts,
  type SigningKey,
} from '../../../attestation/simulated/certificate.ts';
import { encodeUserData, type Binding } from '../../../attestation/user-data.ts';
import {
  verifyAttestation,
  type AttestationVerdict,
  type VerifyOptions,
} from '../../../attestation/verify.ts';
import { verifyP384 } from '../../../enclave/p384-webcrypto.ts';
import { concat, fixed } from '../../../src/bytes.ts';
import { u64be } from '../../../src/encoding.ts';
import type { Rng } from '../../../src/rng.ts';
import { policyText, seededRng, type PolicyOptions } from './world.ts';

export const NOW = Date.UTC(2026, 2, 4, 5, 6, 7, 250);
const HOUR = 3_600_000;
export const INSTANCE_ID = 'i-0123456789abcdef0';
export const MODULE_ID = `${INSTANCE_ID}-enc0123456789abcdef`;
const BASE = 'test-1.sim.nitro-enclaves';
const CA_USAGE = { bits: 0x86, critical: true };

export const pcr = (byte: number): Uint8Array => new Uint8Array(48).fill(byte);
export const PCRS = { pcr0: pcr(0xa0), pcr1: pcr(0xa1), pcr2: pcr(0xa2) };

export type Specs = [
  CertificateSpec,
  CertificateSpec,
  CertificateSpec,
  CertificateSpec,
  CertificateSpec,
];
export type Entries = [string, Uint8Array][];

/** `04` for the tag, short or one- or two-byte length. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concat(...parts);
  const n = content.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 255];
  return concat(Uint8Array.of(tag, ...length), content);
}

export const name = (commonName: string): NameParts => [
  ['C', 'US'],
  ['O', 'test'],
  ['CN', commonName],
];

function integer(bytes: Uint8Array): Uint8Array {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at += 1;
  const part = bytes.subarray(at);
  return der(2, (part[0] ?? 0) >= 0x80 ? concat(Uint8Array.of(0), part) : part);
}

/** ECDSA-Sig-Value of r || s. */
export function derSignature(raw: Uint8Array): Uint8Array {
  return der(0x30, integer(raw.subarray(0, 48)), integer(raw.subarray(48)));
}

export interface DocumentParts {
  /** Replaces, adds or removes (undefined) payload fields by value. */
  readonly fields?: Readonly<Record<string, CborInput | undefined>>;
  /** Works on the encoded entries. */
  readonly entries?: (entries: Entries) => Entries;
  /** Works on the encoded payload. */
  readonly payload?: (payload: Uint8Array) => Uint8Array;
  readonly form?: 'definite' | 'indefinite';
  /** Replaces the envelope; gets payload and signature. */
  readonly envelope?: (payload: Uint8Array, signature: Uint8Array) => Uint8Array;
  /** Replaces certificates: the five entries, root first. */
  readonly chain?: readonly Uint8Array[];
  readonly leafKey?: SigningKey;
}

export class Pki {
  readonly keys: readonly SigningKey[];
  readonly rng: Rng;
  readonly nonce: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly ownPublicKey: Uint8Array;
  readonly binding: Binding;
  chain: readonly Uint8Array[] = [];

  constructor(seed: string) {
    this.rng = seededRng(seed);
    this.keys = Array.from({ length: 5 }, () => generateSigningKey(this.rng));
    this.nonce = this.rng(32);
    this.publicKey = this.rng(32);
    this.ownPublicKey = this.rng(32);
    this.binding = {
      role: 'init',
      sessionId: fixed(this.rng(32), 32, 'session'),
      transcript: fixed(this.rng(48), 48, 'transcript'),
      identityKeyHash: fixed(this.rng(32), 32, 'identity'),
      manifestHash: fixed(this.rng(32), 32, 'manifest'),
      enclaveKeyHash: fixed(this.rng(32), 32, 'key'),
    };
  }

  static async create(seed: string): Promise<Pki> {
    const pki = new Pki(seed);
    pki.chain = await pki.issue(pki.specs());
    return pki;
  }

  key(index: number): SigningKey {
    return this.keys[index]!;
  }

  /** Root, regional, zonal, instance, leaf. */
  specs(): Specs {
    const start = Math.floor(NOW / 1000) * 1000 - HOUR;
    const common = (index: number, subject: string, issuer: string) => ({
      serial: concat(Uint8Array.of(0x51), this.rng(index === 3 ? 20 : 15)),
      subject: name(subject),
      issuer: name(issuer),
      notBefore: start,
      publicKey: this.key(index).publicKey,
    });
    const ids = {
      root: 'sim.nitro-enclaves',
      regional: `00aa.${BASE}`,
      zonal: `00bb.zonal.${BASE}`,
    };
    const instance = `${INSTANCE_ID}.${BASE}`;
    const days = (n: number): number => start + n * 24 * HOUR;
    return [
      {
        ...common(0, ids.root, ids.root),
        notAfter: days(10_000),
        basicConstraints: { ca: true },
        keyUsage: CA_USAGE,
        subjectKeyId: true,
      },
      {
        ...common(1, ids.regional, ids.root),
        notAfter: days(20),
        basicConstraints: { ca: true, pathLength: 2 },
        keyUsage: CA_USAGE,
        subjectKeyId: true,
        crlUrl: 'http://crl.invalid/1',
      },
      {
        ...common(2, ids.zonal, ids.regional),
        notAfter: days(6),
        basicConstraints: { ca: true, pathLength: 1 },
        keyUsage: CA_USAGE,
      },
      {
        ...common(3, instance, ids.zonal),
        notAfter: days(1),
        basicConstraints: { ca: true, pathLength: 0 },
        keyUsage: { bits: 0x04, critical: true },
      },
      {
        ...common(4, `${MODULE_ID}.test-1.sim`, instance),
        notAfter: start + 3 * HOUR + 3_000,
        basicConstraints: { ca: false },
        keyUsage: { bits: 0xc0, critical: false },
      },
    ];
  }

  /** Issues all five; entry i is signed by key i - 1. */
  issue(specs: readonly CertificateSpec[]): Promise<readonly Uint8Array[]> {
    return Promise.all(
      specs.map((spec, i) => issueCertificate(spec, this.key(Math.max(0, i - 1)))),
    );
  }

  /** The chain with one specification changed. */
  async withSpec(index: number, change: Partial<CertificateSpec>): Promise<readonly Uint8Array[]> {
    const spec = { ...this.specs()[index]!, ...change };
    return this.replace(index, await issueCertificate(spec, this.key(Math.max(0, index - 1))));
  }

  replace(index: number, certificate: Uint8Array): readonly Uint8Array[] {
    return this.chain.map((entry, i) => (i === index ? certificate : entry));
  }

  /** Entry `index` with its tbsCertificate rewritten and signed again by the right key. */
  resign(
    index: number,
    change: (tbs: Uint8Array) => Uint8Array,
    outerAlgorithm?: Uint8Array,
  ): readonly Uint8Array[] {
    const parsed = parseCertificate(this.chain[index]!);
    const tbs = change(Uint8Array.from(parsed.tbs));
    const signature = derSignature(signEs384(tbs, this.key(Math.max(0, index - 1))));
    const bits = der(3, Uint8Array.of(0), signature);
    return this.replace(index, der(0x30, tbs, outerAlgorithm ?? parsed.outerAlgorithm, bits));
  }

  entries(parts: DocumentParts = {}): Entries {
    const chain = parts.chain ?? this.chain;
    const pcrs = new Map<number, Uint8Array>(Array.from({ length: 16 }, (_, i) => [i, pcr(0)]));
    Object.values(PCRS).forEach((value, i) => pcrs.set(i, value));
    pcrs.set(4, instancePcr(INSTANCE_ID));
    const values: Record<string, CborInput | undefined> = {
      module_id: MODULE_ID,
      digest: 'SHA384',
      timestamp: BigInt(NOW),
      pcrs: { fields: [...pcrs] },
      certificate: chain[chain.length - 1] ?? null,
      cabundle: chain.slice(0, -1),
      public_key: this.publicKey,
      user_data: encodeUserData(this.binding),
      nonce: this.nonce,
      ...parts.fields,
    };
    return Object.entries(values).flatMap(([key, value]): Entries =>
      value === undefined
        ? []
        : [[key, typeof value === 'bigint' ? timestamp(value) : encodeCbor(value)]],
    );
  }

  /** A signed document. */
  document(parts: DocumentParts = {}): Uint8Array {
    const change = parts.entries ?? ((entries: Entries) => entries);
    const entries = change(this.entries(parts));
    const body = concat(...entries.flatMap(([key, value]) => [encodeCbor(key), value]));
    const isDefinite = parts.form === 'definite';
    const plain = isDefinite
      ? concat(Uint8Array.of(0xa0 + entries.length), body)
      : concat(Uint8Array.of(0xbf), body, Uint8Array.of(0xff));
    const payload = (parts.payload ?? ((bytes: Uint8Array) => bytes))(plain);
    const signature = signEs384(sigStructure(payload), parts.leafKey ?? this.key(4));
    return (parts.envelope ?? encodeEnvelope)(payload, signature);
  }

  policy(options: Partial<PolicyOptions> = {}): AppraisalPolicy {
    return parsePolicy(
      policyText({ root: rootFingerprint(this.chain[0]!), pcrs: PCRS, ...options }),
    );
  }

  options(change: NonNullable<VerifyOptions['expected']> = {}): VerifyOptions {
    const { nonce, publicKey, ownPublicKey, binding } = this;
    const { role, sessionId, transcript, identityKeyHash, manifestHash } = binding;
    return {
      verifyP384,
      expected: {
        nonce,
        publicKey,
        ownPublicKey,
        binding: { role, sessionId, transcript, identityKeyHash, manifestHash },
        ...change,
      },
    };
  }

  verify(
    document: Uint8Array,
    change: {
      readonly policy?: AppraisalPolicy;
      readonly now?: number;
      readonly options?: VerifyOptions;
    } = {},
  ): Promise<AttestationVerdict> {
    return verifyAttestation(
      document,
      change.policy ?? this.policy(),
      change.now ?? NOW,
      change.options ?? this.options(),
    );
  }
}

/** An unsigned integer in eight bytes, minimal or not, as the NSM writes timestamps. */
export function timestamp(value: bigint): Uint8Array {
  return concat(Uint8Array.of(0x1b), u64be(value));
}

/** The first occurrence of `from` (hex of whole bytes) replaced by `to`. */
export function patch(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const at = Buffer.from(bytes).indexOf(Buffer.from(from, 'hex'));
  if (at < 0) throw new Error(`nothing to patch: ${from}`);
  return concat(
    bytes.subarray(0, at),
    Uint8Array.from(Buffer.from(to, 'hex')),
    bytes.subarray(at + from.length / 2),
  );
}
