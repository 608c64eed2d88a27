/**
 * Checkpoints of a Merkle log as C2SP signed notes: origin, size and root, signed by the log (c2sp.org/signed-note,
 * c2sp.org/tlog-checkpoint) and cosigned by peers or witnesses (c2sp.org/tlog-cosignature, Ed25519). Without extension
 * lines. Differs from signed-note: a line by a key that the reader does not know is refused, not ignored, because
 * every cosigner of these logs is known to both parties.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalConstantTime, fixed } from '../src/bytes.ts';
import { fromUtf8, toHex, u64be, u8, utf8 } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import { MAX_NOTE_BYTES } from '../src/wire/limits.ts';
import { Reader } from '../src/wire/reader.ts';
import { fromBase64, toBase64 } from './base64.ts';
import type { Hash } from './merkle.ts';

export interface Checkpoint {
  /** Identifies the log; also the name of the log's key. */
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
}

export interface NoteKey {
  /** Without spaces and `+`. */
  readonly name: string;
  /** Ed25519 public key. */
  readonly publicKey: Uint8Array;
}

export type NoteSigner = NoteKey & Ed25519Key;

/** One line behind the text of a note. */
export interface NoteLine {
  readonly name: string;
  /** Key id (4 bytes) and signature. */
  readonly blob: Uint8Array;
}

export interface Cosignature {
  readonly name: string;
  /** Seconds since 1970, as the cosigner states. */
  readonly time: bigint;
  readonly signature: Uint8Array;
}

export interface OpenedCheckpoint extends Checkpoint {
  readonly cosignatures: readonly Cosignature[];
}

const MAX_LINES = 16;
const TYPE = { log: 1, cosignature: 4 } as const;
const NAME = /^[!-*,-~]{1,128}$/;
const EM_DASH = '\u2014';

function refuse(problem: string): never {
  throw new DpcaError('ERR_LOG_NOTE', `checkpoint: ${problem}`);
}

/** SHA-256(name || 0a || type || public key)[:4]. */
export function keyId(key: NoteKey, type: number): Uint8Array {
  const input = concat(utf8(`${key.name}\n`), u8(type), key.publicKey);
  return sha256(input).slice(0, 4);
}

/** The text that is signed: three lines, each with its line feed. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

function parseText(text: string): Checkpoint {
  const [origin = '', size = '', root = '', end, ...more] = text.split('\n');
  if (end !== '' || more.length > 0) refuse('expected three lines');
  if (!NAME.test(origin)) refuse('expected an origin without spaces');
  if (!/^(0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) {
    refuse('expected a decimal size');
  }
  const hash = fromBase64(root);
  if (hash.length !== 32) refuse('expected a root of 32 bytes');
  return { origin, size: Number(size), root: fixed(hash, 32, 'root') };
}

function lineText({ name, blob }: NoteLine): string {
  return `${EM_DASH} ${name} ${toBase64(blob)}\n`;
}

/** Splits a note into its text and its signature lines; nothing is verified. */
export function parseNote(note: Uint8Array): {
  readonly text: string;
  readonly lines: readonly NoteLine[];
} {
  if (note.length > MAX_NOTE_BYTES) refuse(`expected at most ${MAX_NOTE_BYTES} bytes`);
  const whole = fromUtf8(note);
  if (/[\u0000-\u0009\u000b-\u001f]/.test(whole)) refuse('expected no control characters');
  const gap = whole.lastIndexOf('\n\n');
  if (gap < 0 || !whole.endsWith('\n')) refuse('expected a text, an empty line and signatures');
  const rows = whole.slice(gap + 2, -1).split('\n');
  if (rows.length > MAX_LINES) refuse(`expected at most ${MAX_LINES} signatures`);
  const lines = rows.map((row) => {
    const [dash, name = '', blob = '', ...rest] = row.split(' ');
    if (dash !== EM_DASH || !NAME.test(name) || rest.length > 0) {
      return refuse('expected signature lines of an em dash, a name and base64');
    }
    return { name, blob: fromBase64(blob) };
  });
  return { text: whole.slice(0, gap + 1), lines };
}

/** Whether `signature` is one of `message`; must not throw for bad input. */
export type VerifyEd25519 = (
  message: Uint8Array,
  publicKey: Uint8Array,
  signature: Uint8Array,
) => boolean;

/** Strict Ed25519 verification (RFC 8032, canonical, no small keys); a malformed key or signature is an invalid one. */
export const isSigned: VerifyEd25519 = (message, publicKey, signature) => {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false;
  }
};

/**
 * {@link isSigned}, by the platform where that cannot make a difference: its yes is taken for a canonical key that is
 * not of small order, for which no verifier is stricter than RFC 8032. All else is asked of isSigned.
 */
export function strictly(platform: VerifyEd25519): VerifyEd25519 {
  const plain = new Map<string, boolean>();
  const isPlain = (key: Uint8Array): boolean => {
    const name = toHex(key);
    let known = plain.get(name);
    if (known === undefined) {
      try {
        known = !ed25519.Point.fromBytes(key).isSmallOrder();
      } catch {
        known = false;
      }
      plain.set(name, known);
    }
    return known;
  };
  return (message, key, signature) =>
    (platform(message, key, signature) && isPlain(key)) || isSigned(message, key, signature);
}

