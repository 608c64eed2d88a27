/**
 * `dpca attack`: the leakage lab against a manifest's own mask, on synthetic data. Touches no table and no peer.
 * @module
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { floorNumber, parseDecimal } from '../../src/dp/decimal.ts';
import { toHex } from '../../src/encoding.ts';
import { DpcaError } from '../../src/errors.ts';
import { manifestHash } from '../../src/run/manifest.ts';
import type { Io } from '../cli/io.ts';
import { positiveInteger } from '../cli/program.ts';
import { loadConfig } from '../config/config.ts';
import { readManifest } from '../config/party.ts';
import { configPath } from '../config/settings.ts';
import { createPublicFile } from '../keys/files.ts';
import { chart } from '../lab/chart.ts';
import { attackPlan } from '../lab/lab.ts';
import { seededRandom } from '../lab/random.ts';
import { reportLines } from '../lab/report.ts';

const DENSITIES = [0.02, 0.1, 0.5] as const;
const MAX_VICTIMS = 1_000_000;

interface Flags {
  readonly config?: string;
  readonly manifest?: string;
  readonly victims: number;
  readonly density?: readonly number[];
  readonly queries?: number;
  readonly repetitions: number;
  readonly seed: string;
  readonly chart?: string;
}

function density(value: string, before: readonly number[] | undefined): readonly number[] {
  if (!/^(0?\.[0-9]{1,9}|0|1)$/.test(value)) {
    throw new InvalidArgumentError('Expected a share from 0 to 1, as in 0.02.');
  }
  return [...(before ?? []), Number(value)];
}

function victims(value: string): number {
  const count = positiveInteger(value);
  if (count > MAX_VICTIMS) throw new InvalidArgumentError(`Expected at most ${MAX_VICTIMS}.`);
  return count;
}

async function attack(io: Io, flags: Flags): Promise<void> {
  const path = flags.manifest ?? loadConfig(configPath(flags.config, io.env), {}, io.env).manifest;
  const manifest = readManifest(path);
  const target = flags.chart === undefined ? undefined : resolve(flags.chart);
  if (target !== undefined && existsSync(target)) {
    throw new DpcaError('ERR_CONFIG_EXISTS', `${target} exists and is not overwritten`);
  }
  const { privacy, columns } = manifest;
  const progress = io.progress();
  const report = await attackPlan({
    plan: privacy.mask,
    epsilon: floorNumber(parseDecimal(privacy.epsilon)),
    delta: floorNumber(parseDecimal(privacy.delta)),
    runs: privacy.runs,
    victims: flags.victims,
    densities: flags.density ?? DENSITIES,
    queries: flags.queries ?? columns.length * privacy.runs,
    repetitions: flags.repetitions,
    random: seededRandom(flags.seed),
    onPart: async (part, parts) => {
      if (part === 0) progress.phase('attacking', parts);
      else progress.advance(1);
      // lets a signal be delivered
      await setImmediate();
      if (io.signal.aborted) throw new DpcaError('ERR_INTERRUPTED', 'interrupted');
    },
  });
  progress.done();
  if (target !== undefined) createPublicFile(target, chart(report));
  const exceeded = report.targets.some(
    (row) =>
      row.mechanism === privacy.mask.kind &&
      row.dummies === 'honest' &&
      row.auditEpsilon > report.epsilon,
  );
  if (exceeded) io.exit('audit');
  io.result(
    {
      manifest: toHex(manifestHash(manifest)),
      claim: { epsilon: privacy.epsilon, delta: privacy.delta },
      seed: flags.seed,
      exceeded,
      ...report,
    },
    [
      `Leakage lab for ${path}, seed "${flags.seed}"`,
      ...reportLines(report),
      ...(exceeded
        ? ["The audit exceeds the claim: the manifest's mask does not keep its epsilon and delta."]
        : []),
      ...(target === undefined ? [] : [`Chart     ${target}`]),
    ].join('\n'),
  );
}

export function registerAttack(program: Command, io: Io): void {
  program
    .command('attack')
    .description(
      "attack the manifest's mask on synthetic data: what can be learned, and at which error",
    )
    .option('--config <file>', 'configuration (else DPCA_CONFIG, else ./dpca.json)')
    .option('--manifest <file>', 'the manifest itself, instead of a configuration')
    .option('--victims <n>', 'persons that a set attack asks about', victims, 1000)
    .option(
      '--density <share>',
      'share of them in the other table; repeat (default: 0.02 0.1 0.5)',
      density,
    )
    .option(
      '--queries <n>',
      'sizes that a set attack sees (default: all that the claim covers)',
      positiveInteger,
    )
    .option('--repetitions <n>', 'times that each set attack is played', positiveInteger, 30)
    .option('--seed <text>', 'of the simulation; the same seed gives the same report', '1')
    .option('--chart <file>', 'write the report as an SVG chart, too')
    .action((flags: Flags) => attack(io, flags));
}
