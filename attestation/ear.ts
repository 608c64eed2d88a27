/**
 * The Attestation Result as a JWS (RFC 7515, EAT profile EAR): made by the enclave that verified, checked by peers and
 * auditors under a pinned key and a pinned algorithm. The only file that knows jose, which uses the platform's
 * WebCrypto. The received text is kept as it is; nothing is canonicalised before its signature is checked.
 * @module
 */
import { CompactSign } from 'jose/jws/compact/sign';
import { jwtVerify } from 'jose/jwt/verify';
import { importJWK } from 'jose/key/import';
import * as base64url from 'jose/base64url';
import { equalConstantTime } from '../src/bytes.ts';
import { fromHex, fromUtf8, utf8 } from '../src/encoding.ts';
import { DpcaError, type AttestationCode } from '../src/errors.ts';
import { canonicalJson, parseJson, type Json, type JsonObject } from '../src/json.ts';
import type { NowMs } from '../src/rng.ts';
import {
  EAR_PROFILE,
  EAR_SUBMODULE,
  earStatus,
  earSubmodule,
  type EarStatus,
} from './ear-claims.ts';
import type { AttestationVerdict } from './verify.ts';

const TYPE = 'eat+jwt';
const MAX_TOKEN_CHARACTERS = 65_536;
const CLOCK_TOLERANCE_SECONDS = 60;

/** Ed25519: 32 raw bytes each. ES384: 97 bytes uncompressed, and 48 bytes. */
export interface EarPublicKey {
  readonly alg: 'EdDSA' | 'ES384';
  readonly kid: string;
  readonly publicKey: Uint8Array;
}
export interface EarSigningKey extends EarPublicKey {
  readonly secretKey: Uint8Array;
}

/** Who says what to whom, and until when. */
export interface EarContext {
  readonly issuer: string;
  readonly audience: string;
  readonly sessionId: string;
  /** Nonce of whoever asked for this result, 8 to 64 bytes; not the nonce inside the document. */
  readonly nonce: Uint8Array;
  readonly verifier: { readonly developer: string; readonly build: string };
  readonly issuedAt: NowMs;
  /** The result's lifetime; at most a day. */
  readonly lifetimeSeconds: number;
  /** T of the handshake (48 bytes), or null outside of one. */
  readonly transcript: Uint8Array | null;
}

export interface EarExpectation {
  readonly issuer: string;
  readonly audience: string;
  readonly nonce: Uint8Array;
  readonly now: NowMs;
}

/** A result whose signature and claims were checked. */
export interface EarResult {
  readonly status: EarStatus;
  readonly claims: JsonObject;
}

function refuse(code: AttestationCode, problem: string, cause?: unknown): never {
  throw new DpcaError(code, `attestation result: ${problem}`, { cause });
}

function jwkOf(key: EarPublicKey, secretKey?: Uint8Array): Record<string, string> {
  const point = key.publicKey;
  const secret = secretKey === undefined ? {} : { d: base64url.encode(secretKey) };
  if (key.alg === 'EdDSA')
    return { kty: 'OKP', crv: 'Ed25519', x: base64url.encode(point), ...secret };
  const [x, y] = [point.subarray(1, 49), point.subarray(49)].map((part) => base64url.encode(part));
  return { kty: 'EC', crv: 'P-384', x: x ?? '', y: y ?? '', ...secret };
}

/** Imports as a CryptoKey: with a plain byte key, jose would also verify HMAC tokens. */
async function importKey(key: EarPublicKey, secretKey?: Uint8Array): ReturnType<typeof importJWK> {
  const wanted = key.alg === 'EdDSA' ? 32 : 97;
  if (key.publicKey.length !== wanted)
    throw new DpcaError('ERR_KEY_FORMAT', `expected a key of ${wanted} bytes`);
  try {
    return await importJWK(jwkOf(key, secretKey), key.alg);
  } catch (cause) {
    throw new DpcaError('ERR_KEY_FORMAT', `expected a key for ${key.alg}`, { cause });
  }
}

