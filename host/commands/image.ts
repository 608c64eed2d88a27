/**
 * `dpca image`: builds an enclave image, says which files two of them differ in, and runs one (docs/image.md).
 * @module
 */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { DpcaError } from '../../src/errors.ts';
import type { Io } from '../cli/io.ts';
import { collect, positiveInteger } from '../cli/program.ts';
import { projectRoot } from '../cli/root.ts';
import {
  checkClosure,
  chooseEngine,
  DEFAULT_CMDLINE,
  ENGINES,
  makeImage,
  makeRoot,
  readLarge,
  readSigner,
  type Engine,
} from '../image/build.ts';
import { differences, itemsOfImage, itemsOfRoot, type Items } from '../image/diff.ts';
import { assembleRoot, imageFiles, readRoot, writeRoot } from '../image/root.ts';
import {
  isRunning,
  PLATFORMS,
  startImage,
  stateOf,
  stopImage,
  type Platform,
  type RunRequest,
  type RunState,
} from '../image/run.ts';
import { measureFile, shownPcrs } from './measure.ts';

interface RootFlags {
  readonly node: string;
  readonly init?: string;
}

interface BuildFlags extends RootFlags {
  readonly engine?: Engine;
  readonly base?: string;
  readonly engineArg?: readonly string[];
  readonly root?: string;
  readonly kernel: string;
  readonly cmdline: string;
  readonly signKey?: string;
  readonly signCertificate?: string;
  readonly out: string;
}

function initOf(given: RootFlags): string {
  return given.init ?? join(projectRoot(), 'dist', 'enclave', 'init', 'init');
}

/** SOURCE_DATE_EPOCH of reproducible-builds.org, else the epoch itself: an image says no more than it must. */
function sourceDate(io: Io): number {
  const given = io.env['SOURCE_DATE_EPOCH'] ?? '0';
  if (!/^[0-9]{1,11}$/.test(given)) {
    throw new DpcaError('ERR_USAGE', 'SOURCE_DATE_EPOCH: expected seconds since 1970');
  }
  return Number(given);
}

function build(io: Io, given: BuildFlags): void {
  if ((given.signKey === undefined) !== (given.signCertificate === undefined)) {
    throw new DpcaError('ERR_USAGE', '--sign-key and --sign-certificate go together');
  }
  if (existsSync(given.out)) throw new DpcaError('ERR_CONFIG_EXISTS', `${given.out} exists`);
  const signer =
    given.signKey === undefined || given.signCertificate === undefined
      ? undefined
      : readSigner(given.signKey, given.signCertificate);
  const kernel = readLarge(given.kernel);
  const project = projectRoot();
  let engine = 'root';
  let root;
  if (given.root === undefined) {
    const chosen = chooseEngine(given.engine);
    engine = chosen;
    root = makeRoot(chosen, {
      ...{ project, node: given.node, init: initOf(given) },
      ...(given.base === undefined ? {} : { base: given.base }),
      engineArguments: given.engineArg ?? [],
    });
  } else {
    root = readRoot(given.root);
    checkClosure(project, root);
  }
  const { file, pcrs } = makeImage({
    ...{ root, kernel, cmdline: given.cmdline, epochSeconds: sourceDate(io) },
    ...(signer === undefined ? {} : { signer }),
  });
  try {
    writeFileSync(given.out, file, { flag: 'wx' });
  } catch (cause) {
    throw new DpcaError('ERR_CONFIG_EXISTS', `${given.out}: exists or cannot be written`, {
      cause,
    });
  }
  const shown = shownPcrs(pcrs);
  io.result(
    { file: resolve(given.out), bytes: file.length, engine, ...shown },
    [
      `Written: ${given.out} (${file.length} bytes, root by ${engine})`,
      ...Object.entries(shown).map(([name, value]) => `${name}  ${value}`),
    ].join('\n'),
  );
}

async function itemsAt(path: string): Promise<readonly [Items, boolean]> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    return [itemsOfRoot(readRoot(path)), true];
  }
  return [itemsOfImage(await measureFile(path)), false];
}

async function diff(io: Io, first: string, second: string): Promise<void> {
  const [[a, aIsRoot], [b, bIsRoot]] = await Promise.all([itemsAt(first), itemsAt(second)]);
  const found = differences(a, b, aIsRoot || bIsRoot);
  const lines = found.map(({ item, kind, detail }) => {
    return `${item}: ${kind}${detail === '' ? '' : `: ${detail}`}`;
  });
  io.result({ differences: found }, lines.length === 0 ? 'no difference' : lines.join('\n'));
  if (found.length > 0) io.exit('audit');
}

interface RunFlags extends Omit<RunRequest, 'eif' | 'signal'> {
  readonly on: Platform;
}

