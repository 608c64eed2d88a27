/**
 * Secret coins of one enclave for one run, and the commitments that put them into the transcript
 * (docs/specification.md sections 7.2 and 7.4). A coin stream is HKDF of a secret that this enclave
 * drew for itself and a contribution of the peer: uniform if either is. A commitment hides 32 uniform bytes and
 * never a bit, so that it cannot be opened by guessing. Coins are never opened outside the simulated mode.
 * @module
 */
import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalConstantTime, fixed, wipe } from '../bytes.ts';
import { lengthPrefixed, toHex, u32be, u64be, utf8 } from '../encoding.ts';
import { DpcaError } from '../errors.ts';

/** `seed`: share of the joint seed; `mix`: contribution to the peer's coins; `coins`: own secret, never revealed. */
export type CommitmentPurpose = 'seed' | 'mix' | 'coins';

/** HKDF-Expand gives at most 255 blocks of 32 bytes. */
const STREAM_CHUNK = 255 * 32;

/** SHA-256(lp("dpca/v1/mask-commitment") || lp(purpose) || lp(sessionId) || lp(role) || lp(secret)). */
export function commit(
  purpose: CommitmentPurpose,
  sessionId: Uint8Array,
  role: 'a' | 'b',
  secret: Bytes<32>,
): Bytes<32> {
  const tag = utf8('dpca/v1/mask-commitment');
  const input = lengthPrefixed(tag, utf8(purpose), sessionId, utf8(role), secret);
  const digest = sha256(input);
  wipe(input);
  return fixed(digest, 32, 'commitment');
}

/** Refuses a revealed value that is not the committed one (ERR_MASK_COMMITMENT). */
export function assertOpens(
  commitment: Bytes<32>,
  purpose: CommitmentPurpose,
  sessionId: Uint8Array,
  role: 'a' | 'b',
  secret: Bytes<32>,
): void {
  if (!equalConstantTime(commit(purpose, sessionId, role, secret), commitment)) {
    throw new DpcaError(
      'ERR_MASK_COMMITMENT',
      `expected the opening of party ${role}'s ${purpose} commitment, got another value`,
    );
  }
}

/** What a stream of coins is for; streams of different use are independent. */
export type CoinUse = 'bits' | 'output';

/**
 * The raw coin stream, `length` bytes: PRK = HKDF-Extract(SHA-256, salt = 32 zero bytes, ikm = own || peer), then
 * chunk c of at most 8160 bytes = HKDF-Expand(PRK, use || sessionId || u64be(runCounter) || [u32be(c) if c > 0]); `use`
 * is "bits" for the mask, "output" for the noise of opened moments.
 */
export function coinStream(
  own: Bytes<32>,
  peer: Bytes<32>,
  sessionId: Bytes<32>,
  runCounter: bigint,
  length: number,
  use: CoinUse = 'bits',
): Uint8Array {
  const ikm = concat(own, peer);
  const prk = extract(sha256, ikm);
  const info = concat(utf8(use), sessionId, u64be(runCounter));
  const out = new Uint8Array(length);
  for (let at = 0, chunk = 0; at < length; at += STREAM_CHUNK, chunk++) {
    const label = chunk === 0 ? info : concat(info, u32be(chunk));
    const part = expand(sha256, prk, label, Math.min(STREAM_CHUNK, length - at));
    out.set(part, at);
    wipe(part);
  }
  wipe(ikm, prk);
  return out;
}

/** `count` coins as bytes 0 or 1: bit i is bit 7 - (i mod 8) of stream byte floor(i / 8). */
export function coins(
  own: Bytes<32>,
  peer: Bytes<32>,
  sessionId: Bytes<32>,
  runCounter: bigint,
  count: number,
  use: CoinUse = 'bits',
): Uint8Array {
  const stream = coinStream(own, peer, sessionId, runCounter, Math.ceil(count / 8), use);
  const bits = new Uint8Array(count);
  for (let i = 0; i < count; i++) bits[i] = ((stream[i >> 3] ?? 0) >> (7 - (i & 7))) & 1;
  wipe(stream);
  return bits;
}

/**
 * One per enclave process: every (sessionId, runCounter) and every own secret gives coins once (ERR_MASK_REUSE).
 * Two runs with the same coins would carry the same noise, and their difference none.
 */
export class CoinGuard {
  private readonly used: Set<string> = new Set();

  /** Call before coins are derived; remembers the run and a hash of the secret. */
  claim(own: Bytes<32>, sessionId: Bytes<32>, runCounter: bigint): void {
    const run = toHex(concat(sessionId, u64be(runCounter)));
    const secret = toHex(sha256(concat(utf8('dpca/v1/coin-guard'), own)));
    if (this.used.has(run) || this.used.has(secret)) {
      throw new DpcaError(
        'ERR_MASK_REUSE',
        'coins for this run or from this secret were drawn before',
      );
    }
    this.used.add(run).add(secret);
  }
}
