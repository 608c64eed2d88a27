/**
 * The public API of `attestation/`: verify Nitro attestation documents under a policy, and what goes with it. No type
 * here mentions a third-party one. The simulated NSM's side is deliberately not here.
 * @module
 */
export { ReplayMemory, type Expected, type ReplayGuard } from './appraise.ts';
export { auditBundle, auditMemory } from './audit.ts';
export type {
  AuditedRun,
  AuditedSide,
  AuditMemory,
  AuditOptions,
  AuditResult,
  Finding,
  FindingClass,
  KnownParty,
} from './audit-types.ts';
export { readBundle, writeBundle, type Bundle } from './bundle.ts';
export { CHECKS, CHECK_IDS, type CheckId, type CheckResult } from './checks.ts';
export {
  EAR_PROFILE,
  EAR_SUBMODULE,
  earStatus,
  trustVector,
  type EarStatus,
  type TrustVector,
} from './ear-claims.ts';
export {
  createEar,
  rederiveEar,
  verifyEar,
  type EarContext,
  type EarExpectation,
  type EarPublicKey,
  type EarResult,
  type EarSigningKey,
} from './ear.ts';
export { nobleP384, webCryptoP384, type SubtleP384, type VerifyP384 } from './p384.ts';
export { explainPolicy } from './policy-explain.ts';
export {
  parsePolicy,
  policyHash,
  type AppraisalPolicy,
  type Measurement,
  type PolicyMode,
  type TrustAnchor,
  type Waivable,
} from './policy.ts';
export { measure, type MeasuredFile, type Measurements } from './measurement.ts';
export {
  AWS_NITRO_ROOT_FINGERPRINT,
  awsNitroRoot,
  loadRoot,
  pemToDer,
  rootFingerprint,
} from './root.ts';
export { showAttestation, type UnverifiedField } from './show.ts';
export {
  BINDING_DOMAIN,
  decodeUserData,
  encodeUserData,
  type Binding,
  type ExpectedBinding,
  type Role,
} from './user-data.ts';
export {
  ownDocumentTime,
  payloadSha256,
  refusalOf,
  verifyAttestation,
  type AttestationClaims,
  type AttestationVerdict,
  type VerifyOptions,
} from './verify.ts';
