/**
 * Every run with its release and error bars, under the agreement that it was made by.
 * @module
 */
import type { AuditedRun, AuditResult } from '../../attestation/audit-types.ts';
import { isGiven, type Manifest } from '../../src/run/manifest.ts';
import { explainManifest } from '../config/explain.ts';
import { type Released, releasesOverTime } from './charts.ts';
import { figuresOf, headline, type StatisticFigures } from './figures.ts';
import { EMPTY, html, Html, quoted } from './html.ts';
import { otherName } from './input.ts';
import { figureTable, interval } from './release-table.ts';
import { facts, grouped, hex, plural, short, time } from './words.ts';

/** Runs that are listed without being folded together. */
const CHUNK = 50;

/** Kept by <pre>. */
const END = new Html('\n');

interface ShownRun {
  readonly run: AuditedRun;
  readonly statistics: readonly StatisticFigures[];
}

function releaseTable({ run, statistics }: ShownRun): Html {
  const { manifest, own, release } = run;
  if (manifest === null) return html`<p>The agreement of this run is not readable.</p>`;
  if (release === null) {
    const withheld = own !== null && !isGiven(manifest, own);
    return withheld
      ? html`<p>By the agreement, the release goes to the other party only.</p>`
      : html`<p>No release is in this log: the run ended before it was handed out here.</p>`;
  }
  const warning = run.ok ? '' : '; this run did not pass, do not use these figures';
  return figureTable(`Release of the run in record ${run.record}${warning}`, statistics, manifest);
}

function summaryFigure({ run, statistics }: ShownRun): Html {
  const figure = headline(statistics);
  if (run.release === null) return html`no release here`;
  if (figure === undefined) return html`released`;
  if (figure.kind !== 'estimate') return html`${figure.label}: ${figure.kind}`;
  const { label, value } = figure;
  return html`${grouped(value)} ${label} <span class="soft">(${interval(figure)})</span>`;
}

function runDetails(shown: ShownRun): Html {
  const { run } = shown;
  const { record, receipt, session, sides, cosignedAt } = run;
  const side = (role: 'a' | 'b'): readonly [string, Html] => {
    const { name, build, kernel, lineage, slot } = sides[role];
    const paid =
      lineage === null || slot === null
        ? html`no charge accepted`
        : html`slot ${slot} of ledger ${short(lineage)}`;
    return [`Party ${role}`, html`${quoted(name)}: software ${build}, ${kernel}; ${paid}`];
  };
  return html`<details class="run${run.ok ? '' : ' bad'}" id="record-${record}">
    <summary>
      <span class="soft">record ${record}</span><span class="when">${time(run.time)}</span
      ><span class="figure">${summaryFigure(shown)}</span
      ><span class="badge ${run.ok ? 'ok' : 'bad'}">${run.ok ? 'holds' : 'does not hold'}</span>
    </summary>
    <div>
      ${releaseTable(shown)}
      ${facts([
        ['With', quoted(otherName(run))],
        side('a'),
        side('b'),
        ['Cosigned', cosignedAt === null ? 'not by the other party' : time(1000 * cosignedAt)],
        ['Receipt', hex(receipt)],
        ['Session', hex(session)],
      ])}
    </div>
  </details> `;
}

/** The figure in front, over all runs of one agreement; for two releases and more. */
function overview(shown: readonly ShownRun[]): Html {
  let label = '';
  const points = shown.flatMap(({ run, statistics }): Released[] => {
    const figure = headline(statistics);
    if (figure?.kind !== 'estimate') return [];
    ({ label } = figure);
    const [value, low, high] = [Number(figure.value), Number(figure.low), Number(figure.high)];
    return [{ time: run.time, value, low, high, ok: run.ok }];
  });
  if (points.length < 2) return EMPTY;
  const name = shown[0]?.statistics.find(({ figures: [first] }) => first?.kind !== 'shares');
  const title = `${name?.title ?? ''} (${label})`;
  return html`<figure>
    <figcaption>
      ${title}<span class="soft">Estimate and 95 % interval of each run, over time</span>
    </figcaption>
    ${releasesOverTime(title, points)}
  </figure>`;
}

/** Folded in chunks when there are many, so that the page stays usable. */
function list(shown: readonly ShownRun[]): Html {
  if (shown.length <= CHUNK) return html`${shown.map(runDetails)}`;
  const chunks = Array.from({ length: Math.ceil(shown.length / CHUNK) }, (_, i) =>
    shown.slice(i * CHUNK, (i + 1) * CHUNK),
  );
  return html`${chunks.map((chunk) => {
    const [first, last] = [chunk[0]?.run, chunk.at(-1)?.run];
    if (first === undefined || last === undefined) return EMPTY;
    const wrong = chunk.filter(({ run }) => !run.ok).length;
    return html`<details class="chunk">
      <summary>
        Records ${first.record} to ${last.record}: ${plural(chunk.length, 'run')},
        ${time(first.time)} to
        ${time(last.time)}${wrong === 0 ? EMPTY : html` <span class="badge bad">${wrong} not holding</span>`}
      </summary>
      ${chunk.map(runDetails)}
    </details>`;
  })}`;
}

function agreement(manifest: Manifest | null, shown: readonly ShownRun[]): Html {
  const count = plural(shown.length, 'run');
  if (manifest === null) {
    return html`<h3>Runs whose agreement is not readable (${count})</h3>
      ${list(shown)}`;
  }
  return html`<h3>${quoted(manifest.purpose)} (${count})</h3>
    <details>
      <summary class="small">The agreement in words</summary>
      <pre>${explainManifest(manifest).map((line) => [line, END])}</pre>
    </details>
    ${overview(shown)} ${list(shown)}`;
}

export function runsSection({ runs }: AuditResult): Html {
  const byManifest = new Map<string, ShownRun[]>();
  for (const run of runs) {
    const { manifest, release } = run;
    const statistics = manifest === null || release === null ? [] : figuresOf(manifest, release);
    // a hash that the manifest does not have is a finding; it must not mix agreements
    const key = manifest === null ? '' : run.manifestHash;
    const group = byManifest.get(key) ?? [];
    group.push({ run, statistics });
    byManifest.set(key, group);
  }
  return html`<section aria-labelledby="runs">
    <h2 id="runs">Runs and releases</h2>
    <p>
      Estimates carry noise on purpose; their intervals hold the figure without noise in at least 95
      of 100 releases. An estimate may be below zero: it is not cut off, which would bias it.
    </p>
    ${runs.length === 0 ? html`<p>No run is in this log.</p>` : [...byManifest.values()].map((shown) => agreement(shown[0]?.run.manifest ?? null, shown))}
  </section>`;
}
