/** Unit: times of records, also those that no calendar has: a made-up record must end in a verdict, not in a RangeError. */
import { expect, it } from 'vitest';
import { isoInstant } from '../../host/cli/instant.ts';
import { instant } from '../../host/report/words.ts';

it.each([
  [0, '1970-01-01T00:00:00.000Z', '1970-01-01 00:00:00 UTC'],
  [1_767_600_750_123, '2026-01-05T08:12:30.123Z', '2026-01-05 08:12:30 UTC'],
  [8.64e15, '+275760-09-13T00:00:00.000Z', '+275760-09-13 00:00:00 UTC'],
  [8.64e15 + 2, '8640000000000002 ms since 1970', '8640000000000002 ms since 1970'],
  [Number.MAX_SAFE_INTEGER, '9007199254740991 ms since 1970', '9007199254740991 ms since 1970'],
])('%i', (ms, iso, shown) => {
  expect(isoInstant(ms)).toBe(iso);
  expect(instant(ms)).toBe(shown);
});
