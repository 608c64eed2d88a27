/**
 * Writes attestation documents as the NSM does (docs/verifying.md, "The document"): key order, nulls, the 8-byte
 * timestamp, the indefinite payload map of documents since 2025, ES384 not normalised. Simulation and tests only.
 * @module
 */
import { concat } from '../../src/bytes.ts';
import { u64be } from '../../src/encoding.ts';
import type { NowMs } from '../../src/rng.ts';
import { cborHead, encodeCbor, type CborFields } from '../cbor.ts';
import { encodeEnvelope, sigStructure } from '../cose.ts';
import { signEs384, type SigningKey } from './certificate.ts';

/** Payload map: `bf .. ff` as now, `a9` as before 2025. */
export type PayloadForm = 'indefinite' | 'definite';

export interface DocumentContent {
  readonly moduleId: string;
  readonly timestamp: NowMs;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly certificate: Uint8Array;
  readonly cabundle: readonly Uint8Array[];
  readonly publicKey: Uint8Array | null;
  readonly userData: Uint8Array | null;
  readonly nonce: Uint8Array | null;
}

/** The payload's bytes. */
export function encodePayload(content: DocumentContent, form: PayloadForm): Uint8Array {
  const pcrs: CborFields = [...content.pcrs].sort(([a], [b]) => a - b);
  const entry = (key: string, value: Uint8Array): Uint8Array => concat(encodeCbor(key), value);
  const entries = [
    entry('module_id', encodeCbor(content.moduleId)),
    entry('digest', encodeCbor('SHA384')),
    // Always eight bytes; a time in milliseconds needs them, so this is minimal too.
    entry('timestamp', concat(Uint8Array.of(0x1b), u64be(BigInt(content.timestamp)))),
    entry('pcrs', encodeCbor({ fields: pcrs })),
    entry('certificate', encodeCbor(content.certificate)),
    entry('cabundle', encodeCbor(content.cabundle)),
    entry('public_key', encodeCbor(content.publicKey)),
    entry('user_data', encodeCbor(content.userData)),
    entry('nonce', encodeCbor(content.nonce)),
  ];
  return form === 'definite'
    ? concat(cborHead(5, entries.length), ...entries)
    : concat(Uint8Array.of(0xbf), ...entries, Uint8Array.of(0xff));
}

/** A complete document over `payload`. @param sign ES384, r || s */
export function signDocument(
  payload: Uint8Array,
  leafKey: SigningKey,
  sign: typeof signEs384 = signEs384,
): Uint8Array {
  return encodeEnvelope(payload, sign(sigStructure(payload), leafKey));
}
