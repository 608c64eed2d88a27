/**
 * The report's drawings, made by hand as SVG: what is left of a budget over time, releases with their error bars over
 * time, and one interval on a scale. Plots stretch to the width there is while strokes and text keep their size; every
 * colour is told apart by shape or label too, and every drawing has its numbers beside it as text.
 * @module
 */
import { EMPTY, html, Html } from './html.ts';
import type { LedgerView } from './ledgers.ts';
import { grouped, instant, plural, roundMarks, scale } from './words.ts';

const WIDTH = 1000;
const HEIGHT = 200;
const MARGIN = 10;
const BAR_WIDTH = 160;

interface Axes {
  readonly x: (time: number) => number;
  readonly y: (value: number) => number;
  readonly marks: readonly number[];
  readonly from: number;
  readonly to: number;
}

function axes(times: readonly number[], low: number, high: number): Axes {
  const [from, to] = [extreme(times, Math.min), extreme(times, Math.max)];
  return {
    x: scale(from, to, MARGIN, WIDTH - MARGIN),
    y: scale(low, high, HEIGHT - MARGIN, MARGIN),
    marks: roundMarks(low, high),
    from,
    to,
  };
}

/** Spreading a thousand values into Math.max is fine, a hundred thousand are not. */
function extreme(values: readonly number[], pick: (a: number, b: number) => number): number {
  return values.reduce((a, b) => pick(a, b), values[0] ?? 0);
}

/** Frame, scale and times around a plot that stretches. */
function plot(label: string, { y, marks, from, to }: Axes, content: Html): Html {
  const wide = Math.max(...marks.map((mark) => grouped(String(mark)).length));
  const room = 14 + 8 * wide;
  return html`<div class="plot">
      <svg
        class="marks"
        width="${room}"
        height="${HEIGHT}"
        viewBox="0 0 ${room} ${HEIGHT}"
        aria-hidden="true"
        focusable="false"
      >
        ${marks.map(
          (mark) =>
            html`<text x="${room - 8}" y="${y(mark) + 4}" text-anchor="end"
              >${grouped(String(mark))}</text
            >`,
        )}
      </svg>
      <svg
        class="area"
        height="${HEIGHT}"
        viewBox="0 0 ${WIDTH} ${HEIGHT}"
        preserveAspectRatio="none"
        role="img"
        aria-label="${label}"
        focusable="false"
      >
        <path class="rule" d="${marks.map((mark) => `M0 ${y(mark)}H${WIDTH}`).join('')}" />
        ${content}
      </svg>
    </div>
    <p class="axis" aria-hidden="true">
      <span>${instant(from)}</span>${from === to ? EMPTY : html`<span>${instant(to)}</span>`}
    </p>`;
}

/** Steps down from what was left before the first spend; spends elsewhere and of aborted runs are marked. */
export function burnDown(ledger: LedgerView): Html {
  const { spends, of, owner, left } = ledger;
  const most = Math.max(of, ...spends.map((spend) => spend.of));
  const at = axes(
    spends.map(({ time }) => time),
    0,
    most,
  );
  const { x, y } = at;
  const [first] = spends;
  const start = first === undefined ? of : first.of - first.slot + 1 + first.elsewhere;
  const steps = spends.map((spend) => `H${x(spend.time)}V${y(spend.of - spend.slot)}`).join('');
  const dots = (kind: (spend: LedgerView['spends'][number]) => boolean): string =>
    spends
      .filter(kind)
      .map((spend) => `M${x(spend.time)} ${y(spend.of - spend.slot)}h0`)
      .join('');
  const label = `Slots left in the ledger of ${owner}: ${start} before the first run of this log, ${left} after the last, of ${of} registered`;
  return plot(
    label,
    at,
    html`<path class="fill" d="M${MARGIN} ${y(start)}${steps}H${WIDTH}V${y(0)}H${MARGIN}Z" />
      <path class="line" d="M0 ${y(start)}${steps}H${WIDTH}" />
      <path class="dot" d="${dots(({ kind, elsewhere }) => kind === 'run' && elsewhere === 0)}" />
      <path class="dot gap" d="${dots(({ elsewhere }) => elsewhere > 0)}" />
      <path
        class="dot lost"
        d="${dots(({ kind, elsewhere }) => kind === 'abort' && elsewhere === 0)}"
      />`,
  );
}

export interface Released {
  readonly time: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly ok: boolean;
}

/** One figure over time with its 95 % intervals. @param releases at least one */
export function releasesOverTime(title: string, releases: readonly Released[]): Html {
  const low = extreme([0, ...releases.map((r) => r.low)], Math.min);
  const high = extreme([0, ...releases.map((r) => r.high)], Math.max);
  const at = axes(
    releases.map((r) => r.time),
    low,
    high,
  );
  const { x, y } = at;
  const bars = releases.map((r) => `M${x(r.time)} ${y(r.low)}V${y(r.high)}`).join('');
  const dots = (ok: boolean): string =>
    releases
      .filter((r) => r.ok === ok)
      .map((r) => `M${x(r.time)} ${y(r.value)}h0`)
      .join('');
  const wrong = releases.filter((r) => !r.ok).length;
  const label = `${title} in ${plural(releases.length, 'run')}, with 95 % intervals between ${low} and ${high}${wrong === 0 ? '' : `; ${plural(wrong, 'run')} did not pass`}. The list below has the numbers.`;
  const dense = releases.length > 120 ? ' dense' : '';
  return plot(
    label,
    at,
    html`<path class="rule zero" d="M0 ${y(0)}H${WIDTH}" />
      <path class="whisker${dense}" d="${bars}" />
      <path class="dot${dense}" d="${dots(true)}" />
      <path class="dot lost" d="${dots(false)}" />`,
  );
}

/** One estimate and its interval on a scale that neighbours share; the numbers stand beside it. */
export function intervalBar(
  estimate: { readonly value: number; readonly low: number; readonly high: number },
  low: number,
  high: number,
): Html {
  const x = scale(low, high, 6, BAR_WIDTH - 6);
  const [from, to] = [x(estimate.low), x(estimate.high)];
  const zero = low <= 0 && high >= 0 ? `<path class="rule zero" d="M${x(0)} 1V15"/>` : '';
  return new Html(
    `<svg class="bar" width="${BAR_WIDTH}" height="16" viewBox="0 0 ${BAR_WIDTH} 16" aria-hidden="true" focusable="false">${zero}<path class="whisker" d="M${from} 4V12M${from} 8H${to}M${to} 4V12"/><path class="dot" d="M${x(estimate.value)} 8h0"/></svg>`,
  );
}
