/**
 * Telephone numbers to E.164 by libphonenumber-js. The library decides what a national prefix is, so its version
 * is part of the rule-set digest; this is the only file that imports it.
 * @module
 */
import { createRequire } from 'node:module';
import {
  isSupportedCountry,
  parsePhoneNumberFromString,
  type CountryCode,
} from 'libphonenumber-js/max';
import { DpcaError } from '../../src/errors.ts';
import { refusal, type Refusal } from './refusal.ts';

/** The version whose metadata is in use, read from the installed package. */
export function phoneMetadataVersion(): string {
  const description: unknown = createRequire(import.meta.url)('libphonenumber-js/package.json');
  if (typeof description === 'object' && description !== null && 'version' in description) {
    if (typeof description.version === 'string') return description.version;
  }
  throw new DpcaError('ERR_INTERNAL', 'libphonenumber-js states no version');
}

/** A country that the metadata knows, or null for "numbers are international" (ERR_CONFIG). */
export function phoneCountry(code: string | null): CountryCode | null {
  if (code === null || isSupportedCountry(code)) return code;
  throw new DpcaError(
    'ERR_CONFIG',
    `defaultCountry: expected an ISO 3166 code such as "GB", got "${code}"`,
  );
}

/**
 * E.164 of one number. The test is "possible" (length and country code), not "valid": allocated ranges change
 * every month, and a number in a range newer than the metadata must not stop a run.
 */
export function toE164(text: string, country: CountryCode | null): string | Refusal {
  const parsed = parsePhoneNumberFromString(text, {
    ...(country === null ? {} : { defaultCountry: country }),
    extract: false,
  });
  if (parsed === undefined) {
    return refusal(
      country === null
        ? 'expected an international number that begins with + (there is no defaultCountry)'
        : 'expected one telephone number',
    );
  }
  if (parsed.ext !== undefined) return refusal('expected a number without extension');
  if (!parsed.isPossible())
    return refusal('expected a number of a possible length for its country');
  return parsed.number;
}
