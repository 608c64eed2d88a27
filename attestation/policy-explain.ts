/**
 * An appraisal policy in words, for `dpca policy check`: what is demanded, and what is left out and why.
 * @module
 */
import { toHex } from '../src/encoding.ts';
import { assertLoaded, policyHash, type AppraisalPolicy, type Waivable } from './policy.ts';
import { AWS_NITRO_ROOT_FINGERPRINT } from './root.ts';

const MODE_WORDS = {
  production: 'Production: documents of real Nitro enclaves only.',
  simulated:
    'Simulated: documents of the software security module only; they prove nothing about hardware.',
  audit:
    'Audit: for judging documents afterwards or from elsewhere; a verdict under it opens no session.',
} as const;

const WAIVER_WORDS: Readonly<Record<Waivable, string>> = {
  moduleId: 'that module_id, certificate names and PCR4 belong together',
  freshness: 'how old the document is',
  debug: 'whether the enclave runs in debug mode, where its owner can read its memory',
  measurements: 'which code runs (PCR0, PCR1, PCR2)',
  pcr8: 'who signed the image (PCR8)',
  pcr3: 'which role operates the instance (PCR3); the identity key names the operator instead',
  nonce: 'that the document answers our own nonce',
  publicKey: 'that the channel key is the attested key',
  userData: 'role, session, transcript, identity and manifest in user_data',
};

function instant(at: number): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

/** One sentence per line. */
export function explainPolicy(policy: AppraisalPolicy): readonly string[] {
  assertLoaded(policy);
  const seconds = (ms: number): string => `${ms / 1000} s`;
  const lines: string[] = [
    MODE_WORDS[policy.mode],
    `Policy hash (SHA-256): ${toHex(policyHash(policy))}.`,
  ];
  for (const { fingerprint, partition } of policy.roots) {
    const known = fingerprint === AWS_NITRO_ROOT_FINGERPRINT ? ', the root of AWS Nitro' : '';
    lines.push(`Accepts chains under root ${fingerprint} (partition ${partition}${known}).`);
  }
  for (const { notBefore, notAfter, pcrs } of policy.measurements) {
    lines.push(`Accepts, from ${instant(notBefore)} to ${instant(notAfter)}, the image with:`);
    for (const [index, value] of pcrs) lines.push(`  PCR${index} ${toHex(value)}`);
  }
  for (const value of policy.pcr3)
    lines.push(`Accepts the operator role with PCR3 ${toHex(value)}.`);
  lines.push(
    `Refuses documents older than ${seconds(policy.maxAgeMs)} or stamped more than ${seconds(policy.futureSkewMs)} ahead.`,
    `Lets certificates start up to ${seconds(policy.certificateSkewMs)} late; none may have ended.`,
  );
  for (const [check, reason] of policy.waivers) {
    lines.push(`DOES NOT CHECK ${WAIVER_WORDS[check]}. Reason given: ${reason}`);
  }
  if (policy.waivers.size === 0) lines.push('Leaves no check out.');
  return lines;
}
