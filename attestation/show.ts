/**
 * Inspection: what a document claims, for people. Every field says UNVERIFIED, and the type gives no bytes that a
 * program could mistake for a verified value.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { isZero } from '../src/bytes.ts';
import { toHex } from '../src/encoding.ts';
import { parseCertificate } from './certificate.ts';
import { checkEnvelope, copyDocument, scanEnvelope } from './cose.ts';
import { checkFields, checkKeys, scanPayload } from './document.ts';
import { rootFingerprint } from './root.ts';
import { decodeUserData } from './user-data.ts';

export interface UnverifiedField {
  readonly name: string;
  /** For display only. */
  readonly value: string;
  readonly status: 'UNVERIFIED';
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

function describeCertificate(der: Uint8Array): string {
  try {
    const { commonName, serial, notBefore, notAfter } = parseCertificate(der);
    const name = JSON.stringify(commonName ?? '');
    return `CN ${name}, serial ${serial}, ${isoTime(notBefore)} to ${isoTime(notAfter)}`;
  } catch {
    return `${der.length} bytes that are not an acceptable certificate`;
  }
}

function describeBytes(value: Uint8Array | null): string {
  return value === null ? 'null' : `${value.length} bytes ${toHex(value)}`;
}

function bindingFields(userData: Uint8Array): readonly (readonly [string, string])[] {
  try {
    const binding = decodeUserData(userData);
    return [
      ['user_data role', binding.role],
      ['user_data session', toHex(binding.sessionId)],
      ['user_data transcript', toHex(binding.transcript)],
      ['user_data identity key hash', toHex(binding.identityKeyHash)],
      ['user_data manifest hash', toHex(binding.manifestHash)],
      ['user_data enclave key hash', toHex(binding.enclaveKeyHash)],
    ];
  } catch {
    return [];
  }
}

/** The claims of a document in display form; throws the codes of steps 0 to 5 where there is nothing to show. */
export function showAttestation(document: Uint8Array): readonly UnverifiedField[] {
  const { payload } = checkEnvelope(scanEnvelope(copyDocument(document)));
  const map = scanPayload(payload);
  checkKeys(map);
  const fields = checkFields(map);
  const isDebug = [0, 1, 2].some((index) => isZero(fields.pcrs.get(index) ?? new Uint8Array()));
  const rows: (readonly [string, string])[] = [
    ['module_id', JSON.stringify(fields.moduleId)],
    ['timestamp', `${new Date(fields.timestamp).toISOString()} (${fields.timestamp})`],
    ['digest', 'SHA384'],
    ['mode', isDebug ? 'debug (a PCR of 0, 1, 2 is zero)' : 'production'],
    ...[...fields.pcrs].map(([index, value]) => [`PCR${index}`, toHex(value)] as const),
    [
      'root fingerprint',
      fields.cabundle[0] === undefined ? '' : rootFingerprint(fields.cabundle[0]),
    ],
    ...fields.cabundle.map((der, i) => [`CA certificate ${i}`, describeCertificate(der)] as const),
    ['leaf certificate', describeCertificate(fields.certificate)],
    ['public_key', describeBytes(fields.publicKey)],
    ['user_data', describeBytes(fields.userData)],
    ...(fields.userData === null ? [] : bindingFields(fields.userData)),
    ['nonce', describeBytes(fields.nonce)],
    ['payload SHA-256', toHex(sha256(payload))],
  ];
  return rows.map(([name, value]) => ({ name, value, status: 'UNVERIFIED' }));
}
