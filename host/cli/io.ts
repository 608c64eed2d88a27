/**
 * What a command may touch of its surroundings, as one object, so that commands can be run by tests: results go to
 * stdout and nothing else does; logs, progress and questions go to stderr (README.md).
 * @module
 */
import type { Readable, Writable } from 'node:stream';
import { EXIT, type ExitName } from '../../src/errors.ts';
import { createLog, type Log, type LogLevel } from './log.ts';
import { createProgress, type Progress } from './progress.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** The process's side of an {@link Io}. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Env;
  /** Aborted by SIGINT and SIGTERM; long commands end themselves with ERR_INTERRUPTED. */
  readonly signal: AbortSignal;
}

export interface Io extends Streams {
  /** stderr is a terminal: progress is a bar, logs are coloured. */
  readonly isTty: boolean;
  /** stdin and stderr are terminals: questions may be asked. */
  readonly isInteractive: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly log: Log;
  /** Prints the command's one result: `value` as JSON with --json, else `text`. */
  result(value: object, text: string): void;
  /** The exit class of a command that ends normally, such as `attestation` when a verdict is a refusal. */
  exit(name: ExitName): void;
  progress(): Progress;
}

export interface IoSettings {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly logLevel: LogLevel;
}

/** The Io of one invocation; its settings are known only once the command line has been read. */
export class CommandIo implements Io {
  readonly stdin: Streams['stdin'];
  readonly stdout: Streams['stdout'];
  readonly stderr: Streams['stderr'];
  readonly env: Env;
  readonly signal: AbortSignal;
  readonly isTty: boolean;
  readonly isInteractive: boolean;
  log: Log;
  /** Exit code so far. */
  exitCode: number;
  private settings: IoSettings;

  constructor(streams: Streams) {
    this.stdin = streams.stdin;
    this.stdout = streams.stdout;
    this.stderr = streams.stderr;
    this.env = streams.env;
    this.signal = streams.signal;
    this.isTty = streams.stderr.isTTY === true;
    this.isInteractive = this.isTty && streams.stdin.isTTY === true;
    this.exitCode = EXIT.ok;
    this.settings = { json: false, quiet: false, logLevel: 'info' };
    this.log = createLog(this.stderr, this.isTty, 'info');
  }

  get json(): boolean {
    return this.settings.json;
  }

  get quiet(): boolean {
    return this.settings.quiet;
  }

  configure(settings: IoSettings): void {
    this.settings = settings;
    this.log = createLog(this.stderr, this.isTty, settings.quiet ? 'error' : settings.logLevel);
  }

  result(value: object, text: string): void {
    this.stdout.write(this.json ? `${JSON.stringify(value)}\n` : `${text.trimEnd()}\n`);
  }

  exit(name: ExitName): void {
    this.exitCode = EXIT[name];
  }

  progress(): Progress {
    return createProgress(this);
  }
}
