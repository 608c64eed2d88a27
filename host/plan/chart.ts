/**
 * Error against epsilon as one small SVG: half-width of the 95 % interval of the total, log scales, this manifest
 * marked. Colours follow the reader's light or dark scheme.
 * @module
 */
export interface ChartPoint {
  readonly epsilon: number;
  /** Half-width of the 95 % interval, in rows. */
  readonly halfWidth: number;
}

const WIDTH = 560;
const HEIGHT = 340;
const PLOT = { left: 70, top: 48, right: 530, bottom: 284 } as const;

const STYLE = `
  text { font:12px system-ui,sans-serif; fill:#1b1f24 }
  .title { font-size:14px; font-weight:600 }
  .paper { fill:#ffffff }
  .rule { stroke:#d5dae0; fill:none }
  .curve { stroke:#0067b1; stroke-width:2; fill:none }
  .dot { fill:#0067b1 }
  .own { fill:none; stroke:#c2570c; stroke-width:2.5 }
  @media (prefers-color-scheme: dark) {
    text { fill:#e8ecf1 }
    .paper { fill:#14181d }
    .rule { stroke:#39424d }
    .curve { stroke:#58b0f0 }
    .dot { fill:#58b0f0 }
    .own { stroke:#f2994a }
  }`;

/** Ticks 1, 2, 5 times a power of ten within [low, high]. */
function ticks(low: number, high: number): number[] {
  const out: number[] = [];
  for (let power = 1e-3; power <= high; power *= 10) {
    for (const step of [1, 2, 5]) {
      const tick = Number((step * power).toPrecision(3));
      if (tick >= low && tick <= high) out.push(tick);
    }
  }
  return out;
}

/** `own` is the point of the plan itself; `points` ascending in epsilon, at least two. */
export function planChart(points: readonly ChartPoint[], own: ChartPoint, title: string): string {
  const all = [...points, own];
  const scale = (values: readonly number[], from: number, to: number) => {
    const low = Math.min(...values) / 1.15;
    const high = Math.max(...values) * 1.15;
    const at = (value: number): number =>
      from + ((to - from) * Math.log(value / low)) / Math.log(high / low);
    return { at, ticks: ticks(low, high) };
  };
  const x = scale(
    all.map((point) => point.epsilon),
    PLOT.left,
    PLOT.right,
  );
  const y = scale(
    all.map((point) => point.halfWidth),
    PLOT.bottom,
    PLOT.top,
  );
  const text = (at: [number, number], content: string, attributes = ''): string => {
    const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    return `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}"${attributes}>${safe}</text>`;
  };
  const place = ({ epsilon, halfWidth }: ChartPoint): string =>
    `${x.at(epsilon).toFixed(1)} ${y.at(halfWidth).toFixed(1)}`;
  const circle = (point: ChartPoint, r: number, kind: string): string => {
    const [cx = '', cy = ''] = place(point).split(' ');
    return `<circle class="${kind}" cx="${cx}" cy="${cy}" r="${r}"/>`;
  };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Half-width of the 95 % interval against epsilon">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="paper" width="${WIDTH}" height="${HEIGHT}"/>`,
    text([16, 26], title, ' class="title"'),
    ...x.ticks.map(
      (tick) =>
        `<path class="rule" d="M${x.at(tick).toFixed(1)} ${PLOT.top}V${PLOT.bottom}"/>` +
        text([x.at(tick), PLOT.bottom + 18], String(tick), ' text-anchor="middle"'),
    ),
    ...y.ticks.map(
      (tick) =>
        `<path class="rule" d="M${PLOT.left} ${y.at(tick).toFixed(1)}H${PLOT.right}"/>` +
        text([PLOT.left - 8, y.at(tick) + 4], String(tick), ' text-anchor="end"'),
    ),
    `<path class="curve" d="M${points.map(place).join('L')}"/>`,
    ...points.map((point) => circle(point, 3, 'dot')),
    circle(own, 7, 'own'),
    text(
      [PLOT.left, HEIGHT - 14],
      'epsilon of all runs together; vertical: rows, 95 % interval is ± this',
    ),
    '</svg>\n',
  ].join('\n');
}
