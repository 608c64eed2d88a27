/**
 * A whole run between two machines: agreement, coverage of the interval, and what each kind of misbehaviour gives.
 */
import { describe, expect, it } from 'vitest';
import { CoinGuard } from '../../src/dp/coins.ts';
import { DpcaError, type ErrorCode } from '../../src/errors.ts';
import { UniformSource } from '../../src/rng.ts';
import type { Role } from '../../src/run/manifest.ts';
import { MESSAGE } from '../../src/wire/messages.ts';
import { EXAMPLE_WEIGHTS, testManifest } from '../support/manifests.ts';
import { plainWaterfall } from '../support/plain-waterfall.ts';
import { runPair, type Wire } from '../support/run-pair.ts';
import { randomPair, type Cells } from '../support/tables.ts';
import { seededRng } from '../support/test-rng.ts';

const manifest = testManifest(3, EXAMPLE_WEIGHTS);
const cells = (seed: string, rows = 12): Record<Role, Cells> => {
  const [a, b] = randomPair(new UniformSource(seededRng(seed)), 3, rows);
  return { a, b };
};

interface Count {
  readonly interval: { readonly low: number; readonly high: number };
}

function countOf(release: unknown): Count {
  return (release as { statistics: [Count] }).statistics[0];
}

describe('an honest run', () => {
  it('gives both sides the same release', () => {
    const result = runPair(manifest, cells('honest'), { rng: seededRng('honest run') });
    expect(result.failures).toEqual({});
    expect(result.phases).toEqual({ a: 'done', b: 'done' });
    expect(result.releases.a).toEqual(result.releases.b);
    expect(result.releases.a).toMatchObject({ version: 1, rows: { a: cells('honest').a.length } });
  });

  it('works with IntersectMask in the manifest, and covers the truth', () => {
    const privacy = { ...manifest.privacy, mask: { kind: 'intersect', columns: [9, 9, 9] } };
    const intersect = testManifest(3, EXAMPLE_WEIGHTS, { privacy });
    const sizes = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const result = runPair(intersect, cells('intersect'), {
        rng: seededRng(`intersect ${seed}`),
      });
      expect(result.failures).toEqual({});
      expect(result.releases.a).toEqual(result.releases.b);
      sizes.add(JSON.stringify(result.releases.a?.['maskedSizes']));
    }
    expect(sizes.size).toBeGreaterThan(5);
  });

  it('is refused in a process whose coins it would use again', () => {
    const guards = { a: new CoinGuard(), b: new CoinGuard() };
    const again = () =>
      runPair(manifest, cells('again'), { rng: seededRng('the same coins'), guards });
    expect(again().failures).toEqual({});
    const { failures, releases } = again();
    expect(releases).toEqual({});
    // the first to notice ends; no alert reaches the other in this harness
    expect(Object.values(failures).length).toBeGreaterThan(0);
    for (const failure of Object.values(failures)) expect(failure).toThrowCode('ERR_MASK_REUSE');
  });

  it('covers the truth in at least 95 % of 400 runs', () => {
    // P(miss) <= 5 %; for 400 runs Binomial(400, 0.05) exceeds 41 with probability below 1e-5 (normal tail 4.8 sd)
    let missed = 0;
    const values = new Set<string>();
    for (let seed = 0; seed < 400; seed++) {
      const tables = cells(`coverage tables ${seed % 20}`);
      const truth = plainWaterfall(tables.a, tables.b, 3).pairs.length;
      const result = runPair(manifest, tables, { rng: seededRng(`coverage ${seed}`) });
      const { low, high } = countOf(result.releases.a).interval;
      if (truth < low || truth > high) missed += 1;
      values.add(JSON.stringify(result.releases.a?.['maskedSizes']));
    }
    expect(missed).toBeLessThanOrEqual(41);
    expect(values.size).toBeGreaterThan(200); // the noise is really there
  });
});

/** Changes messages of one type from a. */
function changing(type: number, change: (body: Uint8Array) => Uint8Array | undefined) {
  return (wire: Wire): Wire[] => {
    if (wire.from !== 'a' || wire.type !== type) return [wire];
    const body = change(wire.body);
    return body === undefined ? [] : [{ ...wire, body }];
  };
}

function flip(at: number) {
  return (body: Uint8Array): Uint8Array => {
    const out = body.slice();
    out[at] = (out[at] ?? 0) ^ 1;
    return out;
  };
}

/** Overwrites record `to` of a bulk message with record `from`. */
function copyRecord(size: number, from: number, to: number) {
  return (body: Uint8Array): Uint8Array => {
    const out = body.slice();
    out.copyWithin(5 + to * size, 5 + from * size, 5 + (from + 1) * size);
    return out;
  };
}

function setRecord(record: Uint8Array) {
  return (body: Uint8Array): Uint8Array => {
    const out = body.slice();
    out.set(record, 5);
    return out;
  };
}

const P = (() => {
  const p = new Uint8Array(32).fill(0xff);
  p[0] = 0xed;
  p[31] = 0x7f;
  return p;
})();

