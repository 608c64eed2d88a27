/**
 * What a peer is told, and what a told reason means here: nothing about the own input, machine or user leaves.
 */
import { describe, expect, it } from 'vitest';
import { revealed, toldBy } from '../../enclave/alerts.ts';
import { ATTESTATION_CODES, ERROR_CODES, type ErrorCode, exitOf } from '../../src/errors.ts';

const ALL = [...Object.keys(ERROR_CODES), ...ATTESTATION_CODES] as ErrorCode[];

describe('alerts', () => {
  it('name faults of the peer and refusals, and hide everything else behind one code', () => {
    expect(ALL.length).toBeGreaterThan(100);
    for (const code of ALL) {
      const told = revealed(code);
      const own = ['unexpected', 'input', 'interrupted', 'audit', 'suppressed'].includes(
        exitOf(code),
      );
      if (own) expect(told, code).toBe('ERR_PEER_ABORTED');
      else expect([code, 'ERR_PEER_ABORTED'], code).toContain(told);
    }
    for (const code of [
      'ERR_MATCH_OWN_TABLE',
      'ERR_NSM',
      'ERR_CONFIG',
      'ERR_INPUT_DUPLICATE',
    ] as const) {
      expect(revealed(code)).toBe('ERR_PEER_ABORTED');
    }
    for (const code of ['PCR_MISMATCH', 'ERR_MATCH_POINT', 'ERR_MANIFEST_DIFFERS'] as const) {
      expect(revealed(code)).toBe(code);
    }
  });

  it('keep the exit class of a refusal and swap whose ledger went back', () => {
    expect(toldBy('PCR_MISMATCH')).toBe('ERR_SESSION_REFUSED');
    expect(toldBy('ERR_MATCH_POINT')).toBe('ERR_PEER_ABORTED');
    expect(toldBy('ERR_BUDGET_ROLLBACK')).toBe('ERR_BUDGET_PEER_ROLLBACK');
    expect(toldBy('ERR_BUDGET_PEER_ROLLBACK')).toBe('ERR_BUDGET_ROLLBACK');
  });
});
