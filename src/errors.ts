/**
 * The closed set of failure codes, who has to act on each, and the exit code of the command line (README.md).
 * Messages say expected and got, and never hold identifiers, keys, tags or exact sizes.
 * @module
 */

/** Exit codes of `dpca`. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  input: 3,
  attestation: 4,
  budget: 5,
  peer: 6,
  audit: 7,
  suppressed: 8,
  interrupted: 130,
} as const;
export type ExitName = keyof typeof EXIT;

/** code -> [exit class, meaning]. Attestation codes keep the names of docs/verifying.md. */
export const ERROR_CODES = {
  // our own mistakes and the platform
  ERR_INTERNAL: ['unexpected', 'a condition that the code excludes occurred; please report it'],
  ERR_RNG_SHORT: ['unexpected', 'the random source gave fewer bytes than asked for'],
  ERR_RNG_BOUND: ['unexpected', 'a uniform draw was asked for outside 1..2^32'],
  ERR_KERNEL_SELFTEST: ['unexpected', 'a curve kernel failed its known-answer test'],
  ERR_KERNEL_SCALAR: ['unexpected', 'a secret scalar is not a clamped X25519 scalar'],
  ERR_KERNEL_LOST: ['unexpected', 'a curve kernel is closed, or one of its workers ended'],
  ERR_NSM: ['attestation', 'the security module refused or did not answer'],
  ERR_INTERRUPTED: ['interrupted', 'stopped by the user'],
  ERR_ENCLAVE_LOST: ['unexpected', 'the enclave process ended or its socket closed'],
  ERR_HOST_LOST: ['unexpected', 'the host proxy of this enclave closed its socket'],

  // usage and configuration
  ERR_USAGE: ['usage', 'a flag or argument is missing, unknown or malformed'],
  ERR_CONFIG: ['usage', 'the configuration file is not acceptable'],
  ERR_CONFIG_FILE: [
    'usage',
    'a file named by the configuration cannot be read or has unsafe permissions',
  ],
  ERR_CONFIG_EXISTS: ['usage', 'a file that would be overwritten already exists'],
  ERR_MANIFEST: ['usage', 'the manifest is not acceptable'],
  ERR_MANIFEST_PLAN: [
    'usage',
    'the noise is not certified for the claimed epsilon, delta and T, or a sum could overflow',
  ],
  ERR_JSON_SYNTAX: ['usage', 'a document is not JSON'],
  ERR_JSON_DUPLICATE: ['usage', 'a JSON object names a member twice'],
  ERR_JSON_NUMBER: ['usage', 'a JSON number is not a whole number below 2^53'],
  ERR_ENCODING_UTF8: ['usage', 'text is not well-formed UTF-8'],
  ERR_ENCODING_HEX: ['usage', 'text is not lower-case hex'],
  ERR_KEY_FORMAT: ['usage', 'a key file does not hold the expected kind of key'],
  ERR_TRANSPORT_INSECURE: ['usage', 'plain ws was asked for beyond loopback without --insecure-ws'],
  ERR_SHARES_REFUSED: [
    'usage',
    "the manifest asks for shares, which carry no differential privacy, and this side's configuration does not allow them",
  ],

  // input data
  ERR_INPUT_FILE: ['input', 'an input file cannot be read'],
  ERR_INPUT_FORMAT: ['input', 'an input file is not CSV or Parquet of the declared shape'],
  ERR_INPUT_COLUMN: ['input', 'a configured column does not exist in the input'],
  ERR_INPUT_VALUE: [
    'input',
    'a cell does not satisfy its rule, or a value is not exact in 64 bits',
  ],
  ERR_INPUT_DUPLICATE: ['input', 'two rows hold the same identifier in one column'],
  ERR_INPUT_ROWS: ['input', 'the table has no rows or more rows than the manifest allows'],

  // wire
  ERR_WIRE_LENGTH: ['peer', 'a message or field has the wrong length'],
  ERR_WIRE_TRAILING: ['peer', 'bytes follow the end of a message'],
  ERR_WIRE_TRUNCATED: ['peer', 'a message ends before its last field'],
  ERR_WIRE_TYPE: ['peer', 'a message type is unknown'],
  ERR_WIRE_VALUE: ['peer', 'a field has a value outside its range'],
  ERR_WIRE_UNEXPECTED: ['peer', 'a message arrived in a phase that does not expect it'],
  ERR_WIRE_TOO_LARGE: ['peer', 'a frame is larger than the limit'],

  // session
  ERR_SESSION_DECRYPT: [
    'peer',
    'a frame failed authentication: changed, replayed, reordered or from another session',
  ],
  ERR_SESSION_EXHAUSTED: ['peer', 'a frame counter reached its limit'],
  ERR_SESSION_NOISE: ['peer', 'a handshake message failed authentication or is malformed'],
  ERR_SESSION_DOWNGRADE: ['peer', 'no offered protocol version or suite is supported'],
  ERR_SESSION_REFLECTION: ['attestation', 'the peer sent back our own contribution'],
  ERR_SESSION_IDENTITY: ['attestation', 'the peer did not prove the expected identity key'],
  ERR_SESSION_FINISH: ['peer', 'the finish MAC does not verify'],
  ERR_SESSION_REFUSED: ['attestation', 'the peer refused our attestation or identity'],
  ERR_SESSION_UNATTESTED: ['attestation', 'attestation was not renewed in time'],
  ERR_PEER_SILENT: ['peer', 'nothing was heard from the peer for 10 seconds'],
  ERR_PEER_LOST: ['peer', 'the connection to the peer closed before the run ended'],
  ERR_PEER_ABORTED: ['peer', 'the peer ended the run and named its reason'],
  ERR_PEER_UNREACHABLE: ['peer', 'the peer could not be reached'],
  ERR_PEER_CHALLENGE: ['peer', 'the caller did not prove a known identity key'],
  ERR_PEER_BUSY: ['peer', 'the peer accepts no run now'],

  // run
  ERR_MANIFEST_DIFFERS: ['usage', 'the two manifests differ in the named fields'],
  ERR_MATCH_POINT: ['peer', 'a received element is not canonical, or is of low order'],
  ERR_MATCH_DUPLICATE: ['peer', 'a received column holds an element or tag twice'],
  ERR_MATCH_COUNT: ['peer', 'a received column has the wrong number of elements'],
  ERR_MATCH_ROWS: ['peer', 'the peer announced a table outside the agreed row bounds'],
  ERR_MATCH_SIZE: ['peer', 'a size is outside its possible range, or the two sides disagree'],
  ERR_MATCH_OWN_TABLE: [
    'input',
    'the own table is not valid: repeated identifiers or wrong columns',
  ],
  ERR_AUDIT_FORMAT: ['audit', 'a file of the audit does not have its form'],
  ERR_AUDIT_REPLAY: ['audit', 'recorded draws do not give what the run shows'],
  ERR_MASK_COMMITMENT: ['peer', 'a revealed value does not open its commitment'],
  ERR_MASK_REUSE: ['unexpected', 'mask coins were asked for twice'],
  ERR_RELEASE_DIFFERS: ['peer', 'the two enclaves computed different releases'],

  // shares of matched rows (docs/values.md)
  ERR_MPC_CHECK: ['peer', 'a consistency check of oblivious transfer failed: the peer deviated'],
  ERR_MPC_POINT: [
    'peer',
    'an element of a base transfer is not canonical, or is the identity or the own one',
  ],
  ERR_VALUES_RANGE: ['peer', 'an opened moment lies outside the bounds of its statistic'],

  // ledger (docs/ledger.md section 7)
  ERR_BUDGET_UNREGISTERED: ['budget', 'no lineage is registered in the ledger folder'],
  ERR_BUDGET_PLAN: ['budget', 'the privacy fields of the manifest are not registered'],
  ERR_BUDGET_EXHAUSTED: ['budget', 'every slot of the registered plan is spent'],
  ERR_BUDGET_QUOTA: ['budget', 'the slots of this peer are spent'],
  ERR_BUDGET_ROWS: ['budget', 'the manifest allows more rows than were registered'],
  ERR_BUDGET_ROLLBACK: [
    'budget',
    'the own ledger went back, or was forked, behind a checkpoint that the peer holds',
  ],
  ERR_BUDGET_PEER_ROLLBACK: [
    'budget',
    "the peer's ledger went back, or was forked, behind a checkpoint that is held here",
  ],
  ERR_BUDGET_LINEAGE: ['budget', 'the peer shows a lineage that was not accepted here'],
  ERR_BUDGET_LEDGER: ['budget', 'the records of the own ledger break its rules'],
  ERR_BUDGET_BUSY: ['budget', 'another run of the same lineage is under way'],
  ERR_BUDGET_STORE: ['budget', 'the host could not store a record or checkpoint durably'],
  ERR_BUDGET_PEER: ['budget', "the peer's ledger refuses the run"],
  ERR_BUDGET_PROOF: ['budget', "the peer's ledger message does not verify"],

  // enclave images (docs/image.md)
  ERR_EIF_TOO_LARGE: ['attestation', 'an enclave image file is larger than the limit'],
  ERR_EIF_HEADER: ['attestation', 'the header of an enclave image file is not of this version'],
  ERR_EIF_LAYOUT: ['attestation', 'the tables of an enclave image file do not describe it'],
  ERR_EIF_SECTION: ['attestation', 'an enclave image has missing, repeated or unknown sections'],
  ERR_EIF_TRUNCATED: ['attestation', 'an enclave image file ends too early'],
  ERR_EIF_TRAILING: ['attestation', 'bytes follow the end of an enclave image'],
  ERR_EIF_CRC: ['attestation', 'the check sum of an enclave image file does not match'],
  ERR_EIF_SIGNATURE: ['attestation', 'the signature of an enclave image does not hold'],
  ERR_CPIO: ['attestation', 'a ramdisk is not an archive of files, directories and links'],
  ERR_IMAGE_ROOT: ['usage', 'a folder is not the root file system of an enclave image'],
  ERR_IMAGE_CLOSURE: ['attestation', 'the files of an image are not those of the closure list'],
  ERR_IMAGE_TOOL: ['usage', 'a tool that builds or runs images is missing or failed'],
  ERR_IMAGE_STATE: ['usage', 'an enclave is running already, or none is'],

  // Merkle logs
  ERR_LOG_PROOF: ['audit', 'an inclusion or consistency proof does not verify'],
  ERR_LOG_NOTE: ['audit', 'a checkpoint is malformed, of another log, or signed by an unknown key'],
  ERR_LOG_SIGNATURE: ['audit', 'a signature of a checkpoint is not valid'],
  ERR_LOG_RECORD: ['audit', 'the records of the own log are not a log: a gap, a changed byte'],
  ERR_LOG_ROLLBACK: [
    'audit',
    'the own log went back, or was forked, behind a checkpoint that was signed or is held by the peer',
  ],
  ERR_LOG_PEER_ROLLBACK: [
    'audit',
    "the peer's log went back, or was forked, behind a checkpoint that is held here",
  ],
  ERR_LOG_STORE: ['unexpected', 'the host could not store a record of its log durably'],
  ERR_LOG_BUSY: ['unexpected', 'another process holds the log'],
  ERR_RECEIPT: ['peer', "the peer's part of the receipt does not verify"],

  // findings of dpca audit verify (docs/auditing.md section 5)
  ERR_AUDIT_CHAIN: ['audit', 'a record does not follow from the record before it'],
  ERR_AUDIT_TREE: ['audit', 'the records do not give the root of a signed checkpoint'],
  ERR_AUDIT_SIGNATURE: ['audit', 'a signature in a record does not verify'],
  ERR_AUDIT_WITNESS: ['audit', 'a cosignature that must be there is missing'],
  ERR_AUDIT_PARTY: ['audit', 'a record names another organisation or key than was given'],
  ERR_AUDIT_TRANSCRIPT: ['audit', 'a session record does not follow from its inputs'],
  ERR_AUDIT_EVIDENCE: ['audit', 'an attestation document is not accepted at its own time'],
  ERR_AUDIT_EAR: ['audit', 'a logged attestation result does not follow from the evidence'],
  ERR_AUDIT_POLICY: ['audit', 'a policy that was in force is not in the log'],
  ERR_AUDIT_MANIFEST: ['audit', 'a manifest is malformed, or does not keep its claim'],
  ERR_AUDIT_BUDGET: ['audit', 'the charges do not add up'],
  ERR_AUDIT_RELEASE: ['audit', 'a release does not follow from what was committed to'],
  ERR_AUDIT_INCOMPLETE: ['audit', 'what belongs to a record is missing'],
  ERR_AUDIT_REPEATED: ['audit', 'a session, nonce or document occurs twice'],
  ERR_AUDIT_ORDER: ['audit', 'records are out of order in time'],
  ERR_AUDIT_TRUNCATED: ['audit', 'an older checkpoint knows of more records'],
  ERR_AUDIT_FORK: ['audit', 'two histories of one log differ'],
  ERR_AUDIT_PEER: ['audit', "the two parties' logs do not tell the same"],
} as const;

