/** Appraisal policies of tests: one simulated root, one measurement, five minutes of age. */
import { type AppraisalPolicy, parsePolicy } from '../../attestation/policy.ts';
import { toHex } from '../../src/encoding.ts';

const hex = (byte: number): string => toHex(new Uint8Array(48).fill(byte));

/** Accepts PCR0 of 48 bytes `code`, PCR1 of 2s and PCR2 of 3s under the root with this fingerprint. */
export function simulatedPolicy(fingerprint: string, code: number): AppraisalPolicy {
  return parsePolicy(
    JSON.stringify({
      version: 1,
      mode: 'simulated',
      roots: [{ fingerprint, partition: 'sim' }],
      measurements: [
        {
          notBefore: '2026-01-01T00:00:00Z',
          notAfter: '2027-01-01T00:00:00Z',
          ...{ pcr0: hex(code), pcr1: hex(2), pcr2: hex(3) },
        },
      ],
      maxAgeSeconds: 300,
      futureSkewSeconds: 60,
      certificateSkewSeconds: 60,
      waivers: [
        { check: 'pcr8', reason: 'not signed' },
        { check: 'pcr3', reason: 'no role' },
      ],
    }),
  );
}
