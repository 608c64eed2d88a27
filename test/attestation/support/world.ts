/** Policies and deterministic randomness for the attestation tests. @module */
import { createHash } from 'node:crypto';
import type { PolicyMode, Waivable } from '../../../attestation/policy.ts';
import { toHex } from '../../../src/encoding.ts';
import type { Rng } from '../../../src/rng.ts';

/** A reproducible byte stream: SHA-512 in counter mode over `seed`. */
export function seededRng(seed: string): Rng {
  let counter = 0;
  return (n) => {
    const out = new Uint8Array(n);
    for (let at = 0; at < n; at += 64) {
      const block = createHash('sha512').update(`${seed}/${counter}`).digest();
      counter += 1;
      out.set(block.subarray(0, Math.min(64, n - at)), at);
    }
    return out;
  };
}

export interface PolicyOptions {
  readonly root: string;
  readonly partition?: string;
  readonly pcrs?: {
    readonly pcr0: Uint8Array;
    readonly pcr1: Uint8Array;
    readonly pcr2: Uint8Array;
  };
  readonly mode?: PolicyMode;
  readonly waive?: readonly Waivable[];
  /** Members to put over the file. */
  readonly change?: Readonly<Record<string, unknown>>;
}

const AUDIT_WAIVERS: readonly Waivable[] = ['pcr8', 'pcr3', 'nonce', 'publicKey', 'userData'];

/** Text of a policy; an audit one waives what needs a caller's expectation. */
export function policyText(options: PolicyOptions): string {
  const mode = options.mode ?? 'simulated';
  const { pcrs } = options;
  const waive = options.waive ?? (mode === 'audit' ? AUDIT_WAIVERS : ['pcr8', 'pcr3']);
  return JSON.stringify({
    version: 1,
    mode,
    roots: [{ fingerprint: options.root, partition: options.partition ?? 'sim' }],
    measurements:
      pcrs === undefined
        ? []
        : [
            {
              notBefore: '2020-01-01T00:00:00Z',
              notAfter: '2040-01-01T00:00:00Z',
              pcr0: toHex(pcrs.pcr0),
              pcr1: toHex(pcrs.pcr1),
              pcr2: toHex(pcrs.pcr2),
            },
          ],
    pcr3: [],
    maxAgeSeconds: 300,
    futureSkewSeconds: 60,
    certificateSkewSeconds: 60,
    waivers: waive.map((check) => ({ check, reason: 'a test that is about something else' })),
    ...options.change,
  });
}
