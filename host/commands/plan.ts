/**
 * `dpca plan`: what a manifest costs and gives, before anything is spent; and `dpca plan --tau`, the calculator of
 * the published DPCA-PSI table.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { Claim } from '../../src/dp/certify.ts';
import { parseDecimal } from '../../src/dp/decimal.ts';
import { type MaskPlan, PLAN_LIMITS } from '../../src/dp/plan.ts';
import { chooseMask, describePlan, type PlanReport } from '../../src/dp/planner.ts';
import { PUBLISHED_GRID, tauTable } from '../../src/dp/tau.ts';
import { toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { claimOf, compileManifest, type Manifest } from '../../src/run/manifest.ts';
import { searchNoise } from '../config/mask-search.ts';
import { readManifest } from '../config/party.ts';
import type { Io } from '../cli/io.ts';
import { positiveInteger } from '../cli/program.ts';
import { type ChartPoint, planChart } from '../plan/chart.ts';
import { forecastStatistics, type StatisticForecast } from '../plan/statistics.ts';
import { type Traffic, estimateTraffic } from '../plan/traffic.ts';

interface Flags {
  readonly manifest?: string;
  readonly columns?: number;
  readonly epsilon?: string;
  readonly delta?: string;
  readonly runs?: number;
  readonly rows?: number;
  readonly otherRows?: number;
  readonly common?: number;
  readonly chart?: string;
  readonly tau?: boolean;
}

interface Request {
  readonly plan: MaskPlan;
  readonly names: readonly string[];
  readonly epsilon: string;
  readonly delta: string;
  readonly runs: number;
  readonly rows: readonly [number, number];
  /** Absent when planning for flags: then only the count is released. */
  readonly manifest?: Manifest;
}

function required<K extends keyof Flags>(
  given: Flags,
  name: K,
  flag: string,
): NonNullable<Flags[K]> {
  const value = given[name];
  if (value === undefined) {
    throw new DpcaError('ERR_USAGE', `${flag} is missing (or use --manifest FILE)`);
  }
  return value;
}

async function requestOf(io: Io, given: Flags): Promise<Request> {
  if (given.manifest !== undefined) {
    const manifest = readManifest(given.manifest);
    const { privacy, columns, parties } = manifest;
    const { epsilon, delta, runs, mask } = privacy;
    return {
      ...{ plan: mask, epsilon, delta, runs },
      names: columns.map(({ name }) => name),
      rows: [given.rows ?? parties.a.rowsMax, given.otherRows ?? parties.b.rowsMax],
      manifest,
    };
  }
  const k = required(given, 'columns', '--columns');
  const epsilon = required(given, 'epsilon', '--epsilon');
  const delta = required(given, 'delta', '--delta');
  const runs = required(given, 'runs', '--runs');
  const rows = [
    required(given, 'rows', '--rows'),
    required(given, 'otherRows', '--other-rows'),
  ] as const;
  if (k > PLAN_LIMITS.columns) {
    throw new DpcaError('ERR_USAGE', `--columns: expected 1 to ${PLAN_LIMITS.columns}`);
  }
  const claim = { runs, epsilon, delta, rowsMax: Math.max(...rows) };
  const { mask } = await searchNoise(io, k, 0, claim);
  return {
    ...{ plan: mask, epsilon, delta, runs, rows },
    names: Array.from({ length: k }, (_, j) => `column ${j + 1}`),
  };
}

function claimFor({ manifest, plan, epsilon, delta, runs, rows }: Request): Claim {
  const rowsMax = Math.max(...rows);
  if (manifest !== undefined) return { ...claimOf(manifest), rowsMax };
  const decimals = { epsilon: parseDecimal(epsilon), delta: parseDecimal(delta) };
  return { k: plan.columns.length, runs, rowsMax, ...decimals };
}

