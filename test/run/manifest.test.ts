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
  compileManifest,
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
    else target[last] = structuredClone(value);
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
    ['an unknown statistic', '/statistics/0/kind', 'median'],
    ['no statistics', '/statistics', []],
    ['noise without a moment', '/privacy/noise', [2, 1]],
    ['a threshold of 0', '/threshold', 0],
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
    ['another release', '/release', 'c'],
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

/** The sample with values of both parties, every kind of statistic, noise, threshold and one-sided release. */
const valued: readonly Edit[] = [
  [
    '/values',
    [
      { name: 'seen', owner: 'a', low: 0, high: 9_999 },
      { name: 'campaign', owner: 'a', low: 0, high: 9 },
      { name: 'bought', owner: 'b', low: 0, high: 9_999 },
      { name: 'spend', owner: 'b', low: -500, high: 500 },
    ],
  ],
  [
    '/statistics',
    [
      { kind: 'count' },
      { kind: 'count', where: [{ value: 'campaign', equals: 0 }] },
      { kind: 'sum', of: 'spend', where: [{ value: 'campaign', from: 1, to: 3 }] },
      { kind: 'mean', of: 'spend' },
      { kind: 'variance', of: 'seen' },
      { kind: 'covariance', of: ['seen', 'spend'] },
      { kind: 'correlation', of: ['spend', 'campaign'] },
      { kind: 'histogram', group: 'campaign', groups: [0, 2, 9], sum: 'spend' },
      {
        ...{ kind: 'attributed', conversion: 'bought', exposure: 'seen', sum: 'spend' },
        window: { from: 0, to: 604 },
      },
      { kind: 'shares', of: ['spend', 'seen'] },
    ],
  ],
  ['/privacy/noise', [4, 3, 2, 1, 1]],
  ['/threshold', 20],
  ['/release', 'a'],
];
const makeValued = (...edits: readonly Edit[]): Manifest => make(...valued, ...edits);

