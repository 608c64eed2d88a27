/**
 * Reads an attestation document from a file or stdin, as raw bytes, hex or base64: people paste all three.
 * @module
 */
import { readFileSync } from 'node:fs';
import { DpcaError } from '../../src/errors.ts';

/** Far above any document in any of the three forms; the verifier has the exact limit. */
const MAX_FILE_BYTES = 262_144;

/** First byte of a COSE_Sign1 array, or of its CBOR tag 18, which the verifier refuses by name. */
const RAW_FIRST_BYTES = [0x84, 0xd2];

function decodeText(bytes: Buffer): Uint8Array | undefined {
  const text = bytes.toString('latin1').replace(/\s+/g, '');
  if (text.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(text))
    return new Uint8Array(Buffer.from(text, 'hex'));
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/** @param path a file, or `-` for stdin (ERR_CONFIG_FILE, DOC_TOO_LARGE) */
export function readDocument(path: string): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path === '-' ? 0 : path);
  } catch (cause) {
    throw new DpcaError('ERR_CONFIG_FILE', `${path}: cannot be read`, { cause });
  }
  if (bytes.length > MAX_FILE_BYTES) {
    throw new DpcaError('DOC_TOO_LARGE', `${path}: expected at most ${MAX_FILE_BYTES} bytes`);
  }
  const raw = new Uint8Array(bytes);
  return RAW_FIRST_BYTES.includes(bytes[0] ?? 0) ? raw : (decodeText(bytes) ?? raw);
}
