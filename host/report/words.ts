/**
 * Numbers, times and hashes as the pages show them, and shares of a scale for drawings.
 * @module
 */
import { isoInstant } from '../cli/instant.ts';
import type { Html } from './html.ts';
import { EMPTY, html } from './html.ts';

/** `2026-01-05 08:12:30 UTC`. @param ms since 1970 */
export function instant(ms: number): string {
  return isoInstant(ms)
    .replace('T', ' ')
    .replace(/\.[0-9]{3}Z$/, ' UTC');
}

export function time(ms: number): Html {
  if (!(Math.abs(ms) <= 253_402_300_799_000)) return html`${instant(ms)}`; // the year 9999
  return html`<time datetime="${new Date(ms).toISOString()}">${instant(ms)}</time>`;
}

export function plural(n: number, noun: string): string {
  const many = /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${grouped(String(n))} ${n === 1 ? noun : many}`;
}

/** Decimal text with its thousands apart and a true minus. */
export function grouped(decimal: string): string {
  const match = /^(-?)([0-9]+)(\.[0-9]+)?$/.exec(decimal);
  if (match === null) return decimal;
  const [, sign = '', whole = '', rest = ''] = match;
  return `${sign === '' ? '' : '−'}${whole.replace(/\B(?=([0-9]{3})+$)/g, ',')}${rest}`;
}

/** A hash or key in full, breakable anywhere. */
export function hex(value: string): Html {
  return html`<code class="hex">${value}</code>`;
}

/** The first digits of a hash. */
export function short(value: string): Html {
  return html`<code>${value.slice(0, 16)}…</code>`;
}

/** Record numbers as ranges: `3 to 7, 9`. @param numbers ascending */
export function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && n <= last[1] + 1) last[1] = n;
    else runs.push([n, n]);
  }
  const shown = runs
    .slice(0, 12)
    .map(([a, b]) => (a === b ? `${a}` : b === a + 1 ? `${a}, ${b}` : `${a} to ${b}`));
  return shown.join(', ') + (runs.length > 12 ? ', …' : '');
}

/** A linear scale onto `from`..`to`, one decimal; the middle when there is no extent. */
export function scale(low: number, high: number, from: number, to: number): (x: number) => number {
  return (x) => {
    const share = high > low ? (x - low) / (high - low) : 0.5;
    return Math.round(10 * (from + (to - from) * Math.min(1, Math.max(0, share)))) / 10;
  };
}

/** Zero and up to four more round marks, up to `most`. */
export function roundMarks(low: number, high: number): readonly number[] {
  const extent = high - low;
  if (!(extent > 0) || !Number.isFinite(extent)) return [low];
  const power = 10 ** Math.floor(Math.log10(extent / 4));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => extent / n <= 5) ?? 10 * power;
  const marks: number[] = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) {
    marks.push(Number((i * step).toPrecision(12)));
  }
  return marks;
}

/** A column of a table: its heading, and whether it holds numbers. */
export type Heading = string | Html | { readonly number: string | Html };

export function number(heading: string | Html): Heading {
  return { number: heading };
}

/** A table that scrolls by itself where it is too wide, reachable by keyboard; `bodies` are its `tbody` elements. @param caption is text */
export function dataTable(caption: string, headings: readonly Heading[], bodies: Html): Html {
  return html`<section class="scroll" aria-label="${caption}" tabindex="0">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${headings.map((heading) =>
            typeof heading === 'object' && 'number' in heading
              ? html`<th scope="col" class="number">${heading.number}</th>`
              : html`<th scope="col">${heading}</th>`,
          )}
        </tr>
      </thead>
      ${bodies}
    </table>
  </section>`;
}

/** Rows of a definition list; pairs without content are left out. */
export function facts(pairs: readonly (readonly [string, string | Html | null])[]): Html {
  return html`<dl class="facts">
    ${pairs.map(([name, value]) =>
      value === null
        ? EMPTY
        : html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
    )}
  </dl>`;
}