/** Signs the result of `verdict`, accepted or not. Returns the compact JWS. */
export async function createEar(
  verdict: AttestationVerdict,
  context: EarContext,
  key: EarSigningKey,
): Promise<string> {
  const { nonce, lifetimeSeconds } = context;
  if (nonce.length < 8 || nonce.length > 64) refuse('JWS_CLAIM', 'expected a nonce of 8..64 bytes');
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1 || lifetimeSeconds > 86_400) {
    refuse('JWS_CLAIM', 'expected a lifetime of 1..86400 s');
  }
  const iat = Math.floor(context.issuedAt / 1000);
  const documentNonce = verdict.claims?.nonce ?? null;
  const submodule: JsonObject = {
    ...earSubmodule(verdict, context.transcript),
    ...(documentNonce === null ? {} : { eat_nonce: base64url.encode(documentNonce) }),
  };
  const claims: JsonObject = {
    eat_profile: EAR_PROFILE,
    iss: context.issuer,
    aud: context.audience,
    iat,
    exp: iat + lifetimeSeconds,
    jti: context.sessionId,
    eat_nonce: base64url.encode(nonce),
    ear_status: earStatus(verdict),
    ear_verifier_id: { ...context.verifier },
    submods: { [EAR_SUBMODULE]: submodule },
  };
  return new CompactSign(utf8(canonicalJson(claims)))
    .setProtectedHeader({ alg: key.alg, typ: TYPE, kid: key.kid })
    .sign(await importKey(key, key.secretKey));
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Part `index` of the token as JSON, by the strict parser: duplicates and floats are refused. */
function partOf(token: string, index: number): JsonObject {
  try {
    const value = parseJson(fromUtf8(base64url.decode(token.split('.')[index] ?? '')), 'JWS');
    if (isObject(value)) return value;
  } catch (cause) {
    return refuse('JWS_CLAIM', 'not strict JSON', cause);
  }
  return refuse('JWS_CLAIM', 'expected a JSON object');
}

/** What jose refuses, in codes of this project. */
function codeOf(error: unknown): AttestationCode {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_JOSE_ALG_NOT_ALLOWED' || code === 'ERR_JOSE_NOT_SUPPORTED') return 'JWS_ALG';
  return code.startsWith('ERR_JWT') ? 'JWS_CLAIM' : 'JWS_SIGNATURE';
}

function checkShape(claims: JsonObject, expected: EarExpectation): EarStatus {
  const statuses: readonly string[] = ['none', 'affirming', 'warning', 'contraindicated'];
  const submods = claims['submods'];
  const submodule = isObject(submods) ? submods[EAR_SUBMODULE] : undefined;
  const status = claims['ear_status'];
  if (
    claims['eat_profile'] !== EAR_PROFILE ||
    typeof claims['iat'] !== 'number' ||
    typeof claims['exp'] !== 'number' ||
    claims['aud'] !== expected.audience ||
    !isObject(claims['ear_verifier_id']) ||
    !isObject(submodule) ||
    typeof status !== 'string' ||
    !statuses.includes(status) ||
    submodule['ear_status'] !== status
  ) {
    refuse('JWS_CLAIM', 'a mandatory claim is missing or has another value');
  }
  if (claims['eat_nonce'] !== base64url.encode(expected.nonce))
    refuse('JWS_CLAIM', 'another nonce');
  return status as EarStatus;
}

/**
 * Verifies a result's JWS under the pinned key: JWS_ALG for any algorithm but the key's, JWS_SIGNATURE, JWS_CLAIM for
 * header, type, issuer, audience, times (60 s tolerance), nonce or shape. A verified result may still say "none".
 */
