/**
 * The lab report as one SVG: what the improved tree attack claims, and the optimal test's power against what the claim
 * permits. Colours follow the reader's light or dark scheme; every mark is also told apart by pattern or by a label.
 * @module
 */
import type { ClaimRow, LabReport, TargetRow } from './lab.ts';
import { mechanismName } from './report.ts';

const WIDTH = 760;
const BAR = { left: 168, width: 400, height: 14, pitch: 22 } as const;
const PLOT = { left: 64, width: 504, height: 260 } as const;
/** Least false positive rate shown. */
const LEAST_RATE = 1e-3;

/** Plain class rules, the dark ones last: converters that know no media queries show the light scheme. */
const STYLE = `
  text { font:12px system-ui,sans-serif; fill:#1b1f24 }
  .title { font-size:14px; font-weight:600 }
  .end { text-anchor:end }
  .middle { text-anchor:middle }
  .soft { fill:#5b6470 }
  .paper { fill:#ffffff }
  .right { fill:#0067b1 }
  .stripe { fill:#c2570c }
  .wrong { fill:url(#stripes) }
  .rule { stroke:#d5dae0; fill:none }
  .curve { fill:none; stroke-width:2 }
  .plain { stroke:#7a4fb5; stroke-dasharray:2 3 }
  .intersect { stroke:#c2570c; stroke-dasharray:7 4 }
  .xor { stroke:#0067b1 }
  .bound { stroke:#5b6470; stroke-width:1.5; stroke-dasharray:1 3 }
  @media (prefers-color-scheme: dark) {
    text { fill:#e8ecf1 }
    .soft { fill:#a3adb9 }
    .paper { fill:#14181d }
    .right { fill:#58b0f0 }
    .stripe { fill:#f2994a }
    .rule { stroke:#39424d }
    .plain { stroke:#bd9bf0 }
    .intersect { stroke:#f2994a }
    .xor { stroke:#58b0f0 }
    .bound { stroke:#a3adb9 }
  }`;

function text(x: number, y: number, content: string, kind = ''): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${x}" y="${y}"${kind === '' ? '' : ` class="${kind}"`}>${safe}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<path class="${kind}" d="M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}"/>`;
}

function rect(x: number, y: number, width: number, kind: string): string {
  return `<rect class="${kind}" x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${BAR.height}"/>`;
}

/** One bar: correct claims solid, wrong ones striped, as a share of the victims. */
function bar(row: ClaimRow, y: number): string {
  const right = row.correct * BAR.width;
  const base = y + BAR.height - 3;
  const precision = row.precision === null ? 'no claim' : `precision ${row.precision.toFixed(3)}`;
  return [
    text(BAR.left - 8, base, mechanismName(row), 'end'),
    line(BAR.left, y + BAR.height, BAR.left + BAR.width, y + BAR.height, 'rule'),
    rect(BAR.left, y, right, 'right'),
    rect(BAR.left + right, y, row.wrong * BAR.width, 'wrong'),
    text(BAR.left + BAR.width + 10, base, precision),
  ].join('');
}

/** Bars grouped by density; returns the markup and the height it takes. */
function claimPanel(report: LabReport, top: number): { markup: string; bottom: number } {
  const rows = report.claims.filter((r) => r.attack === 'improved' && r.dummies === 'honest');
  const parts = [
    text(16, top, 'What the improved tree attack claims, as a share of the victims', 'title'),
    rect(BAR.left, top + 12, 14, 'right') + text(BAR.left + 20, top + 23, 'correct'),
    rect(BAR.left + 84, top + 12, 14, 'wrong') + text(BAR.left + 104, top + 23, 'wrong'),
  ];
  let y = top + 40;
  for (const density of new Set(rows.map((row) => row.density))) {
    const group = rows.filter((row) => row.density === density);
    const prior = group[0]?.prior ?? 0;
    parts.push(
      text(
        BAR.left,
        y + 10,
        `${(100 * density).toFixed(1)} % of the victims are in the other table; guessing the majority has precision ${prior.toFixed(3)}`,
        'soft',
      ),
    );
    y += 18;
    for (const row of group) {
      parts.push(bar(row, y));
      y += BAR.pitch;
    }
    y += 8;
  }
  return { markup: parts.join('\n'), bottom: y };
}

