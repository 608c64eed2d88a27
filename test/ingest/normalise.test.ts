import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliser, RULE_NAMES, type RuleName } from '../../host/ingest/normalise.ts';
import { phoneMetadataVersion } from '../../host/ingest/phone.ts';
import { describeRuleSet, ruleSetDigest } from '../../host/ingest/rule-set.ts';

interface Vector {
  readonly name: string;
  readonly rule: RuleName;
  readonly country?: string | null;
  readonly in: string;
  readonly out?: string;
  readonly error?: 'ERR_INPUT_VALUE';
}

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/ingest/normalisation.json', import.meta.url), 'utf8'),
) as { readonly ruleSetDigest: string; readonly phoneMetadata: string; readonly vectors: Vector[] };

describe('normalisation vectors', () => {
  it.each(fixture.vectors.map((vector) => [`${vector.rule}: ${vector.name}`, vector] as const))(
    '%s',
    (_, vector) => {
      const result = normaliser(vector.rule, vector.country ?? null)(vector.in);
      if (vector.error === undefined) expect(result).toBe(vector.out);
      else expect(result).toHaveProperty('expected');
    },
  );

  it('cover every rule with acceptance, and every rule but none with refusal', () => {
    for (const rule of RULE_NAMES) {
      const mine = fixture.vectors.filter((vector) => vector.rule === rule);
      expect(mine.some((vector) => vector.out !== undefined && vector.out !== '')).toBe(true);
      expect(mine.some((vector) => vector.out === '')).toBe(true);
      expect(mine.some((vector) => vector.error !== undefined)).toBe(rule !== 'none');
    }
  });
});

describe('rules', () => {
  // a mixture that reaches case folding, composition and the refusals
  const text = fc.string({ unit: 'binary', maxLength: 12 });
  const address = fc
    .tuple(text, fc.constantFrom('@', '@b.', 'A@'), text)
    .map((parts) => parts.join(''));

  it.each(RULE_NAMES.filter((rule) => rule !== 'email-sha256'))(
    '%s is idempotent on what it accepts',
    (rule) => {
      const normalise = normaliser(rule, 'GB');
      fc.assert(
        fc.property(fc.oneof(text, address, fc.stringMatching(/^\+?[0-9 ().-]{5,16}$/)), (cell) => {
          const once = normalise(cell);
          if (typeof once === 'string') expect(normalise(once)).toBe(once);
        }),
        { seed: 1, numRuns: 2000 },
      );
    },
  );

  it('email-sha256 of a list equals sha256-hex of a hashed export', () => {
    const plain = normaliser('email-sha256', null);
    const hashed = normaliser('sha256-hex', null);
    fc.assert(
      fc.property(fc.emailAddress(), (cell) => {
        const digest = plain(cell.toUpperCase());
        if (typeof digest !== 'string') throw new Error('refused a valid address');
        expect(digest).toMatch(/^[0-9a-f]{64}$/);
        expect(hashed(digest.toUpperCase())).toBe(digest);
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it('refuses a default country that the metadata does not know', () => {
    expect(() => normaliser('phone', 'UK')).toThrowCode('ERR_CONFIG');
    expect(() => normaliser('email', 'gb')).toThrowCode('ERR_CONFIG');
  });
});

describe('the rule-set digest', () => {
  it('is the frozen one, so that a change of rules is a change of the fixture', () => {
    expect(`max ${phoneMetadataVersion()}`).toBe(fixture.phoneMetadata);
    expect(ruleSetDigest()).toBe(fixture.ruleSetDigest);
  });

  it('describes every rule and no other', () => {
    const { rules } = describeRuleSet();
    expect(Object.keys(rules as object).sort()).toEqual([...RULE_NAMES].sort());
  });
});
