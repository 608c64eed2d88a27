/**
 * The audit's report: what it says, that text from records never becomes markup, that equal input gives equal bytes, and
 * that browser, validator and accessibility checker find nothing. Ed25519 is node's here, for speed.
 */
import type * as Curves from '@noble/curves/ed25519.js';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { auditBundle } from '../../attestation/audit.ts';
import type { AuditResult, Finding } from '../../attestation/audit-types.ts';
import type { LogRecord } from '../../attestation/log-record.ts';
import { CHECK_GROUPS, NOT_MADE } from '../../host/report/check-groups.ts';
import { figuresOf } from '../../host/report/figures.ts';
import { escapeText } from '../../host/report/html.ts';
import { ledgersOf } from '../../host/report/ledgers.ts';
import { renderReport } from '../../host/report/report.ts';
import { grouped, instant, ranges, roundMarks } from '../../host/report/words.ts';
import type { JsonObject } from '../../src/json.ts';
import { axe, CHROMIUM, invalidities, look, openBrowser } from './browser.ts';
import { makeShowcase, reportInput, richManifest, richRelease, type Showcase } from './showcase.ts';

vi.mock('@noble/curves/ed25519.js', async (original) =>
  (await import('../ledger/native-ed25519.ts')).nativeEd25519(original<typeof Curves>),
);

const folder = mkdtempSync(join(tmpdir(), 'dpca-report-'));
let showcase: Showcase;
beforeAll(async () => {
  showcase = await makeShowcase(4, 3);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const MADE_UP: readonly Finding[] = [
  {
    ...{ record: 4, field: '/receipt/ledgers/a/record', class: 'tamper' },
    ...{ code: 'ERR_AUDIT_BUDGET', detail: 'slot 4 after slot 6' },
  },
  {
    ...{ record: null, field: 'checkpoint', class: 'incomplete' },
    ...{ code: 'ERR_AUDIT_WITNESS', detail: 'no checkpoint is cosigned by the witness' },
  },
];

function failing({ input }: Showcase): AuditResult {
  const { result } = input;
  const runs = result.runs.map((run) => (run.record === 4 ? { ...run, ok: false } : run));
  return { ...result, runs, verdict: 'fail', checks: [...result.checks, ...MADE_UP] };
}

const textOf = (markup: string): string => markup.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

describe('the report of a log', () => {
  it('says the verdict, who, which code, what was spent and every figure', () => {
    const { input, world } = showcase;
    const page = renderReport(input);
    const text = textOf(page);
    expect(text).toContain('This log holds.');
    expect(text).toContain('Simulated enclaves.');
    for (const { name, identity, log } of world.parties) {
      for (const part of [name, identity, log]) expect(text).toContain(part);
    }
    for (const { sides, receipt, session } of input.result.runs) {
      expect(text).toContain(sides.a.pcr0 ?? 'no PCR0');
      expect(text).toContain(receipt);
      expect(text).toContain(session);
    }
    expect(page).toMatch(/<pre>[^<]*\nPurpose {3}test\nParty a/);
    expect(text).toContain('PCR_MISMATCH');
    expect(text).toContain('56 of 60 slots left');
    for (const { manifest, release } of input.result.runs) {
      if (manifest === null || release === null) throw new Error('expected a release');
      for (const { title, figures } of figuresOf(manifest, release)) {
        expect(text).toContain(escapeText(title));
        for (const figure of figures) {
          expect(figure.kind).not.toBe('unreadable');
          if (figure.kind !== 'estimate') continue;
          expect(text).toContain(`${grouped(figure.value)} ±&nbsp;${grouped(figure.deviation)}`);
          expect(text).toContain(`${grouped(figure.low)} to ${grouped(figure.high)}`);
        }
      }
    }
    expect(text).toContain('Withheld: below the agreed threshold of 400 rows. Not zero.');
    expect(text).toContain('Carries no differential privacy.');
    expect(text).toMatch(/Undefined: a noised variance is not positive\./);
  });

  it('is the same for the same input, and has a time only when one is given', () => {
    const { input } = showcase;
    const page = renderReport(input);
    vi.useFakeTimers({ now: 4e12 });
    expect(renderReport(input)).toBe(page);
    vi.useRealTimers();
    expect(renderReport({ ...input, at: Date.UTC(2028, 1, 2) })).toContain('2028-02-02 00:00:00');
  });

  it('puts findings first when the log does not hold, with their record and reason', () => {
    const { input } = showcase;
    const text = textOf(renderReport({ ...input, result: failing(showcase) }));
    expect(text).not.toContain('This log holds.');
    expect(text).toContain(
      'This log does not hold. 2 findings in the log as a whole and in 1 record.',
    );
    for (const { code, detail } of MADE_UP) {
      expect(text).toContain(detail);
      expect(text).toContain(code);
    }
    expect(text).toContain('this run did not pass, do not use these figures');
    expect(text).toContain('no: 1 finding');
  });

  it('reports a file that is no bundle', async () => {
    const { input, world } = showcase;
    const result = await auditBundle(Uint8Array.of(123, 10), world.options());
    const page = renderReport({ ...input, bundle: null, result });
    expect(textOf(page)).toContain('The file cannot be read as a log.');
    expect(textOf(page)).not.toContain('This log holds.');
    expect(await invalidities(page)).toEqual([]);
  });

  it('reports a log without runs, and one whose audit did not know its owner', async () => {
    const { world } = showcase;
    const { log } = world.fork().sides.b;
    const bytes = log.bundle();
    const strangers = world.options({ parties: [] });
    const page = renderReport(reportInput(bytes, await auditBundle(bytes, strangers), strangers));
    expect(textOf(page)).toContain('This log does not hold.');
    expect(textOf(page)).toContain('No run is in this log.');
    expect(await invalidities(page)).toEqual([]);
  });

  it('explains every check that the audit makes', () => {
    const known = new Set([...CHECK_GROUPS.flatMap(({ checks }) => checks), ...NOT_MADE]);
    const { passed } = showcase.input.result;
    expect(passed.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
    expect(passed.length).toBeGreaterThan(25);
  });
});

/** Markup, quotes, bidirectional overrides, zero-width and control characters, a lone surrogate. */
const HOSTILE = `"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;\u202e\u2066\u200b\u0000\n\u{e0041}\ud800]]></style>`;

/** Every string of a document replaced, names of members too. */
function hostile<T>(value: T, keep: (text: string) => boolean): T {
  if (typeof value === 'string') return (keep(value) ? value : HOSTILE) as T;
  if (Array.isArray(value)) return value.map((entry: unknown) => hostile(entry, keep)) as T;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value instanceof Map) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, hostile(entry as unknown, keep)]),
  ) as T;
}