/** Operating curve of the optimal test against one person, beside chance and the region that the claim permits. */
function curvePanel(report: LabReport, top: number): { markup: string; bottom: number } {
  const floor = top + 24 + PLOT.height;
  const decades = -Math.log10(LEAST_RATE);
  const x = (rate: number): number =>
    PLOT.left + PLOT.width * (1 + Math.log10(Math.max(rate, LEAST_RATE)) / decades);
  const y = (rate: number): number => floor - PLOT.height * Math.min(Math.max(rate, 0), 1);
  const path = (points: readonly (readonly [number, number])[], kind: string): string => {
    const moves = points.map(
      ([a, b], i) => `${i === 0 ? 'M' : 'L'}${x(a).toFixed(1)} ${y(b).toFixed(1)}`,
    );
    return `<path class="curve ${kind}" d="${moves.join('')}"/>`;
  };
  const rates = Array.from({ length: 61 }, (_, i) => 10 ** (decades * (i / 60 - 1)));
  const e = Math.exp(report.epsilon);
  const permitted = (rate: number): number =>
    Math.min(e * rate + report.delta, 1 - (1 - report.delta - rate) / e);
  const honest = report.targets.filter((row) => row.dummies === 'honest');
  const parts = [
    text(16, top, 'One person: true against false positive rate of the best test', 'title'),
  ];
  for (const rate of [0, 0.25, 0.5, 0.75, 1]) {
    parts.push(line(PLOT.left, y(rate), PLOT.left + PLOT.width, y(rate), 'rule'));
    parts.push(text(PLOT.left - 8, y(rate) + 4, `${100 * rate} %`, 'end soft'));
  }
  for (const rate of [0.001, 0.01, 0.1, 1]) {
    parts.push(text(x(rate), floor + 18, `${100 * rate} %`, 'middle soft'));
  }
  parts.push(text(PLOT.left + PLOT.width / 2, floor + 36, 'false positive rate', 'middle soft'));
  parts.push(
    path(
      rates.map((rate) => [rate, rate]),
      'bound',
    ),
  );
  parts.push(
    path(
      rates.map((rate) => [rate, permitted(rate)]),
      'bound',
    ),
  );
  for (const row of honest) parts.push(path(row.curve, row.mechanism));
  const keys: [string, string][] = [
    ...honest.map((row): [string, string] => [row.mechanism, advantageLabel(row)]),
    ['bound', 'upper dots: the most that the claim permits; lower dots: guessing'],
  ];
  keys.forEach(([kind, label], i) => {
    const at = floor + 58 + 18 * i;
    parts.push(line(PLOT.left, at - 4, PLOT.left + 30, at - 4, `curve ${kind}`));
    parts.push(text(PLOT.left + 38, at, label));
  });
  return { markup: parts.join('\n'), bottom: floor + 58 + 18 * keys.length };
}

function advantageLabel(row: TargetRow): string {
  return `${mechanismName(row)}: advantage ${row.advantage.toFixed(3)}, at most ${row.exactAdvantage.toFixed(3)}`;
}

/** A complete SVG document. */
export function chart(report: LabReport): string {
  const claims = claimPanel(report, 28);
  const curves = curvePanel(report, claims.bottom + 24);
  const height = Math.ceil(curves.bottom + 8);
  const summary = report.targets.filter((row) => row.dummies === 'honest').map(advantageLabel);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>Leakage lab: claims of a set attack, and the best test against one person</title>
<desc>${summary.join('; ')}</desc>
<style>${STYLE}
</style>
<defs><pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="stripe" width="3" height="6"/></pattern></defs>
<rect class="paper" width="${WIDTH}" height="${height}"/>
${claims.markup}
${curves.markup}
</svg>
`;
}