function shownState(state: RunState, running: boolean): readonly [object, string] {
  const { platform, enclaveId = null, enclave } = state;
  return [
    { platform, running, enclaveId, enclave },
    [
      `${platform}: ${running ? 'running' : 'not running'}${enclaveId === null ? '' : ` (${enclaveId})`}`,
      `"enclave" in the configuration: ${JSON.stringify(enclave)}`,
    ].join('\n'),
  ];
}

async function run(io: Io, eif: string | undefined, given: RunFlags): Promise<void> {
  const { on } = given;
  if (on !== 'simulated') {
    if (eif === undefined) throw new DpcaError('ERR_USAGE', `--on ${on}: expected an image file`);
    await measureFile(eif); // an image that this project cannot read is not started
  }
  const state = await startImage(on, { ...given, eif: eif ?? '', signal: io.signal });
  io.result(...shownState(state, true));
}

function status(io: Io, folder: string): void {
  const state = stateOf(folder);
  const running = isRunning(state);
  io.result(...shownState(state, running));
  if (!running) throw new DpcaError('ERR_ENCLAVE_LOST', 'the enclave has ended');
}

function addRootFlags(command: Command): Command {
  return command
    .option('--node <file>', 'engine local: node binary of the image', process.execPath)
    .option('--init <file>', 'engine local: static first process, by default the built one');
}

function registerRunning(image: Command, io: Io): void {
  const state = '--state <dir>';
  image
    .command('run')
    .description('start an enclave, and wait until it has booted')
    .argument('[eif]', 'image file; of a simulated enclave none')
    .addOption(new Option('--on <platform>', 'where').choices(PLATFORMS).makeOptionMandatory())
    .requiredOption(state, 'folder that remembers this enclave')
    .option('--memory-mib <n>', 'memory of the enclave', positiveInteger, 1_024)
    .option('--cpus <n>', 'processors of the enclave', positiveInteger, 2)
    .option('--cid <n>', 'nitro: vsock CID of the enclave', positiveInteger, 16)
    .option('--qemu <file>', 'qemu: a build with the nitro-enclave machine', 'qemu-system-x86_64')
    .option('--vsock-backend <file>', 'qemu: vhost-device-vsock', 'vhost-device-vsock')
    .option('--firmware <dir>', 'qemu: folder of firmware; repeat', collect, [])
    .option('--boot-seconds <n>', 'qemu: how long the boot may take', positiveInteger, 120)
    .action(async (eif: string | undefined, given: RunFlags) => {
      await run(io, eif, given);
    });
  image
    .command('status')
    .description('say whether an enclave runs, and how a configuration names it')
    .requiredOption(state, 'as given to image run')
    .action((given: { state: string }) => {
      status(io, given.state);
    });
  image
    .command('stop')
    .description('end an enclave')
    .requiredOption(state, 'as given to image run')
    .action((given: { state: string }) => {
      stopImage(given.state);
      io.result({ stopped: true }, 'stopped');
    });
}

export function registerImage(program: Command, io: Io): void {
  const image = program.command('image').description('build, compare and run enclave images');
  addRootFlags(image.command('build'))
    .description('build an image file and print its PCRs')
    .addOption(
      new Option('--engine <name>', 'what makes the root; by default buildah, else docker').choices(
        ENGINES,
      ),
    )
    .option('--root <dir>', 'take this root instead of making one')
    .option('--base <image>', 'base image instead of the one pinned in Dockerfile.enclave')
    .option('--engine-arg <argument>', 'further argument of the engine; repeat', collect)
    .requiredOption('--kernel <file>', 'kernel (bzImage)')
    .option('--cmdline <text>', 'kernel command line', DEFAULT_CMDLINE)
    .option('--sign-key <file>', 'P-384 key in PEM, 0600')
    .option('--sign-certificate <file>', 'its certificate in PEM')
    .requiredOption('--out <file>', 'image file to write; nothing is overwritten')
    .action((given: BuildFlags) => {
      build(io, given);
    });
  addRootFlags(image.command('root'))
    .description('write the root file system of the image to a folder')
    .requiredOption('--out <dir>', 'folder to make')
    .action((given: RootFlags & { out: string }) => {
      const project = projectRoot();
      const root = assembleRoot({ project, node: given.node, init: initOf(given) });
      checkClosure(project, root);
      writeRoot(root, given.out);
      io.result({ folder: resolve(given.out), entries: root.length }, `Written: ${given.out}`);
    });
  image
    .command('closure')
    .description('print the files that reach the image, as enclave/image-closure.txt lists them')
    .action(() => {
      const files = imageFiles(projectRoot());
      io.result({ files }, files.join('\n'));
    });
  image
    .command('diff')
    .description('name the files in which two images, or roots, differ')
    .argument('<first>', 'image file or root folder')
    .argument('<second>', 'image file or root folder')
    .action(async (first: string, second: string) => {
      await diff(io, first, second);
    });
  registerRunning(image, io);
}
