/**
 * `dpca demo`: both parties on this machine, with the same commands and the same four processes as in earnest:
 * two host proxies over a real WebSocket, two simulated enclaves, bundled data, and the truth beside the release.
 * @module
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Argument, type Command, Option } from 'commander';
import type { Example, ExampleData } from '../../examples/example.d.mts';
import type { JsonObject } from '../../src/json.ts';
import type { Io } from '../cli/io.ts';
import { projectRoot } from '../cli/root.ts';
import { compare, type Comparison, comparisonTable, type Released } from '../demo/compare.ts';
import { runBoth } from '../demo/processes.ts';
import { command, place, say, setUp, type Stage } from '../demo/setup.ts';

const EXAMPLES = ['ads', 'health', 'aml'] as const;

/** The bundled data is always the same; the noise never is. */
const DATA_SEED = 1;

/** What `dpca audit replay` says. */
interface Replay {
  readonly columns: readonly { readonly noise: number; readonly exact: number }[];
  readonly moments: readonly { readonly noise: string; readonly exact: string }[];
  readonly statistics: readonly Released[];
}

/** Exact figures show the truth; ratios have six places. */
const HALF_A_PLACE = 0.5e-6;

function comparisons(statistics: readonly Released[], { truth }: ExampleData): Comparison[] {
  return statistics.flatMap((released, i) => {
    const known = truth.statistics[i];
    return known === undefined ? [] : compare(released, known, truth.sizes);
  });
}

/** Recomputes the noise from the recorded coins of both sides, and whether without it everything is the truth. */
async function replay(
  stage: Stage,
  release: JsonObject,
  data: ExampleData,
): Promise<{ readonly noise: Replay; readonly equalsTruth: boolean }> {
  const file = join(stage.folder, 'release.json');
  writeFileSync(file, JSON.stringify(release));
  const noise = (await command(stage, [
    ...['audit', 'replay', file, '--manifest', place(stage, 'a', 'manifest.json')],
    ...['--draws-a', place(stage, 'a', 'draws'), '--draws-b', place(stage, 'b', 'draws')],
  ])) as Replay;
  const exact = comparisons(noise.statistics, data);
  const equalsTruth =
    noise.columns.every((column, j) => column.exact === data.truth.sizes[j]) &&
    exact.every(
      ({ figure, truth }) =>
        figure !== undefined && Math.abs(Number(figure.value) - truth) <= HALF_A_PLACE,
    );
  return { noise, equalsTruth };
}

async function demo(io: Io, name: string, out: string | undefined): Promise<void> {
  const started = Date.now();
  if (out !== undefined) mkdirSync(out, { recursive: true });
  const folder = out === undefined ? mkdtempSync(join(tmpdir(), 'dpca-demo-')) : resolve(out);
  const module = pathToFileURL(join(projectRoot(), 'examples', name, 'generate.mjs')).href;
  const { example } = (await import(module)) as { readonly example: Example };
  const stage = { io, folder, example };
  const { a, b } = example.parties;
  say(
    stage,
    example.title,
    `Two organisations, ${a} and ${b}, on this machine: four processes, simulated enclaves. Folder: ${folder}`,
  );
  const data = example.generate(DATA_SEED, example.rows);
  await setUp(stage, data);
  say(stage, '', '3. The run');
  const { release, seen } = await runBoth(stage);
  say(stage, ...seen.map((line) => `  ${line}`));
  const compared = comparisons(release['statistics'] as unknown as readonly Released[], data);
  const inside = compared.filter((row) => row.inside).length;
  say(
    stage,
    '',
    '4. What both organisations learn (and the truth, which only this demo knows)',
    ...comparisonTable(compared).map((line) => `  ${line}`),
    `  ${inside} of ${compared.length} intervals hold the truth; each misses it in one run of twenty at most`,
    '',
    '5. Were the coins fair? Simulated enclaves can record theirs; production ones never open them',
  );
  const { noise, equalsTruth } = await replay(stage, release, data);
  io.result(
    {
      ...{ example: name, folder, release, truth: data.truth, comparisons: compared },
      insideInterval: inside === compared.length,
      replay: { ...noise, equalsTruth },
      seconds: Math.round((Date.now() - started) / 1000),
    },
    [
      `  the recorded coins of both sides give the noise of ${noise.columns.length} masked sizes and ` +
        `${noise.moments.length} opened sums;`,
      `  without it every figure is ${equalsTruth ? 'exactly the truth' : 'NOT THE TRUTH: please report this'}`,
      '',
      '6. What stays unknown',
      '  Neither organisation learns who is in common, nor the exact figures. Whoever watches the network sees who',
      '  talks to whom and when, the two table lengths and the masked sizes: every frame is sealed between the enclaves.',
      '  Simulated enclaves prove the protocol, not the hardware: no production policy accepts their root.',
      '',
      `  ${((Date.now() - started) / 1000).toFixed(0)} s; keys, policies, manifest and data are in ${folder}`,
    ].join('\n'),
  );
}

export function registerDemo(program: Command, io: Io): void {
  program
    .command('demo')
    .description('both parties on this machine with bundled data: release beside truth')
    .addArgument(new Argument('[example]', 'which example').choices(EXAMPLES).default('ads'))
    .addOption(new Option('--out <dir>', 'empty folder to work in (default: a new temporary one)'))
    .action((example: string, flags: { out?: string }) => demo(io, example, flags.out));
}