export interface Ed25519Key {
  /** Ed25519 seed (RFC 8032 section 5.1.5). */
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** Ed25519 (RFC 8032) as a capability: the oracle is @noble/curves, the enclave brings its platform's. */
export interface Ed25519 {
  readonly sign: (message: Uint8Array, key: Ed25519Key) => Uint8Array;
  /** Accepts exactly what {@link isSigned} does. */
  readonly verify: VerifyEd25519;
}

export const nobleEd25519: Ed25519 = {
  sign: (message, { secretKey }) => ed25519.sign(message, secretKey),
  verify: isSigned,
};

/** The note of a checkpoint, signed under the log's name, which is its origin. */
export function signCheckpoint(
  checkpoint: Checkpoint,
  signer: NoteSigner,
  { sign }: Ed25519 = nobleEd25519,
): Uint8Array {
  if (signer.name !== checkpoint.origin) refuse('expected the origin as the name of the log key');
  const text = checkpointText(checkpoint);
  parseText(text);
  const signature = sign(utf8(text), signer);
  const blob = concat(keyId(signer, TYPE.log), signature);
  return utf8(`${text}\n${lineText({ name: signer.name, blob })}`);
}

function cosigned(text: string, time: bigint): Uint8Array {
  return utf8(`cosignature/v1\ntime ${time}\n${text}`);
}

/** A cosignature: "at `time`, this is the largest tree of that origin that I know, and it continues all others". */
export function cosign(
  checkpoint: Checkpoint,
  signer: NoteSigner,
  time: bigint,
  { sign }: Ed25519 = nobleEd25519,
): Bytes<72> {
  const signature = sign(cosigned(checkpointText(checkpoint), time), signer);
  return fixed(concat(u64be(time), signature), 72, 'cosignature');
}

/** Adds a cosignature's line to a note. @param cosignature u64 time || signature */
export function withCosignature(
  note: Uint8Array,
  key: NoteKey,
  cosignature: Uint8Array,
): Uint8Array {
  const blob = concat(keyId(key, TYPE.cosignature), cosignature);
  return concat(note, utf8(lineText({ name: key.name, blob })));
}

/**
 * Verifies a note: exactly one signature by the log, any number of cosignatures by `cosigners`, each key once and
 * every one valid; anything else is refused (ERR_LOG_NOTE malformed or unknown, ERR_LOG_SIGNATURE invalid).
 */
export function openCheckpoint(
  note: Uint8Array,
  log: NoteKey,
  cosigners: readonly NoteKey[],
  verify: VerifyEd25519 = isSigned,
): OpenedCheckpoint {
  const { text, lines } = parseNote(note);
  const checkpoint = parseText(text);
  if (checkpoint.origin !== log.name) refuse(`expected origin ${log.name}`);
  const invalid = (name: string): never => {
    throw new DpcaError('ERR_LOG_SIGNATURE', `checkpoint: the signature of ${name} is not valid`);
  };
  const cosignatures: Cosignature[] = [];
  const seen = new Set<NoteKey>();
  for (const { name, blob } of lines) {
    const matches = (type: number) => (key: NoteKey) =>
      key.name === name && equalConstantTime(keyId(key, type), blob.subarray(0, 4));
    const own = [log].find(matches(TYPE.log));
    const other = cosigners.find(matches(TYPE.cosignature));
    const key = own ?? other ?? refuse(`a signature by ${name}, which is not known`);
    if (seen.has(key)) refuse(`two signatures by ${name}`);
    seen.add(key);
    const reader = new Reader(blob.subarray(4));
    if (own !== undefined) {
      if (!verify(utf8(text), key.publicKey, reader.rest())) invalid(name);
      continue;
    }
    if (reader.remaining !== 72) invalid(name);
    const time = reader.u64();
    const signature = reader.rest();
    if (time >> 63n !== 0n || !verify(cosigned(text, time), key.publicKey, signature)) {
      invalid(name);
    }
    cosignatures.push({ name, time, signature });
  }
  if (!seen.has(log)) refuse('expected a signature by the log');
  return { ...checkpoint, cosignatures };
}

/** Verifies one cosignature apart from its note (ERR_LOG_SIGNATURE). @param cosignature u64 time || signature */
export function assertCosignature(
  checkpoint: Checkpoint,
  key: NoteKey,
  cosignature: Uint8Array,
  verify: VerifyEd25519 = isSigned,
): void {
  const reader = new Reader(fixed(cosignature, 72, 'cosignature'));
  const time = reader.u64();
  const message = cosigned(checkpointText(checkpoint), time);
  if (time >> 63n !== 0n || !verify(message, key.publicKey, reader.rest())) {
    throw new DpcaError('ERR_LOG_SIGNATURE', `the cosignature of ${key.name} is not valid`);
  }
}