/** The plan's error at other epsilons, everything else equal. */
function curve(io: Io, { plan, runs, delta, rows }: Request): ChartPoint[] {
  const progress = io.progress();
  const epsilons = ['0.5', '1', '2', '4', '8'];
  progress.phase('searching masks for the chart', epsilons.length);
  const points = epsilons.map((epsilon) => {
    const claim = {
      ...{ k: plan.columns.length, runs, rowsMax: Math.max(...rows) },
      ...{ epsilon: parseDecimal(epsilon), delta: parseDecimal(delta) },
    };
    const mask = chooseMask({ ...claim, mask: 'auto' });
    const { halfWidth } = describePlan(mask, claim, Math.max(...rows));
    progress.advance(1);
    return { epsilon: Number(epsilon), halfWidth };
  });
  progress.done();
  return points;
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function seconds(value: number): string {
  return value < 1 ? 'below 1 s' : `${value.toFixed(0)} s`;
}

/** Text for people: infinite where no finite epsilon holds. */
function epsilonText(value: number): string {
  // rounded up: a claim must not look smaller than it is
  return value === Infinity ? 'infinite' : (Math.ceil(value * 100) / 100).toFixed(2);
}

function figureText(value: number): string {
  return value >= 1000 ? Math.ceil(value).toLocaleString('en-GB') : value.toPrecision(4);
}

function statisticLines(
  { statistic, figures, moments, slots, assumes }: StatisticForecast,
  common: number,
): string[] {
  const sums = `${moments} sum${moments === 1 ? '' : 's'} opened`;
  return [
    `Statistic    ${statistic}: ${sums}, of which a row can move ${slots}`,
    ...figures.map(
      ({ figure, standardDeviation, halfWidth, smallestDetectable }) =>
        `             ${figure}: standard deviation ${figureText(standardDeviation)}; 95 % interval ± ${figureText(halfWidth)}; ` +
        `difference seen in 4 runs of 5: ${figureText(smallestDetectable)}`,
    ),
    ...(assumes
      ? [`             (for ${common} rows with values spread evenly over their bounds)`]
      : []),
  ];
}

function reportText(
  request: Request,
  report: PlanReport,
  statistics: readonly StatisticForecast[],
  run: Traffic & { readonly common: number; readonly most: number },
): string {
  const { epsilon, delta, runs, rows, names, plan } = request;
  const share = (100 * report.dummyShare).toFixed(2);
  return [
    `Claim        epsilon ${epsilon}, delta ${delta} for ${runs} runs, null-a-row; certified delta ${report.deltaUpper.toPrecision(3)}`,
    `             epsilon of one run alone ${epsilonText(report.epsilonPerRun)}; if a row is replaced by any other, ${epsilonText(report.replaceEpsilon)} over all runs`,
    `Mask         ${plan.kind === 'xor' ? 'XOR blocks' : 'IntersectMask'}; dummy rows per party:`,
    ...names.map((name, j) => `               ${name}: ${String(report.dummies[j])}`),
    `             ${share} % of the larger table`,
    `Total count  noise of standard deviation ${report.standardDeviation}; 95 % interval is the estimate ± ${report.halfWidth}`,
    `             smallest difference seen in 4 runs of 5: ${report.smallestDetectable} rows`,
    ...statistics.flatMap((forecast) => statisticLines(forecast, run.common)),
    `One run      about ${megabytes(run.bytes)} between the two hosts for ${rows[0]} and ${rows[1]} rows with ${run.common} in common,`,
    `             at most ${megabytes(run.most)}; about ${seconds(run.cpuSeconds)} of one core, both enclaves together (node:crypto kernel)`,
    ...(run.valueBytes > 0
      ? [
          `             ${megabytes(run.valueBytes)} and ${seconds(run.valueSeconds)} of it for values`,
        ]
      : []),
  ].join('\n');
}

async function plan(io: Io, given: Flags): Promise<void> {
  const request = await requestOf(io, given);
  const { epsilon, delta, runs, rows } = request;
  const report = describePlan(request.plan, claimFor(request), Math.max(...rows));
  const smaller = Math.min(...rows);
  const common = given.common ?? Math.round(smaller / 5);
  if (common > smaller) {
    throw new DpcaError('ERR_USAGE', '--common: expected at most the rows of the smaller table');
  }
  const { manifest } = request;
  const program = manifest === undefined ? undefined : compileManifest(manifest).program;
  const traffic = estimateTraffic(request.plan, ...rows, common, program);
  // without values more matches mean less to send, with values more
  const bounds = [0, smaller].map((n) => estimateTraffic(request.plan, ...rows, n, program).bytes);
  const most = Math.max(...bounds);
  const statistics = manifest === undefined ? [] : forecastStatistics(manifest, common);
  if (given.chart !== undefined) {
    const own = { epsilon: Number(epsilon), halfWidth: report.halfWidth };
    const title = `Error of the total count, ${request.names.length} columns, ${runs} runs, delta ${delta}`;
    writeFileSync(given.chart, planChart(curve(io, request), own, title));
  }
  const { replaceEpsilon } = report;
  io.result(
    {
      ...{ epsilon, delta, runs, rows, common, ...traffic, bytesMost: most },
      statistics,
      ...report,
      planHash: toHex(report.planHash),
      replaceEpsilon: replaceEpsilon === Infinity ? null : replaceEpsilon,
    },
    reportText(request, report, statistics, { ...traffic, common, most }),
  );
}

/** The published table, or the part of it that the flags name; every entry is computed, none is stored. */
function tau(io: Io, given: Flags): void {
  const only = (value: number | undefined, grid: readonly number[]): readonly number[] =>
    value === undefined ? grid : [value];
  const epsilon = given.epsilon === undefined ? undefined : Number(given.epsilon);
  if (epsilon !== undefined && !(epsilon > 0 && epsilon <= 50)) {
    throw new DpcaError('ERR_USAGE', '--epsilon: expected a number above 0, at most 50');
  }
  const progress = io.progress();
  progress.phase('computing tau');
  const entries = tauTable({
    k: only(given.columns, PUBLISHED_GRID.k),
    rows: only(given.rows, PUBLISHED_GRID.rows),
    runs: only(given.runs, PUBLISHED_GRID.runs),
    epsilon: only(epsilon, PUBLISHED_GRID.epsilon),
  });
  progress.done();
  const line = (cells: readonly (string | number)[]): string =>
    cells.map((cell) => String(cell).padStart(10)).join('');
  io.result(
    { adjacency: 'null-a-row', delta: '1/(10 rows)', entries },
    [
      'tau of IntersectMask, dummies per column and party; delta = 1/(10 rows), null-a-row, all runs together',
      line(['columns', 'rows', 'runs', 'epsilon', 'tau']),
      ...entries.map((entry) => line([entry.k, entry.rows, entry.runs, entry.epsilon, entry.tau])),
    ].join('\n'),
  );
}

export function registerPlan(program: Command, io: Io): void {
  program
    .command('plan')
    .description('what a manifest costs and gives: dummies, error bars, bytes, time')
    .option('--manifest <file>', 'plan for this manifest; without it, for the values below')
    .option('--columns <k>', 'identifier columns', positiveInteger)
    .option('--epsilon <decimal>', 'privacy loss of all runs together')
    .option('--delta <decimal>', 'as decimal text')
    .option('--runs <n>', 'runs that the claim covers', positiveInteger)
    .option('--rows <n>', 'rows of one table', positiveInteger)
    .option('--other-rows <n>', 'rows of the other table', positiveInteger)
    .option(
      '--common <n>',
      'expected rows in common, for bytes and time (default: a fifth of the smaller table)',
      positiveInteger,
    )
    .option('--chart <file>', 'write error against epsilon as SVG (searches five more masks)')
    .addOption(
      new Option('--tau', 'print the published DPCA-PSI table, or the entries that the flags name'),
    )
    .action(async (given: Flags) => {
      if (given.tau === true) tau(io, given);
      else await plan(io, given);
    });
}
