/**
 * The payload of a Nitro attestation document: which keys, which types, which ranges. docs/verifying.md steps 3 to 5.
 * Input: hostile; nothing read here is true before the signature and the chain are checked.
 * @module
 */
import { DpcaError, type AttestationCode } from '../src/errors.ts';
import type { NowMs } from '../src/rng.ts';
import { decodeCbor, type CborValue } from './cbor.ts';

export const PCR_BYTES = 48;
const MAX_MODULE_ID = 256;
const MAX_PCRS = 32;
const MAX_CERTIFICATE_BYTES = 1024;
const MAX_CABUNDLE = 8;
const MAX_FIELD_BYTES = 1024;
/** Timestamps are milliseconds; anything before mid-2017 is seconds or nonsense. */
const MIN_TIMESTAMP = 1_500_000_000_000n;

const MANDATORY = ['module_id', 'digest', 'timestamp', 'pcrs', 'certificate', 'cabundle'] as const;
const OPTIONAL = ['public_key', 'user_data', 'nonce'] as const;

export type PayloadMap = ReadonlyMap<CborValue, CborValue>;

/** The fields of a document. Byte strings alias the verifier's private copy. */
export interface DocumentFields {
  readonly moduleId: string;
  /** Milliseconds since 1970, set by the NSM. */
  readonly timestamp: NowMs;
  /** Locked PCRs by index; 48 bytes each. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** Leaf certificate, DER. */
  readonly certificate: Uint8Array;
  /** CA certificates, DER, root first. */
  readonly cabundle: readonly Uint8Array[];
  readonly publicKey: Uint8Array | null;
  readonly userData: Uint8Array | null;
  readonly nonce: Uint8Array | null;
}

function refuse(code: AttestationCode, message: string): never {
  throw new DpcaError(code, message);
}

/** Step 3: the gate, then one map and nothing behind it. */
export function scanPayload(payload: Uint8Array): PayloadMap {
  const value = decodeCbor(payload, 3, 'PAYLOAD_TRAILING');
  if (!(value instanceof Map)) return refuse('PAYLOAD_SHAPE', 'expected the payload to be a map');
  return value as PayloadMap;
}

/** Step 4: the six mandatory keys are there and not null; no key but the nine. */
export function checkKeys(payload: PayloadMap): void {
  for (const key of MANDATORY) {
    if ((payload.get(key) ?? null) === null) refuse('FIELD_MISSING', `expected the field ${key}`);
  }
  const known: readonly CborValue[] = [...MANDATORY, ...OPTIONAL];
  for (const key of payload.keys()) {
    if (!known.includes(key)) refuse('FIELD_UNKNOWN', 'a field is not one of the nine known ones');
  }
}

function bytesOf(
  value: CborValue | undefined,
  name: string,
  least: number,
  most: number,
): Uint8Array {
  if (!(value instanceof Uint8Array)) return refuse('FIELD_TYPE', `${name}: expected bytes`);
  if (value.length < least || value.length > most) {
    refuse('FIELD_LENGTH', `${name}: expected ${least}..${most} bytes`);
  }
  return value;
}

function optionalBytes(payload: PayloadMap, name: string): Uint8Array | null {
  const value = payload.get(name) ?? null;
  return value === null ? null : bytesOf(value, name, 0, MAX_FIELD_BYTES);
}

function timestampOf(value: CborValue | undefined): NowMs {
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    return refuse('TIMESTAMP_TYPE', 'timestamp: expected an unsigned integer');
  }
  const time = BigInt(value);
  if (time < 0n) refuse('TIMESTAMP_TYPE', 'timestamp: expected an unsigned integer');
  if (time <= MIN_TIMESTAMP || time >= 1n << 53n) {
    refuse('TIMESTAMP_RANGE', 'timestamp: expected milliseconds after mid-2017 and below 2^53');
  }
  return Number(time);
}

function pcrsOf(value: CborValue | undefined): ReadonlyMap<number, Uint8Array> {
  if (!(value instanceof Map)) return refuse('FIELD_TYPE', 'pcrs: expected a map');
  const map = value as PayloadMap;
  if (map.size < 1 || map.size > MAX_PCRS)
    refuse('PCR_COUNT', `pcrs: expected 1..${MAX_PCRS} entries`);
  const pcrs = new Map<number, Uint8Array>();
  for (const [key, entry] of map) {
    if (typeof key !== 'number' && typeof key !== 'bigint') {
      return refuse('PCR_KEY_TYPE', 'pcrs: expected integer keys');
    }
    if (key < 0 || key > 31) refuse('PCR_INDEX', 'pcrs: expected indices 0..31');
    if (!(entry instanceof Uint8Array)) return refuse('FIELD_TYPE', `pcrs: PCR${key} is not bytes`);
    if (entry.length !== PCR_BYTES) refuse('PCR_LENGTH', `pcrs: expected ${PCR_BYTES} bytes each`);
    pcrs.set(Number(key), entry);
  }
  for (const index of [0, 1, 2]) {
    if (!pcrs.has(index)) refuse('PCR_MISSING', `pcrs: expected PCR${index}`);
  }
  return pcrs;
}

function cabundleOf(value: CborValue | undefined): readonly Uint8Array[] {
  if (!Array.isArray(value)) return refuse('FIELD_TYPE', 'cabundle: expected an array');
  const entries = value as readonly CborValue[];
  if (entries.length < 1) refuse('CABUNDLE_EMPTY', 'cabundle: expected one certificate or more');
  if (entries.length > MAX_CABUNDLE) {
    refuse('CABUNDLE_TOO_LONG', `cabundle: expected at most ${MAX_CABUNDLE} certificates`);
  }
  return entries.map((entry) => bytesOf(entry, 'cabundle entry', 1, MAX_CERTIFICATE_BYTES));
}

/** Step 5: types and ranges of every field, in the order of the specification. */
export function checkFields(payload: PayloadMap): DocumentFields {
  const moduleId = payload.get('module_id');
  if (typeof moduleId !== 'string') return refuse('FIELD_TYPE', 'module_id: expected text');
  if (moduleId.length < 1 || moduleId.length > MAX_MODULE_ID) {
    refuse('FIELD_LENGTH', `module_id: expected 1..${MAX_MODULE_ID} characters`);
  }
  if (payload.get('digest') !== 'SHA384') refuse('DIGEST_UNSUPPORTED', 'digest: expected SHA384');
  return {
    moduleId,
    timestamp: timestampOf(payload.get('timestamp')),
    pcrs: pcrsOf(payload.get('pcrs')),
    certificate: bytesOf(payload.get('certificate'), 'certificate', 1, MAX_CERTIFICATE_BYTES),
    cabundle: cabundleOf(payload.get('cabundle')),
    publicKey: optionalBytes(payload, 'public_key'),
    userData: optionalBytes(payload, 'user_data'),
    nonce: optionalBytes(payload, 'nonce'),
  };
}
