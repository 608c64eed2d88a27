/**
 * Which reason a side may tell its peer, and what a told reason means here (docs/specification.md, alerts).
 * @module
 */
import { type ErrorCode, exitOf } from '../src/errors.ts';

/** The peer's code as seen from here; whose ledger went back is the same ledger from both sides. */
export function toldBy(code: ErrorCode): ErrorCode {
  if (code === 'ERR_BUDGET_ROLLBACK') return 'ERR_BUDGET_PEER_ROLLBACK';
  if (code === 'ERR_BUDGET_PEER_ROLLBACK') return 'ERR_BUDGET_ROLLBACK';
  if (exitOf(code) === 'budget') return 'ERR_BUDGET_PEER';
  return exitOf(code) === 'attestation' ? 'ERR_SESSION_REFUSED' : 'ERR_PEER_ABORTED';
}

/**
 * What the peer may learn of the reason: its own faults and refusals by name; whatever is about this party's input,
 * machine or user only as "aborted" (docs/privacy.md: the owner sees the reason, the peer a generic refusal).
 */
export function revealed(code: ErrorCode): ErrorCode {
  const named =
    ['peer', 'attestation', 'budget'].includes(exitOf(code)) || code === 'ERR_MANIFEST_DIFFERS';
  // a failure of our own security module says nothing about the peer
  return named && code !== 'ERR_NSM' ? code : 'ERR_PEER_ABORTED';
}
