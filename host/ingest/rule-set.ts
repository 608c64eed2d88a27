/**
 * A description of the normalisation rules, hashed into the manifest, so that two parties whose rules could turn
 * one cell into two identifiers are told before anything is sent. docs/specification.md section 6.
 * The Unicode version of the runtime is left out on purpose: the folding rules refuse code points that it does
 * not know, and Unicode's stability policies keep the mappings of the others (docs/normalisation.md).
 * @module
 */
import { createHash } from 'node:crypto';
import { canonicalJson, type JsonObject } from '../../src/json.ts';
import { phoneMetadataVersion } from './phone.ts';
import { IDENTIFIER_BYTES_MAX } from './table.ts';

/** What is hashed; each rule's text is for people, its version counts every change of behaviour. */
export function describeRuleSet(): JsonObject {
  return {
    format: 'dpca/v1/normalisation',
    empty: 'white space (ECMAScript trim) alone, or a null',
    refused: 'NUL and U+FFFD under every rule',
    identifier: 'UTF-8',
    bytesMax: IDENTIFIER_BYTES_MAX,
    rules: {
      email: {
        version: 1,
        steps: 'trim; NFC; lower case; NFC',
        refused: 'categories C*, white space, not exactly one @, empty local part or domain label',
      },
      'email-sha256': {
        version: 1,
        steps: '64 hexadecimal digits as sha256-hex; else email; SHA-256 of UTF-8; lower-case hex',
      },
      phone: {
        version: 1,
        steps: 'trim; parse whole cell; E.164',
        refused: 'extension, impossible length',
        library: 'libphonenumber-js',
        metadata: `max ${phoneMetadataVersion()}`,
      },
      lowercase: {
        version: 1,
        steps: 'trim; NFC; lower case; NFC',
        refused: 'categories Cc and Cn',
      },
      'sha256-hex': {
        version: 1,
        steps: 'trim; lower case; the digest of the empty text is an empty cell',
        refused: 'anything but 64 hexadecimal digits',
      },
      none: { version: 1, steps: 'the cell as it is' },
    },
  };
}

/** SHA-256 of the canonical description, as lower-case hex. */
export function ruleSetDigest(): string {
  return createHash('sha256').update(canonicalJson(describeRuleSet()), 'utf8').digest('hex');
}
