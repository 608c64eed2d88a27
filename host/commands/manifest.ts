/**
 * `dpca manifest init` and `dpca manifest check`: what two parties agree on, made, explained and compared.
 * @module
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { DpcaError } from '../../src/errors.ts';
import type { MaskPlan } from '../../src/dp/plan.ts';
import type { NoisePlan } from '../../src/dp/planner.ts';
import { toHex } from '../../src/encoding.ts';
import {
  certifyManifest,
  manifestDocument,
  manifestHash,
  type Manifest,
  type Role,
} from '../../src/run/manifest.ts';
import type { Io } from '../cli/io.ts';
import { collect, positiveInteger } from '../cli/program.ts';
import { loadConfig } from '../config/config.ts';
import { explainManifest } from '../config/explain.ts';
import { searchNoise } from '../config/mask-search.ts';
import { loadParty, readManifest } from '../config/party.ts';
import { addConfigOptions, configPath, parseListen, type Overrides } from '../config/settings.ts';
import {
  parseStatisticFlag,
  parseValueFlag,
  STATISTIC_FORMS,
  VALUE_FORM,
} from '../config/statistic-flags.ts';
import {
  makeConfig,
  makeManifest,
  type ManifestTemplate,
  near,
  slotsOf,
} from '../config/template.ts';
import { createPublicFile, prettyJson } from '../keys/files.ts';
import { readPeer } from '../keys/peers.ts';

interface InitFlags {
  readonly out: string;
  readonly party: Role;
  readonly from?: string;
  readonly own?: string;
  readonly other?: string;
  readonly purpose?: string;
  readonly column?: readonly string[];
  readonly country?: string;
  readonly epsilon?: string;
  readonly delta?: string;
  readonly runs?: number;
  readonly rows?: number;
  readonly otherRows?: number;
  readonly value?: readonly string[];
  readonly statistic?: readonly string[];
  readonly threshold?: number;
  readonly release?: string;
  readonly weights?: readonly string[];
  readonly noise?: string;
  readonly data: string;
  readonly format: string;
  readonly header?: boolean;
  readonly delimiter?: string;
  readonly map?: readonly string[];
  readonly keys?: string;
  readonly peers?: string;
  readonly policy?: string;
  readonly ledger?: string;
  readonly simRoot?: string;
  readonly allowShares?: boolean;
  readonly peerUrl?: string;
  readonly listen?: string;
}

/** Flags that make the agreement; with --from the agreement exists already. */
const AGREEMENT = {
  own: '--own',
  other: '--other',
  purpose: '--purpose',
  column: '--column',
  epsilon: '--epsilon',
  delta: '--delta',
  runs: '--runs',
  rows: '--rows',
  otherRows: '--other-rows',
} as const;

function required<K extends keyof typeof AGREEMENT>(
  given: InitFlags,
  name: K,
): NonNullable<InitFlags[K]> {
  const value = given[name];
  if (value === undefined) {
    throw new DpcaError(
      'ERR_USAGE',
      `${AGREEMENT[name]} is missing; a manifest has no default for it (or use --from with a manifest you received)`,
    );
  }
  return value;
}

function parseWeights(text: string, flag: string): readonly number[] {
  if (!/^[1-9][0-9]*(,[1-9][0-9]*)*$/.test(text)) {
    throw new DpcaError(
      'ERR_USAGE',
      `${flag}: expected whole numbers as in 13,11,7, got "${text}"`,
    );
  }
  return text.split(',').map(Number);
}

/** The noise that the flags state, or that is searched for the claim and the moments of the statistics. */
async function noiseFor(io: Io, given: InitFlags, template: ManifestTemplate): Promise<NoisePlan> {
  const k = template.columns.length;
  const lists = (given.weights ?? []).map((text) => parseWeights(text, '--weights'));
  const [only] = lists;
  const stated = given.noise === undefined ? undefined : parseWeights(given.noise, '--noise');
  if (only !== undefined) {
    const columns = lists.length === 1 ? template.columns.map(() => only) : lists;
    const mask: MaskPlan = { kind: 'xor', columns };
    return stated === undefined ? { mask } : { mask, noise: stated };
  }
  if (stated !== undefined) throw new DpcaError('ERR_USAGE', '--noise: say --weights too');
  const { epsilon, delta, runs, rows, otherRows } = template;
  const slots = slotsOf(template);
  const claim = { runs, epsilon, delta, rowsMax: Math.max(rows, otherRows) };
  return searchNoise(io, k, slots, claim);
}

