/**
 * The manifest's parser, canonical form, hashes and difference report (docs/specification.md section 6).
 * @module
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/encoding.ts';
import type { Json } from '../../src/json.ts';
import {
  certifyManifest,
  diffManifests,
  manifestBytes,
  manifestFromJson,
  manifestHash,
  parseManifest,
  parseManifestBytes,
  privacyHash,
  type Manifest,
} from '../../src/run/manifest.ts';
import { MAX_MANIFEST_BYTES } from '../../src/wire/limits.ts';

const sample = {
  version: 1,
  suite: 'x25519-ell2-ro',
  purpose: 'Conversions of the spring campaign',
  parties: {
    a: { name: 'publisher', identity: '11'.repeat(32), log: '12'.repeat(32), rowsMax: 10_000 },
    b: { name: 'Café & Söhne', identity: '21'.repeat(32), log: '22'.repeat(32), rowsMax: 8_000 },
  },
  columns: [
    { name: 'email', normalisation: 'email' },
    { name: 'phone', normalisation: 'phone' },
  ],
  normalisation: { ruleSet: '33'.repeat(32), defaultCountry: 'US' },
  statistics: [{ kind: 'count' }],
  privacy: {
    adjacency: 'null-a-row',
    epsilon: '2',
    delta: '0.00001',
    runs: 10,
    mask: {
      kind: 'xor',
      columns: [
        [13, 11, 7],
        [13, 11, 7],
      ],
    },
  },
  release: 'both',
};

type Edit = readonly [pointer: string, value?: Json];

/** The sample with members replaced, added, or (without a value) removed. */
function edited(...edits: readonly Edit[]): Json {
  const copy = structuredClone(sample) as unknown as Json;
  for (const [pointer, value] of edits) {
    const names = pointer.split('/').slice(1);
    const last = names.pop() ?? '';
    const target = names.reduce((at, name) => at[name] as Target, copy as Target);
    if (value === undefined) Reflect.deleteProperty(target, last);
    else target[last] = value;
  }
  return copy;
}
type Target = Record<string, Json>;
const make = (...edits: readonly Edit[]): Manifest => manifestFromJson(edited(...edits));

describe('parsing', () => {
  it('accepts the sample, laid out in any way', () => {
    expect(parseManifest(JSON.stringify(sample, null, 2))).toEqual(make());
  });

  const refused: readonly [string, string, Json?][] = [
    ['an unknown member', '/extra', 1],
    ['a nested unknown member', '/parties/b/extra', 1],
    ['an unknown member of a column', '/columns/1/type', 'x'],
    ['a missing member', '/release'],
    ['a missing privacy parameter', '/privacy/epsilon'],
    ['another version', '/version', 2],
    ['another suite', '/suite', 'x25519'],
    ['an empty purpose', '/purpose', ''],
    ['a purpose of two lines', '/purpose', 'a\nb'],
    ['a bidirectional override', '/purpose', 'pay \u202ereversed'],
    ['text that is not NFC', '/parties/a/name', 'Cafe\u0301'],
    ['a short key', '/parties/a/identity', '11'.repeat(31)],
    ['an upper-case key', '/parties/a/log', 'AB'.repeat(32)],
    ['a zero key', '/parties/a/log', '00'.repeat(32)],
    ['no rows', '/parties/a/rowsMax', 0],
    ['too many rows', '/parties/a/rowsMax', 2 ** 26 + 1],
    ['no columns', '/columns', []],
    [
      'too many columns',
      '/columns',
      Array.from({ length: 9 }, (_, i) => ({ name: `c${i}`, normalisation: 'none' })),
    ],
    ['an unknown rule', '/columns/0/normalisation', 'trim'],
    ['an upper-case name', '/columns/0/name', 'Email'],
    ['a country in words', '/normalisation/defaultCountry', 'usa'],
    ['two statistics', '/statistics', [{ kind: 'count' }, { kind: 'count' }]],
    ['an unknown statistic', '/statistics/0/kind', 'sum'],
    ['another adjacency', '/privacy/adjacency', 'replace'],
    ['epsilon as a number', '/privacy/epsilon', 2],
    ['epsilon 0', '/privacy/epsilon', '0'],
    ['epsilon 0.0', '/privacy/epsilon', '0.0'],
    ['epsilon with a trailing zero', '/privacy/epsilon', '2.0'],
    ['epsilon above the cap', '/privacy/epsilon', '51'],
    ['delta 0', '/privacy/delta', '0'],
    ['delta 1', '/privacy/delta', '1'],
    ['delta in scientific notation', '/privacy/delta', '1e-5'],
    ['no runs', '/privacy/runs', 0],
    ['another mask', '/privacy/mask/kind', 'none'],
    ['a missing weight list', '/privacy/mask/columns', [[1]]],
    ['an empty weight list', '/privacy/mask/columns/1', []],
    ['a zero weight', '/privacy/mask/columns/0/2', 0],
    ['weights out of order', '/privacy/mask/columns/1/1', 14],
    ['too many dummies', '/privacy/mask/columns/0', [65_535, 1]],
    ['another release', '/release', 'a'],
  ];
  it.each(refused)('refuses %s and names %s', (_what, path, value) => {
    expect(() => make(value === undefined ? [path] : [path, value])).toThrowCode('ERR_MANIFEST');
    expect(() => make(value === undefined ? [path] : [path, value])).toThrow(`manifest ${path}: `);
  });

  it('refuses one organisation on both sides, a log key that is an identity, and equal column names', () => {
    for (const [path, edit] of [
      ['/parties', ['/parties/b', sample.parties.a]],
      ['/parties', ['/parties/b/log', sample.parties.a.identity]],
      ['/columns', ['/columns/1/name', 'email']],
    ] as const) {
      expect(() => make(edit)).toThrowCode('ERR_MANIFEST');
      expect(() => make(edit)).toThrow(`manifest ${path}: expected`);
    }
  });

  it('refuses a member named twice and a fraction, already as JSON', () => {
    expect(() => parseManifest('{"version":1,"version":1}')).toThrowCode('ERR_JSON_DUPLICATE');
    expect(() => parseManifest('{"version":1.0}')).toThrowCode('ERR_JSON_NUMBER');
  });
});