describe('a misbehaving peer', () => {
  const cases: readonly [string, ReturnType<typeof changing>, ErrorCode][] = [
    [
      'sends another manifest than its document names',
      changing(MESSAGE.manifest, (body) => {
        return new TextEncoder().encode(new TextDecoder().decode(body).replace('"test"', '"Test"'));
      }),
      'BINDING_MANIFEST',
    ],
    [
      'sends a manifest that is not canonical',
      changing(MESSAGE.manifest, (body) => {
        return new TextEncoder().encode(` ${new TextDecoder().decode(body)}`);
      }),
      'ERR_MANIFEST',
    ],
    [
      'announces more rows than agreed',
      changing(MESSAGE.table, () => Uint8Array.of(0, 0, 4, 1)),
      'ERR_MATCH_ROWS',
    ],
    ['announces no rows', changing(MESSAGE.table, () => new Uint8Array(4)), 'ERR_WIRE_VALUE'],
    ['opens another seed', changing(MESSAGE.reveal, flip(0)), 'ERR_MASK_COMMITMENT'],
    ['opens another coin contribution', changing(MESSAGE.reveal, flip(40)), 'ERR_MASK_COMMITMENT'],
    ['skips the commitment', changing(MESSAGE.commit, () => undefined), 'ERR_WIRE_UNEXPECTED'],
    [
      'repeats an element in a column',
      changing(MESSAGE.points, copyRecord(32, 0, 1)),
      'ERR_MATCH_DUPLICATE',
    ],
    [
      'sends the low-order element 0',
      changing(MESSAGE.points, setRecord(new Uint8Array(32))),
      'ERR_MATCH_POINT',
    ],
    [
      'sends the low-order element 1',
      changing(MESSAGE.points, setRecord(Uint8Array.of(1, ...new Uint8Array(31)))),
      'ERR_MATCH_POINT',
    ],
    ['sends a non-canonical element', changing(MESSAGE.points, setRecord(P)), 'ERR_MATCH_POINT'],
    [
      'sends an element with bit 255',
      changing(MESSAGE.points, (body) => {
        const out = body.slice();
        out[5 + 31] = (out[5 + 31] ?? 0) | 0x80;
        return out;
      }),
      'ERR_MATCH_POINT',
    ],
    [
      'sends one element too few',
      changing(MESSAGE.points, (body) => body.subarray(0, body.length - 32)),
      'ERR_WIRE_UNEXPECTED',
    ],
    [
      'sends one element too many',
      changing(MESSAGE.points, (body) => {
        const out = new Uint8Array(body.length + 32);
        out.set(body);
        out[body.length] = 77;
        return out;
      }),
      'ERR_MATCH_COUNT',
    ],
    ['names another column', changing(MESSAGE.points, flip(0)), 'ERR_WIRE_UNEXPECTED'],
    ['repeats a tag', changing(MESSAGE.tags, copyRecord(16, 0, 1)), 'ERR_MATCH_DUPLICATE'],
    ['reports another size', changing(MESSAGE.sizes, flip(3)), 'ERR_MATCH_SIZE'],
    ['computes another release', changing(MESSAGE.release, flip(0)), 'ERR_RELEASE_DIFFERS'],
    [
      'says goodbye early',
      (wire: Wire): Wire[] =>
        wire.from === 'a' && wire.type === MESSAGE.commit
          ? [{ ...wire, type: MESSAGE.bye, body: new Uint8Array(0) }]
          : [wire],
      'ERR_WIRE_UNEXPECTED',
    ],
    [
      'repeats a message',
      (wire: Wire): Wire[] =>
        wire.from === 'a' && wire.type === MESSAGE.table ? [wire, wire] : [wire],
      'ERR_WIRE_UNEXPECTED',
    ],
  ];
  it.each(cases)('%s', (_what, tap, code) => {
    const result = runPair(manifest, cells('faults'), { rng: seededRng('faults'), tap });
    expect(result.failures.b).toBeInstanceOf(DpcaError);
    expect(() => {
      throw result.failures.b;
    }).toThrowCode(code);
    expect(result.releases.b).toBeUndefined();
    expect(result.phases.b).not.toBe('done');
  });

  it('names the differing fields of two manifests', () => {
    const changed = testManifest(3, EXAMPLE_WEIGHTS, { purpose: 'another purpose' });
    const result = runPair(manifest, cells('manifests'), {
      rng: seededRng('manifests'),
      manifests: { b: changed },
    });
    for (const role of ['a', 'b'] as const) {
      expect(() => {
        throw result.failures[role];
      }).toThrowCode('ERR_MANIFEST_DIFFERS');
      expect(String(result.failures[role])).toContain('/purpose');
    }
    expect(result.log.map((wire) => wire.type)).toEqual([MESSAGE.manifest, MESSAGE.manifest]);
  });

  it('refuses an own table with a repeated identifier before anything of it is sent', () => {
    const tables = {
      a: [
        ['x', 'y', 'z'],
        ['q', 'y', null],
      ],
      b: [['x', 'y', 'z']],
    };
    const result = runPair(manifest, tables, { rng: seededRng('duplicate') });
    expect(() => {
      throw result.failures.a;
    }).toThrowCode('ERR_MATCH_OWN_TABLE');
    expect(
      result.log.filter((wire) => wire.from === 'a' && wire.type !== MESSAGE.manifest),
    ).toEqual([]);
  });
});
