/**
 * Runs one command line: global flags, exit codes and the wording of failures (README.md). Commands register
 * themselves and throw; nothing but this file turns an error into text or an exit code.
 * @module
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { DpcaError, ERROR_CODES, EXIT, exitOf, type ErrorCode } from '../../src/errors.ts';
import { CommandIo, type Io, type Streams } from './io.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';

/** Adds one command, or one group of commands, to the program. */
export type Register = (program: Command, io: Io) => void;

/** What a person can do about a failure, by who has to act. */
const HINTS: Readonly<Record<ReturnType<typeof exitOf>, string>> = {
  ok: '',
  unexpected:
    'This is a defect or a broken machine; run again with --log-level debug and report it.',
  usage: 'Correct the flag, configuration or file named above; no run was charged.',
  input: 'Correct the data named above; no row was sent and no run was charged.',
  attestation:
    'Do not go on: the peer, its code or a policy is not what was agreed. Talk to the peer.',
  budget: 'The privacy budget refuses this run; see what is spent before agreeing on a new one.',
  peer: 'Check the peer and the network between you, then try again.',
  audit: 'The evidence does not hold; keep it unchanged and investigate.',
  suppressed: 'The value is withheld by the agreed threshold; it is not zero.',
  interrupted: 'Stopped on request.',
};

function meaningOf(code: ErrorCode): string | undefined {
  return (ERROR_CODES as Partial<Record<ErrorCode, readonly [string, string]>>)[code]?.[1];
}

function report(io: CommandIo, code: ErrorCode, message: string, hint: string): number {
  const exit = EXIT[exitOf(code)];
  const line = io.json
    ? JSON.stringify({ error: { code, message, hint, exit } })
    : `error ${code}: ${message}\nhint: ${hint}`;
  io.stderr.write(`${line}\n`);
  return exit;
}

function failureCode(io: CommandIo, error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok;
    // commander has already printed the help of a command group that was called without a command
    if (error.code === 'commander.help') return EXIT.usage;
    const message = error.message.replace(/^error: /, '');
    return report(io, 'ERR_USAGE', message, 'Add --help to see what this command takes.');
  }
  if (error instanceof DpcaError) {
    io.log.debug({ err: error }, meaningOf(error.code) ?? 'attestation failure');
    return report(io, error.code, error.message, HINTS[exitOf(error.code)]);
  }
  io.log.debug({ err: error }, 'untyped failure');
  const message =
    error instanceof Error ? error.message : 'a value was thrown that is not an error';
  return report(io, 'ERR_INTERNAL', message, HINTS.unexpected);
}

function createProgram(io: CommandIo, version: string): Command {
  const program = new Command('dpca');
  program
    .description(
      'Differentially private statistics over the rows that two organisations have in common, ' +
        'computed between two mutually attested enclaves.',
    )
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .option('--json', 'print the result, and a failure, as one JSON object')
    .option('--quiet', 'log errors only and show no progress')
    .addOption(
      new Option('--log-level <level>', 'how much to log on stderr')
        .choices(LOG_LEVELS)
        .default('info')
        .env('DPCA_LOG_LEVEL'),
    )
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => undefined,
    })
    .exitOverride()
    .hook('preAction', (_program, command) => {
      const given = command.optsWithGlobals<{
        json?: boolean;
        quiet?: boolean;
        logLevel: LogLevel;
      }>();
      io.configure({
        json: given.json === true,
        quiet: given.quiet === true,
        logLevel: given.logLevel,
      });
    });
  return program;
}

/**
 * Runs `argv` (without node and script) and returns the exit code; never throws.
 * @param registers the commands, in the order of the help text
 */
export async function runCommandLine(
  argv: readonly string[],
  streams: Streams,
  version: string,
  registers: readonly Register[],
): Promise<number> {
  const io = new CommandIo(streams);
  // a usage error ends parsing before the flags are known, and its form depends on this one
  if (argv.includes('--json')) io.configure({ json: true, quiet: false, logLevel: 'info' });
  try {
    const program = createProgram(io, version);
    for (const register of registers) register(program, io);
    await program.parseAsync(argv, { from: 'user' });
    return streams.signal.aborted ? EXIT.interrupted : io.exitCode;
  } catch (error) {
    if (streams.signal.aborted)
      return report(io, 'ERR_INTERRUPTED', 'interrupted', HINTS.interrupted);
    return failureCode(io, error);
  }
}

/** For flags that may be repeated: collects the values in order. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** For flags that take a whole number from 1 up. */
export function positiveInteger(value: string): number {
  if (!/^[1-9][0-9]{0,9}$/.test(value)) {
    throw new InvalidArgumentError('Expected a whole number from 1 up.');
  }
  return Number(value);
}
