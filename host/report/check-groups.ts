/**
 * What each check of an audit (attestation/audit.ts) says to people who are no cryptographers: checks by the question
 * that they answer together, and the codes of findings that belong to it.
 * @module
 */
import type { FindingClass } from '../../attestation/audit-types.ts';

export interface CheckGroup {
  readonly question: string;
  /** What a pass means, and why it matters. */
  readonly why: string;
  /** Names of checks as `dpca audit verify` prints them. */
  readonly checks: readonly string[];
  /** Codes of the findings that answer the question with no. */
  readonly codes: readonly string[];
}

export const CHECK_GROUPS: readonly CheckGroup[] = [
  {
    question: 'Is the log complete and in order?',
    why: 'Every record names the hash of the one before it, and all records together give the value that was signed and countersigned. A record that was changed, removed, added or moved would break that.',
    checks: [
      'record follows the one before it',
      'records give the root of a checkpoint',
      'log is opened by its owner',
      'last checkpoint is signed',
      'run is complete',
      'refusal or abort names its reason',
      'refusal or abort names a known peer',
    ],
    codes: [
      ...['ERR_AUDIT_FORMAT', 'ERR_AUDIT_CHAIN', 'ERR_AUDIT_TREE', 'ERR_AUDIT_INCOMPLETE'],
      ...['ERR_AUDIT_ORDER', 'ERR_LOG_NOTE', 'ERR_LOG_SIGNATURE'],
    ],
  },
  {
    question: 'Did others see the same log?',
    why: 'The other party countersigns this log after every run and keeps what it saw; witnesses and older checkpoints do the same. A log that was rewritten later, even with its own key, would not continue what they hold.',
    checks: [
      'checkpoint with the run is cosigned by the other party',
      'checkpoint held before the run is signed',
      'other party held a prefix of this log',
      "other party's log only grew",
      "receipt is in the other party's log",
      'cosignature is of the time of the run',
      'witnessed checkpoint is signed',
      'older checkpoint is signed',
      'log continues an older checkpoint',
      "other party's log is signed",
      'log continues what the other party holds of it',
      "run is in both parties' logs, the same",
    ],
    codes: ['ERR_AUDIT_WITNESS', 'ERR_AUDIT_TRUNCATED', 'ERR_AUDIT_FORK', 'ERR_AUDIT_PEER'],
  },
  {
    question: 'Were the right organisations connected, and nobody between them?',
    why: 'Both sides signed the whole conversation with keys that the auditor knows, and every value in it is used once, so it cannot be a replay or a relay.',
    checks: [
      'owner of the log took part',
      'party has the keys that the auditor knows',
      'transcript follows from its inputs',
      'session id follows from its inputs',
      'identity key signed the session',
      'identity key signed the re-attestation',
      're-attestation renews the session',
      'session occurs once',
      'nonce occurs once',
      'document occurs once',
      're-attestation occurs once',
    ],
    codes: [
      ...['ERR_AUDIT_PARTY', 'ERR_AUDIT_TRANSCRIPT', 'ERR_AUDIT_SIGNATURE'],
      'ERR_AUDIT_REPEATED',
    ],
  },
  {
    question: 'Which code ran, and was it the accepted one?',
    why: "Each enclave's attestation document was judged again, at its own time, under the auditor's policy and under the one in force then; the verdict that the peer logged must come out again.",
    checks: [
      'document leads to a given root',
      'document is accepted at its own time',
      're-attested document is accepted at its own time',
      're-attested enclave is the same',
      'record is younger than its documents',
      'enclave key is attested',
      'enclave signed the receipt',
      'attestation result is signed by the attested key',
      'attestation result derived again',
      'logged policy has its hash',
    ],
    codes: ['ERR_AUDIT_EVIDENCE', 'ERR_AUDIT_EAR', 'ERR_AUDIT_POLICY'],
  },
  {
    question: 'Was the privacy protection as strong as agreed?',
    why: 'The agreement of both parties was read again, and its noise was computed to be sufficient for the epsilon and delta that it claims.',
    checks: [
      'manifest has its hash',
      'manifest is well-formed',
      'mask keeps the claimed epsilon and delta',
    ],
    codes: ['ERR_AUDIT_MANIFEST'],
  },
  {
    question: 'Was every run paid for from the privacy budget?',
    why: "Each run spent one slot in each party's ledger, signed by both enclaves; slots only count up and end at what was registered.",
    checks: [
      'charge is in the ledger, signed and cosigned',
      'charge follows the charges before it',
    ],
    codes: ['ERR_AUDIT_BUDGET'],
  },
  {
    question: 'Are the released figures the ones that were computed?',
    why: 'The release opens the commitment that both enclaves signed, and estimates, deviations and intervals were computed again from its public parts.',
    checks: [
      'release is the one that was signed',
      'release follows from its public parts',
      'release is withheld from this party by the manifest',
    ],
    codes: ['ERR_AUDIT_RELEASE'],
  },
];

/** Counted by the audit among what passed, though nothing could be compared; shown as what it is. */
export const NOT_MADE: readonly string[] = [
  "peer's result not derived again: its policy is in its own bundle only",
];

export const CLASS_WORDS: Readonly<Record<FindingClass, { name: string; advice: string }>> = {
  tamper: {
    name: 'Tampering',
    advice: 'Somebody changed, removed or made up something, or a file was damaged.',
  },
  policy: {
    name: 'Not accepted',
    advice: 'Authentic, but not what was to be accepted.',
  },
  incomplete: {
    name: 'Incomplete',
    advice: 'Something that must be there is not.',
  },
  notice: { name: 'Worth a look', advice: 'Does not fail the audit.' },
};
