/**
 * The normalisation rules: text of a cell to the identifier that is matched, or a refusal. README.md
 * (Input); docs/normalisation.md gives the reasons. Both parties must run the same rules, so rule-set.ts
 * describes them for the manifest: change the version there with any change here.
 * @module
 */
import { createHash } from 'node:crypto';
import { phoneCountry, toE164 } from './phone.ts';
import { refusal, type Refusal } from './refusal.ts';

export const RULE_NAMES = [
  'email',
  'email-sha256',
  'phone',
  'lowercase',
  'sha256-hex',
  'none',
] as const;
export type RuleName = (typeof RULE_NAMES)[number];

/** Text to identifier; '' is an empty cell, which never matches. */
export type Normaliser = (text: string) => string | Refusal;

const DIGEST = /^[0-9a-f]{64}$/i;
/** SHA-256 of nothing: what a CRM exports for a person without an address. */
const DIGEST_OF_EMPTY = sha256Hex('');

/** The rule as a function. @param defaultCountry ISO 3166 code for national telephone numbers (ERR_CONFIG) */
export function normaliser(rule: RuleName, defaultCountry: string | null): Normaliser {
  const country = phoneCountry(defaultCountry);
  const apply = (text: string): string | Refusal => {
    switch (rule) {
      case 'email':
        return email(text);
      case 'email-sha256': {
        // a digest stands for its address, so that a hashed CRM export joins a plain list; no address looks like one
        if (DIGEST.test(text.trim())) return digest(text);
        const address = email(text);
        return typeof address === 'string' ? sha256Hex(address) : address;
      }
      case 'phone':
        return toE164(text.trim(), country);
      case 'lowercase':
        return lowercase(text);
      case 'sha256-hex':
        return digest(text);
      case 'none':
        return text;
    }
  };
  // White space alone is an empty cell under every rule.
  return (text) => (text.trim() === '' ? '' : apply(text));
}

/** Trim, NFC (RFC 6532 section 3.1; NFKC would merge different names), lower case, and NFC once more. */
function fold(text: string): string {
  return text.trim().normalize('NFC').toLowerCase().normalize('NFC');
}

function email(text: string): string | Refusal {
  const address = fold(text);
  if (/[\p{C}\p{White_Space}]/u.test(address)) {
    return refusal(
      'expected an e-mail address without white space, invisible or unassigned characters',
    );
  }
  const [local, domain, ...more] = address.split('@');
  if (local === undefined || local === '' || domain === undefined || more.length > 0) {
    return refusal('expected an e-mail address with one "@" after its local part');
  }
  if (domain.split('.').includes('')) {
    return refusal('expected an e-mail address whose domain has no empty part');
  }
  return address;
}

function lowercase(text: string): string | Refusal {
  const folded = fold(text);
  return /[\p{Cc}\p{Cn}]/u.test(folded)
    ? refusal('expected text without control or unassigned characters')
    : folded;
}

function digest(text: string): string | Refusal {
  const hex = text.trim().toLowerCase();
  if (!DIGEST.test(hex)) return refusal('expected 64 hexadecimal digits');
  return hex === DIGEST_OF_EMPTY ? '' : hex;
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