describe('the wire form', () => {
  it('comes back unchanged', () => {
    expect(parseManifestBytes(manifestBytes(make()))).toEqual(make());
  });

  it('is refused unless byte-equal to its canonical form', () => {
    const canonical = new TextDecoder().decode(manifestBytes(make()));
    for (const other of [
      ` ${canonical}`,
      `${canonical}\n`,
      canonical.replace('"US"', '"\\u0055S"'),
      JSON.stringify(sample),
    ]) {
      expect(parseManifest(other)).toEqual(make());
      expect(() => parseManifestBytes(utf8(other))).toThrowCode('ERR_MANIFEST');
    }
  });

  it('is refused above 64 KiB before it is parsed', () => {
    const long = new Uint8Array(MAX_MANIFEST_BYTES + 1).fill(0x20);
    expect(() => parseManifestBytes(long)).toThrowCode('ERR_MANIFEST');
  });
});

describe('hashes', () => {
  it('prefixes the canonical bytes with the purpose of the hash', () => {
    const expected = createHash('sha256').update('dpca/v1/manifest').update(manifestBytes(make()));
    expect(toHex(manifestHash(make()))).toBe(expected.digest('hex'));
  });

  it('changes the manifest hash with every field', () => {
    const edits: readonly Edit[] = [
      ['/purpose', 'x'],
      ['/parties/a/rowsMax', 9_999],
      ['/normalisation/defaultCountry', null],
      ['/privacy/mask/columns/1/2', 8],
    ];
    const hashes = new Set(
      [make(), ...edits.map((edit) => make(edit))].map((m) => toHex(manifestHash(m))),
    );
    expect(hashes.size).toBe(edits.length + 1);
  });

  it('keeps the privacy hash when only names, keys, bounds or rule versions change', () => {
    const same = make(
      ['/purpose', 'another'],
      ['/parties/b/identity', '44'.repeat(32)],
      ['/parties/a/rowsMax', 5],
      ['/normalisation/ruleSet', '55'.repeat(32)],
    );
    expect(toHex(privacyHash(same))).toBe(toHex(privacyHash(make())));
    for (const edit of [
      ['/privacy/runs', 11],
      ['/privacy/mask/columns/0/0', 12],
      ['/columns/0/normalisation', 'none'],
    ] as const) {
      expect(toHex(privacyHash(make(edit)))).not.toBe(toHex(privacyHash(make())));
    }
    expect(toHex(privacyHash(make()))).not.toBe(toHex(manifestHash(make())));
  });
});

describe('differences', () => {
  it('names each field, and nothing when there is none', () => {
    expect(diffManifests(make(), make())).toEqual([]);
    const other = make(
      ['/privacy/epsilon', '4'],
      ['/columns/1/name', 'msisdn'],
      ['/privacy/mask/columns/0', [1]],
      ['/privacy/mask/columns/1/0', 12],
      ['/normalisation/defaultCountry', null],
    );
    const paths = [
      '/columns/1/name',
      '/normalisation/defaultCountry',
      '/privacy/epsilon',
      '/privacy/mask/columns/0',
      '/privacy/mask/columns/1/0',
    ];
    expect(diffManifests(make(), other).sort()).toEqual(paths);
    expect(diffManifests(other, make()).sort()).toEqual(paths);
  });
});

describe('certification', () => {
  const plan = [13, 11, 7, 6, 4, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1];
  const certified = (...edits: readonly Edit[]): number =>
    certifyManifest(
      make(
        // docs/privacy.md: k = 3, N = 1e3, T = 10, epsilon 2; two columns cost less
        ['/privacy/mask/columns', [plan, plan]],
        ['/privacy/delta', '0.0001'],
        ...edits,
      ),
    ).deltaUpper;

  it('accepts a published plan and refuses it for more runs, less epsilon, or too few rows', () => {
    expect(certified()).toBeLessThanOrEqual(1e-4);
    for (const edit of [
      ['/privacy/runs', 40],
      ['/privacy/epsilon', '1'],
      ['/privacy/mask/columns', [plan, [1]]],
    ] as const) {
      expect(() => certified(edit)).toThrowCode('ERR_MANIFEST_PLAN');
    }
  });

  it('takes the larger table for the bound delta <= 1/rows', () => {
    expect(() => certified(['/parties/b/rowsMax', 10_001])).toThrowCode('ERR_MANIFEST_PLAN');
  });
});