export type CoreCode = keyof typeof ERROR_CODES;

/** Codes of attestation appraisal, in the order of docs/verifying.md; all of exit class `attestation`. */
export const ATTESTATION_CODES = [
  'DOC_TOO_LARGE',
  'CBOR_NON_MINIMAL',
  'CBOR_RESERVED',
  'CBOR_INDEFINITE_CONTAINER',
  'CBOR_INDEFINITE_STRING',
  'CBOR_TRUNCATED',
  'CBOR_LENGTH',
  'CBOR_DEPTH',
  'CBOR_TAG_FORBIDDEN',
  'COSE_TAGGED',
  'COSE_SHAPE',
  'COSE_TRAILING',
  'COSE_ALG',
  'COSE_PROTECTED_NOT_EXACT',
  'COSE_UNPROTECTED_NOT_EMPTY',
  'COSE_SIGNATURE_FORMAT',
  'PAYLOAD_SHAPE',
  'PAYLOAD_TRAILING',
  'CBOR_FORBIDDEN_SIMPLE',
  'CBOR_DUPLICATE_KEY',
  'CBOR_UTF8',
  'FIELD_MISSING',
  'FIELD_UNKNOWN',
  'FIELD_TYPE',
  'FIELD_LENGTH',
  'DIGEST_UNSUPPORTED',
  'TIMESTAMP_TYPE',
  'TIMESTAMP_RANGE',
  'PCR_COUNT',
  'PCR_KEY_TYPE',
  'PCR_INDEX',
  'PCR_LENGTH',
  'PCR_MISSING',
  'CABUNDLE_EMPTY',
  'CABUNDLE_TOO_LONG',
  'ROOT_MISMATCH',
  'ROOT_FINGERPRINT',
  'CERT_DER',
  'CHAIN_ALG',
  'CHAIN_CRITICAL_EXT',
  'CHAIN_NOT_CA',
  'CHAIN_KEY_USAGE',
  'LEAF_IS_CA',
  'CHAIN_ORDER',
  'CHAIN_ISSUER',
  'CHAIN_PATHLEN',
  'CHAIN_SIGNATURE',
  'CERT_NOT_YET_VALID',
  'CERT_EXPIRED',
  'MODULE_ID_MISMATCH',
  'COSE_SIGNATURE_INVALID',
  'TIMESTAMP_FUTURE',
  'TIMESTAMP_STALE',
  'DEBUG_MODE',
  'PCR_MISMATCH',
  'PCR3_MISMATCH',
  'POLICY_EMPTY',
  'POLICY_ANCHOR',
  'POLICY_FORMAT',
  'POLICY_WAIVER',
  'NONCE_MISSING',
  'NONCE_MISMATCH',
  'KEY_BINDING',
  'REFLECTION',
  'BINDING_ROLE',
  'BINDING_SESSION',
  'BINDING_TRANSCRIPT',
  'BINDING_IDENTITY',
  'BINDING_MANIFEST',
  'BINDING_FORMAT',
  'REPLAYED',
  'JWS_ALG',
  'JWS_CLAIM',
  'JWS_SIGNATURE',
  'EAR_REDERIVE',
] as const;
export type AttestationCode = (typeof ATTESTATION_CODES)[number];

export type ErrorCode = CoreCode | AttestationCode;

const ALL_CODES: ReadonlySet<string> = new Set([...Object.keys(ERROR_CODES), ...ATTESTATION_CODES]);

export function isErrorCode(value: string): value is ErrorCode {
  return ALL_CODES.has(value);
}

/** The exit class of a code. */
export function exitOf(code: ErrorCode): ExitName {
  const entry = (ERROR_CODES as Partial<Record<ErrorCode, readonly [ExitName, string]>>)[code];
  return entry === undefined ? 'attestation' : entry[0];
}

/** Every failure of the project. `code` is for deciding, `message` for people. */
export class DpcaError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'DpcaError';
    this.code = code;
  }
}

/** Runs `action` and gives any untyped failure of a library the code `code`. */
export function orCode<T>(code: ErrorCode, message: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof DpcaError) throw error;
    throw new DpcaError(code, message, { cause: error });
  }
}
