/**
 * Every cap on received data, with its reason; checked before anything is allocated.
 * @module
 */

/** Rows of one table with dummies: positions are u32, and 2^27 rows of 32 bytes are a 4 GiB column. */
export const MAX_TABLE_ROWS = 134_217_728;
/** Key columns: docs/threat-model.md accounts k sizes a run; more columns than this have never been asked for. */
export const MAX_COLUMNS = 8;
/** Value columns of one party: as many as a manifest may name for both. */
export const MAX_VALUE_COLUMNS = 16;
/** Elements or tags in one message: 8,064 x 32 bytes and all headers stay below one frame. */
export const CHUNK_ELEMENTS = 8_064;
/** A canonical manifest: eight columns of a few hundred weights are below 16 KiB. */
export const MAX_MANIFEST_BYTES = 65_536;
/** An alert is one error code; the longest has 26 characters. */
export const MAX_ALERT_BYTES = 64;
/** Kind, epoch, nonce, one attestation document of at most 16 KiB, one signature. */
export const MAX_REATTEST_BYTES = 16_640;
/** A normalised identifier; longer than any e-mail address, telephone number or device id in use. */
export const MAX_IDENTIFIER_BYTES = 1_024;
/** One message between an enclave and its own host: a frame, or one chunk of rows. */
export const MAX_LOCAL_BYTES = 1_048_576;
/** One record of a ledger: the plan of a manifest, or a slot. Its length is a u16 on the wire. */
export const MAX_RECORD_BYTES = 65_535;
/** A checkpoint: three short lines and up to sixteen signatures. */
export const MAX_NOTE_BYTES = 4_096;
/** Lineages of one peer whose checkpoints are remembered; each party has few data sets. */
export const MAX_LINEAGES = 8;
/** Hashes of a Merkle proof: sizes stay below 2^53. */
export const MAX_PROOF_HASHES = 64;
/** One side's account of a run: an attestation result of some 5 KiB, a note, and a few short members. */
export const MAX_STATEMENT_BYTES = 32_768;
/** What a record of the log holds beside the receipt: a number, two hashes, a time. */
export const MAX_ENVELOPE_BYTES = 1_024;