/** A certified manifest from the flags. */
async function agree(io: Io, given: InitFlags): Promise<Manifest> {
  const template: ManifestTemplate = {
    role: given.party,
    own: readPeer(required(given, 'own')),
    other: readPeer(required(given, 'other')),
    purpose: required(given, 'purpose'),
    columns: required(given, 'column'),
    country: given.country ?? null,
    epsilon: required(given, 'epsilon'),
    delta: required(given, 'delta'),
    runs: required(given, 'runs'),
    rows: required(given, 'rows'),
    otherRows: required(given, 'otherRows'),
    values: (given.value ?? []).map(parseValueFlag),
    statistics: (given.statistic ?? ['count']).map(parseStatisticFlag),
    threshold: given.threshold,
    release: given.release ?? 'both',
  };
  const manifest = makeManifest(template, await noiseFor(io, given, template));
  certifyManifest(manifest);
  return manifest;
}

function received(given: InitFlags, from: string): Manifest {
  const free = ['country', 'value', 'statistic', 'threshold', 'release', 'weights', 'noise'];
  for (const name of [...Object.keys(AGREEMENT), ...free] as (keyof InitFlags)[]) {
    if (given[name] !== undefined) {
      throw new DpcaError('ERR_USAGE', `--from takes the agreement as it is; leave out --${name}`);
    }
  }
  return readManifest(from);
}

/** With columns given by position only, a forgotten --no-header would silently lose the first row. */
function hasHeader({ header, map = [], format, data }: InitFlags): boolean {
  const places = map.map((entry) => entry.slice(entry.indexOf('=') + 1));
  const byPosition = places.length > 0 && places.every((place) => /^[1-9][0-9]*$/.test(place));
  const isCsv = format === 'csv' || (format === 'auto' && !data.endsWith('.parquet'));
  if (header === undefined && byPosition && isCsv) {
    throw new DpcaError('ERR_USAGE', 'columns go by position: say --header or --no-header');
  }
  return header ?? true;
}

async function init(io: Io, given: InitFlags): Promise<void> {
  const folder = resolve(given.out);
  const manifestPath = join(folder, 'manifest.json');
  const configFile = join(folder, 'dpca.json');
  const own = given.from !== undefined && resolve(given.from) === manifestPath;
  for (const path of own ? [configFile] : [manifestPath, configFile]) {
    if (existsSync(path)) {
      throw new DpcaError('ERR_CONFIG_EXISTS', `${path} exists and is not overwritten`);
    }
  }
  const manifest = given.from === undefined ? await agree(io, given) : received(given, given.from);
  const place = (path: string | undefined, name: string): string =>
    path === undefined ? name : near(folder, path);
  const config = makeConfig({
    role: given.party,
    manifest,
    keys: place(given.keys, 'keys'),
    peers: place(given.peers, 'peers'),
    policy: place(given.policy, 'policy.json'),
    ledger: place(given.ledger, 'ledger'),
    root: place(given.simRoot, 'sim-root.json'),
    data: near(folder, given.data),
    format: given.format,
    header: hasHeader(given),
    map: given.map ?? [],
    ...(given.delimiter === undefined ? {} : { delimiter: given.delimiter }),
    ...(given.allowShares === true ? { allowShares: true } : {}),
    ...(given.peerUrl === undefined ? {} : { peerUrl: given.peerUrl }),
    ...(given.listen === undefined ? {} : { listen: parseListen(given.listen, '--listen') }),
  });
  if (!own) createPublicFile(manifestPath, prettyJson(manifestDocument(manifest)));
  createPublicFile(configFile, prettyJson(config));
  io.result(
    { manifest: manifestPath, config: configFile, hash: toHex(manifestHash(manifest)) },
    [
      `Written: ${manifestPath} (the agreement, equal on both sides)`,
      `         ${configFile} (this side's own places)`,
      '',
      ...explainManifest(manifest, given.party),
      '',
      given.from === undefined
        ? 'Send manifest.json to the other party; it runs dpca manifest init --from manifest.json.'
        : 'Compare the manifest hash with the other party.',
      'Then dpca ledger init registers this plan for the own data set; no run starts without it.',
    ].join('\n'),
  );
}

