/**
 * The demo's run: both parties' proxies as processes of their own, each with its enclave, as in earnest.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DpcaError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';
import type { Io } from '../cli/io.ts';
import type { Progress } from '../cli/progress.ts';
import { projectRoot } from '../cli/root.ts';
import { place, type Stage } from './setup.ts';

interface LogLine {
  readonly msg?: string;
  readonly phase?: string;
  readonly percent?: number;
  readonly port?: number;
  readonly moduleId?: string;
  readonly root?: string;
  readonly pcr0?: string;
  readonly checks?: number;
  readonly error?: { readonly code: string; readonly message: string };
}

interface Child {
  readonly process: ChildProcess;
  /** Exit code and what stood on stdout. */
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string }>;
}

/** Starts a `dpca` process whose log lines go to `onLine`. */
function start(io: Io, args: readonly string[], onLine: (line: LogLine) => void): Child {
  const entry = join(projectRoot(), 'dist', 'host', 'dpca.js');
  const child = spawn(process.execPath, [entry, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: io.signal,
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  createInterface(child.stderr).on('line', (line) => {
    try {
      onLine(JSON.parse(line) as LogLine);
    } catch {
      io.log.debug({ line }, 'a line that is no log record');
    }
  });
  const ended = new Promise<{ code: number | null; stdout: string }>((done) => {
    child.once('error', () => done({ code: null, stdout }));
    child.once('close', (code) => done({ code, stdout }));
  });
  return { process: child, ended };
}

function showProgress(progress: Progress, line: LogLine): void {
  const { phase, percent } = line;
  if (phase === undefined) return;
  if (line.msg === 'phase') progress.phase(phase, phase.startsWith('column') ? 100 : undefined);
  if (percent !== undefined) progress.advance(10);
}

/** Both parties' processes; resolves to party a's release, which the enclaves have compared with b's, and what was seen. */
export async function runBoth(
  stage: Stage,
): Promise<{ readonly release: JsonObject; readonly seen: readonly string[] }> {
  const { io, example } = stage;
  const { a, b } = example.parties;
  const progress = io.progress();
  const seen: string[] = [];
  const note = (who: string, whom: string) => (line: LogLine) => {
    if (line.msg === 'the peer is attested') {
      seen.push(
        `${who}'s enclave accepted ${whom}'s: ${line.checks ?? 0} checks, module ${line.moduleId ?? '?'}`,
        `  root ${line.root ?? '?'}`,
        `  PCR0 ${line.pcr0 ?? '?'}`,
      );
    }
    if (line.error !== undefined) seen.push(`${who}: ${line.error.code} ${line.error.message}`);
  };
  let listening: (port: number) => void = () => undefined;
  const port = new Promise<number>((done) => (listening = done));
  const noteServe = note(a, b);
  const serve = start(
    io,
    [
      ...['serve', '--config', place(stage, 'a', 'dpca.json')],
      ...['--record-draws', place(stage, 'a', 'draws')],
    ],
    (line) => {
      noteServe(line);
      if (line.msg === 'listening' && line.port !== undefined) listening(line.port);
    },
  );
  const first = await Promise.race([port, serve.ended]);
  if (typeof first !== 'number') {
    throw new DpcaError('ERR_PEER_LOST', `the proxy of ${a} ended: ${seen.join('; ')}`);
  }
  const noteRun = note(b, a);
  const run = start(
    io,
    [
      ...['run', '--config', place(stage, 'b', 'dpca.json')],
      ...['--peer-url', `ws://127.0.0.1:${first}`],
      ...['--record-draws', place(stage, 'b', 'draws')],
    ],
    (line) => {
      noteRun(line);
      showProgress(progress, line);
    },
  );
  const results = await Promise.all([serve.ended, run.ended]);
  progress.done();
  const [own] = results;
  if (results.some(({ code }) => code !== 0)) {
    throw new DpcaError('ERR_PEER_LOST', `the run failed: ${seen.join('; ')}`);
  }
  return { release: JSON.parse(own.stdout) as JsonObject, seen };
}
