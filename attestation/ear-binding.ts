/**
 * How an attestation result is tied to a session: who says it to whom, under which nonce, at which time. Made by
 * enclaves, expected by their peers and by auditors.
 * @module
 */
import { type Bytes } from '../src/bytes.ts';
import { toHex } from '../src/encoding.ts';
import { DpcaError } from '../src/errors.ts';
import { VERIFIER } from './build.ts';
import { createEar, type EarExpectation, unverifiedIssueTime } from './ear.ts';
import type { SigningKey } from './ledger-session.ts';
import type { AttestationVerdict } from './verify.ts';

/** A result is used at once; auditors judge it at its own time of issue. */
const LIFETIME_SECONDS = 900;

export interface EarSession {
  /** Identity keys of issuer and audience, hex. */
  readonly issuer: string;
  readonly audience: string;
  readonly sessionId: Bytes<32>;
  readonly transcript: Bytes<48>;
}

/** The own verdict on the peer's document, signed by the own enclave key. */
export function sessionEar(
  verdict: AttestationVerdict,
  session: EarSession,
  key: SigningKey,
): Promise<string> {
  const { issuer, audience, sessionId, transcript } = session;
  if (verdict.at === null) throw new DpcaError('ERR_INTERNAL', 'a verdict without a time');
  return createEar(
    verdict,
    {
      ...{ issuer, audience, transcript, nonce: sessionId, sessionId: toHex(sessionId) },
      ...{ verifier: VERIFIER, issuedAt: verdict.at, lifetimeSeconds: LIFETIME_SECONDS },
    },
    { alg: 'EdDSA', kid: toHex(key.publicKey), ...key },
  );
}

/** What the result of `issuer` for this session must say. */
export function earExpectation(
  issuer: string,
  audience: string,
  sessionId: Bytes<32>,
  token: string,
): EarExpectation {
  return { issuer, audience, nonce: sessionId, now: unverifiedIssueTime(token) };
}
