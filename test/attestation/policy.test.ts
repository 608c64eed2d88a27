/** Loading and explaining policies (rows 18, 42), and the agreement of the loader with the published schema. @module */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { explainPolicy } from '../../attestation/policy-explain.ts';
import { parsePolicy, policyHash } from '../../attestation/policy.ts';
import { AWS_NITRO_ROOT_FINGERPRINT as AWS } from '../../attestation/root.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { toHex } from '../../src/encoding.ts';
import { PCRS, pcr } from './support/pki.ts';
import { policyText, type PolicyOptions } from './support/world.ts';

const schemaFile = fileURLToPath(new URL('../../docs/schema/policy.schema.json', import.meta.url));
const matchesSchema = new Ajv2020({ strict: true }).compile(
  JSON.parse(readFileSync(schemaFile, 'utf8')) as Record<string, unknown>,
);
const SIM = 'ab'.repeat(32);
const production: PolicyOptions = { root: AWS, partition: 'aws', mode: 'production', pcrs: PCRS };
const waiver = (check: string, reason = 'because of a test'): Record<string, unknown> => ({
  check,
  reason,
});
const measurement = {
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2027-01-01T00:00:00Z',
  pcr0: toHex(pcr(1)),
  pcr1: toHex(pcr(2)),
  pcr2: toHex(pcr(3)),
};

