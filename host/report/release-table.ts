/**
 * The figures of one release as a table: estimates with their error bars, and why there is none.
 * @module
 */
import type { Manifest } from '../../src/run/manifest.ts';
import { intervalBar } from './charts.ts';
import type { EstimateFigure, Figure, StatisticFigures } from './figures.ts';
import type { Html } from './html.ts';
import { html } from './html.ts';
import { number, grouped, dataTable } from './words.ts';

const estimates = (figures: readonly Figure[]): readonly EstimateFigure[] =>
  figures.filter((figure) => figure.kind === 'estimate');

export function interval({ low, high }: EstimateFigure): string {
  return `${grouped(low)} to ${grouped(high)}`;
}

/** Why there is no number, in words. */
function absence(figure: Exclude<Figure, EstimateFigure>, manifest: Manifest): string {
  switch (figure.kind) {
    case 'suppressed':
      return `Withheld: below the agreed threshold of ${manifest.threshold ?? '?'} rows. Not zero.`;
    case 'undefined':
      return `Undefined: ${figure.reason}.`;
    case 'shares':
      return 'Handed to both hosts as secret shares. Carries no differential privacy.';
    case 'unreadable':
      return 'The record has no figure of the expected form.';
  }
}

/** One statistic: its figures of one unit share a scale. */
function figureRows({ title, figures }: StatisticFigures, manifest: Manifest): Html {
  const shown = estimates(figures);
  const row = (figure: Figure): Html => {
    if (figure.kind !== 'estimate') {
      return html`<tr>
        <th scope="row">${figure.label}</th>
        <td colspan="2">${absence(figure, manifest)}</td>
      </tr> `;
    }
    const { label, value, deviation, unit } = figure;
    const ends = shown
      .filter((other) => other.unit === unit)
      .flatMap(({ low, high }) => [Number(low), Number(high)]);
    const at = { value: Number(value), low: Number(figure.low), high: Number(figure.high) };
    return html`<tr>
      <th scope="row">${label}</th>
      <td class="number">
        ${grouped(value)} <span class="soft">±&nbsp;${grouped(deviation)}</span>
      </td>
      <td>${interval(figure)}${intervalBar(at, Math.min(0, ...ends), Math.max(0, ...ends))}</td>
    </tr> `;
  };
  return html`<tr class="group">
      <th scope="rowgroup" colspan="3">${title}</th>
    </tr>
    ${figures.map(row)}`;
}

/** @param caption names the run; it is text */
export function figureTable(
  caption: string,
  statistics: readonly StatisticFigures[],
  manifest: Manifest,
): Html {
  return dataTable(
    caption,
    ['Figure', number(html`Estimate <span class="soft">± deviation</span>`), '95 % interval'],
    html`${statistics.map(
      (statistic) =>
        html`<tbody>
          ${figureRows(statistic, manifest)}
        </tbody>`,
    )}`,
  );
}