describe('text from records', () => {
  const page = () => {
    const { input } = showcase;
    const result = failing(showcase);
    const kinds = new Set(['pass', 'fail', 'tamper', 'notice', 'policy', 'incomplete', 'a', 'b']);
    const attacked = hostile(result, (text) => kinds.has(text));
    // what the manifest's own reader would refuse reaches the page only through findings and releases
    const runs = attacked.runs.map((run, i) => ({
      ...run,
      manifest: result.runs[i]?.manifest ?? null,
      receipt: run.receipt,
    }));
    const records = (input.bundle?.records ?? []).map((record) =>
      record.type === 'run' || record.type === 'policy' || record.type === 'reattest'
        ? record
        : { ...hostile(record, (text) => text === record.type), seq: record.seq },
    );
    const bundle = input.bundle === null ? null : { ...input.bundle, origin: HOSTILE, records };
    const files = input.files.map((file) => ({ ...file, name: HOSTILE }));
    const { options } = input;
    const parties = options.parties.map((party) => ({ ...party, name: HOSTILE }));
    return renderReport({
      ...{ bundle, files, at: null, version: HOSTILE, options: { ...options, parties } },
      result: { ...attacked, runs },
    });
  };

  it('is never markup, and hides nothing', async () => {
    const markup = page();
    expect(markup).not.toMatch(/<script|<img|onerror=alert\(2\)>|<\/style>[^]*<\/style>/);
    expect(markup).not.toMatch(/[\p{Cf}\p{Cs}\p{Co}]|(?!\n)\p{Cc}/u);
    expect(markup).toContain('[U+202E][U+2066][U+200B][U+0000][U+000A][U+E0041][U+D800]');
    expect(await invalidities(markup)).toEqual([]);
  });

  it('is read strictly where it should be a figure', () => {
    const manifest = richManifest();
    const good = richRelease(manifest, [200, 100], 5n);
    const broken: readonly JsonObject[] = [
      {},
      { statistics: 'x' },
      { statistics: [null, 1, 'x', [], { value: '1e999' }] },
      {
        ...good,
        statistics: (good['statistics'] as JsonObject[]).map((s) => ({ ...s, value: '<b>' })),
      },
    ];
    for (const release of broken) {
      const [count] = figuresOf(manifest, release);
      expect(count?.figures[0]?.kind).toBe('unreadable');
    }
  });
});