describe('values and statistics', () => {
  it('come back unchanged, with any subset of what is optional', () => {
    const manifest = makeValued();
    expect(parseManifestBytes(manifestBytes(manifest))).toEqual(manifest);
    expect(manifest.values).toHaveLength(4);
    expect(manifest.statistics).toHaveLength(10);
    expect(manifest.threshold).toBe(20);
    const plain = makeValued(
      ['/statistics', [{ kind: 'shares', of: ['spend'] }]],
      ['/privacy/noise'],
      ['/threshold'],
    );
    expect(parseManifestBytes(manifestBytes(plain))).toEqual(plain);
  });

  it('are nothing new where there are none: the same bytes with an empty list and without', () => {
    expect(make().values).toEqual([]);
    expect(toHex(manifestBytes(make(['/values', []])))).toBe(toHex(manifestBytes(make())));
    expect(new TextDecoder().decode(manifestBytes(make()))).not.toContain('values');
  });

  const seven = '/statistics/7';
  const eight = '/statistics/8';
  const refused: readonly [string, string, Json?][] = [
    ['an owner that is no party', '/values/0/owner', 'c'],
    ['bounds in the wrong order', '/values/0/high', -1],
    ['a bound above 2^53', '/values/0/high', 2 ** 53],
    ['a bound as text', '/values/0/low', '0'],
    ['an unknown member of a value', '/values/1/unit', 'EUR'],
    ['a value without a name', '/values/2/name'],
    [
      '17 values',
      '/values',
      Array.from({ length: 17 }, (_, i) => ({ name: `v${i}`, owner: 'a', low: 0, high: 1 })),
    ],
    ['a value that is not declared', '/statistics/3/of', 'income'],
    ['a value as a number', '/statistics/3/of', 1],
    ['an unknown member of a statistic', '/statistics/0/name', 'x'],
    ['a sum of nothing', '/statistics/2/of'],
    ['a covariance within one party', '/statistics/5/of', ['seen', 'campaign']],
    ['a covariance of three', '/statistics/5/of', ['seen', 'spend', 'bought']],
    ['a covariance of one', '/statistics/5/of', ['seen']],
    ['no conditions', '/statistics/1/where', []],
    ['nine conditions', '/statistics/1/where', Array(9).fill({ value: 'campaign', equals: 0 })],
    ['a condition outside of the bounds', '/statistics/1/where/0/equals', 10],
    ['a condition on an unknown value', '/statistics/1/where/0/value', 'x'],
    ['a condition of two kinds', '/statistics/1/where/0/from', 1],
    ['an empty range', '/statistics/2/where/0/to', 0],
    ['a range beyond the bounds', '/statistics/2/where/0/to', 10],
    ['a condition with no test', '/statistics/2/where/0', { value: 'campaign' }],
    ['groups out of order', `${seven}/groups`, [2, 0]],
    ['a group twice', `${seven}/groups`, [2, 2]],
    ['no groups', `${seven}/groups`, []],
    ['a group outside of the bounds', `${seven}/groups/2`, 10],
    ['65 groups', `${seven}/groups`, Array.from({ length: 65 }, (_, i) => i)],
    ['an unknown sum', `${seven}/sum`, 'x'],
    ['times of one party', `${eight}/exposure`, 'spend'],
    ['a window that ends before it starts', `${eight}/window/to`, -1],
    ['a window out of reach', `${eight}/window`, { from: 10_000, to: 20_000 }],
    ['a window with a unit', `${eight}/window/unit`, 's'],
    ['shares with a condition', '/statistics/9/where', [{ value: 'campaign', equals: 0 }]],
    ['a share twice', '/statistics/9/of', ['spend', 'spend']],
    ['moments without noise', '/privacy/noise'],
    ['noise without weights', '/privacy/noise', []],
    ['noise out of order', '/privacy/noise/1', 5],
    [
      '17 statistics',
      '/statistics',
      Array.from({ length: 17 }, (_, i) => ({ kind: 'histogram', group: 'seen', groups: [i] })),
    ],
  ];
  it.each(refused)('refuses %s and names %s', (_what, path, value) => {
    const edit: Edit = value === undefined ? [path] : [path, value];
    expect(() => makeValued(edit)).toThrowCode('ERR_MANIFEST');
    expect(() => makeValued(edit)).toThrow(`manifest ${path}`);
  });

  it.each([
    ['/values', ['/values/1/name', 'seen']],
    ['/values', ['/values/1/name', 'email']],
    ['/statistics', ['/statistics/1', { kind: 'count' }]],
    ['/statistics', ['/statistics/8', { kind: 'shares', of: ['seen'] }]],
  ] as const)('refuses what repeats: %s', (path, edit) => {
    expect(() => makeValued(edit)).toThrowCode('ERR_MANIFEST');
    expect(() => makeValued(edit)).toThrow(`manifest ${path}: expected`);
  });

  it('cost privacy, so every member of them changes the privacy hash; differences are named', () => {
    const hash = toHex(privacyHash(makeValued()));
    const edits: readonly Edit[] = [
      ['/values/0/high', 9_998],
      ['/values/3/low', -499],
      ['/statistics/1/where/0/equals', 1],
      ['/statistics/3/of', 'seen'],
      ['/statistics/7/groups/0', 1],
      ['/statistics/8/window/to', 605],
      ['/statistics/9/of/1', 'campaign'],
      ['/privacy/noise/0', 5],
      ['/threshold', 21],
      ['/release', 'b'],
    ];
    for (const edit of edits) {
      const other = makeValued(edit);
      expect(toHex(privacyHash(other)), edit[0]).not.toBe(hash);
      expect(toHex(manifestHash(other)), edit[0]).not.toBe(toHex(manifestHash(makeValued())));
      expect(diffManifests(makeValued(), other)).toEqual([edit[0]]);
    }
    expect(diffManifests(makeValued(), make())).toEqual(['']);
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

  it('composes moments with the sizes, and refuses noise that is not enough', () => {
    const claim: readonly Edit[] = [
      ['/values', [{ name: 'spend', owner: 'b', low: 0, high: 100 }]],
      ['/statistics', [{ kind: 'mean', of: 'spend' }]],
      ['/privacy/noise', plan],
    ];
    expect(certified(...claim)).toBeLessThanOrEqual(1e-4);
    expect(certified(...claim)).toBeGreaterThan(certified());
    for (const edit of [
      ['/privacy/noise', [1]],
      // two columns and one moment are what the plan is for; a second moment is one too many
      ['/statistics', [{ kind: 'variance', of: 'spend' }]],
    ] as const) {
      expect(() => certified(...claim, edit)).toThrowCode('ERR_MANIFEST_PLAN');
    }
  });

  it('refuses sums that could leave 63 bits, naming the statistic', () => {
    const spend = (high: number, ...edits: readonly Edit[]): Manifest =>
      make(
        ['/values', [{ name: 'spend', owner: 'b', low: 0, high }]],
        ['/statistics', [{ kind: 'count' }, { kind: 'sum', of: 'spend' }]],
        ['/privacy/noise', plan],
        ...edits,
      );
    // 8,000 rows of up to 2^48, noise of up to 75 x 2^48: below 2^61
    expect(() => compileManifest(spend(2 ** 48))).not.toThrow();
    expect(() => compileManifest(spend(2 ** 50))).toThrowCode('ERR_MANIFEST_PLAN');
    expect(() => certifyManifest(spend(2 ** 50))).toThrow(
      'manifest /statistics/1: a sum over 8000 rows',
    );
    const wide = [{ name: 'spend', owner: 'b', low: -(2 ** 26), high: 2 ** 26 }];
    expect(() =>
      compileManifest(
        spend(1, ['/values', wide], ['/statistics/1', { kind: 'variance', of: 'spend' }]),
      ),
    ).toThrowCode('ERR_MANIFEST_PLAN');
    const times = [
      { name: 'x', owner: 'a', low: -(2 ** 53 - 1), high: 2 ** 53 - 1 },
      { name: 'y', owner: 'b', low: 0, high: 0 },
    ];
    const attributed = {
      kind: 'attributed',
      conversion: 'x',
      exposure: 'y',
      window: { from: 0, to: 9 },
    };
    expect(() =>
      compileManifest(spend(1, ['/values', times], ['/statistics/1', attributed])),
    ).not.toThrow();
  });

  it('takes the larger table for the bound delta <= 1/rows', () => {
    expect(() => certified(['/parties/b/rowsMax', 10_001])).toThrowCode('ERR_MANIFEST_PLAN');
  });
});