function check(io: Io, given: Overrides & { readonly config?: string }): void {
  const config = loadConfig(configPath(given.config, io.env), given, io.env);
  const { manifest, role, peer } = loadParty(config);
  const { deltaUpper } = certifyManifest(manifest);
  io.result(
    {
      party: role,
      hash: toHex(manifestHash(manifest)),
      peer: peer.name,
      deltaUpper,
      manifest: manifestDocument(manifest),
    },
    [
      ...explainManifest(manifest, role),
      '',
      `Certified: the noise keeps the claim, with delta of at most ${deltaUpper.toPrecision(3)}.`,
      'The keys in the manifest are yours and those of the pinned peer.',
      'Compare the manifest hash with the other party before the first run.',
    ].join('\n'),
  );
}

export function registerManifest(program: Command, io: Io): void {
  const manifest = program
    .command('manifest')
    .description('make, check and explain what two parties agree to compute');
  manifest
    .command('init')
    .description('write manifest.json and dpca.json from the values given')
    .requiredOption('--out <dir>', 'folder to write into; nothing is overwritten')
    .addOption(
      new Option('--party <a|b>', 'which party this side is')
        .choices(['a', 'b'])
        .makeOptionMandatory(),
    )
    .option('--from <file>', 'a manifest received from the other party: write dpca.json only')
    .optionsGroup('Agreement (part of the manifest):')
    .option('--own <file>', 'own peer file, made by dpca peers export')
    .option('--other <file>', "the other party's peer file")
    .option('--purpose <text>', 'what the result is for, one line')
    .option('--column <name:rule>', 'identifier column, in priority order; repeat', collect)
    .option('--country <code>', 'country of telephone numbers that state none, such as US')
    .option('--epsilon <decimal>', 'privacy loss of all runs together')
    .option('--delta <decimal>', 'as decimal text, at most 1/rows')
    .option('--runs <n>', 'number of runs that the claim covers', positiveInteger)
    .option('--rows <n>', 'most rows of the own table', positiveInteger)
    .option('--other-rows <n>', "most rows of the other party's table", positiveInteger)
    .option('--value <spec>', `value column: ${VALUE_FORM}; repeat`, collect)
    .option(
      '--statistic <spec>',
      `what is released, then @VALUE=NUMBER or @VALUE=FROM..TO for conditions; repeat (default: count). ${STATISTIC_FORMS.join('; ')}`,
      collect,
    )
    .option('--threshold <n>', 'suppress figures of a smaller noised count', positiveInteger)
    .addOption(
      new Option('--release <who>', 'who is given the release (default: both)').choices([
        ...['both', 'a', 'b'],
      ]),
    )
    .option('--noise <list>', 'weights of the output noise, with --weights (default: searched)')
    .option(
      '--weights <list>',
      'mask weights, once for all columns or once per column (default: searched)',
      collect,
    )
    .optionsGroup('Own places (part of dpca.json):')
    .option('--data <path>', 'input file, Parquet folder, or - for stdin', 'data.csv')
    .addOption(
      new Option('--format <format>', 'format of the data')
        .choices(['auto', 'csv', 'parquet'])
        .default('auto'),
    )
    .option('--header', 'the first line of the CSV file names its columns')
    .option('--no-header', 'the CSV file has no header; columns go by position')
    .option('--delimiter <char>', 'CSV delimiter, a comma when absent')
    .option('--map <name=place>', 'column name or position in the own file; repeat', collect)
    .option('--keys <dir>', 'folder of the own keys (default: keys beside dpca.json)')
    .option('--peers <dir>', 'folder of pinned peers (default: peers beside dpca.json)')
    .option('--policy <file>', 'appraisal policy (default: policy.json beside dpca.json)')
    .option('--ledger <dir>', 'ledger of this data set (default: ledger beside dpca.json)')
    .option('--sim-root <file>', 'simulated root (default: sim-root.json beside dpca.json)')
    .option('--allow-shares', 'agree to a statistic of kind shares, which carries no privacy claim')
    .option('--peer-url <url>', 'where the peer listens, for dpca run')
    .option('--listen <host:port>', 'where to listen, for dpca serve')
    .action((given: InitFlags) => init(io, given));
  addConfigOptions(
    manifest
      .command('check')
      .description('check manifest, keys and pinned peer, and explain the manifest in words'),
  ).action((given: Overrides & { readonly config?: string }) => {
    check(io, given);
  });
}