describe('budgets', () => {
  it('show slots that were spent elsewhere and on runs without a release', () => {
    const { input } = showcase;
    const { bundle, result } = input;
    if (bundle === null) throw new Error('expected a bundle');
    const real = result.runs.filter(({ record }) => record < 1000);
    const lineage = real[0]?.sides.a.lineage ?? '';
    // the first run is gone, and an abort was charged in its place
    const abort: LogRecord = {
      ...{ version: 1, type: 'abort', seq: 2, prev: '', time: 1, clock: 'host' },
      ...{ session: null, peer: '', phase: 'match', code: 'X', charged: { lineage, slot: 9 } },
    };
    const records = bundle.records.map((record, i) => (i === 2 ? abort : record));
    const [own] = ledgersOf({ ...bundle, records }, real);
    expect(own?.spends.map(({ slot }) => slot)).toEqual([2, 3, 4, 9]);
    expect(own?.spends.map(({ elsewhere }) => elsewhere)).toEqual([1, 0, 0, 4]);
    expect(own?.spends.map(({ kind }) => kind)).toEqual(['run', 'run', 'run', 'abort']);
    expect(own).toMatchObject({ lineage, owner: 'alpha', of: 60, left: 51 });
  });
});

describe('words', () => {
  it('show numbers, times and ranges', () => {
    expect(grouped('-1234567.25')).toBe('−1,234,567.25');
    expect(grouped('999')).toBe('999');
    expect(grouped('0.123456')).toBe('0.123456');
    expect(instant(Number.MAX_SAFE_INTEGER)).toBe('9007199254740991 ms since 1970');
    expect(instant(0)).toBe('1970-01-01 00:00:00 UTC');
    expect(ranges([1, 2, 3, 5, 7, 8])).toBe('1 to 3, 5, 7, 8');
    expect(roundMarks(0, 60)).toEqual([0, 20, 40, 60]);
    expect(roundMarks(-18, 33).includes(0)).toBe(true);
    expect(roundMarks(5, 5)).toEqual([5]);
  });
});

describe('the page', () => {
  it('is valid HTML, holding or not', async () => {
    const { input } = showcase;
    expect(await invalidities(renderReport(input))).toEqual([]);
    expect(await invalidities(renderReport({ ...input, result: failing(showcase) }))).toEqual([]);
    // the checker can fail
    expect(await invalidities('<!DOCTYPE html><html lang="en"><p><img src=x></html>')).not.toEqual(
      [],
    );
  });

  it.skipIf(CHROMIUM === undefined)(
    'opens without messages or requests, accessible in both schemes and widths',
    async () => {
      const { input } = showcase;
      const path = join(folder, 'report.html');
      writeFileSync(path, renderReport({ ...input, result: failing(showcase) }));
      const browser = await openBrowser();
      try {
        for (const [width, scheme] of [
          [1280, 'light'],
          [360, 'dark'],
        ] as const) {
          const seen = await look(browser, pathToFileURL(path).href, { width, scheme });
          await seen.page.evaluate(
            "document.querySelectorAll('details').forEach((d) => d.open = true)",
          );
          const [wide, room] = await seen.page.evaluate<[number, number]>(
            '[document.documentElement.scrollWidth, innerWidth]',
          );
          expect(wide).toBeLessThanOrEqual(room);
          expect(await axe(seen.page)).toEqual([]);
          expect(seen.messages).toEqual([]);
          expect(seen.requests).toEqual([]);
          await seen.close();
        }
      } finally {
        await browser.close();
      }
    },
  );
});
