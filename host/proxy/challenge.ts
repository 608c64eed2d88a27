/**
 * Before the listening proxy touches its enclave, the caller signs a fresh challenge with a known peer's identity key
 * (README.md). It keeps strangers from costing an enclave start; what the run relies on is the attested
 * channel between the enclaves, which proves identity again. Bytes: docs/specification.md section 1.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { concat, equalConstantTime } from '../../src/bytes.ts';
import { lengthPrefixed, utf8 } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { Reader } from '../../src/wire/reader.ts';
import type { KeyPair } from '../keys/keys.ts';

const GREETING = utf8('dpca-host/v1');
export const CHALLENGE_BYTES: number = GREETING.length + 32;
const ANSWER_BYTES = 32 + 64;

function signedBytes(challenge: Uint8Array, listener: Uint8Array, caller: Uint8Array): Uint8Array {
  return lengthPrefixed(utf8('dpca-host/v1 caller'), challenge, listener, caller);
}

/** A fresh challenge: the greeting with the version, and 32 random bytes. */
export function newChallenge(): Uint8Array {
  return concat(GREETING, randomBytes(32));
}

/** The caller's answer: its identity key and the signature. `listener` is the identity it means to reach. */
export function answerChallenge(
  challenge: Uint8Array,
  own: KeyPair,
  listener: Uint8Array,
): Uint8Array {
  const greeting = challenge.subarray(0, GREETING.length);
  if (challenge.length !== CHALLENGE_BYTES || !equalConstantTime(greeting, GREETING)) {
    throw new DpcaError(
      'ERR_PEER_CHALLENGE',
      'expected a dpca-host/v1 challenge from the listener',
    );
  }
  const signature = ed25519.sign(signedBytes(challenge, listener, own.publicKey), own.privateKey);
  return concat(own.publicKey, signature);
}

/** Throws ERR_PEER_CHALLENGE unless `answer` is from `peer` and meant for `own`. */
export function verifyAnswer(
  challenge: Uint8Array,
  answer: Uint8Array,
  own: Uint8Array,
  peer: Uint8Array,
): void {
  if (answer.length !== ANSWER_BYTES) {
    throw new DpcaError('ERR_PEER_CHALLENGE', `expected an answer of ${ANSWER_BYTES} bytes`);
  }
  const reader = new Reader(answer);
  const caller = reader.take(32);
  const signature = reader.take(64);
  const known = equalConstantTime(caller, peer);
  let valid = false;
  try {
    valid = ed25519.verify(signature, signedBytes(challenge, own, peer), peer, { zip215: false });
  } catch {
    valid = false; // noble throws on malformed points
  }
  if (!known || !valid) {
    throw new DpcaError('ERR_PEER_CHALLENGE', 'the caller did not prove the identity of the peer');
  }
}