export async function verifyEar(
  token: string,
  key: EarPublicKey,
  expected: EarExpectation,
): Promise<EarResult> {
  if (token.length > MAX_TOKEN_CHARACTERS || !/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) {
    refuse('JWS_CLAIM', 'expected a compact JWS');
  }
  const header = partOf(token, 0);
  if (header['alg'] !== key.alg) refuse('JWS_ALG', `expected algorithm ${key.alg}`);
  if (header['typ'] !== TYPE || header['kid'] !== key.kid || Object.keys(header).length !== 3) {
    refuse('JWS_CLAIM', 'expected a header of alg, typ and the pinned kid');
  }
  const cryptoKey = await importKey(key);
  try {
    await jwtVerify(token, cryptoKey, {
      algorithms: [key.alg],
      typ: TYPE,
      issuer: expected.issuer,
      audience: expected.audience,
      requiredClaims: ['eat_profile', 'iss', 'aud', 'iat', 'exp', 'jti', 'eat_nonce', 'submods'],
      currentDate: new Date(expected.now),
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      maxTokenAge: 86_400,
    });
  } catch (error) {
    refuse(codeOf(error), 'refused', error);
  }
  const claims = partOf(token, 1);
  return { status: checkShape(claims, expected), claims };
}

/** When a token says that it was issued, before anything of it is verified (JWS_CLAIM): the clock of an audit. */
export function unverifiedIssueTime(token: string): NowMs {
  const issued = partOf(token, 1)['iat'];
  return typeof issued === 'number'
    ? issued * 1000
    : refuse('JWS_CLAIM', 'expected a time of issue');
}

/** The comparable part of a submodule: checks that either side could not run do not count. */
function comparable(submodule: JsonObject, ignored: ReadonlySet<string>): string {
  const verifier = submodule['ear_verifier_claims'];
  const rest = Object.fromEntries(
    Object.entries(submodule).filter(([name]) => name !== 'eat_nonce'),
  );
  if (!isObject(verifier)) return canonicalJson(rest);
  const kept = checksOf(submodule).filter(({ id }) => typeof id !== 'string' || !ignored.has(id));
  return canonicalJson({ ...rest, ear_verifier_claims: { ...verifier, checks: kept } });
}

function checksOf(submodule: JsonObject): readonly JsonObject[] {
  const verifier = submodule['ear_verifier_claims'];
  const checks = isObject(verifier) ? verifier['checks'] : [];
  return Array.isArray(checks) ? (checks as readonly Json[]).filter(isObject) : [];
}

function notRun(submodule: JsonObject): readonly string[] {
  return checksOf(submodule).flatMap(({ id, result }) =>
    typeof id === 'string' && result === 'not-run' ? [id] : [],
  );
}

/**
 * Compares a verified result with the verdict derived again from the evidence, at the result's own `at`
 * (EAR_REDERIVE: another document, policy, time, anchor, status or check).
 */
export function rederiveEar(result: EarResult, verdict: AttestationVerdict): void {
  const submods = result.claims['submods'];
  const logged = isObject(submods) ? submods[EAR_SUBMODULE] : undefined;
  if (!isObject(logged)) return refuse('EAR_REDERIVE', 'no result for the peer');
  const verifier = logged['ear_verifier_claims'];
  const transcript = isObject(verifier) ? verifier['transcript_sha384'] : null;
  const again = earSubmodule(verdict, typeof transcript === 'string' ? fromHex(transcript) : null);
  const ignored = new Set([...notRun(logged), ...notRun(again)]);
  if (
    result.status !== earStatus(verdict) ||
    comparable(logged, ignored) !== comparable(again, ignored)
  ) {
    refuse('EAR_REDERIVE', 'the evidence gives another result');
  }
  const nonce = logged['eat_nonce'];
  const documentNonce = verdict.claims?.nonce ?? null;
  const isSameNonce =
    documentNonce === null
      ? nonce === undefined
      : typeof nonce === 'string' && equalConstantTime(base64url.decode(nonce), documentNonce);
  if (!isSameNonce) refuse('EAR_REDERIVE', 'the evidence has another nonce');
}