describe('loading', () => {
  it.each(['production', 'simulated', 'audit'] as const)('accepts a full %s policy', (mode) => {
    const root =
      mode === 'simulated' ? { root: SIM, partition: 'sim' } : { root: AWS, partition: 'aws' };
    const text = policyText({ ...root, mode, pcrs: PCRS });
    expect(parsePolicy(text).mode).toBe(mode);
    expect(matchesSchema(JSON.parse(text))).toBe(true);
  });

  const MEMBERS = [
    'version',
    'mode',
    'roots',
    'measurements',
    'pcr3',
    'maxAgeSeconds',
    'futureSkewSeconds',
    'certificateSkewSeconds',
    'waivers',
  ];
  it.each(MEMBERS)('18 without %s, or with it null: POLICY_EMPTY', (name) => {
    const full = JSON.parse(
      policyText({ ...production, waive: ['pcr8'], change: { pcr3: [toHex(pcr(3))] } }),
    ) as Record<string, unknown>;
    expect(() => parsePolicy(JSON.stringify(full))).not.toThrow();
    const rest = Object.fromEntries(Object.entries(full).filter(([key]) => key !== name));
    expect(() => parsePolicy(JSON.stringify(rest))).toThrowCode('POLICY_EMPTY');
    if (name !== 'version') {
      expect(() => parsePolicy(JSON.stringify({ ...full, [name]: null }))).toThrowCode(
        'POLICY_EMPTY',
      );
    }
    if (name !== 'pcr3') expect(matchesSchema(rest)).toBe(false);
  });

  const ROWS: readonly (readonly [string, ErrorCode, string])[] = [
    ['18 {}', 'POLICY_EMPTY', '{}'],
    ['18 nothing', 'POLICY_EMPTY', ''],
    ['18 white space', 'POLICY_EMPTY', ' \n'],
    [
      '18 no measurements',
      'POLICY_EMPTY',
      policyText({ ...production, change: { measurements: [] } }),
    ],
    [
      '18 an empty measurement',
      'POLICY_EMPTY',
      policyText({ ...production, change: { measurements: [{}] } }),
    ],
    [
      '18 PCR1 missing',
      'POLICY_EMPTY',
      policyText({
        ...production,
        change: { measurements: [{ ...measurement, pcr1: undefined }] },
      }),
    ],
    [
      '18 PCR1 empty',
      'POLICY_EMPTY',
      policyText({ ...production, change: { measurements: [{ ...measurement, pcr1: '' }] } }),
    ],
    [
      '18 PCR8 missing and not waived',
      'POLICY_EMPTY',
      policyText({ ...production, waive: ['pcr3'] }),
    ],
    [
      '18 pcr3 empty and not waived',
      'POLICY_EMPTY',
      policyText({ ...production, waive: ['pcr8'] }),
    ],
    ['18 no roots', 'POLICY_EMPTY', policyText({ ...production, change: { roots: [] } })],
    [
      '18 a waiver without a reason',
      'POLICY_EMPTY',
      policyText({ ...production, change: { waivers: [{ check: 'pcr3' }] } }),
    ],
    [
      '18 a waiver with an empty reason',
      'POLICY_EMPTY',
      policyText({ ...production, change: { waivers: [waiver('pcr3', '')] } }),
    ],
    [
      '42 production with a simulated root',
      'POLICY_ANCHOR',
      policyText({ ...production, root: SIM, partition: 'sim' }),
    ],
    [
      '42 production with both roots',
      'POLICY_ANCHOR',
      policyText({
        ...production,
        change: {
          roots: [
            { fingerprint: AWS, partition: 'aws' },
            { fingerprint: SIM, partition: 'sim' },
          ],
        },
      }),
    ],
    [
      '42 another root under the name aws',
      'POLICY_ANCHOR',
      policyText({ ...production, root: SIM }),
    ],
    [
      '42 the AWS root under another name',
      'POLICY_ANCHOR',
      policyText({ ...production, partition: 'aws-cn' }),
    ],
    [
      'simulated with the AWS root',
      'POLICY_ANCHOR',
      policyText({ ...production, mode: 'simulated' }),
    ],
    [
      'unknown member',
      'POLICY_FORMAT',
      policyText({ ...production, change: { allowDebug: true } }),
    ],
    [
      'unknown member of a measurement',
      'POLICY_FORMAT',
      policyText({
        ...production,
        change: { measurements: [{ ...measurement, pcr32: toHex(pcr(1)) }] },
      }),
    ],
    [
      'PCR3 inside a measurement',
      'POLICY_FORMAT',
      policyText({
        ...production,
        change: { measurements: [{ ...measurement, pcr3: toHex(pcr(1)) }] },
      }),
    ],
    [
      'a PCR of 47 bytes',
      'POLICY_FORMAT',
      policyText({
        ...production,
        change: { measurements: [{ ...measurement, pcr0: '00'.repeat(47) }] },
      }),
    ],
    [
      'upper-case hex',
      'POLICY_FORMAT',
      policyText({
        ...production,
        change: { measurements: [{ ...measurement, pcr0: 'AB'.repeat(48) }] },
      }),
    ],
    [
      'a zero PCR0',
      'POLICY_FORMAT',
      policyText({
        ...production,
        change: { measurements: [{ ...measurement, pcr0: '00'.repeat(48) }] },
      }),
    ],
    [
      'an impossible date',
      'POLICY_FORMAT',
      policyText({
        ...production,
        change: { measurements: [{ ...measurement, notAfter: '2026-02-30T00:00:00Z' }] },
      }),
    ],
    [
      'a window that ends first',
      'POLICY_FORMAT',
      policyText({
        ...production,
        change: { measurements: [{ ...measurement, notAfter: '2025-01-01T00:00:00Z' }] },
      }),
    ],
    [
      'maximum age of zero',
      'POLICY_FORMAT',
      policyText({ ...production, change: { maxAgeSeconds: 0 } }),
    ],
    [
      'maximum age as text',
      'POLICY_FORMAT',
      policyText({ ...production, change: { maxAgeSeconds: '300' } }),
    ],
    [
      'skew of an hour',
      'POLICY_FORMAT',
      policyText({ ...production, change: { futureSkewSeconds: 3600 } }),
    ],
    ['mode unknown', 'POLICY_FORMAT', policyText({ ...production, change: { mode: 'test' } })],
    ['version 2', 'POLICY_FORMAT', policyText({ ...production, change: { version: 2 } })],
    ['a list', 'POLICY_FORMAT', '[]'],
    [
      'an unknown waiver',
      'POLICY_WAIVER',
      policyText({ ...production, change: { waivers: [waiver('root')] } }),
    ],
    [
      'a waiver twice',
      'POLICY_WAIVER',
      policyText({ ...production, change: { waivers: [waiver('pcr3'), waiver('pcr3')] } }),
    ],
    [
      'pcr3 waived and given',
      'POLICY_WAIVER',
      policyText({ ...production, change: { pcr3: [toHex(pcr(3))] } }),
    ],
    ['not JSON', 'ERR_JSON_SYNTAX', '{'],
    [
      'a member twice',
      'ERR_JSON_DUPLICATE',
      policyText(production).replace('"version":1', '"version":1,"version":1'),
    ],
    [
      'a fraction',
      'ERR_JSON_NUMBER',
      policyText({ ...production, change: { maxAgeSeconds: 1.5 } }),
    ],
  ];
  it.each(ROWS)('%s: %s', (_row, code, text) => {
    expect(() => parsePolicy(text)).toThrowCode(code);
  });

  it.each(['freshness', 'debug', 'measurements', 'nonce', 'publicKey'] as const)(
    'production and simulated may not waive %s, an audit may',
    (check) => {
      const change = check === 'measurements' ? { measurements: [] } : {};
      const waive = ['pcr8', 'pcr3', check] as const;
      for (const mode of ['production', 'simulated'] as const) {
        const root = mode === 'simulated' ? { root: SIM, partition: 'sim' } : {};
        expect(() =>
          parsePolicy(policyText({ ...production, ...root, mode, waive, change })),
        ).toThrowCode('POLICY_WAIVER');
      }
      expect(() =>
        parsePolicy(policyText({ ...production, mode: 'audit', waive, change })),
      ).not.toThrow();
    },
  );
});

describe('a loaded policy', () => {
  it('has a hash that is independent of layout and of nothing else', () => {
    const text = policyText(production);
    const pretty = JSON.stringify(JSON.parse(text), null, 4);
    expect(policyHash(parsePolicy(pretty))).toEqual(policyHash(parsePolicy(text)));
    const other = policyText({ ...production, change: { maxAgeSeconds: 301 } });
    expect(policyHash(parsePolicy(other))).not.toEqual(policyHash(parsePolicy(text)));
  });

  it('is explained, waivers and reasons included', () => {
    const words = explainPolicy(parsePolicy(policyText(production))).join('\n');
    expect(words).toContain('real Nitro enclaves only');
    expect(words).toContain(`${AWS} (partition aws, the root of AWS Nitro)`);
    expect(words).toContain(`PCR0 ${toHex(PCRS.pcr0)}`);
    expect(words).toContain('DOES NOT CHECK who signed the image (PCR8). Reason given: a test');
  });

  it('cannot be changed afterwards', () => {
    const policy = parsePolicy(policyText(production));
    expect(Object.isFrozen(policy)).toBe(true);
  });
});
